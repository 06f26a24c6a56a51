//! Bodies of requests as they arrive, in pieces of any size.

use core::ops::Range;

use crate::request::{Body, Refusal};

/// Most bytes behind the size of a chunk, in its line.
pub const MOST_EXTENSION: usize = 256;

/// Most bytes of all trailers.
pub const MOST_TRAILERS: usize = 2048;

/// Most digits of the size of a chunk.
const MOST_DIGITS: u32 = 15;

/// What comes next in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunked {
    /// A digit of a size, after so many, which say this much; or what ends the size.
    Size(u32, u64),
    /// A byte of an extension, after so many, of a chunk of this size.
    Extension(usize, u64),
    /// The line feed of a line with this size.
    SizeEnd(u64),
    /// So many bytes of data.
    Data(u64),
    /// The end of a chunk's data.
    DataReturn,
    DataFeed,
    /// A trailer's first byte, or the line that ends all.
    Line,
    /// A further byte of a trailer's name.
    Name,
    /// A byte of a trailer's value.
    Value,
    /// The line feed of a trailer.
    LineEnd,
    /// The last line feed.
    LastFeed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    Chunked(Chunked),
    Finished,
}

/// Finds the data of a body in what arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoder {
    state: State,
    /// Bytes of trailers so far.
    trailers: usize,
}

/// What was done with bytes that have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// So many of them are done with: none where there were none, or the body is finished.
    pub taken: usize,
    /// These of them are data.
    pub data: Range<usize>,
}

impl Decoder {
    /// That of a body.
    pub fn new(body: Body) -> Decoder {
        let state = match body {
            Body::None | Body::Length(0) => State::Finished,
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::Chunked(Chunked::Size(0, 0)),
        };
        Decoder { state, trailers: 0 }
    }

    /// Whether all of the body has come.
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Bytes that the body still has, where that is known.
    pub fn left(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Chunked(_) => None,
            State::Finished => Some(0),
        }
    }

    /// Takes bytes up to the end of the data of a chunk, of the body, or of what has come.
    ///
    /// # Errors
    /// [`Refusal::Chunk`].
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, Refusal> {
        match self.state {
            State::Finished => Ok(Decoded {
                taken: 0,
                data: 0..0,
            }),
            State::Length(left) => {
                let taken = take(bytes, left);
                self.state = match left - taken as u64 {
                    0 => State::Finished,
                    left => State::Length(left),
                };
                Ok(Decoded {
                    taken,
                    data: 0..taken,
                })
            }
            State::Chunked(next) => self.decode_chunks(bytes, next),
        }
    }

    fn decode_chunks(&mut self, bytes: &[u8], mut next: Chunked) -> Result<Decoded, Refusal> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..)
            && let Some(byte) = rest.first()
        {
            if let Chunked::Data(left) = next {
                let length = take(rest, left);
                let left = left - length as u64;
                self.state = State::Chunked(match left {
                    0 => Chunked::DataReturn,
                    left => Chunked::Data(left),
                });
                return Ok(Decoded {
                    taken: at + length,
                    data: at..at + length,
                });
            }
            at += 1;
            match self.control(next, *byte)? {
                Some(then) => next = then,
                None => {
                    self.state = State::Finished;
                    return Ok(Decoded {
                        taken: at,
                        data: 0..0,
                    });
                }
            }
        }
        self.state = State::Chunked(next);
        Ok(Decoded {
            taken: at,
            data: 0..0,
        })
    }

    /// Takes a byte that is no data; `None` where it was the last one.
    fn control(&mut self, next: Chunked, byte: u8) -> Result<Option<Chunked>, Refusal> {
        if matches!(next, Chunked::Line | Chunked::Name | Chunked::Value) {
            self.trailers += 1;
            if self.trailers > MOST_TRAILERS {
                return Err(Refusal::Chunk);
            }
        }
        Ok(Some(match (next, byte) {
            (Chunked::Size(0, _), b'\r' | b';') => return Err(Refusal::Chunk),
            (Chunked::Size(_, size), b'\r') => Chunked::SizeEnd(size),
            (Chunked::Size(_, size), b';') => Chunked::Extension(1, size),
            (Chunked::Size(digits, size), _) => {
                let digit = (byte as char).to_digit(16).ok_or(Refusal::Chunk)?;
                if digits == MOST_DIGITS {
                    return Err(Refusal::Chunk);
                }
                Chunked::Size(digits + 1, size << 4 | u64::from(digit))
            }
            (Chunked::Extension(_, size), b'\r') => Chunked::SizeEnd(size),
            (Chunked::Extension(length, size), _) => {
                if length == MOST_EXTENSION || is_control(byte) {
                    return Err(Refusal::Chunk);
                }
                Chunked::Extension(length + 1, size)
            }
            (Chunked::SizeEnd(0), b'\n') => Chunked::Line,
            (Chunked::SizeEnd(size), b'\n') => Chunked::Data(size),
            (Chunked::DataReturn, b'\r') => Chunked::DataFeed,
            (Chunked::DataFeed, b'\n') => Chunked::Size(0, 0),
            (Chunked::Line, b'\r') => Chunked::LastFeed,
            (Chunked::LastFeed, b'\n') => return Ok(None),
            (Chunked::Line | Chunked::Name, byte) if is_token(byte) => Chunked::Name,
            (Chunked::Name, b':') => Chunked::Value,
            (Chunked::Value, b'\r') => Chunked::LineEnd,
            (Chunked::Value, byte) if !is_control(byte) => Chunked::Value,
            (Chunked::LineEnd, b'\n') => Chunked::Line,
            _ => return Err(Refusal::Chunk),
        }))
    }
}

