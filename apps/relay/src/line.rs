//! The line with which a client says where it wants to be led.
//!
//! It is `a.b.c.d:port` and a line feed, nothing else: four numbers up to 255 and one from 1 to 65535, in decimal digits without zeroes
//! before them. The address 0.0.0.0 is nobody's.

use core::fmt;

/// Bytes of the shortest line.
pub const SHORTEST: usize = b"0.0.0.1:1\n".len();

/// Bytes of the longest line.
pub const LONGEST: usize = b"255.255.255.255:65535\n".len();

/// Where a client wants to be led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The address of the host.
    pub address: [u8; 4],
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.address;
        write!(formatter, "{a}.{b}.{c}.{d}:{}", self.port)
    }
}

/// A line on its way. It asks for no byte that could be one behind the line, so that all of those are left to be relayed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    bytes: [u8; LONGEST],
    length: usize,
}

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// At least so many bytes are missing.
    Needs(usize),
    /// It is whole.
    Whole(Upstream),
    /// It is no line of that form.
    Wrong,
}

impl Line {
    /// A line of which nothing has come.
    pub const fn new() -> Line {
        Line {
            bytes: [0; LONGEST],
            length: 0,
        }
    }

    /// What is known of it.
    pub fn step(&self) -> Step {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        match bytes.split_last() {
            Some((b'\n', text)) => parse(text).map_or(Step::Wrong, Step::Whole),
            _ if self.length == LONGEST || bytes.contains(&b'\n') => Step::Wrong,
            _ => Step::Needs(SHORTEST.saturating_sub(self.length).max(1)),
        }
    }

    /// Bytes have come: no more than it [needs](Step::Needs), or it is wrong.
    pub fn add(&mut self, bytes: &[u8]) -> Step {
        let end = self.length.saturating_add(bytes.len());
        match (self.step(), self.bytes.get_mut(self.length..end)) {
            (Step::Needs(most), Some(place)) if bytes.len() <= most => {
                place.copy_from_slice(bytes);
                self.length = end;
                self.step()
            }
            (Step::Needs(_), _) => Step::Wrong,
            (known, _) => known,
        }
    }
}

/// The address of a line without its end; `None` where it is none.
pub fn parse(text: &[u8]) -> Option<Upstream> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (host, port) = text.split_at_checked(colon)?;
    let mut address = [0; 4];
    let mut parts = host.split(|byte| *byte == b'.');
    for byte in &mut address {
        *byte = u8::try_from(number(parts.next()?)?).ok()?;
    }
    let port = u16::try_from(number(port.get(1..)?)?).ok()?;
    let is_one = parts.next().is_none() && port > 0 && address != [0; 4];
    is_one.then_some(Upstream { address, port })
}

/// A number of at most five digits.
fn number(digits: &[u8]) -> Option<u32> {
    let is_one = (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let is_plain = digits.len() == 1 || digits.first() != Some(&b'0');
    let value = |value: u32, digit: &u8| 10 * value + u32::from(digit - b'0');
    (is_one && is_plain).then(|| digits.iter().fold(0, value))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;
    use std::string::ToString;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_an_address_is_one() {
        let upstream = |address, port| Some(Upstream { address, port });
        for (text, expected) in [
            ("10.0.2.2:80", upstream([10, 0, 2, 2], 80)),
            ("0.0.0.1:1", upstream([0, 0, 0, 1], 1)),
            ("255.255.255.255:65535", upstream([255; 4], 65535)),
            ("", None),
            ("10.0.2.2", None),
            ("10.0.2:80", None),
            ("10.0.2.2.1:80", None),
            ("10.0.2.256:80", None),
            ("10.0.2.02:80", None),
            ("10.0.2.2:080", None),
            ("10.0.2.2:0", None),
            ("10.0.2.2:65536", None),
            ("10.0.2.2:99999999999", None),
            ("10.0.2.2:80:", None),
            ("10.0.2.2:80 ", None),
            (" 10.0.2.2:80", None),
            ("10.0.2.2:80\r", None),
            ("10..2.2:80", None),
            ("+1.0.2.2:80", None),
            ("10.0.2.2:", None),
            (":80", None),
            ("0.0.0.0:80", None),
            ("example:80", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    /// Gives a line what it needs, of bytes that come; what becomes of it, and how many were taken.
    fn fed(bytes: &[u8], at_once: usize) -> (Step, usize) {
        let (mut line, mut taken) = (Line::new(), 0);
        loop {
            let Step::Needs(most) = line.step() else {
                return (line.step(), taken);
            };
            let left = &bytes[taken..];
            let part = &left[..most.min(at_once).min(left.len())];
            if part.is_empty() {
                return (line.step(), taken);
            }
            taken += part.len();
            line.add(part);
        }
    }

    #[test]
    fn a_line_that_does_not_end_is_wrong() {
        assert_eq!(fed(&[b'1'; 100], 100), (Step::Wrong, LONGEST));
        assert_eq!(fed(b"GET / HTTP/1.1\r\n", 100), (Step::Wrong, 16));
        assert_eq!(fed(b"\n\n\n\n\n\n\n\n\n\n\n", 1), (Step::Wrong, 1));
        assert_eq!(fed(b"1.2\n3.4:5\n\n", 100), (Step::Wrong, 10));
        assert_eq!(Line::new().add(&[b'1'; 11]), Step::Wrong);
    }

    proptest! {
        #[test]
        fn what_is_behind_a_line_is_left(
            address: [u8; 4], port in 1u16.., behind: Vec<u8>, at_once in 1usize..30,
        ) {
            prop_assume!(address != [0; 4]);
            let upstream = Upstream { address, port };
            let mut bytes = format!("{upstream}\n").into_bytes();
            let length = bytes.len();
            bytes.extend(behind);
            prop_assert_eq!(fed(&bytes, at_once), (Step::Whole(upstream), length));
            prop_assert_eq!(parse(upstream.to_string().as_bytes()), Some(upstream));
        }

        #[test]
        fn any_bytes_are_a_line_or_none(bytes: Vec<u8>, at_once in 1usize..30) {
            let (step, taken) = fed(&bytes, at_once);
            prop_assert!(taken <= LONGEST);
            if let Step::Whole(upstream) = step {
                let line = format!("{upstream}\n");
                prop_assert_eq!(line.as_bytes(), &bytes[..taken]);
            }
        }
    }
}
