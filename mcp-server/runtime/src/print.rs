//! Text.
#![deny(unsafe_code)]

use alloc::string::String;
use core::fmt::{self, Write};

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Call, PRINT_SIZE, Status, Syscall};
use zerocopy::IntoBytes;

use crate::calls::{Answer, Waited};
use crate::runtime::{EMPTY, Runtime};
use crate::uthread;

/// Bytes of text that are submitted with one publication, so that no other text comes between: half of a vcore's
/// credits. A longer line is broken.
pub const MAX_LINE: usize = RING_SLOTS / 2 * PRINT_SIZE;

/// Prints text, and waits until the server has it. Each line arrives whole where it has at most [`MAX_LINE`] bytes.
///
/// Text is dropped where the server is lost.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn print(arguments: fmt::Arguments<'_>) {
    let mut text = String::new();
    // A `Display` that fails has printed what it could.
    let _ = text.write_fmt(arguments);
    for chunk in chunks(text.as_bytes()) {
        if print_chunk(chunk).is_err() {
            return;
        }
    }
}

fn print_chunk(chunk: &[u8]) -> Result<(), Status> {
    let pending = Runtime::submit(pieces(chunk), Waited::Last)?;
    let Answer { status, .. } = uthread::block_on(pending);
    match status {
        Status::Done => Ok(()),
        status => Err(status),
    }
}

/// The syscalls that print a chunk.
pub(crate) fn pieces(
    chunk: &[u8],
) -> impl ExactSizeIterator<Item = (Call, Syscall)> + Clone + use<'_> {
    chunk.chunks(PRINT_SIZE).map(|piece| {
        let mut arguments = [0u64; 4];
        arguments.as_mut_bytes()[..piece.len()].copy_from_slice(piece);
        let syscall = Syscall {
            arguments,
            block: piece.len() as u32,
            ..EMPTY
        };
        (Call::Print, syscall)
    })
}

/// Text in chunks of at most [`MAX_LINE`] bytes, which end at the end of a line where that is possible.
fn chunks(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let most = text.len().min(MAX_LINE);
        let end = match text[..most].iter().rposition(|&byte| byte == b'\n') {
            Some(last) if most < text.len() => last + 1,
            _ => most,
        };
        let (chunk, rest) = text.split_at(end);
        text = rest;
        Some(chunk)
    })
}

/// Prints text, as [`print()`].
#[macro_export]
macro_rules! print {
    ($($arguments:tt)*) => { $crate::print::print(::core::format_args!($($arguments)*)) };
}

/// Prints a line, as [`print()`].
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($arguments:tt)*) => {
        $crate::print::print(::core::format_args!("{}\n", ::core::format_args!($($arguments)*)))
    };
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn chunks_end_with_lines() {
        let mut text = Vec::new();
        for length in [10, 1000, 500, 3000, 0, 1] {
            text.extend(core::iter::repeat_n(b'x', length));
            text.push(b'\n');
        }
        let all: Vec<&[u8]> = chunks(&text).collect();
        assert_eq!(all.concat(), text);
        assert!(all.iter().all(|chunk| chunk.len() <= MAX_LINE));
        assert_eq!(all[0].len(), 11 + 1001);
        assert_eq!(all[1].len(), 501);
        assert_eq!(pieces(&[b'a'; 33]).len(), 2);
        assert_eq!(chunks(b"").count(), 0);
    }
}
