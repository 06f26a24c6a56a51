//! What hints have to do: the hint that each page has to have, the page that may make room, and those that leave the memory.

use std::collections::{BTreeMap, BTreeSet};

use atoll_pager::{Candidates, Entry, Hint, Lru, Policy, Use};

/// How much a hint protects a page.
fn level(hint: Hint) -> u8 {
    match hint {
        Hint::Keep => 2,
        Hint::Normal => 1,
        Hint::Streaming | Hint::NoReuse => 0,
    }
}

/// Names any candidate or that of [`Lru`], and checks what it is told and what that names.
#[derive(Default)]
pub struct Checked {
    lru: Option<Lru>,
    here: BTreeSet<u64>,
    /// What could not be written, while it is here.
    unwritten: BTreeSet<u64>,
    pub choice: usize,
    /// The pages that were named last.
    pub named: Vec<u64>,
}

impl Checked {
    pub fn new(lru: bool) -> Checked {
        Checked {
            lru: lru.then(Lru::default),
            ..Checked::default()
        }
    }

    fn check_order(&self, victim: u64, candidates: &Candidates<'_>) {
        let level = |page| level(candidates.hint(page).unwrap());
        let others = candidates
            .iter()
            .filter(|page| !self.unwritten.contains(page));
        if !self.unwritten.contains(&victim) {
            let least = others.map(level).min();
            assert_eq!(Some(level(victim)), least, "page {victim} went too early");
        }
    }
}

impl Policy for Checked {
    fn loaded(&mut self, page: u64) {
        assert!(self.here.insert(page), "page {page} came twice");
        self.lru.iter_mut().for_each(|lru| lru.loaded(page));
    }

    fn hinted(&mut self, page: u64, hint: Hint) {
        assert!(self.here.contains(&page));
        self.lru.iter_mut().for_each(|lru| lru.hinted(page, hint));
    }

    fn touched(&mut self, page: u64) {
        assert!(self.here.contains(&page));
        self.lru.iter_mut().for_each(|lru| lru.touched(page));
    }

    fn evicted(&mut self, page: u64) {
        assert!(self.here.remove(&page), "page {page} went twice");
        self.unwritten.remove(&page);
        self.lru.iter_mut().for_each(|lru| lru.evicted(page));
    }

    fn kept(&mut self, page: u64) {
        self.unwritten.insert(page);
        self.lru.iter_mut().for_each(|lru| lru.kept(page));
    }

    fn victim(&mut self, wanted: u64, candidates: &Candidates<'_>) -> Option<u64> {
        assert!(!self.here.contains(&wanted));
        let all: Vec<u64> = candidates.iter().collect();
        assert!(all.iter().all(|page| self.here.contains(page)));
        let victim = match &mut self.lru {
            None => all[self.choice % all.len()],
            Some(lru) => {
                let victim = lru.victim(wanted, candidates);
                let victim = victim.expect("there is a candidate");
                self.check_order(victim, candidates);
                victim
            }
        };
        self.named.push(victim);
        Some(victim)
    }
}

/// A page in memory.
struct Known {
    hint: Hint,
    /// It was asked for to be here, and not used since.
    ahead: bool,
    /// The last write of it.
    written: u64,
}

/// What is known of the pages in memory.
#[derive(Default)]
pub struct Hints {
    pages: BTreeMap<u64, Known>,
    /// Those that wait for pages.
    pub waiting: Vec<u64>,
    /// Pages that go for another reason than their hint.
    going: BTreeSet<u64>,
    pub writes: u64,
    pub stable: u64,
}

impl Hints {
    pub fn loaded(&mut self, page: u64, hint: Hint, used: bool) {
        let known = Known {
            hint,
            ahead: !used,
            written: 0,
        };
        assert!(self.pages.insert(page, known).is_none());
    }

    /// A page in memory is asked for.
    pub fn asked(&mut self, page: u64, hint: Hint, used: bool) {
        let known = self.pages.get_mut(&page).expect("it is in memory");
        known.ahead = !used;
        if level(hint) >= level(known.hint) {
            known.hint = hint;
        }
    }

    pub fn set(&mut self, page: u64, hint: Hint) {
        if let Some(known) = self.pages.get_mut(&page) {
            (known.hint, known.ahead) = (hint, false);
        }
    }

    pub fn goes(&mut self, page: u64) {
        self.going.insert(page);
    }

    /// A write has ended, however.
    pub fn write_ended(&mut self, page: u64, done: bool) {
        self.writes += 1;
        if let Some(known) = self.pages.get_mut(&page).filter(|_| done) {
            known.written = self.writes;
        }
    }

    fn is_spent(&self, page: u64) -> bool {
        let known = &self.pages[&page];
        let used = !known.ahead && !self.waiting.contains(&page);
        known.hint == Hint::NoReuse && used && known.written <= self.stable
    }

    /// Each page has its hint, and those are here that have to be.
    pub fn check(&mut self, entries: &[Entry]) {
        let here = entries.iter().filter(|entry| entry.using != Use::Loading);
        let here: BTreeMap<u64, &Entry> = here.map(|entry| (entry.page, entry)).collect();
        let gone = self.pages.keys().filter(|page| !here.contains_key(page));
        for page in gone.copied().collect::<Vec<u64>>() {
            assert!(
                self.going.remove(&page) || self.is_spent(page),
                "page {page} went"
            );
            self.pages.remove(&page);
        }
        assert_eq!(here.len(), self.pages.len());
        for (page, entry) in here {
            assert_eq!(entry.hint, self.pages[&page].hint, "page {page}");
            if entry.using != Use::Writing {
                self.going.remove(&page);
            }
            let clean = entry.using == Use::Idle && !entry.dirty;
            assert!(!(clean && self.is_spent(page)), "page {page} stays");
        }
    }
}
