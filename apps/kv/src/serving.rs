//! A loop of connections, and what it does for them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use atoll_kv::session::{Outcome, Session};
use atoll_runtime::Status;
use atoll_serve::{Protocol, Step};

use crate::shared::Shared;

/// What a loop has.
pub struct Serving {
    shared: Arc<Shared>,
    number: usize,
    /// Commands that it has answered.
    answered: u64,
}

impl Serving {
    /// The loop of a number.
    pub fn new(shared: Arc<Shared>, number: usize) -> Serving {
        Serving {
            answered: shared.answered(number),
            shared,
            number,
        }
    }
}

impl Protocol for Serving {
    type Peer = Session;

    fn begin(&mut self) -> Session {
        Session::default()
    }

    fn end(&mut self, mut peer: Session) {
        while !peer.end(&self.shared.store, &self.shared.budget) {
            self.shared.wait_for_shards();
        }
    }

    fn received(&mut self, peer: &mut Session, bytes: &[u8]) {
        let shared = &self.shared;
        shared.store.set_time(shared.clock.milliseconds());
        peer.received(&shared.budget, bytes);
    }

    fn step(&mut self, peer: &mut Session, answer: &mut Vec<u8>) -> Step {
        loop {
            match peer.step(&self.shared.store, &self.shared.budget, answer) {
                Outcome::Answered => {
                    self.answered += 1;
                    return Step::More;
                }
                Outcome::Needs => return Step::Needs,
                Outcome::Ends => return Step::Close,
                Outcome::Stops => {
                    self.shared.note_answered(self.number, self.answered);
                    self.shared.shut_down()
                }
                Outcome::Waits => self.shared.wait_for_shards(),
            }
        }
    }

    fn settle(&mut self) -> Result<(), Status> {
        let shared = &self.shared;
        shared.note_answered(self.number, self.answered);
        // Requests are also answered that came long before: time goes on for these too.
        shared.store.set_time(shared.clock.milliseconds());
        shared.settle()
    }
}
