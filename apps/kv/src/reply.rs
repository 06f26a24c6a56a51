//! Replies of RESP2 and RESP3.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::number::{write_float, write_integer};

/// Writes replies one behind another, up to a number of bytes. Behind that nothing is written any more, and whoever runs the command
/// tells the client instead that its answer is too long.
#[derive(Debug)]
pub struct Reply<'a> {
    bytes: &'a mut Vec<u8>,
    /// Where it has to end.
    end: usize,
    is_third: bool,
    is_long: bool,
}

impl Write for Reply<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl<'a> Reply<'a> {
    /// Replies behind some bytes, of so many bytes at most, in RESP2.
    pub fn new(bytes: &'a mut Vec<u8>, most: usize) -> Reply<'a> {
        Reply {
            end: bytes.len().saturating_add(most),
            bytes,
            is_third: false,
            is_long: false,
        }
    }

    /// The next replies are those of RESP3, or of RESP2.
    pub(crate) fn set_third(&mut self, is_third: bool) {
        self.is_third = is_third;
    }

    /// Whether replies are those of RESP3.
    pub(crate) fn is_third(&self) -> bool {
        self.is_third
    }

    /// Bytes that there are.
    pub(crate) fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the first one of all is an error.
    pub(crate) fn is_error(&self) -> bool {
        self.bytes.first() == Some(&b'-')
    }

    /// Takes back what was written since.
    pub(crate) fn back_to(&mut self, position: usize) {
        self.bytes.truncate(position);
        self.is_long = false;
    }

    /// Whether something was not written because there was no room. A reply that begins has room again.
    pub(crate) fn is_long(&self) -> bool {
        self.is_long
    }

    /// Whether there is room for so many bytes more.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len().saturating_add(bytes) <= self.end
    }

    fn head(&mut self, mark: u8, number: i64) {
        if self.bytes.len() > self.end {
            self.is_long = true;
            return;
        }
        self.bytes.push(mark);
        write_integer(number, self.bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn head_of(&mut self, mark: u8, count: usize) {
        self.head(mark, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A word.
    pub fn simple(&mut self, word: &str) {
        self.bytes.push(b'+');
        self.bytes.extend_from_slice(word.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// `OK`.
    pub fn ok(&mut self) {
        self.bytes.extend_from_slice(b"+OK\r\n");
    }

    /// An error; its first word says of which kind.
    pub fn error(&mut self, text: fmt::Arguments<'_>) {
        // Writing into memory does not fail.
        let _ = write!(self, "-{text}\r\n");
    }

    /// An error in words of a client, of which none ends the line.
    pub(crate) fn error_of_bytes(&mut self, text: &[u8]) {
        self.bytes.push(b'-');
        let ends_line = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let bytes = text.iter();
        self.bytes
            .extend(bytes.map(|byte| if ends_line(byte) { b' ' } else { *byte }));
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A number.
    pub fn integer(&mut self, number: i64) {
        self.head(b':', number);
    }

    /// A number of things.
    pub fn count(&mut self, count: usize) {
        self.head_of(b':', count);
    }

    /// Bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        if !self.has_room(bytes.len()) {
            self.is_long = true;
            return;
        }
        self.head_of(b'$', bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Bytes, or nothing.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// A text of which RESP3 says that it is one.
    pub(crate) fn text(&mut self, text: &[u8]) {
        if !self.is_third {
            return self.bulk(text);
        }
        self.head_of(b'=', text.len() + 4);
        self.bytes.extend_from_slice(b"txt:");
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A number with a fraction.
    pub(crate) fn double(&mut self, number: f64) {
        if self.is_third {
            self.bytes.push(b',');
            write_float(number, self.bytes);
            self.bytes.extend_from_slice(b"\r\n");
            return;
        }
        let mut text = Vec::with_capacity(24);
        write_float(number, &mut text);
        self.bulk(&text);
    }

    /// Nothing.
    pub fn null(&mut self) {
        let null: &[u8] = if self.is_third { b"_\r\n" } else { b"$-1\r\n" };
        self.bytes.extend_from_slice(null);
    }

    /// Nothing, where there would be an array.
    pub(crate) fn null_array(&mut self) {
        let null: &[u8] = if self.is_third { b"_\r\n" } else { b"*-1\r\n" };
        self.bytes.extend_from_slice(null);
    }

    /// So many replies follow, which belong together.
    pub fn array(&mut self, count: usize) {
        self.head_of(b'*', count);
    }

    /// So many pairs of replies follow: of a name and what it stands for.
    pub(crate) fn map(&mut self, count: usize) {
        match self.is_third {
            true => self.head_of(b'%', count),
            false => self.head_of(b'*', 2 * count),
        }
    }

    /// So many replies follow, in no order.
    pub(crate) fn set(&mut self, count: usize) {
        let mark = if self.is_third { b'~' } else { b'*' };
        self.head_of(mark, count);
    }
}
