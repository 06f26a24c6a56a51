//! What ends with a client, and what with the driver.

use atoll_abi::syscall::Status;
use atoll_call::Loss;

use super::parked::{Stage, end};
use super::{FileService, Reader};

impl FileService {
    /// A ring of a client is lost: forgets its calls, but for those that the driver has. With the last ring goes what the client
    /// has open.
    pub(super) fn on_client_lost(&mut self, ring: usize) {
        self.clients.on_ring_lost(ring);
        let calls = &mut self.calls;
        self.waiting.retain(|id| calls.ring_of(*id) != Some(ring));
        let mut next = self.calls.next_parked(ring, None);
        while let Some(id) = next {
            next = self.calls.next_parked(ring, Some(id));
            let of_it = |it: &Reader| matches!(it, Reader::Call(other) if *other == id);
            let waits = self
                .calls
                .parked(id)
                .is_some_and(|it| matches!(it.stage, Stage::ForVolume));
            if waits || self.driver.withdraw(of_it) {
                self.end(id, Status::PeerLost, [0; 2], true);
            }
        }
        self.calls.on_ring_lost(ring);
    }

    pub(super) fn on_driver_lost(&mut self, loss: Loss) {
        let mut loading = false;
        let (calls, clients) = (&mut self.calls, &mut self.clients);
        self.driver
            .lose(loss, |reader, block_returned| match reader {
                Reader::Description | Reader::Header => loading = true,
                Reader::Call(id) => {
                    end(calls, clients, id, Status::PeerLost, [0; 2], block_returned);
                }
            });
        if loss == Loss::Death {
            // Nor does the device write to blocks any more that the driver had when it broke the protocol.
            self.clients.take_blocks_back();
        }
        if loading {
            self.volume.fail(Status::PeerLost);
            self.serve_waiting();
        }
    }
}
