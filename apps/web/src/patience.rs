//! How long a client may take.
//!
//! A head has so long as a whole, and a body so long as its bytes take at a slow but honest pace: a client that sends one byte now and
//! then keeps its connection no longer than one that sends nothing.

use crate::connection::Patience;

/// Milliseconds in which a client may begin a request.
pub const IDLE: u64 = 5_000;

/// Milliseconds in which a head has to be complete from its first byte on.
pub const HEAD: u64 = 10_000;

/// Milliseconds that a body may take beside those that its bytes take.
pub const BODY: u64 = 10_000;

/// Bytes that a client sends in a millisecond at least.
pub const PACE: u64 = 4;

/// Knows how much time a client has left.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// For what the client is waited for, and since when.
    waiting: Option<(Patience, u64)>,
    /// Bytes since then.
    received: u64,
}

impl Clock {
    /// Something else was done than waiting for the same part of a request.
    pub fn restart(&mut self) {
        self.waiting = None;
    }

    /// So many bytes came.
    pub fn received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes as u64);
    }

    /// Milliseconds that a client has left at some time, in milliseconds too. None are left where it took too long.
    pub fn left(&mut self, patience: Patience, now: u64) -> u64 {
        let since = match self.waiting {
            Some((before, since)) if before == patience => since,
            _ => {
                self.waiting = Some((patience, now));
                self.received = 0;
                now
            }
        };
        let all = match patience {
            Patience::Idle => IDLE,
            Patience::Head => HEAD,
            Patience::Body => BODY.saturating_add(self.received / PACE),
        };
        since.saturating_add(all).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_its_time_as_a_whole() {
        let mut clock = Clock::default();
        assert_eq!(clock.left(Patience::Idle, 100), IDLE);
        assert_eq!(clock.left(Patience::Head, 3_000), HEAD);
        clock.received(1_000_000);
        assert_eq!(clock.left(Patience::Head, 4_000), HEAD - 1_000);
        assert_eq!(clock.left(Patience::Head, 13_000), 0);
        assert_eq!(clock.left(Patience::Head, 99_000), 0);
        clock.restart();
        assert_eq!(clock.left(Patience::Head, 99_000), HEAD);
    }

    #[test]
    fn a_body_has_time_for_its_bytes() {
        let mut clock = Clock::default();
        clock.received(1_000_000);
        assert_eq!(
            clock.left(Patience::Body, 0),
            BODY,
            "what came before does not count"
        );
        for second in 1..100 {
            clock.received(PACE as usize * 1_000);
            assert_eq!(clock.left(Patience::Body, second * 1_000), BODY);
        }
        assert_eq!(clock.left(Patience::Body, 100_000), BODY - 1_000);
        assert_eq!(
            clock.left(Patience::Body, 200_000),
            0,
            "a byte now and then is not enough"
        );
    }
}
