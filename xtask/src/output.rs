//! What this program prints.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Error, Result};

/// Exit status of a program whose output nobody reads any more, as a shell has it for SIGPIPE.
pub const NOT_READ: u8 = 141;

/// Prints text on the standard output.
///
/// # Errors
/// Where it cannot be written: see [`is_not_read`].
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("cannot write to the standard output")
}

/// Whether an error is that whoever read the output has enough of it, which is no mistake.
pub fn is_not_read(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

/// Prints text for a person on the standard error stream. Where that cannot be written, there is none to tell.
pub fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
