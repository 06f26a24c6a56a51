//! A line of text in message registers.

use core::fmt;

use atoll_abi::layout::request::LOG_SIZE;

/// A line of bounded length.
pub struct Line {
    bytes: [u8; LOG_SIZE],
    length: usize,
}

impl Default for Line {
    fn default() -> Line {
        Line {
            bytes: [0; LOG_SIZE],
            length: 0,
        }
    }
}

impl Line {
    /// Its bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Its bytes as words, the last one filled up with zeros.
    pub fn words(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        const { assert!(LOG_SIZE.is_multiple_of(8)) };
        let (words, _) = self.bytes.as_chunks::<8>();
        words
            .iter()
            .take(self.length.div_ceil(8))
            .map(|bytes| u64::from_le_bytes(*bytes))
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.length..];
        let most = text.len().min(room.len());
        room[..most].copy_from_slice(&text.as_bytes()[..most]);
        self.length += most;
        Ok(())
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
