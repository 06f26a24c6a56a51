//! What holds after each action, and at the end.

use std::collections::BTreeSet;

use atoll_pager::{Entry, Outcome, Refusal, Step, Use};

use super::{Model, NOTHING, PAGES};

impl Model {
    /// What is written is in memory, dirty, or in the store.
    pub(super) fn check(&mut self) {
        match self.map.unwritten() {
            Ok(_) => {}
            Err(Refusal::Lost { .. } | Refusal::Unsure) => {
                for page in 0..PAGES {
                    if !self.is_in_frame(page) {
                        self.expected[page as usize] = self.cache[page as usize];
                    }
                }
                self.map.accept_losses();
            }
            Err(refusal) => panic!("{refusal:?}"),
        }
        let entries: Vec<Entry> = self.map.entries().collect();
        self.hints.check(&entries);
        for (pin, _) in &self.pins {
            let entry = self.map.entry(pin.page()).expect("it is pinned");
            assert!(matches!(entry.using, Use::Shared(_) | Use::Exclusive));
        }
        let mut pages = BTreeSet::new();
        for entry in entries {
            assert!(pages.insert(entry.page), "a page is in two frames");
            assert_eq!(self.map.entry(entry.page), Some(entry));
            if entry.using != Use::Loading {
                assert_eq!(self.frames[entry.frame], self.expected[entry.page as usize]);
            }
        }
        for page in 0..PAGES {
            if self.map.entry(page).is_none_or(|entry| !entry.dirty) {
                let (stored, expected) = (self.cache[page as usize], self.expected[page as usize]);
                assert_eq!(stored, expected, "page {page} is lost");
            }
        }
    }

    fn is_in_frame(&self, page: u64) -> bool {
        let entry = self.map.entry(page);
        entry.is_some_and(|entry| entry.using != Use::Loading)
    }

    /// Everything ends well, and is flushed.
    pub fn finish(&mut self) {
        while let Some((writing, asked)) = self.writes.pop() {
            self.written(writing, asked, Outcome::Done);
        }
        while let Some((loading, asked)) = self.loads.pop() {
            self.loaded(loading, asked, Outcome::Done);
        }
        while let Some((pin, access)) = self.pins.pop() {
            self.unpin(pin, access, true);
        }
        self.check();
        for page in self.map.unwritten().unwrap() {
            let Ok(Step::Write(writing)) = self.map.write_out(page) else {
                panic!("page {page} is dirty, and nobody has it")
            };
            self.written(writing, NOTHING, Outcome::Done);
        }
        assert_eq!(self.map.unwritten(), Ok(vec![]));
        let flush = self.flush_begins();
        self.flush_ends(flush, true);
        self.check();
        assert_eq!(self.stable, self.expected);
    }
}
