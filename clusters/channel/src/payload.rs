//! The payload of a slot, and how it is copied in and out.
//!
//! # Why this is sound
//!
//! A payload is made of atomic words, like everything else in a window: no reference to plain memory of a window exists.
//! Both sides may be in one program (under loom, in tests, between two threads of a host), and a hostile peer may write a
//! payload while it is read. Neither is a data race, because all accesses to a payload are [`store`] and [`load`], which
//! are relaxed atomic accesses to its words.
//!
//! Relaxed is enough. The release store of a slot's stamp comes after the payload's stores and the acquire load of the
//! stamp before its loads, so a consumer that sees a stamp of an honest producer sees its payload whole. From a hostile one
//! it gets words that are each some value, maybe of several messages. Every value of a word is valid.
//!
//! [`store`] and [`load`] are the only code of a ring that differs between builds:
//!
//! - The plain form, [`words`], is a loop of relaxed atomic accesses. Loom runs it, the simulator does, and processors other
//!   than x86-64 do; so do components of seL4 that share a core with others (the feature `words`), because the kernel switches
//!   the owner of vector registers by a trap.
//! - On x86-64 the same accesses are written in assembly, [`pairs`], two words at a time. The compiler never merges atomic
//!   accesses, so the plain form takes 28 instructions for a message there and back where this one takes 16, of which
//!   `cargo xtask bench channel` counts what is beyond a plain copy. To the compiler, an `asm!` block is any code that
//!   could stand in its place with these operands; the plain form is such code, so the program means the same with
//!   either. What remains is that the processor does what the plain form allows. A 16-byte access at a multiple of 16
//!   bytes is atomic on every x86-64 processor that has AVX (Intel SDM volume 3, 9.1.1; AMD APM volume 2, 7.3.2), so its
//!   two words are accessed whole; on an older one it may be two accesses of a word each, which is the plain form again.
//!   The processor keeps the order of stores and of loads more strictly than relaxed accesses need, and the compiler moves
//!   no access to memory that others can reach across a block that may access memory.
//!
//! Memory of a window may also be written by another program. The compiler knows nothing of it, so its accesses count as
//! relaxed ones by a thread that this program did not start.

use atoll_abi::message::Message;

use crate::sync::{AtomicU64, WORDS};

#[cfg(all(
    not(loom),
    not(miri),
    not(feature = "simulated"),
    not(feature = "words"),
    target_arch = "x86_64"
))]
use pairs as form;
#[cfg(not(all(
    not(loom),
    not(miri),
    not(feature = "simulated"),
    not(feature = "words"),
    target_arch = "x86_64"
)))]
use words as form;

/// The words of a slot that follow its stamp.
#[repr(transparent)]
pub(crate) struct Payload([AtomicU64; WORDS]);

impl Payload {
    #[cfg(loom)]
    pub(crate) fn new() -> Payload {
        Payload(core::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Stores each word of a message, by relaxed atomic stores in any order.
    #[inline(always)]
    pub(crate) fn store(&self, message: &Message) {
        form::store(&self.0, message);
    }

    /// Loads each word of a message, by relaxed atomic loads in any order.
    #[inline(always)]
    pub(crate) fn load(&self) -> Message {
        form::load(&self.0)
    }

    /// The first words of a message, loaded one by one: what is to be looked at and not to be copied is then in registers.
    #[inline(always)]
    pub(crate) fn load_first<const COUNT: usize>(&self) -> [u64; COUNT] {
        words::load(&self.0)
    }
}

/// Word by word.
mod words {
    use crate::sync::{AtomicU64, Ordering, WORDS};

    #[cfg(any(
        test,
        loom,
        miri,
        feature = "simulated",
        feature = "words",
        not(target_arch = "x86_64")
    ))]
    #[inline(always)]
    pub(super) fn store(payload: &[AtomicU64; WORDS], message: &atoll_abi::message::Message) {
        for (word, value) in payload.iter().zip(message) {
            word.store(*value, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    pub(super) fn load<const COUNT: usize>(payload: &[AtomicU64; WORDS]) -> [u64; COUNT] {
        let mut message = [0; COUNT];
        for (value, word) in message.iter_mut().zip(payload) {
            *value = word.load(Ordering::Relaxed);
        }
        message
    }
}

/// The first word alone, because it shares its sixteen bytes with the stamp; then two words at a time.
#[cfg(all(
    not(loom),
    not(miri),
    not(feature = "simulated"),
    not(feature = "words"),
    target_arch = "x86_64"
))]
mod pairs {
    use core::arch::asm;
    use core::arch::x86_64::__m128i;
    use core::mem::transmute;

