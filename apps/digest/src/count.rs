//! Bytes, lines and words of a run of bytes, so that neighbouring runs can be added up.

/// What was counted in a run of bytes.
///
/// A word is a maximal run of bytes other than ASCII white space, as `wc` counts in the C locale; a line ends with `\n`.
/// A word that crosses from one run into the next is counted once when the two are [joined](Count::then).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Bytes.
    pub bytes: u64,
    /// Line ends.
    pub lines: u64,
    /// Words, whole or in part.
    pub words: u64,
    starts_in_word: bool,
    ends_in_word: bool,
}

impl Count {
    /// Counts a run.
    pub fn of(run: &[u8]) -> Count {
        let mut count = Count {
            bytes: run.len() as u64,
            starts_in_word: run.first().is_some_and(|byte| !is_white_space(*byte)),
            ..Count::default()
        };
        for &byte in run {
            let in_word = !is_white_space(byte);
            count.words += u64::from(in_word && !count.ends_in_word);
            count.lines += u64::from(byte == b'\n');
            count.ends_in_word = in_word;
        }
        count
    }

    /// This run and the one that follows it, as one.
    #[must_use]
    pub fn then(self, next: Count) -> Count {
        if self.bytes == 0 {
            return next;
        }
        if next.bytes == 0 {
            return self;
        }
        Count {
            bytes: self.bytes + next.bytes,
            lines: self.lines + next.lines,
            words: self.words + next.words - u64::from(self.ends_in_word && next.starts_in_word),
            starts_in_word: self.starts_in_word,
            ends_in_word: next.ends_in_word,
        }
    }
}

fn is_white_space(byte: u8) -> bool {
    // `u8::is_ascii_whitespace` leaves out the vertical tab.
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn naive(text: &[u8]) -> (u64, u64, u64) {
        let words = text
            .split(|byte| b" \t\n\x0b\x0c\r".contains(byte))
            .filter(|word| !word.is_empty());
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        (text.len() as u64, lines as u64, words.count() as u64)
    }

    proptest! {
        #[test]
        fn runs_of_any_size_add_up(
            text in proptest::collection::vec(prop_oneof![Just(b' '), Just(b'\n'), Just(0x0b), Just(b'a'), any::<u8>()], 0..300),
            cuts in proptest::collection::vec(0usize..300, 0..10),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let total = cuts
                .windows(2)
                .map(|cut| Count::of(&text[cut[0]..cut[1]]))
                .fold(Count::default(), Count::then);
            prop_assert_eq!((total.bytes, total.lines, total.words), naive(&text));
        }
    }

    #[test]
    fn a_word_across_three_runs_is_one() {
        let total = [&b"one tw"[..], b"o", b"o three"]
            .map(Count::of)
            .into_iter()
            .fold(Count::default(), Count::then);
        assert_eq!((total.bytes, total.lines, total.words), (14, 0, 3));
    }
}
