//! What the fields of a head say.

use alloc::string::String;

use httparse::Header;

use super::{Refusal, target};
use crate::conditional::Conditions;

/// What follows the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing, and the request does not speak of it.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// Most digits of a `Content-Length`: any number of so many is a length.
const MOST_DIGITS: usize = 18;

/// What the fields say together.
pub(super) struct Fields {
    pub body: Body,
    pub says_close: bool,
    pub says_keep_alive: bool,
    pub expects_continue: bool,
    pub prefers_json: bool,
    pub is_part: bool,
    pub conditions: Conditions,
    pub range: Option<String>,
}

impl Fields {
    /// Goes through all fields.
    pub(super) fn collect(headers: &[Header<'_>], is_old: bool) -> Result<Fields, Refusal> {
        let mut fields = Fields {
            body: Body::None,
            says_close: false,
            says_keep_alive: false,
            expects_continue: false,
            prefers_json: false,
            is_part: false,
            conditions: Conditions::default(),
            range: None,
        };
        let (mut length, mut coding) = (None, None);
        let (mut hosts, mut ranges) = (0, 0);
        for header in headers {
            let name = header.name;
            let value = header.value;
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if is("Content-Length") {
                if length.is_some() {
                    return Err(Refusal::ContentLength);
                }
                length = Some(number(value)?);
            } else if is("Transfer-Encoding") {
                if coding.is_some() || is_old {
                    return Err(Refusal::Ambiguous);
                }
                coding = Some(value.eq_ignore_ascii_case(b"chunked"));
            } else if is("Host") {
                hosts += 1;
                let host = core::str::from_utf8(value).map_err(|_| Refusal::Host)?;
                if hosts > 1 || !target::is_host(host) {
                    return Err(Refusal::Host);
                }
            } else if is("Connection") {
                for word in words(value) {
                    fields.says_close |= word.eq_ignore_ascii_case(b"close");
                    fields.says_keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
                }
            } else if is("Expect") {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Refusal::Expectation);
                }
                fields.expects_continue = true;
            } else if is("Accept") {
                fields.prefers_json |= prefers_json(value);
            } else if is("Content-Range") {
                fields.is_part = true;
            } else if is("Range") {
                ranges += 1;
                // Two of them say nothing.
                fields.range = match ranges {
                    1 => text(value),
                    _ => None,
                };
            } else {
                fields.conditions.field(name, value);
            }
        }
        if hosts == 0 && !is_old {
            return Err(Refusal::Host);
        }
        fields.body = match (length, coding) {
            (Some(_), Some(_)) => return Err(Refusal::Ambiguous),
            (None, Some(false)) => return Err(Refusal::TransferCoding),
            (None, Some(true)) => Body::Chunked,
            (Some(length), None) => Body::Length(length),
            (None, None) => Body::None,
        };
        Ok(fields)
    }
}

/// A length: digits, and nothing else.
fn number(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || value.len() > MOST_DIGITS {
        return Err(Refusal::ContentLength);
    }
    value.iter().try_fold(0, |number: u64, byte| match byte {
        b'0'..=b'9' => Ok(number * 10 + u64::from(byte - b'0')),
        _ => Err(Refusal::ContentLength),
    })
}

/// The words of a list.
fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// A value that is text.
fn text(value: &[u8]) -> Option<String> {
    core::str::from_utf8(value).ok().map(String::from)
}

/// Whether a field `Accept` names JSON, and HTML not before it. Weights are not looked at: there are two to choose from, and `?json`
/// says it for certain.
fn prefers_json(value: &[u8]) -> bool {
    for word in words(value) {
        let mut parts = word.split(|byte| *byte == b';');
        let kind = parts.next().unwrap_or_default().trim_ascii();
        if kind.eq_ignore_ascii_case(b"application/json") {
            return true;
        }
        if kind.eq_ignore_ascii_case(b"text/html") {
            return false;
        }
    }
    false
}
