//! Where a head ends.

use super::{HEAD_LIMIT, Refusal};

/// Looks for the end of a head in what has come so far, at each byte once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadScan {
    /// Bytes that were looked at.
    seen: usize,
    /// Where the present line begins.
    line: usize,
    /// The byte before.
    before: u8,
}

impl HeadScan {
    /// Looks at what was not looked at yet of all that has come. Gives the length of the head where that is complete, with the empty
    /// line that ends it.
    ///
    /// # Errors
    /// [`Refusal::BareLineEnd`], [`Refusal::FoldedField`], [`Refusal::Malformed`] where there is no request line, and what is too long.
    pub fn look(&mut self, all: &[u8]) -> Result<Option<usize>, Refusal> {
        for byte in all.get(self.seen..).unwrap_or_default() {
            let at = self.seen;
            if at >= HEAD_LIMIT {
                return Err(match self.line {
                    0 => Refusal::TargetTooLong,
                    _ => Refusal::HeadTooLong,
                });
            }
            if (*byte == b'\n') != (self.before == b'\r') {
                return Err(Refusal::BareLineEnd);
            }
            if at == self.line && at > 0 && matches!(byte, b' ' | b'\t') {
                return Err(Refusal::FoldedField);
            }
            self.seen += 1;
            self.before = *byte;
            if *byte == b'\n' {
                let is_empty = at == self.line + 1;
                match (is_empty, self.line) {
                    (true, 0) => return Err(Refusal::Malformed),
                    (true, _) => return Ok(Some(self.seen)),
                    (false, _) => self.line = self.seen,
                }
            }
        }
        Ok(None)
    }

    /// Whether nothing was looked at.
    pub fn is_new(&self) -> bool {
        self.seen == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        HeadScan::default().look(bytes)
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        let head = b"GET / HTTP/1.1\r\nA: b\r\n\r\nmore\n";
        let length = head.len() - 5;
        assert_eq!(look(head), Ok(Some(length)));
        let mut scan = HeadScan::default();
        for end in 0..length {
            assert_eq!(scan.look(&head[..end]), Ok(None));
        }
        assert_eq!(scan.look(head), Ok(Some(length)));
    }

    #[test]
    fn what_is_wrong_is_refused_at_its_byte() {
        for (bytes, refusal) in [
            (&b"GET / HTTP/1.1\n"[..], Refusal::BareLineEnd),
            (b"GET /\rX", Refusal::BareLineEnd),
            (b"GET / HTTP/1.1\r\nA: b\r\r", Refusal::BareLineEnd),
            (b"GET / HTTP/1.1\r\nA: b\n", Refusal::BareLineEnd),
            (b"GET / HTTP/1.1\r\n ", Refusal::FoldedField),
            (b"GET / HTTP/1.1\r\nA: b\r\n\t", Refusal::FoldedField),
            (b"\r\n", Refusal::Malformed),
        ] {
            assert_eq!(look(bytes), Err(refusal), "{}", bytes.escape_ascii());
            let before = &bytes[..bytes.len() - 1];
            assert_eq!(look(before), Ok(None), "{}", bytes.escape_ascii());
        }
        assert_eq!(look(&[b'x'; HEAD_LIMIT]), Ok(None));
        assert_eq!(look(&[b'x'; HEAD_LIMIT + 1]), Err(Refusal::TargetTooLong));
        let long = [&b"x\r\n"[..], &[b'x'; HEAD_LIMIT]].concat();
        assert_eq!(look(&long), Err(Refusal::HeadTooLong));
    }
}
