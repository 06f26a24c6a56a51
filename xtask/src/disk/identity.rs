//! Identifiers that are the same for the same names.

use gpt_disk_types::Guid;
use sha2::{Digest, Sha256};

/// An identifier of something that has these names. Another purpose gives another one.
pub fn of<'a>(purpose: &'a str, names: impl IntoIterator<Item = &'a str>) -> Guid {
    let mut hash = Sha256::new();
    for part in std::iter::once(purpose).chain(names) {
        // With its length, so that no other parts are the same bytes.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    // In the form of a random one, which claims nothing about where it comes from.
    Guid::from_random_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_depends_on_all_names_and_their_bounds() {
        let all = [
            of("disk", ["a", "b"]),
            of("disk", ["ab"]),
            of("disk", ["b", "a"]),
            of("partition", ["a", "b"]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one));
        }
        assert_eq!(all[0], of("disk", ["a", "b"]));
        assert_eq!(all[0].version(), 4);
    }
}
