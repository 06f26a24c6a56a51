//! What a driver does to its device beside its queues.

use std::cell::Cell;
use std::rc::Rc;

use atoll_test_virtio::Memory;
use atoll_virtio::{Device, SplitQueue, VirtioError};
use atoll_virtio_net::Card;

/// Counts what the driver does, and says what the device's registers say.
#[derive(Clone, Default)]
pub struct Line {
    /// Notifications of the queues that receive and transmit.
    pub notified: Rc<[Cell<usize>; 2]>,
    /// How often it was stopped.
    pub stopped: Rc<Cell<usize>>,
    /// How often it was started again.
    pub restarted: Rc<Cell<usize>>,
    /// The status of its configuration: bit 0 where the link is up.
    pub status: Rc<Cell<u16>>,
    /// Why it works no more.
    pub failure: Rc<Cell<Option<VirtioError>>>,
    /// What the driver has views of.
    pub keep: Vec<Memory>,
}

impl Device for Line {
    fn notify(&mut self, queue: u16) {
        let count = &self.notified[usize::from(queue)];
        count.set(count.get() + 1);
    }

    fn stop(&mut self) -> Result<(), VirtioError> {
        self.stopped.set(self.stopped.get() + 1);
        Ok(())
    }
}

impl Card for Line {
    fn status(&self) -> u16 {
        self.status.get()
    }

    fn check(&self) -> Result<(), VirtioError> {
        self.failure.get().map_or(Ok(()), Err)
    }

    fn start_again(&mut self, queues: [&SplitQueue; 2]) -> Result<(), VirtioError> {
        for queue in queues {
            assert_eq!((queue.in_flight(), queue.free()), (0, queue.size().into()));
        }
        self.restarted.set(self.restarted.get() + 1);
        self.check()
    }
}
