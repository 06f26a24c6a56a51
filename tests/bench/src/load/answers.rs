//! Checks what a server answers, however its bytes are divided.

use std::fmt;

/// Bytes of the head of an HTTP answer.
const MOST_HEAD: usize = 8 << 10;

/// What each answer is.
#[derive(Clone, Debug)]
pub enum Expected {
    /// These bytes.
    Text(Vec<u8>),
    /// An HTTP answer with status 200 and a body of so many bytes.
    File {
        /// Bytes of the body.
        bytes: u64,
    },
}

/// An answer that is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its beginning.
    pub beginning: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "an answer is not the expected one: {:?}",
            self.beginning
        )
    }
}

impl std::error::Error for Wrong {}

/// The answers on one connection.
#[derive(Debug)]
pub struct Answers {
    expected: Expected,
    /// Bytes of a text that have come.
    come: usize,
    head: Vec<u8>,
    /// Bytes of a body that are still to come, once its head has come.
    left: Option<u64>,
}

impl Answers {
    /// None has come.
    pub fn new(expected: Expected) -> Answers {
        Answers {
            expected,
            come: 0,
            head: Vec::new(),
            left: None,
        }
    }

    /// Takes bytes; how many answers they complete.
    ///
    /// # Errors
    /// Where an answer is not the expected one.
    pub fn take(&mut self, bytes: &[u8]) -> Result<u64, Wrong> {
        match self.expected {
            Expected::Text(_) => self.take_text(bytes),
            Expected::File { bytes: body } => self.take_file(body, bytes),
        }
    }

    fn take_text(&mut self, mut bytes: &[u8]) -> Result<u64, Wrong> {
        let Expected::Text(text) = &self.expected else {
            return Ok(0);
        };
        let mut answers = 0;
        while !bytes.is_empty() {
            let expected = &text[self.come..];
            let length = expected.len().min(bytes.len());
            if expected[..length] != bytes[..length] {
                return Err(wrong(bytes));
            }
            bytes = &bytes[length..];
            self.come += length;
            if self.come == text.len() {
                self.come = 0;
                answers += 1;
            }
        }
        Ok(answers)
    }

    fn take_file(&mut self, body: u64, mut bytes: &[u8]) -> Result<u64, Wrong> {
        let mut answers = 0;
        while !bytes.is_empty() {
            let Some(left) = self.left else {
                bytes = self.take_head(body, bytes)?;
                continue;
            };
            let length = (bytes.len() as u64).min(left);
            bytes = &bytes[length as usize..];
            self.left = Some(left - length);
            if left == length {
                self.left = None;
                answers += 1;
            }
        }
        Ok(answers)
    }

    /// Takes bytes of a head; those behind it are left.
    fn take_head<'b>(&mut self, body: u64, bytes: &'b [u8]) -> Result<&'b [u8], Wrong> {
        const END: &[u8] = b"\r\n\r\n";
        let before = self.head.len();
        self.head.extend(bytes);
        let from = before.saturating_sub(END.len() - 1);
        let end = self.head[from..]
            .windows(END.len())
            .position(|it| it == END);
        let Some(end) = end else {
            return match self.head.len() > MOST_HEAD {
                true => Err(wrong(&self.head)),
                false => Ok(&[]),
            };
        };
        let end = from + end + END.len();
        self.head.truncate(end);
        if length_of_body(&self.head) != Some(body) {
            return Err(wrong(&self.head));
        }
        self.head.clear();
        self.left = Some(body);
        Ok(&bytes[end - before..])
    }
}

/// Bytes of the body by an answer's head; `None` where the answer is no success, or does not say it.
fn length_of_body(head: &[u8]) -> Option<u64> {
    let mut lines = str::from_utf8(head).ok()?.split("\r\n");
    let mut status = lines.next()?.split(' ');
    let is_success = status.next() == Some("HTTP/1.1") && status.next() == Some("200");
    let mut lengths = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    is_success.then(|| lengths.next())?
}

fn wrong(bytes: &[u8]) -> Wrong {
    let beginning = &bytes[..bytes.len().min(80)];
    Wrong {
        beginning: String::from_utf8_lossy(beginning).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the bytes in pieces of each size in turn; all have to count the same.
    fn in_pieces(expected: &Expected, bytes: &[u8]) -> Result<u64, Wrong> {
        let mut results = (1..=bytes.len()).map(|size| {
            let mut answers = Answers::new(expected.clone());
            let counts = bytes.chunks(size).map(|piece| answers.take(piece));
            counts.sum::<Result<u64, Wrong>>()
        });
        let first = results.next().unwrap();
        for other in results {
            assert_eq!(other.is_ok(), first.is_ok());
            assert_eq!(other.clone().unwrap_or(0), first.clone().unwrap_or(0));
        }
        first
    }

    #[test]
    fn texts_are_compared_to_the_last_byte() {
        let expected = Expected::Text(b"$3\r\nxxx\r\n".to_vec());
        assert_eq!(in_pieces(&expected, b"$3\r\nxxx\r\n$3\r\nxxx\r\n$3"), Ok(2));
        let wrong = in_pieces(&expected, b"$3\r\nxxx\r\n$-1\r\n").unwrap_err();
        assert!(wrong.to_string().contains("not the expected one"));
        assert!(in_pieces(&expected, b"$3\r\nxxy\r\n").is_err());
    }

    #[test]
    fn files_are_heads_and_as_many_bytes_as_these_say() {
        let answer = "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-LENGTH: 4\r\n\r\n\r\n\r\n";
        let expected = Expected::File { bytes: 4 };
        let twice = [answer, answer].concat();
        assert_eq!(in_pieces(&expected, twice.as_bytes()), Ok(2));
        assert_eq!(
            in_pieces(&expected, &twice.as_bytes()[..twice.len() - 1]),
            Ok(1)
        );
        for bad in [
            answer.replace("200", "404"),
            answer.replace(": 4", ": 5"),
            answer.replace("content", "malcontent"),
            answer.replace("HTTP/1.1", "HTTP/1.0"),
        ] {
            assert!(in_pieces(&expected, bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_head_ends_some_day() {
        let mut answers = Answers::new(Expected::File { bytes: 1 });
        assert_eq!(answers.take(&[b'a'; MOST_HEAD]), Ok(0));
        assert!(answers.take(b"aa").is_err());
    }
}