    use atoll_abi::message::Message;

    use crate::sync::AtomicU64;

    /// One word before the payload: a slot's address, which the caller has in a register, so that there is nothing to add.
    #[inline(always)]
    fn slot(payload: &[AtomicU64; 7]) -> *const AtomicU64 {
        payload.as_ptr().wrapping_sub(1)
    }

    #[inline(always)]
    pub(super) fn store(payload: &[AtomicU64; 7], message: &Message) {
        let [first, pairs @ ..] = message;
        // SAFETY: six words are three pairs of words, and any sixteen bytes are an `__m128i`.
        let [one, two, three] = unsafe { transmute::<[u64; 6], [__m128i; 3]>(*pairs) };
        // SAFETY: these are relaxed atomic stores to the seven words of the payload, which may be written through a shared
        // reference. The second word lies at a multiple of sixteen bytes, as `memory` asserts.
        unsafe {
            asm!(
                "mov [{slot} + 8], {first}",
                "movaps [{slot} + 16], {one}",
                "movaps [{slot} + 32], {two}",
                "movaps [{slot} + 48], {three}",
                slot = in(reg) slot(payload),
                first = in(reg) *first,
                one = in(xmm_reg) one,
                two = in(xmm_reg) two,
                three = in(xmm_reg) three,
                options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    pub(super) fn load(payload: &[AtomicU64; 7]) -> Message {
        let mut message = [0; 7];
        let [first, pairs @ ..] = &mut message;
        let (one, two, three): (__m128i, __m128i, __m128i);
        // SAFETY: these are relaxed atomic loads of the seven words of the payload. The second word lies at a multiple of
        // sixteen bytes, as `memory` asserts. The register that holds the address is overwritten last, if at all.
        unsafe {
            asm!(
                "movaps {one}, [{slot} + 16]",
                "movaps {two}, [{slot} + 32]",
                "movaps {three}, [{slot} + 48]",
                "mov {first}, [{slot} + 8]",
                slot = in(reg) slot(payload),
                first = lateout(reg) *first,
                one = lateout(xmm_reg) one,
                two = lateout(xmm_reg) two,
                three = lateout(xmm_reg) three,
                options(nostack, preserves_flags, readonly),
            );
        }
        // SAFETY: three pairs of words are six words.
        *pairs = unsafe { transmute::<[__m128i; 3], [u64; 6]>([one, two, three]) };
        message
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::Ordering;
    use core::array::from_fn;

    /// A payload where a slot has it, between two words that are not its own.
    #[repr(C, align(64))]
    struct Line {
        before: AtomicU64,
        payload: Payload,
        after: AtomicU64,
    }

    #[test]
    fn both_forms_access_the_same_words_and_no_other() {
        let message: Message = from_fn(|word| 0x0101_0101_0101_0101 * (word as u64 + 1));
        let other = message.map(|word| !word);
        let line = Line {
            before: AtomicU64::new(1),
            payload: Payload(from_fn(|_| AtomicU64::new(2))),
            after: AtomicU64::new(3),
        };
        line.payload.store(&message);
        assert_eq!(words::load(&line.payload.0), message);
        words::store(&line.payload.0, &other);
        assert_eq!(line.payload.load(), other);
        let around = [&line.before, &line.after].map(|word| word.load(Ordering::Relaxed));
        assert_eq!(around, [1, 3]);
    }
}
