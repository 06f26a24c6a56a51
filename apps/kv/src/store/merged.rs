//! Several sorted sequences as one.

use alloc::vec::Vec;
use core::iter::Peekable;

/// Entries of several iterators, each in the order of its hashes, in the order of all hashes. Of equal hashes those of one iterator come
/// together, and all of them before the next hash.
pub(super) struct Merged<I: Iterator> {
    parts: Vec<Peekable<I>>,
}

impl<I: Iterator<Item = (u64, K, V)>, K, V> Merged<I> {
    pub(super) fn new(parts: impl Iterator<Item = I>) -> Merged<I> {
        Merged {
            parts: parts.map(Iterator::peekable).collect(),
        }
    }
}

impl<I: Iterator<Item = (u64, K, V)>, K, V> Iterator for Merged<I> {
    type Item = (u64, K, V);

    fn next(&mut self) -> Option<(u64, K, V)> {
        if let [only] = self.parts.as_mut_slice() {
            return only.next();
        }
        let parts = self.parts.iter_mut();
        let heads = parts.filter_map(|part| Some((part.peek()?.0, part)));
        // Of several that are least the first one.
        let (_, part) = heads.min_by_key(|(hash, _)| *hash)?;
        part.next()
    }
}
