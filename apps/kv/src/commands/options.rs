//! Words of commands: numbers, names and ranges.

use super::Refusal;
use crate::number;

/// Whether a word is a name, in letters of either case.
pub(super) fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// A number that a client wrote.
pub(super) fn integer(word: &[u8]) -> Result<i64, Refusal> {
    number::integer(word).ok_or(Refusal::NoInteger)
}

/// A number with a fraction.
pub(super) fn float(word: &[u8]) -> Result<f64, Refusal> {
    number::float(word).ok_or(Refusal::NoFloat)
}

/// A number that is not negative, as Redis refuses others.
pub(super) fn positive(word: &[u8]) -> Result<usize, Refusal> {
    let number = number::integer(word).ok_or(Refusal::NotPositive)?;
    usize::try_from(number).map_err(|_| Refusal::NotPositive)
}

/// The places from one index to another one, both counted from the end where they are negative: where they begin, and how many.
pub(super) fn range(start: i64, end: i64, length: usize) -> (usize, usize) {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_start = |index: i64| if index < 0 { length + index } else { index };
    let start = from_start(start).max(0);
    let end = from_start(end).min(length - 1);
    if start > end {
        return (0, 0);
    }
    // Both are from 0 to the length.
    (start as usize, (end - start + 1) as usize)
}

/// The place of an index, which is counted from the end where it is negative.
pub(super) fn index(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index).ok()
}
