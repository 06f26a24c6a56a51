//! Text that is printed: what of it waits, and the syscalls that carry it.
#![deny(unsafe_code)]

use alloc::vec::Vec;

use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::{PRINT_SIZE, Syscall};
use zerocopy::IntoBytes;

/// Text that the uthreads of one vcore print.
///
/// A uthread that prints while the text of others is under way adds to what goes next: all of it goes together, in full
/// pieces.
#[derive(Default)]
pub(crate) struct Printer {
    pub(crate) waiting: Vec<u8>,
    /// Which group of text goes next; those before are under way or done.
    pub(crate) next: u64,
    /// Groups that are done.
    pub(crate) done: u64,
    pub(crate) busy: bool,
}

/// The syscalls that print a chunk.
pub(crate) fn pieces(
    chunk: &[u8],
) -> impl DoubleEndedIterator<Item = Syscall> + ExactSizeIterator + Clone + use<'_> {
    chunk.chunks(PRINT_SIZE).map(|piece| {
        let mut text = [0u64; 4];
        text.as_mut_bytes()[..piece.len()].copy_from_slice(piece);
        let length = piece.len() as u16;
        request::Print { text, length }.encode()
    })
}
