//! A line of text in message registers.

use core::fmt;

use atoll_abi::layout::request::LOG_SIZE;
use heapless::Vec;

/// A line of bounded length; what does not fit is cut off.
#[derive(Default)]
pub struct Line(Vec<u8, LOG_SIZE>);

impl Line {
    /// Its bytes.
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// Its bytes as words, the last one filled up with zeros.
    pub fn words(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        const { assert!(LOG_SIZE.is_multiple_of(8)) };
        self.0.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        })
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.0.capacity() - self.0.len();
        let text = &text.as_bytes()[..text.len().min(room)];
        self.0.extend_from_slice(text).map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use super::*;

    #[test]
    fn a_line_is_words() {
        let mut line = Line::default();
        line.write_str("12345678").unwrap();
        line.write_str("9").unwrap();
        assert_eq!(line.length(), 9);
        let mut words = line.words();
        assert_eq!(words.next(), Some(u64::from_le_bytes(*b"12345678")));
        assert_eq!(words.next(), Some(u64::from(b'9')));
        assert_eq!(words.next(), None);
    }

    #[test]
    fn what_does_not_fit_is_cut_off() {
        let mut line = Line::default();
        for _ in 0..LOG_SIZE {
            line.write_str("ab").unwrap();
        }
        assert_eq!(
            (line.length(), line.words().len()),
            (LOG_SIZE, LOG_SIZE / 8)
        );
    }
}
