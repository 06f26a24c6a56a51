//! Requests of those who type: words on a line, some in quotes.

use alloc::vec::Vec;

use super::Place;

/// Cuts a line into words, which stay where they are, or move to the left where quotes and escapes go. `None` where a quote has no end.
pub(super) fn split(line: &mut [u8], places: &mut Vec<Place>) -> Option<()> {
    let (mut from, mut to) = (0, 0);
    loop {
        while line.get(from).is_some_and(u8::is_ascii_whitespace) {
            from += 1;
        }
        if from >= line.len() {
            return Some(());
        }
        let start = to.max(from);
        // A word that needs no change stays; another one is written over what it was read from.
        to = start;
        let mut quote = None;
        while let Some(byte) = line.get(from).copied() {
            let (written, length) = match (quote, byte) {
                (None, b'"' | b'\'') => {
                    quote = Some(byte);
                    (None, 1)
                }
                (None, byte) if byte.is_ascii_whitespace() => break,
                (Some(mark), byte) if mark == byte => {
                    // Behind a quote a word ends.
                    if line
                        .get(from + 1)
                        .is_some_and(|it| !it.is_ascii_whitespace())
                    {
                        return None;
                    }
                    quote = None;
                    (None, 1)
                }
                (Some(b'"'), b'\\') => escape(line.get(from + 1..).unwrap_or_default()),
                (Some(b'\''), b'\\') if line.get(from + 1) == Some(&b'\'') => (Some(b'\''), 2),
                (_, byte) => (Some(byte), 1),
            };
            from += length;
            if let Some(byte) = written
                && let Some(place) = line.get_mut(to)
            {
                *place = byte;
                to += 1;
            }
        }
        if quote.is_some() {
            return None;
        }
        places.push(Place::new(start, to));
    }
}

/// What a backslash in a string stands for, and how many bytes it has with what is behind it.
fn escape(behind: &[u8]) -> (Option<u8>, usize) {
    match behind {
        [b'x', high, low, ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            match digit(*high).zip(digit(*low)) {
                Some((high, low)) => (Some((high * 16 + low) as u8), 4),
                None => (Some(b'x'), 2),
            }
        }
        [b'n', ..] => (Some(b'\n'), 2),
        [b'r', ..] => (Some(b'\r'), 2),
        [b't', ..] => (Some(b'\t'), 2),
        [b'b', ..] => (Some(8), 2),
        [b'a', ..] => (Some(7), 2),
        [other, ..] => (Some(*other), 2),
        [] => (Some(b'\\'), 1),
    }
}
