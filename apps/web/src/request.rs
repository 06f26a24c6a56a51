//! Heads of requests.
//!
//! A head is looked at byte by byte until it is complete ([`HeadScan`]), so that what is refused does not depend on how it was cut into
//! pieces; then it is parsed as a whole ([`Request::parse`]).

mod fields;
mod refusal;
mod scan;
mod target;

use alloc::string::String;

use httparse::Status;

pub use fields::Body;
pub use refusal::Refusal;
pub use scan::HeadScan;
pub use target::Target;

use crate::conditional::Conditions;
use fields::Fields;

/// Bytes of the longest head.
pub const HEAD_LIMIT: usize = 8 * 1024;

/// Most fields of a head.
pub const MOST_FIELDS: usize = 64;

/// What a request asks to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To send what is there.
    Get,
    /// To say what `Get` would.
    Head,
    /// To store what the request has.
    Put,
    /// To remove what is there.
    Delete,
    /// To say what can be done.
    Options,
    /// One that is known, and that nothing here allows.
    NotAllowed,
    /// One that is not known.
    Unknown,
}

impl Method {
    /// The methods of files, as the field `Allow` has them.
    pub const ALLOWED: &'static str = "GET, HEAD, PUT, DELETE, OPTIONS";

    /// The methods of everything else.
    pub const ALLOWED_TO_READ: &'static str = "GET, HEAD, OPTIONS";

    fn of(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "POST" | "PATCH" | "TRACE" => Method::NotAllowed,
            _ => Method::Unknown,
        }
    }

    /// Whether it only reads.
    pub fn is_read(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// With what.
    pub target: Target,
    /// What follows the head.
    pub body: Body,
    /// The client sends the body when it is told to.
    pub expects_continue: bool,
    /// The connection can be used for a further request.
    pub keeps_alive: bool,
    /// The client speaks HTTP/1.0.
    pub is_old: bool,
    /// The client would rather have JSON than HTML.
    pub prefers_json: bool,
    /// The request has `Content-Range`: its body is a part of something.
    pub is_part: bool,
    /// Under what conditions.
    pub conditions: Conditions,
    /// The field `Range`.
    pub range: Option<String>,
}

impl Request {
    /// Parses a head, which ends with an empty line.
    ///
    /// # Errors
    /// Why it is refused. The connection ends then: nobody can tell where the next request begins.
    pub fn parse(head: &[u8]) -> Result<Request, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(Refusal::Malformed),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooManyFields),
            Err(httparse::Error::Version) => return Err(refusal::of_version(head)),
            Err(_) => return Err(Refusal::Malformed),
        }
        let method = Method::of(parsed.method.ok_or(Refusal::Malformed)?);
        let is_old = parsed.version.ok_or(Refusal::Malformed)? == 0;
        let fields = Fields::collect(parsed.headers, is_old)?;
        let target = Target::parse(parsed.path.ok_or(Refusal::Malformed)?, method)?;
        Ok(Request {
            method,
            target,
            body: fields.body,
            expects_continue: fields.expects_continue && !is_old,
            keeps_alive: match is_old {
                true => fields.says_keep_alive && !fields.says_close,
                false => !fields.says_close,
            },
            is_old,
            prefers_json: fields.prefers_json,
            is_part: fields.is_part,
            conditions: fields.conditions,
            range: fields.range,
        })
    }
}
