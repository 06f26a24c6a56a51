//! Replies of RESP2.

use alloc::vec::Vec;
use core::fmt::{self, Write};

/// Writes replies one behind another.
pub struct Reply<'a>(pub &'a mut Vec<u8>);

impl Write for Reply<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.as_bytes());
        Ok(())
    }
}

impl Reply<'_> {
    fn line(&mut self, text: fmt::Arguments<'_>) {
        // Writing into memory does not fail.
        let _ = self.write_fmt(text);
        self.0.extend(b"\r\n");
    }

    /// A word.
    pub fn simple(&mut self, word: &str) {
        self.line(format_args!("+{word}"));
    }

    /// `OK`.
    pub fn ok(&mut self) {
        self.simple("OK");
    }

    /// An error; its first word says of which kind. What a client named and is no text, or would end the line, is written as escapes.
    pub fn error(&mut self, text: fmt::Arguments<'_>) {
        self.line(format_args!("-{text}"));
    }

    /// A number.
    pub fn integer(&mut self, number: i64) {
        self.line(format_args!(":{number}"));
    }

    /// A number of things.
    pub fn count(&mut self, count: usize) {
        self.integer(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.line(format_args!("${}", bytes.len()));
        self.0.extend(bytes);
        self.0.extend(b"\r\n");
    }

    /// Bytes, or nothing.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Nothing.
    pub fn null(&mut self) {
        self.0.extend(b"$-1\r\n");
    }

    /// So many replies follow, which belong together.
    pub fn array(&mut self, count: usize) {
        self.line(format_args!("*{count}"));
    }
}
