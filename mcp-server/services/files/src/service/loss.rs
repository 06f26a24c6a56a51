//! What ends with a client, and what with the driver.

use alloc::vec::Vec;

use atoll_abi::syscall::Status;
use atoll_call::{Actions, Answer, Loss};

use super::jobs::Job;
use super::parked::Stage;
use super::{FileService, For};
use crate::volume::Readiness;

impl FileService {
    /// A ring of a client is lost: forgets its calls, but for what the driver or the file system is doing. With the last ring goes
    /// what the client has open.
    pub(super) fn on_client_lost(&mut self, ring: usize) {
        self.clients.on_ring_lost(ring);
        if let Some(client) = self.calls.client_of(ring) {
            self.close_what_is_left(client);
        }
        let running = self.running.and_then(|it| it.call);
        let mut next = self.calls.next_parked(ring, None);
        while let Some(id) = next {
            next = self.calls.next_parked(ring, Some(id));
            match self.calls.parked(id).map(|it| it.stage) {
                Some(Stage::Job) if running != Some(id) => {
                    self.jobs.retain(|job| *job != Job::Call(id));
                    self.end(id, Status::PeerLost, [0; 2], true);
                }
                Some(Stage::Transferring(_)) => {
                    while self.driver.withdraw(|it| *it == For::Call(id)) {
                        self.end_part(id, &lost(true));
                    }
                }
                _ => {}
            }
        }
        self.calls.on_ring_lost(ring);
    }

    /// The calls that are under way end. The file system waits for the next driver.
    pub(super) fn on_driver_lost(&mut self, loss: Loss, actions: &mut impl Actions) {
        let mut ended = Vec::new();
        self.driver
            .lose(loss, |whom, returned| ended.push((whom, returned)));
        let mut data_returned = true;
        for (whom, returned) in ended {
            match whom {
                For::Description => self.volume.fail(Status::PeerLost),
                For::Call(id) => self.end_part(id, &lost(returned)),
                For::Volume if self.volume.wants_data() => {
                    data_returned = returned;
                    self.volume.answered(Status::PeerLost, actions);
                }
                For::Volume => self.volume.ask_again(),
            }
        }
        if let Some(running) = &mut self.running
            && let Some(id) = running.call.take()
        {
            self.end(id, Status::PeerLost, [0; 2], data_returned);
        }
        let calls: Vec<Job> = self.jobs.iter().copied().collect();
        for job in calls {
            if let Job::Call(id) = job {
                self.end(id, Status::PeerLost, [0; 2], true);
            }
        }
        self.jobs.retain(|job| matches!(job, Job::Close(_)));
        if loss == Loss::Death {
            // Nor does the device write to blocks any more that the driver had when it broke the protocol.
            self.clients.take_blocks_back();
        }
    }

    pub(super) fn on_driver_connected(&mut self) {
        self.driver.reconnect();
        if let Readiness::Failed(_) = self.volume.readiness() {
            self.load();
        }
    }
}

/// How a call to the driver has ended that was lost.
fn lost(block_returned: bool) -> Answer {
    Answer {
        status: Status::PeerLost,
        result: [0; 2],
        block_returned,
    }
}
