//! Requests: arrays of bulk strings, or lines for those who type.
//!
//! Written here rather than taken from a library because a request is only this, and what reads it must meet any bytes with bounded
//! memory and a bounded stack.

mod inline;

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::number::integer;

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
    /// A number of arguments without an end.
    LongCount,
    /// A length without an end.
    LongLength,
    /// A quote without its end.
    Quote,
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
            ProtocolError::LongCount => write!(f, "too big mbulk count string"),
            ProtocolError::LongLength => write!(f, "too big bulk count string"),
            ProtocolError::Quote => write!(f, "unbalanced quotes in request"),
            ProtocolError::TooLong => write!(f, "too big request"),
        }
    }
}

/// Where an argument is in its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    // A request is shorter than what 32 bits tell.
    start: u32,
    end: u32,
}

impl Place {
    fn new(start: usize, end: usize) -> Place {
        Place {
            start: start as u32,
            end: end as u32,
        }
    }

    /// As a range.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// A request.
    #[default]
    Begin,
    /// The length of an argument.
    Length,
    /// An argument of a length.
    Bytes(usize),
}

/// How far a request was read. What has come is not looked at again when more comes.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    stage: Stage,
    /// Bytes that were read.
    at: usize,
    /// Bytes behind them in which no line ends.
    searched: usize,
    /// Arguments that are missing.
    missing: usize,
    places: Vec<Place>,
}

/// Places that are kept for the next request.
const KEPT_PLACES: usize = 16;

impl Parser {
    /// The arguments of the request that is whole.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Bytes that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
    }

    /// The next request begins.
    pub(crate) fn begin(&mut self) {
        (self.stage, self.at, self.searched) = (Stage::Begin, 0, 0);
        self.places.clear();
        if self.places.capacity() > KEPT_PLACES {
            self.places = Vec::new();
        }
    }

    /// Reads on in the request at the beginning of some bytes, which are those of the last time and what came behind them. How many bytes
    /// it has when it is whole, none of its arguments for an empty one; `None` where there is more to come.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(&mut self, bytes: &mut [u8]) -> Result<Option<usize>, ProtocolError> {
        loop {
            match self.stage {
                Stage::Begin => match bytes.first() {
                    None => return Ok(None),
                    Some(b'*') => {
                        let Some(count) = self.number(bytes, ProtocolError::LongCount)? else {
                            return Ok(None);
                        };
                        let count = count.ok_or(ProtocolError::Arguments)?;
                        // None and fewer are an empty request.
                        self.missing = usize::try_from(count).unwrap_or(0);
                        if self.missing > MOST_ARGUMENTS {
                            return Err(ProtocolError::Arguments);
                        }
                        self.stage = Stage::Length;
                    }
                    Some(_) => {
                        let Some((end, next)) = self.line(bytes, 0, ProtocolError::Line)? else {
                            return Ok(None);
                        };
                        let line = bytes.get_mut(..end).unwrap_or_default();
                        inline::split(line, &mut self.places).ok_or(ProtocolError::Quote)?;
                        return Ok(Some(next));
                    }
                },
                Stage::Length if self.missing == 0 => return Ok(Some(self.at)),
                Stage::Length => {
                    match bytes.get(self.at) {
                        None => return Ok(None),
                        Some(b'$') => {}
                        Some(other) => return Err(ProtocolError::NoString(*other)),
                    }
                    let Some(length) = self.number(bytes, ProtocolError::LongLength)? else {
                        return Ok(None);
                    };
                    let length = length.and_then(|length| usize::try_from(length).ok());
                    let length = length.filter(|length| *length <= LONGEST_ARGUMENT);
                    let length = length.ok_or(ProtocolError::Length)?;
                    if self.at + length + 2 > LONGEST_REQUEST {
                        return Err(ProtocolError::TooLong);
                    }
                    self.stage = Stage::Bytes(length);
                }
                Stage::Bytes(length) => {
                    let end = self.at + length;
                    match bytes.get(end..end + 2) {
                        None => return Ok(None),
                        Some(b"\r\n") => {}
                        Some(_) => return Err(ProtocolError::NoEnd),
                    }
                    self.places.push(Place::new(self.at, end));
                    self.at = end + 2;
                    self.missing -= 1;
                    self.stage = Stage::Length;
                }
            }
        }
    }

    /// Reads a number behind a mark: `None` where its line has no end yet, `Some(None)` where it is no number.
    fn number(
        &mut self,
        bytes: &[u8],
        long: ProtocolError,
    ) -> Result<Option<Option<i64>>, ProtocolError> {
        let start = self.at + 1;
        let rest = bytes.get(start..).unwrap_or_default();
        // Most are of few digits.
        let mut number = 0;
        for (length, byte) in rest.iter().take(5).enumerate() {
            match byte {
                b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
                b'\r' if length > 0 && rest.get(length + 1) == Some(&b'\n') => {
                    (self.at, self.searched) = (start + length + 2, 0);
                    return Ok(Some(Some(number)));
                }
                _ => break,
            }
        }
        let Some((end, next)) = self.line(bytes, start, long)? else {
            return Ok(None);
        };
        self.at = next;
        Ok(Some(bytes.get(start..end).and_then(integer)))
    }

    /// The end of the line that begins at a place, without its line end, and where the next one begins.
    fn line(
        &mut self,
        bytes: &[u8],
        start: usize,
        long: ProtocolError,
    ) -> Result<Option<(usize, usize)>, ProtocolError> {
        let rest = bytes.get(start..).unwrap_or_default();
        let looked_at = rest.get(..LONGEST_LINE).unwrap_or(rest);
        let behind = looked_at.get(self.searched..).unwrap_or_default();
        match behind.iter().position(|byte| *byte == b'\n') {
            Some(length) => {
                let end = start + self.searched + length;
                self.searched = 0;
                let has_return = end > start && bytes.get(end - 1) == Some(&b'\r');
                Ok(Some((end - usize::from(has_return), end + 1)))
            }
            None if rest.len() >= LONGEST_LINE => Err(long),
            None => {
                self.searched = looked_at.len();
                Ok(None)
            }
        }
    }
}
