//! The whole file: what was counted, and its SHA-256.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::count::Count;

/// A file so far, run by run from its start.
#[derive(Clone, Debug, Default)]
pub struct Total {
    count: Count,
    hash: Sha256,
}

impl Total {
    /// Takes the next run, which was counted already.
    pub fn add(&mut self, run: &[u8], count: Count) {
        self.hash.update(run);
        self.count = self.count.then(count);
    }

    /// What was counted so far.
    pub fn count(&self) -> Count {
        self.count
    }

    /// The SHA-256 of everything.
    pub fn finish(self) -> Hex {
        Hex(self.hash.finalize().into())
    }
}

/// A hash, shown as lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex([u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// The examples of FIPS 180-2, appendix B, and the empty message.
    #[test]
    fn the_standard_s_examples() {
        for (text, hash) in [
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            let mut total = Total::default();
            for run in text.as_bytes().chunks(7) {
                total.add(run, Count::of(run));
            }
            assert_eq!(total.count().bytes, text.len() as u64);
            assert_eq!(total.finish().to_string(), hash);
        }
    }
}
