//! Which of a process's stacks are free.
#![forbid(unsafe_code)]

use atoll_abi::layout::{MAX_UTHREADS, uthread_stack};

use super::SpawnError;

/// The first uthread's stack and those of the others.
const STACKS: usize = 1 + MAX_UTHREADS;

/// Which stacks are free, by their index in the layout.
pub(crate) struct Slots {
    count: usize,
    /// Bitmap of the stacks in use.
    used: [u64; STACKS.div_ceil(64)],
}

impl Slots {
    /// No stacks.
    pub(crate) const fn new() -> Slots {
        Slots {
            count: 0,
            used: [0; STACKS.div_ceil(64)],
        }
    }

    /// Adds the stacks of the process's first uthread and of `uthreads` others. Called once.
    pub(crate) fn claim(&mut self, uthreads: usize) {
        self.count = 1 + uthreads.min(MAX_UTHREADS);
    }

    /// Takes the first free stack of at least `size` bytes.
    pub(crate) fn take(&mut self, size: usize) -> Result<usize, SpawnError> {
        let mut error = SpawnError::StackTooLarge;
        for index in (0..self.count).filter(|&index| uthread_stack(index).len() >= size) {
            if self.used[index / 64] & 1 << (index % 64) == 0 {
                self.used[index / 64] |= 1 << (index % 64);
                return Ok(index);
            }
            error = SpawnError::NoStack;
        }
        Err(error)
    }

    /// Takes a stack back.
    pub(crate) fn give_back(&mut self, index: usize) {
        debug_assert!(self.used[index / 64] & 1 << (index % 64) != 0);
        self.used[index / 64] &= !(1 << (index % 64));
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::layout::{MAIN_STACK_SIZE, UTHREAD_STACK_SIZE};

    use super::*;

    #[test]
    fn each_stack_is_taken_once_until_it_is_given_back() {
        for uthreads in [1, 63, 64, MAX_UTHREADS] {
            let mut slots = Slots::new();
            assert_eq!(slots.take(1), Err(SpawnError::StackTooLarge));
            slots.claim(uthreads);
            assert_eq!(slots.take(MAIN_STACK_SIZE), Ok(0));
            for index in 1..=uthreads {
                assert_eq!(slots.take(UTHREAD_STACK_SIZE), Ok(index));
            }
            assert_eq!(slots.take(UTHREAD_STACK_SIZE), Err(SpawnError::NoStack));
            for index in [uthreads, 1] {
                slots.give_back(index);
                assert_eq!(slots.take(UTHREAD_STACK_SIZE), Ok(index));
            }
            assert_eq!(slots.take(1), Err(SpawnError::NoStack));
        }
    }

    #[test]
    fn no_stack_is_larger_than_the_first_and_it_is_there_once() {
        let mut slots = Slots::new();
        slots.claim(2);
        let above = MAIN_STACK_SIZE + 1;
        assert_eq!(slots.take(above), Err(SpawnError::StackTooLarge));
        assert_eq!(slots.take(MAIN_STACK_SIZE), Ok(0));
        assert_eq!(slots.take(MAIN_STACK_SIZE), Err(SpawnError::NoStack));
        assert_eq!(slots.take(UTHREAD_STACK_SIZE), Ok(1));
    }
}
