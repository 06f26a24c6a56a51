//! What a vcore receives.
#![deny(unsafe_code)]

use atoll_abi::syscall::Completion;
use atoll_channel::Receiver;
use zerocopy::FromZeros;

use crate::calls::Effects;

/// Completions that are taken from the ring together.
const BATCH: usize = 32;

/// The vcore's end of the ring of completions, and room for what comes out of it.
pub(crate) struct Incoming {
    pub(crate) receiver: Receiver,
    pub(crate) batch: [Completion; BATCH],
    pub(crate) effects: Effects,
}

impl Incoming {
    pub(crate) fn new(receiver: Receiver) -> Incoming {
        Incoming {
            receiver,
            batch: [Completion::new_zeroed(); BATCH],
            // What a batch sets free fits: nothing is allocated for a completion.
            effects: Effects::with_capacity(BATCH),
        }
    }
}
