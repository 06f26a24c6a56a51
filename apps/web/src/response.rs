//! Heads of answers.

use alloc::string::String;
use core::fmt::{Display, Write as _};

use crate::date;

/// What a page may load: what this server has, and nothing else.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The head of an answer, to which fields are added one by one.
#[derive(Clone, Debug)]
pub struct Head {
    text: String,
    status: u16,
}

/// What a status code says.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Unknown",
    }
}

impl Head {
    /// A head with the fields that every answer has. `now` is the time in seconds since 1970, where it is known.
    pub fn new(status: u16, now: Option<u64>) -> Head {
        let mut head = Head {
            text: String::with_capacity(512),
            status,
        };
        // Nothing fails that writes to a string.
        let _ = write!(head.text, "HTTP/1.1 {status} {}\r\n", reason(status));
        if let Some(now) = now {
            head.field("Date", date::format(now));
        }
        head.field("Server", "Atoll");
        head.field("X-Content-Type-Options", "nosniff");
        head
    }

    /// Its status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Adds a field. The value is one that this program made, without control characters.
    pub fn field(&mut self, name: &str, value: impl Display) {
        let start = self.text.len();
        let _ = write!(self.text, "{name}: {value}");
        let written = self.text.get(start..).unwrap_or_default();
        // Whatever it was made of, it does not end the line.
        if written.contains(|it: char| it.is_control()) {
            self.text.truncate(start);
            return;
        }
        self.text.push_str("\r\n");
    }

    /// Adds what keeps a page from loading anything that is not of this server.
    pub fn policy(&mut self) {
        self.field("Content-Security-Policy", POLICY);
        self.field("Referrer-Policy", "no-referrer");
    }

    /// Adds what becomes of the connection, and ends the head.
    pub fn end(mut self, closes: bool, is_old: bool) -> String {
        match (closes, is_old) {
            (true, _) => self.field("Connection", "close"),
            (false, true) => self.field("Connection", "keep-alive"),
            (false, false) => {}
        }
        self.text.push_str("\r\n");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_lines() {
        let mut head = Head::new(206, Some(784_111_777));
        head.field("Content-Length", 5);
        head.field("Location", "/a\r\nSet-Cookie: x");
        assert_eq!(
            head.end(true, false),
            "HTTP/1.1 206 Partial Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: Atoll\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        );
        let head = Head::new(204, None).end(false, true);
        assert!(!head.contains("Date"));
        assert!(head.contains("Connection: keep-alive\r\n"));
    }
}
