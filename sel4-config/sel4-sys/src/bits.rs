//! Fields within a word.

const fn mask(width: usize) -> u64 {
    if width >= 64 {
        u64::MAX
    } else {
        (1 << width) - 1
    }
}

/// The field of `width` bits at `shift`.
pub(crate) const fn extract(word: u64, shift: usize, width: usize) -> u64 {
    (word >> shift) & mask(width)
}

/// A word with `value` in the field and zero elsewhere; `value` must fit.
pub(crate) const fn place(value: u64, shift: usize, width: usize) -> u64 {
    debug_assert!(value & !mask(width) == 0);
    place_truncated(value, shift, width)
}

/// A word with the low bits of `value` in the field and zero elsewhere.
pub(crate) const fn place_truncated(value: u64, shift: usize, width: usize) -> u64 {
    (value & mask(width)) << shift
}

/// `word` with `value` in the field; `value` must fit.
pub(crate) const fn replace(word: u64, value: u64, shift: usize, width: usize) -> u64 {
    (word & !(mask(width) << shift)) | place(value, shift, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_back_and_its_neighbours_are_kept() {
        for (shift, width) in [(0, 1), (3, 7), (40, 24), (0, 64), (63, 1)] {
            let value = mask(width);
            assert_eq!(
                extract(replace(0, value, shift, width), shift, width),
                value
            );
            assert_eq!(replace(u64::MAX, 0, shift, width), !(mask(width) << shift));
            assert_eq!(place(value, shift, width), mask(width) << shift);
        }
        assert_eq!(place_truncated(0x1ff, 8, 8), 0xff00);
    }
}
