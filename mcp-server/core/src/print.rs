//! Lines: the pieces of text that a vcore prints, put together.

/// Bytes that a line may have; a longer one is broken.
pub const LINE_SIZE: usize = 256;

/// The unfinished line of one vcore.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    bytes: [u8; LINE_SIZE],
    length: usize,
}

impl Line {
    /// A line with nothing in it.
    pub const EMPTY: Line = Line {
        bytes: [0; LINE_SIZE],
        length: 0,
    };

    /// Adds a piece and prints each line that is finished by it: by a newline, or because it is full.
    ///
    /// What is printed is UTF-8 without control characters: a tab becomes a blank, everything else that is neither is
    /// replaced by `?`. A character that is split over two pieces is put together again.
    pub fn push(&mut self, piece: &[u8], mut print: impl FnMut(&str)) {
        for &byte in piece {
            if byte == b'\n' {
                self.flush(true, &mut print);
                continue;
            }
            if self.length == LINE_SIZE {
                self.break_line(&mut print);
            }
            if let Some(free) = self.bytes.get_mut(self.length) {
                *free = byte;
                self.length += 1;
            }
        }
    }

    /// Prints what there is of a line, if there is anything.
    pub fn finish(&mut self, mut print: impl FnMut(&str)) {
        self.flush(false, &mut print);
    }

    fn flush(&mut self, even_empty: bool, print: &mut impl FnMut(&str)) {
        let Some(bytes) = self.bytes.get_mut(..self.length) else {
            return;
        };
        if even_empty || !bytes.is_empty() {
            print(clean(bytes));
        }
        self.length = 0;
    }

    /// Prints a full line, but for the start of a character whose end is still to come.
    fn break_line(&mut self, print: &mut impl FnMut(&str)) {
        let keep = unfinished_character(&self.bytes);
        let (line, rest) = self.bytes.split_at_mut(LINE_SIZE - keep);
        let mut start = [0; 4];
        for (to, from) in start.iter_mut().zip(rest.iter()) {
            *to = *from;
        }
        print(clean(line));
        for (to, from) in self.bytes.iter_mut().zip(start) {
            *to = from;
        }
        self.length = keep;
    }
}

/// How many bytes at the end begin a UTF-8 character that does not end there: 0 to 3.
fn unfinished_character(bytes: &[u8]) -> usize {
    for (back, &byte) in (1..).zip(bytes.iter().rev().take(3)) {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        return if length > back { back } else { 0 };
    }
    0
}

/// Replaces what is no text.
fn clean(bytes: &mut [u8]) -> &str {
    // Each round replaces at least one byte by one that is valid.
    for _ in 0..bytes.len() {
        let Err(error) = core::str::from_utf8(bytes) else {
            break;
        };
        if let Some(byte) = bytes.get_mut(error.valid_up_to()) {
            *byte = b'?';
        }
    }
    let mut before_first = 0;
    let mut previous = &mut before_first;
    for byte in bytes.iter_mut() {
        if *byte == b'\t' {
            *byte = b' ';
        } else if byte.is_ascii_control() {
            *byte = b'?';
        } else if *previous == 0xc2 && (0x80..=0x9f).contains(byte) {
            // A control character from U+0080 to U+009F.
            *previous = b'?';
            *byte = b'?';
        }
        previous = byte;
    }
    core::str::from_utf8(bytes).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};
    use std::vec::Vec;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut line = Line::EMPTY;
        let mut printed = Vec::new();
        for piece in pieces {
            line.push(piece, |text| printed.push(text.to_string()));
        }
        line.finish(|text| printed.push(text.to_string()));
        printed
    }

    #[test]
    fn pieces_become_lines() {
        assert_eq!(
            lines(&[b"one ", b"line\ntwo", b"\n", b"\n", b"rest"]),
            ["one line", "two", "", "rest"]
        );
        assert_eq!(lines(&[b""]), [""; 0]);
    }

    #[test]
    fn a_long_line_is_broken() {
        let printed = lines(&[&[b'x'; 2 * LINE_SIZE + 1]]);
        let lengths: Vec<usize> = printed.iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_SIZE, LINE_SIZE, 1]);
        let full = [[b'x'; LINE_SIZE].as_slice(), b"\n"].concat();
        assert_eq!(lines(&[&full]).len(), 1);
    }

    #[test]
    fn a_character_is_not_broken() {
        let mut text = "x".repeat(LINE_SIZE - 1);
        text.push_str("€ä\n");
        let (first, second) = text.as_bytes().split_at(LINE_SIZE + 1);
        assert_eq!(
            lines(&[first, second]),
            [&text[..LINE_SIZE - 1], "€ä"].map(String::from)
        );
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(lines(&[b"a\x00\x1b[2Jb\r\t\x7f\xff\n"]), ["a??[2Jb? ??"]);
        assert_eq!(lines(&["\u{9b}2J é\n".as_bytes()]), ["??2J é"]);
        assert_eq!(lines(&[b"\xe2\x82\n"]), ["??"]);
        assert_eq!(lines(&[&[0xff; LINE_SIZE]]), ["?".repeat(LINE_SIZE)]);
    }

    proptest::proptest! {
        #[test]
        fn anything_comes_out_as_text(pieces: Vec<Vec<u8>>) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            for line in lines(&pieces) {
                assert!(line.len() <= LINE_SIZE);
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}
