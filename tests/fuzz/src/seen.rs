//! What all runs of a target saw together, so that a target cannot pass without having tried anything.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts of what was seen.
#[derive(Default)]
pub struct Seen(Mutex<BTreeMap<&'static str, u64>>);

impl Seen {
    /// Nothing was seen yet.
    pub fn new() -> Seen {
        Seen::default()
    }

    /// Something was seen.
    pub fn note(&self, what: &'static str) {
        self.add(what, 1);
    }

    /// Something was seen some times.
    pub fn add(&self, what: &'static str, times: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what).or_default() += times;
    }

    /// Prints all counts, and requires that some of them are not zero. A fuzzer never comes here: it does not end.
    ///
    /// # Panics
    /// Where one of `all` was never seen.
    pub fn require<Name: AsRef<str>>(&self, target: &str, all: &[Name]) {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        println!("{target}: {seen:?}");
        for what in all.iter().map(AsRef::as_ref) {
            assert!(
                seen.get(what).is_some_and(|&count| count > 0),
                "{target} never saw: {what}"
            );
        }
    }
}
