//! Why requests are refused.

use core::fmt;

/// Why a request is refused before anybody looks at what it wants. Its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is no request.
    Malformed,
    /// A line ends with a line feed alone, or there is a carriage return without one.
    BareLineEnd,
    /// A field goes on in the next line, which RFC 9112 has obsoleted.
    FoldedField,
    /// The request line is longer than a head may be.
    TargetTooLong,
    /// The head is longer than one may be.
    HeadTooLong,
    /// There are more fields than one may have.
    TooManyFields,
    /// It is of another version of HTTP.
    Version,
    /// The target is none that can be asked for.
    Target,
    /// `Host` is missing, there more than once, or no name of a host.
    Host,
    /// `Content-Length` is no number, or there more than once.
    ContentLength,
    /// `Content-Length` and `Transfer-Encoding` are both there, or the latter more than once or in HTTP/1.0: two readers could see two
    /// ends of the request.
    Ambiguous,
    /// `Transfer-Encoding` is something else than `chunked`.
    TransferCoding,
    /// `Expect` is something else than `100-continue`.
    Expectation,
    /// A chunk's size, extension or end, or a trailer, is wrong or too long.
    Chunk,
}

impl Refusal {
    /// Every refusal, for tables and tests.
    pub const ALL: [Refusal; 14] = [
        Refusal::Malformed,
        Refusal::BareLineEnd,
        Refusal::FoldedField,
        Refusal::TargetTooLong,
        Refusal::HeadTooLong,
        Refusal::TooManyFields,
        Refusal::Version,
        Refusal::Target,
        Refusal::Host,
        Refusal::ContentLength,
        Refusal::Ambiguous,
        Refusal::TransferCoding,
        Refusal::Expectation,
        Refusal::Chunk,
    ];

    /// The status code of the answer.
    pub fn status(self) -> u16 {
        match self {
            Refusal::TargetTooLong => 414,
            Refusal::HeadTooLong | Refusal::TooManyFields => 431,
            Refusal::Version => 505,
            Refusal::TransferCoding => 501,
            Refusal::Expectation => 417,
            _ => 400,
        }
    }
}

/// What is wrong, and what to do.
impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Refusal::Malformed => "this is no request of HTTP; send a request line and fields, as RFC 9112 says",
            Refusal::BareLineEnd => "a line does not end with CR and LF; send both, and neither anywhere else",
            Refusal::FoldedField => "a field goes on in the next line; send it in one line",
            Refusal::TargetTooLong => "the request line is too long; ask for a shorter path",
            Refusal::HeadTooLong => "the head is longer than 8 KiB; send fewer or shorter fields",
            Refusal::TooManyFields => "the head has more than 64 fields; send fewer",
            Refusal::Version => "this version of HTTP is not spoken here; speak HTTP/1.1",
            Refusal::Target => "the target is none; ask for a path that begins with a slash, or for a whole http address",
            Refusal::Host => "Host has to be there once, with the name of a host",
            Refusal::ContentLength => "Content-Length has to be there at most once, as digits alone",
            Refusal::Ambiguous => "the length of the body is given in two ways; send either Content-Length or Transfer-Encoding, once",
            Refusal::TransferCoding => "this transfer coding is not known here; send the body as it is, or chunked",
            Refusal::Expectation => "only 100-continue can be expected",
            Refusal::Chunk => "a chunk or trailer is malformed or too long",
        })
    }
}

impl core::error::Error for Refusal {}

/// The refusal of a head whose request line does not end with a version that is spoken here.
pub(super) fn of_version(head: &[u8]) -> Refusal {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(1);
    let (target, version, more) = (words.next(), words.next(), words.next());
    let is_line = target.is_some_and(|target| !target.is_empty()) && more.is_none();
    match version.and_then(|version| version.strip_prefix(b"HTTP/")) {
        Some([major, b'.', minor])
            if is_line && major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Refusal::Version
        }
        _ => Refusal::Malformed,
    }
}
