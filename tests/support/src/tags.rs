//! Tags of calls, by which answers are told apart.

use atoll_abi::syscall::{Completion, Status, Syscall};

/// Gives each call a tag of its own, and a generation that goes with it.
#[derive(Debug, Default)]
pub struct Tags(u64);

/// The generation of the call of a tag.
fn generation(tag: u64) -> u32 {
    tag as u32 ^ 0xA5A5_0000
}

impl Tags {
    /// The calls, each with the next tag.
    pub fn give(&mut self, calls: &[Syscall]) -> Vec<Syscall> {
        let tagged = calls.iter().map(|call| {
            self.0 += 1;
            Syscall {
                tag: self.0,
                generation: generation(self.0),
                ..*call
            }
        });
        tagged.collect()
    }
}

/// How the call of an answer ended.
///
/// # Panics
/// Where the answer has another generation than its call had, or results of a call that failed.
pub fn status(answer: &Completion) -> Status {
    assert_eq!(answer.generation, generation(answer.tag));
    let status = Status::from_raw(answer.status);
    if status != Status::Done {
        assert_eq!(answer.result, [0; 2], "a call that failed did something");
    }
    status
}
