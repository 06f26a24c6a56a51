//! The policy that knows nothing of its program but hints.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::hint::Hint;
use crate::policy::{Candidates, Policy};

/// Evicts the page that was not used for the longest time, of those that their [`Hint`]s protect least: first what was used with
/// [`NoReuse`](Hint::NoReuse), then the pages of passes in the order in which they came, then the normal ones, at last the kept ones.
///
/// A page that could not be written goes behind all others until as many pages have gone as there are, so that it does not stop those who
/// want room.
#[derive(Clone, Debug, Default)]
pub struct Lru {
    uses: u64,
    evictions: u64,
    /// The place of each page in memory.
    places: BTreeMap<u64, Place>,
    /// All places, each with its page. The first one goes first.
    order: BTreeSet<(Rank, u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    hint: Hint,
    rank: Rank,
    /// Within the rank.
    number: u64,
}

/// What goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Was used, and is used no more.
    Spent,
    /// Of a pass, in the order of coming. Pages that were loaded ahead of it go behind those that it has used.
    Passing,
    /// In the order of the last use.
    Normal,
    /// In the order of the last use.
    Kept,
    /// Could not be written. Ordered by how many pages have gone when it is tried again.
    Unwritten,
}

impl Rank {
    /// That of a page which has not been used yet.
    fn of(hint: Hint) -> Rank {
        match hint {
            Hint::NoReuse | Hint::Streaming => Rank::Passing,
            Hint::Normal => Rank::Normal,
            Hint::Keep => Rank::Kept,
        }
    }
}

impl Lru {
    fn put(&mut self, page: u64, place: Place) {
        if let Some(before) = self.places.insert(page, place) {
            self.order.remove(&(before.rank, before.number, page));
        }
        self.order.insert((place.rank, place.number, page));
    }

    /// Puts a page behind the others of its rank.
    fn put_last(&mut self, page: u64, hint: Hint, rank: Rank) {
        self.uses += 1;
        let number = self.uses;
        self.put(page, Place { hint, rank, number });
    }

    /// A page that could not be written, and is tried again now.
    fn due(&self) -> Option<(u64, Hint)> {
        let mut unwritten = self.order.range((Rank::Unwritten, 0, 0)..);
        let (_, due, page) = *unwritten.next()?;
        let place = self.places.get(&page)?;
        (due <= self.evictions).then_some((page, place.hint))
    }
}

impl Policy for Lru {
    fn loaded(&mut self, page: u64) {
        self.put_last(page, Hint::Normal, Rank::Normal);
    }

    fn hinted(&mut self, page: u64, hint: Hint) {
        let Some(&place) = self.places.get(&page) else {
            return;
        };
        let rank = match place.rank {
            Rank::Unwritten => Rank::Unwritten,
            _ => Rank::of(hint),
        };
        if (hint, rank) != (place.hint, place.rank) {
            let number = place.number;
            self.put(page, Place { hint, rank, number });
        }
    }

    fn touched(&mut self, page: u64) {
        let place = self.places.get(&page);
        match place.map_or((Hint::Normal, Rank::Normal), |it| (it.hint, it.rank)) {
            (_, Rank::Unwritten) | (Hint::Streaming, _) => {}
            (Hint::NoReuse, _) => self.put_last(page, Hint::NoReuse, Rank::Spent),
            (hint, rank) => self.put_last(page, hint, rank),
        }
    }

    fn evicted(&mut self, page: u64) {
        self.evictions += 1;
        if let Some(before) = self.places.remove(&page) {
            self.order.remove(&(before.rank, before.number, page));
        }
    }

    fn kept(&mut self, page: u64) {
        let Some(&place) = self.places.get(&page) else {
            return;
        };
        let due = Place {
            rank: Rank::Unwritten,
            number: self.evictions + self.places.len() as u64,
            ..place
        };
        self.put(page, due);
    }

    fn victim(&mut self, _: u64, candidates: &Candidates<'_>) -> Option<u64> {
        while let Some((page, hint)) = self.due() {
            self.put_last(page, hint, Rank::of(hint));
        }
        let mut first_to_go = self.order.iter().map(|(_, _, page)| *page);
        first_to_go.find(|page| candidates.contains(*page))
    }
}
