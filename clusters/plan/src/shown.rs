//! Values of a plan or of a command line as a message has them: in one line, and not at any length.

use std::fmt::{self, Write};

use crate::diagnostics::Place;

/// Characters of a value that are shown at most. Paths are shorter.
const MOST: usize = 500;

/// Characters that are shown at most of a field of an error, which may be a list with a place for each of its parts.
const MOST_OF_FIELD: usize = 3000;

/// Text that a person is shown: see [`shown`] and [`printable`].
pub struct Shown<'t> {
    text: &'t str,
    most: usize,
}

/// Text for a message. What would control a terminal or hide what follows is escaped, and a long text is cut.
pub fn shown(text: &str) -> Shown<'_> {
    Shown { text, most: MOST }
}

/// A line of any length, in which what would control a terminal or hide what follows is escaped.
pub fn printable(text: &str) -> Shown<'_> {
    Shown {
        text,
        most: usize::MAX,
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.text.chars();
        for character in characters.by_ref().take(self.most) {
            if hides(character) {
                write!(formatter, "{}", character.escape_default())?;
            } else {
                formatter.write_char(character)?;
            }
        }
        match characters.next() {
            None => Ok(()),
            Some(_) => write!(formatter, "... ({} bytes in all)", self.text.len()),
        }
    }
}

/// Whether a character controls a terminal, or the direction in which text is written.
fn hides(character: char) -> bool {
    let direction = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    direction || character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// A field of an error, as its message has it.
pub(crate) trait Field {
    fn field(&self) -> impl fmt::Display;
}

impl Field for String {
    fn field(&self) -> impl fmt::Display {
        Shown {
            text: self,
            most: MOST_OF_FIELD,
        }
    }
}

impl Field for &'static str {
    fn field(&self) -> impl fmt::Display {
        *self
    }
}

impl Field for Place {
    fn field(&self) -> impl fmt::Display {
        self
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Field for $number {
            fn field(&self) -> impl fmt::Display {
                self
            }
        }
    )*};
}

numbers!(u32 u64 usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_line_that_a_terminal_only_prints() {
        assert_eq!(shown("a plan, größer").to_string(), "a plan, größer");
        let bad = "\u{1b}[31mred\r\nnext\u{202e}line\u{7}";
        let expected = r"\u{1b}[31mred\r\nnext\u{202e}line\u{7}";
        assert_eq!(shown(bad).to_string(), expected);
        let long = "ä".repeat(1 << 20);
        let text = shown(&long).to_string();
        assert!(text.ends_with("ä... (2097152 bytes in all)"), "{text}");
        assert_eq!(text.matches('ä').count(), MOST);
    }
}
