//! Answers to calls that need not wait.

use atoll_abi::syscall::{Completion, Status, Syscall};
use zerocopy::FromZeros;

use crate::event::{Actions, BATCH};

/// The answers to those calls of one [`Event::Calls`](crate::Event::Calls) that are answered at once. They are sent with one publication.
pub struct Answers {
    completions: [Completion; BATCH],
    count: usize,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers {
            completions: [Completion::new_zeroed(); BATCH],
            count: 0,
        }
    }
}

impl Answers {
    /// What has become of a call: its results, `None` where it waits, or the status that it is refused with.
    #[inline]
    pub fn add(&mut self, syscall: &Syscall, answer: Result<Option<[u64; 2]>, Status>) {
        let completion = match answer {
            Ok(None) => return,
            Ok(Some(result)) => Completion::of(syscall, Status::Done, result),
            Err(status) => Completion::refusal(syscall, status),
        };
        // An event brings no more calls than there are places.
        if let Some(place) = self.completions.get_mut(self.count) {
            *place = completion;
            self.count += 1;
        }
    }

    /// Sends them to the ring that the calls came from.
    #[inline]
    pub fn send(&mut self, ring: usize, actions: &mut impl Actions) {
        let count = core::mem::take(&mut self.count);
        let completions = self.completions.get(..count).unwrap_or_default();
        if !completions.is_empty() {
            actions.complete(ring, completions);
        }
    }
}