/// How many of these bytes are the next of so many.
fn take(bytes: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Whether a byte may be in a name of a field.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), Refusal> {
        let mut decoder = Decoder::new(Body::Chunked);
        let mut data = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && !decoder.is_finished() {
                let decoded = decoder.decode(rest)?;
                assert!(decoded.taken > 0, "it stands still");
                data.extend(&rest[decoded.data]);
                rest = &rest[decoded.taken..];
            }
        }
        Ok((data, decoder.is_finished()))
    }

    #[test]
    fn chunks_are_put_together_however_they_are_cut() {
        let body =
            b"5\r\nhello\r\n1;name=\"v\"\r\n \r\nA\r\n0123456789\r\n000\r\nTrailer: x\r\n\r\n";
        let whole = (b"hello 0123456789".to_vec(), true);
        assert_eq!(decode(&[body]), Ok(whole.clone()));
        for cut in 0..body.len() {
            assert_eq!(decode(&[&body[..cut], &body[cut..]]), Ok(whole.clone()));
            assert!(!decode(&[&body[..cut]]).unwrap().1, "finished at {cut}");
        }
        let single: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(decode(&single), Ok(whole));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long_size = [b'0'; MOST_DIGITS as usize + 1];
        let long_extension = [&b"1;"[..], &[b'x'; MOST_EXTENSION], b"\r\n"].concat();
        let long_trailers = [&b"0\r\n"[..], &b"name: value\r\n".repeat(200)].concat();
        let refused: [&[u8]; 23] = [
            b"\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b" 1\r\n",
            b"1 \r\n",
            b"1 ;x\r\n",
            b"0x1\r\n",
            b";x\r\n",
            b"1\n",
            b"1\r\r\n",
            b"1;\n\r\n",
            b"1\r\nab\r\n",
            b"1\r\na\n",
            b"1\r\na\rb",
            b"0\r\n\n",
            b"0\r\n name: folded\r\n",
            b"0\r\nname\r\n",
            b"0\r\nname : x\r\n",
            b"0\r\nname: a\nb\r\n",
            &long_size,
            &long_extension,
            &long_trailers,
        ];
        for bytes in refused {
            assert_eq!(
                decode(&[bytes]),
                Err(Refusal::Chunk),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn a_length_is_kept() {
        let mut decoder = Decoder::new(Body::Length(5));
        assert_eq!(decoder.decode(b"abc").unwrap().data, 0..3);
        assert_eq!(decoder.left(), Some(2));
        let last = decoder.decode(b"defg").unwrap();
        assert_eq!((last.taken, last.data), (2, 0..2));
        assert!(decoder.is_finished());
        assert_eq!(decoder.decode(b"g").unwrap().taken, 0);
        assert!(Decoder::new(Body::Length(0)).is_finished());
    }
}
