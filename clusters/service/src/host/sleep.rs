//! When the service may sleep, and what it looks at when it is awake again.

use atoll_abi::layout::service_badge;
use atoll_call::Service;
use atoll_channel::Link;

use super::Host;
use crate::links::{Connection, Memory};

impl<S: Service, L: Link, M: Memory> Host<S, L, M> {
    /// Arms every ring from which the service would take something; whether it may sleep until it is woken. Then call
    /// [`Host::awake`].
    pub fn may_sleep(&mut self) -> bool {
        let mut next = self.attention.next_watched(0);
        while let Some(ring) = next {
            next = self.attention.next_watched(ring + 1);
            let Some(client) = self.links.clients.get_mut(ring) else {
                continue;
            };
            // A client without room gets some when the upstream answers, or when it takes its completions, of which it
            // is the one to suffer.
            if client.link.peer_changed() || client.state == Connection::Closing {
                // The next client, and the close of the ring, wait until nothing of the client is under way, which the
                // upstream tells.
                if self.service.is_quiet(ring) {
                    return false;
                }
                continue;
            }
            if client.link.arm() {
                self.attention.armed(ring);
            } else if self.service.room(ring, client.link.free()) > 0 {
                return false;
            }
        }
        match &mut self.links.upstream {
            // Its return is told by its doorbell, whether or not the ring is armed.
            Some(upstream) if upstream.state == Connection::Open => upstream.link.arm(),
            Some(upstream) => !upstream.link.peer_changed(),
            None => true,
        }
    }

    /// The service is awake, woken by those whose [badges](service_badge) are given: their rings are watched.
    pub fn awake(&mut self, badges: u64) {
        if let Some(upstream) = &mut self.links.upstream {
            upstream.link.disarm();
        }
        let others = service_badge::DRIVER | service_badge::DEVICE | service_badge::TIME;
        let mut bits = badges & !others;
        while bits != 0 {
            let first = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let rings = self.links.clients.iter_mut().enumerate().skip(first);
            for (ring, client) in rings.step_by(service_badge::CLIENT_BITS) {
                client.link.disarm();
                if client.state == Connection::Open || client.link.peer_changed() {
                    self.attention.watch(ring);
                }
            }
        }
    }

    /// Whether messages of a ring are taken at the moment, by its number among [`Host::links`]: for those who check that no
    /// message is left lying.
    pub fn listens(&self, number: usize, free: usize) -> bool {
        match self.links.clients.get(number) {
            Some(client) => client.state == Connection::Open && self.service.room(number, free) > 0,
            None => self
                .links
                .upstream
                .as_ref()
                .is_some_and(|upstream| upstream.state == Connection::Open),
        }
    }
}
