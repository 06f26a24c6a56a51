//! The coroutine and its stack. That has no guard page, so its overflow is found by what it leaves behind.

use alloc::sync::Arc;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU64, Ordering};

use corosensei::stack::{STACK_ALIGNMENT, Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Bytes of the stack. The deepest operations use less than half of it, as the test `stack` shows.
pub const STACK_BYTES: usize = 128 << 10;

/// Bytes at the low end which stay untouched unless the stack overflows. A function with more than a page of locals touches
/// each page of them in order (stack probes), so none steps over this.
const RED_ZONE_BYTES: usize = 4096;

const WORD: usize = size_of::<u64>();
const RED_ZONE_WORDS: usize = RED_ZONE_BYTES / WORD;

/// What untouched words hold.
const UNTOUCHED: u64 = 0x5AFE_57AC_0DD5_B175;

/// The memory of a stack, its red zone below.
#[derive(Clone)]
pub(crate) struct StackMemory(Arc<[AtomicU64]>);

impl StackMemory {
    /// A stack that nobody has used.
    pub(crate) fn new() -> StackMemory {
        // One more word, because both ends are aligned to two of them.
        let words = (STACK_BYTES + RED_ZONE_BYTES) / WORD + 1;
        StackMemory((0..words).map(|_| AtomicU64::new(UNTOUCHED)).collect())
    }

    fn bottom(&self) -> usize {
        self.0.as_ptr().addr().next_multiple_of(STACK_ALIGNMENT)
    }

    fn untouched(&self) -> usize {
        let untouched = |word: &&AtomicU64| word.load(Ordering::Relaxed) == UNTOUCHED;
        self.0.iter().take_while(untouched).count()
    }

    /// Whether it has overflowed.
    pub(crate) fn has_overflowed(&self) -> bool {
        let mut zone = self.0.iter().take(RED_ZONE_WORDS);
        zone.any(|word| word.load(Ordering::Relaxed) != UNTOUCHED)
    }

    /// Bytes that were in use at most.
    pub(crate) fn most_used(&self) -> usize {
        (self.0.len() - self.untouched()) * WORD
    }
}

// SAFETY: `base` and `limit` are the ends of memory that belongs to this value and to nothing else that writes, aligned as
// wanted, and at least `MIN_STACK_SIZE` bytes apart. The words are atomics, so they may change while others refer to them. The
// guard page that the trait asks for is replaced by the red zone: before any value that the coroutine hands out is used,
// `has_overflowed` is asked, and an overflow ends the component. Stack probes keep a function from stepping over the zone.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl Stack for StackMemory {
    fn base(&self) -> StackPointer {
        let top = self.bottom() + RED_ZONE_BYTES + STACK_BYTES;
        NonZeroUsize::new(top).unwrap_or(NonZeroUsize::MAX)
    }

    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.bottom()).unwrap_or(NonZeroUsize::MAX)
    }
}

/// A coroutine that may go to another thread between two resumptions.
pub(crate) struct Routine<Input, Yielded>(Coroutine<Input, Yielded, (), StackMemory>);

impl<Input: 'static, Yielded: 'static> Routine<Input, Yielded> {
    pub(crate) fn new(
        stack: StackMemory,
        function: impl FnOnce(&Yielder<Input, Yielded>, Input) + Send + 'static,
    ) -> Routine<Input, Yielded> {
        Routine(Coroutine::with_stack(stack, function))
    }

    pub(crate) fn resume(&mut self, input: Input) -> CoroutineResult<Yielded, ()> {
        self.0.resume(input)
    }

    /// Whether it came to its end.
    pub(crate) fn done(&self) -> bool {
        self.0.done()
    }
}

// SAFETY: the stack does not move, and only the coroutine refers to what is on it, which runs where it is resumed, by one owner.
// What it captures and what goes in and out can be sent. What it makes itself is of this crate and of rsext4, which have neither
// thread locals nor `Rc`; cells on the stack are shared within the coroutine alone.
#[allow(unsafe_code, reason = "the compiler does not see what is on the stack")]
unsafe impl<Input: Send, Yielded: Send> Send for Routine<Input, Yielded> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_the_red_zone_has_overflowed() {
        let stack = StackMemory::new();
        assert!(!stack.has_overflowed());
        assert_eq!(stack.base().get() % STACK_ALIGNMENT, 0);
        stack.0[RED_ZONE_WORDS].store(1, Ordering::Relaxed);
        assert!(!stack.has_overflowed());
        assert!(stack.most_used() >= STACK_BYTES);
        stack.0[RED_ZONE_WORDS - 1].store(1, Ordering::Relaxed);
        assert!(stack.has_overflowed());
    }
}
