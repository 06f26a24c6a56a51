//! Which of many rings a component looks at, so that a client that is idle costs nothing.
//!
//! A ring is *watched*: polled in every turn, or *armed*: its consumer said that it sleeps, and the client rings. A ring in
//! which nothing was found for a while is armed; one that was rung for, or in which something was found, is watched again. In
//! each turn one armed ring is looked at as well, in rotation, so that a client whose doorbell reaches a component that
//! is awake is served without waiting until the component sleeps.

use alloc::boxed::Box;
use alloc::vec;

/// Turns in which nothing is found in a ring before it is armed.
const QUIET_TURNS: u8 = 64;

const BITS: usize = u64::BITS as usize;

/// Which rings are watched.
pub struct Attention {
    /// A bit for each ring that is watched.
    watched: Box<[u64]>,
    /// For each ring, turns in which nothing was found.
    quiet: Box<[u8]>,
    /// The armed ring that is looked at next.
    cursor: usize,
}

impl Attention {
    /// That of a component with so many rings, all watched.
    pub fn new(rings: usize) -> Attention {
        let mut attention = Attention {
            watched: vec![0; rings.div_ceil(BITS)].into_boxed_slice(),
            quiet: vec![0; rings].into_boxed_slice(),
            cursor: 0,
        };
        for ring in 0..rings {
            attention.watch(ring);
        }
        attention
    }

    /// Whether a ring is watched.
    pub fn watches(&self, ring: usize) -> bool {
        self.watched
            .get(ring / BITS)
            .is_some_and(|word| word & 1 << (ring % BITS) != 0)
    }

    /// Watches a ring.
    pub fn watch(&mut self, ring: usize) {
        if let Some(quiet) = self.quiet.get_mut(ring)
            && let Some(word) = self.watched.get_mut(ring / BITS)
        {
            *quiet = 0;
            *word |= 1 << (ring % BITS);
        }
    }

    /// A ring has been armed: its client rings.
    pub fn armed(&mut self, ring: usize) {
        if let Some(word) = self.watched.get_mut(ring / BITS) {
            *word &= !(1 << (ring % BITS));
        }
    }

    /// The first ring from `from` on that is watched.
    pub fn next_watched(&self, from: usize) -> Option<usize> {
        let mut index = from / BITS;
        let mut mask = !0 << (from % BITS);
        while let Some(word) = self.watched.get(index) {
            let found = word & mask;
            if found != 0 {
                return Some(index * BITS + found.trailing_zeros() as usize);
            }
            index += 1;
            mask = !0;
        }
        None
    }

    /// Notes what a turn found in a watched ring. Tells whether the ring has been quiet for so long that it should be armed.
    #[inline]
    pub fn turn(&mut self, ring: usize, found: bool) -> bool {
        let Some(quiet) = self.quiet.get_mut(ring) else {
            return false;
        };
        *quiet = if found { 0 } else { quiet.saturating_add(1) };
        *quiet >= QUIET_TURNS
    }

    /// The armed ring to look at in this turn.
    pub fn rotate(&mut self) -> Option<usize> {
        let rings = self.quiet.len();
        for _ in 0..rings.min(BITS) {
            let ring = self.cursor;
            self.cursor = if ring + 1 < rings { ring + 1 } else { 0 };
            if !self.watches(ring) {
                return Some(ring);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_ring_is_armed_and_watched_again_when_rung_for() {
        let mut attention = Attention::new(130);
        for _ in 1..QUIET_TURNS {
            assert!(!attention.turn(129, false));
        }
        assert!(attention.turn(129, false));
        attention.armed(129);
        assert!(!attention.watches(129));
        attention.watch(129);
        assert!(attention.watches(129) && !attention.turn(129, false));
    }

    #[test]
    fn watched_rings_are_found_in_order() {
        let mut attention = Attention::new(130);
        (0..130).for_each(|ring| attention.armed(ring));
        assert_eq!(attention.next_watched(0), None);
        for ring in [0, 63, 64, 129] {
            attention.watch(ring);
        }
        let mut found = std::vec::Vec::new();
        let mut from = 0;
        while let Some(ring) = attention.next_watched(from) {
            found.push(ring);
            from = ring + 1;
        }
        assert_eq!(found, [0, 63, 64, 129]);
    }

    #[test]
    fn every_armed_ring_is_looked_at_in_rotation() {
        let mut attention = Attention::new(3);
        assert_eq!(attention.rotate(), None);
        attention.armed(0);
        attention.armed(2);
        let seen: std::vec::Vec<_> = (0..4).filter_map(|_| attention.rotate()).collect();
        assert_eq!(seen, [0, 2, 0, 2]);
    }
}
