//! Short names: of clusters, processes, images and files.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes that a name may have.
pub const NAME_SIZE: usize = 32;

/// A name of at most [`NAME_SIZE`] bytes of printable ASCII, padded with zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Name([u8; NAME_SIZE]);

impl Name {
    /// The empty name.
    pub const EMPTY: Name = Name([0; NAME_SIZE]);

    /// A name from text, or `None` where it is empty, too long, or not printable ASCII without blanks.
    pub fn new(text: &str) -> Option<Name> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > NAME_SIZE || !bytes.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut name = [0; NAME_SIZE];
        name[..bytes.len()].copy_from_slice(bytes);
        Some(Name(name))
    }

    /// The name that four words of a syscall carry; `None` where a hostile caller wrote something else.
    pub fn from_words(words: [u64; 4]) -> Option<Name> {
        let mut bytes = [0; NAME_SIZE];
        bytes.copy_from_slice(words.as_bytes());
        let name = Name(bytes);
        Name::new(name.checked_str()?)
    }

    /// The name as four words of a syscall.
    pub fn to_words(&self) -> [u64; 4] {
        let mut words = [0; 4];
        words.as_mut_bytes().copy_from_slice(&self.0);
        words
    }

    /// The text, or `"?"` where the bytes came from a peer and are no name.
    pub fn as_str(&self) -> &str {
        self.checked_str().unwrap_or("?")
    }

    fn checked_str(&self) -> Option<&str> {
        let length = self
            .0
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(NAME_SIZE);
        let (text, padding) = self.0.split_at(length);
        if !padding.iter().all(|&byte| byte == 0) {
            return None;
        }
        core::str::from_utf8(text).ok()
    }
}

impl Default for Name {
    fn default() -> Name {
        Name::EMPTY
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_the_words_of_a_syscall() {
        let name = Name::new("input").unwrap();
        assert_eq!(Name::from_words(name.to_words()), Some(name));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(Name::new(""), None);
        assert_eq!(Name::new("two words"), None);
        assert_eq!(Name::new("123456789012345678901234567890123"), None);
        assert_eq!(Name::from_words([0; 4]), None);
        assert_eq!(Name::from_words([u64::MAX; 4]), None);
        let mut hidden = Name::new("a").unwrap().to_words();
        hidden[3] = 1;
        assert_eq!(Name::from_words(hidden), None);
    }
}
