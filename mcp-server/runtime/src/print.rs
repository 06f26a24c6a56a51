//! Text.
#![deny(unsafe_code)]

use alloc::string::String;
use core::fmt::{self, Write};
use core::future::poll_fn;
use core::mem;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{PRINT_SIZE, Status};
use atoll_call::NEVER;

use crate::pending::Pending;
use crate::printer::pieces;
use crate::reply::Submission;
use crate::runtime::Runtime;
use crate::target::Target;
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
    if text.is_empty() {
        return;
    }
    let (runtime, vcore) = Runtime::current_vcore();
    let printer = runtime.printer(vcore);
    let group = printer.with(|printer| {
        if !printer.waiting.is_empty() {
            // It needs no call of its own.
            runtime.note_own_answer();
        }
        printer.waiting.extend_from_slice(text.as_bytes());
        printer.next
    });
    let mine = printer.wait_for(|printer| {
        if printer.done > group {
            return Some(None);
        }
        if printer.busy {
            return None;
        }
        printer.busy = true;
        printer.next += 1;
        Some(Some(mem::take(&mut printer.waiting)))
    });
    let Some(text) = mine else { return };
    for chunk in chunks(&text) {
        if print_chunk(chunk).is_err() {
            break;
        }
    }
    printer.with_notify(|printer| {
        printer.busy = false;
        printer.done += 1;
    });
}

fn print_chunk(chunk: &[u8]) -> Result<(), Status> {
    let submitted = Runtime::submit(Target::SERVER, pieces(chunk), NEVER)?;
    let mut submission = Submission::Pending(Pending::new(submitted));
    let answer = uthread::block_on(poll_fn(|context| submission.poll(context)));
    match answer.status {
        Status::Done => Ok(()),
        status => Err(status),
    }
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
