//! Requests: arrays of bulk strings, or lines for those who type.
//!
//! Written here rather than taken from a library because a request is only this, and what reads it must meet any bytes with bounded
//! memory and a bounded stack.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// Arguments of a request at most.
pub const MOST_ARGUMENTS: usize = 1 << 14;

/// Bytes of an argument at most.
pub const LONGEST_ARGUMENT: usize = 1 << 20;

/// Bytes of a request at most.
pub const LONGEST_REQUEST: usize = 2 << 20;

/// Bytes of a line at most, be it a request or a length.
const LONGEST_LINE: usize = 1 << 14;

/// Why a client is not understood: its connection ends. The texts are those of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// A number of arguments that there cannot be.
    Arguments,
    /// A length that there cannot be.
    Length,
    /// Another byte than `$`.
    NoString(u8),
    /// A string without its end.
    NoEnd,
    /// A line without an end.
    Line,
    /// Longer than a request may be.
    TooLong,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protocol error: ")?;
        match self {
            ProtocolError::Arguments => write!(f, "invalid multibulk length"),
            ProtocolError::Length => write!(f, "invalid bulk length"),
            ProtocolError::NoString(byte) => {
                write!(f, "expected '$', got '{}'", byte.escape_ascii())
            }
            ProtocolError::NoEnd => write!(f, "a bulk string has no end"),
            ProtocolError::Line => write!(f, "too big inline request"),
            ProtocolError::TooLong => write!(f, "too big request"),
        }
    }
}

/// Finds the request at the beginning of some bytes. `arguments` become the places of its arguments, none for an empty one. How many bytes
/// it has; `None` where there is more to come.
///
/// # Errors
/// What is wrong with it.
pub fn parse(
    bytes: &[u8],
    arguments: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, ProtocolError> {
    arguments.clear();
    match bytes.first() {
        None => Ok(None),
        Some(b'*') => parse_array(bytes, arguments),
        Some(_) => parse_line(bytes, arguments),
    }
}

/// The end of the line that begins at a place, without its line end, and where the next one begins.
fn line(bytes: &[u8], start: usize) -> Result<Option<(usize, usize)>, ProtocolError> {
    let rest = bytes.get(start..).unwrap_or_default();
    let looked_at = rest.get(..LONGEST_LINE).unwrap_or(rest);
    match looked_at.iter().position(|byte| *byte == b'\n') {
        Some(length) => {
            let end = start + length;
            let has_return = length > 0 && bytes.get(end - 1) == Some(&b'\r');
            Ok(Some((end - usize::from(has_return), end + 1)))
        }
        None if rest.len() >= LONGEST_LINE => Err(ProtocolError::Line),
        None => Ok(None),
    }
}

fn parse_line(
    bytes: &[u8],
    arguments: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, ProtocolError> {
    let Some((end, next)) = line(bytes, 0)? else {
        return Ok(None);
    };
    let mut start = None;
    for at in 0..=end {
        let is_space = at == end || bytes.get(at).is_none_or(u8::is_ascii_whitespace);
        match start {
            None if !is_space => start = Some(at),
            Some(from) if is_space => {
                arguments.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    Ok(Some(next))
}

fn number(bytes: &[u8]) -> Option<i64> {
    core::str::from_utf8(bytes).ok()?.parse().ok()
}

fn parse_array(
    bytes: &[u8],
    arguments: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, ProtocolError> {
    let Some((end, mut next)) = line(bytes, 1)? else {
        return Ok(None);
    };
    let count = bytes.get(1..end).and_then(number);
    let count = count.ok_or(ProtocolError::Arguments)?;
    // None and fewer are an empty request.
    let count = usize::try_from(count).unwrap_or(0);
    if count > MOST_ARGUMENTS {
        return Err(ProtocolError::Arguments);
    }
    for _ in 0..count {
        match bytes.get(next) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::NoString(*other)),
        }
        let Some((end, start)) = line(bytes, next + 1)? else {
            return Ok(None);
        };
        let length = bytes.get(next + 1..end).and_then(number);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= LONGEST_ARGUMENT);
        let length = length.ok_or(ProtocolError::Length)?;
        let end = start + length;
        if end + 2 > LONGEST_REQUEST {
            return Err(ProtocolError::TooLong);
        }
        match bytes.get(end..end + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(ProtocolError::NoEnd),
        }
        arguments.push(start..end);
        next = end + 2;
    }
    Ok(Some(next))
}
