//! Ranges of sorted sets: by rank, by score, and by name where all scores are the same.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use super::options::{float, integer, is, range as places};
use super::{Context, Done, Refusal};
use crate::store::{Scored, Sorted};

/// One side of a range.
#[derive(Clone, Copy)]
enum Bound<T> {
    /// Before all.
    First,
    /// From there on, or up to there.
    With(T),
    /// The same, without what is there.
    Without(T),
    /// Behind all.
    Last,
}

impl<T> Bound<T> {
    /// How many members are before the range that begins here, or, where it ends here, up to its end. `compare` tells whether a
    /// member is before a place, or there.
    fn rank(
        &self,
        sorted: &Sorted,
        is_end: bool,
        compare: impl Fn(&Scored, &T) -> core::cmp::Ordering,
    ) -> usize {
        let ranks = sorted.ranks();
        match self {
            Bound::First => 0,
            Bound::Last => sorted.len(),
            Bound::With(it) if is_end => ranks.rank_of(|member| compare(member, it).is_le()),
            Bound::Without(it) if !is_end => ranks.rank_of(|member| compare(member, it).is_le()),
            Bound::With(it) | Bound::Without(it) => {
                ranks.rank_of(|member| compare(member, it).is_lt())
            }
        }
    }
}

/// What a range goes by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Name,
}

/// A range.
enum Limits<'a> {
    Ranks(i64, i64),
    Scores(Bound<f64>, Bound<f64>),
    Names(Bound<&'a [u8]>, Bound<&'a [u8]>),
}

fn score_bound(word: &[u8]) -> Result<Bound<f64>, Refusal> {
    let bound = match word {
        [b'(', rest @ ..] => float(rest).map(Bound::Without),
        _ => float(word).map(Bound::With),
    };
    bound.map_err(|_| Refusal::Says("min or max is not a float"))
}

fn name_bound(word: &[u8]) -> Result<Bound<&[u8]>, Refusal> {
    match word {
        b"-" => Ok(Bound::First),
        b"+" => Ok(Bound::Last),
        [b'(', name @ ..] => Ok(Bound::Without(name)),
        [b'[', name @ ..] => Ok(Bound::With(name)),
        _ => Err(Refusal::Says("min or max not valid string range item")),
    }
}

impl<'a> Limits<'a> {
    /// From the less to the greater, or, of ranks, as they were written.
    fn read(by: By, first: &'a [u8], last: &'a [u8]) -> Result<Limits<'a>, Refusal> {
        Ok(match by {
            By::Rank => Limits::Ranks(integer(first)?, integer(last)?),
            By::Score => Limits::Scores(score_bound(first)?, score_bound(last)?),
            By::Name => Limits::Names(name_bound(first)?, name_bound(last)?),
        })
    }

    /// The ranks of a range, from the first member on.
    fn ranks(&self, sorted: &Sorted, is_back: bool) -> Range<usize> {
        let (start, end) = match self {
            Limits::Ranks(start, end) => {
                let (start, count) = places(*start, *end, sorted.len());
                match is_back && count > 0 {
                    true => (sorted.len() - start - count, sorted.len() - start),
                    false => (start, start + count),
                }
            }
            Limits::Scores(first, last) => {
                let compare = |member: &Scored, score: &f64| {
                    let order = member.0.partial_cmp(score);
                    order.unwrap_or(core::cmp::Ordering::Equal)
                };
                (
                    first.rank(sorted, false, compare),
                    last.rank(sorted, true, compare),
                )
            }
            Limits::Names(first, last) => {
                let compare = |member: &Scored, name: &&[u8]| (*member.1).cmp(*name);
                (
                    first.rank(sorted, false, compare),
                    last.rank(sorted, true, compare),
                )
            }
        };
        start..end.max(start)
    }
}

/// What is told of a range.
struct Query<'a> {
    by: By,
    is_back: bool,
    has_scores: bool,
    /// Members that are not told, and how many are at most, all where it is negative.
    limit: Option<(i64, i64)>,
    words: &'a [&'a [u8]],
}

impl<'a> Query<'a> {
    fn new(by: By, is_back: bool, words: &'a [&'a [u8]]) -> Query<'a> {
        Query {
            by,
            is_back,
            has_scores: false,
            limit: None,
            words,
        }
    }

    fn tell(mut self, cx: &mut Context<'_, '_>, is_general: bool) -> Done {
        let [key, first, last, options @ ..] = self.words else {
            return Err(Refusal::Syntax);
        };
        self.options(options, is_general)?;
        let limits = match self.is_back && self.by != By::Rank {
            true => Limits::read(self.by, last, first)?,
            false => Limits::read(self.by, first, last)?,
        };
        let Some(sorted) = cx.store.read::<Sorted>(key)? else {
            cx.reply.array(0);
            return Ok(());
        };
        let ranks = self.limited(limits.ranks(sorted, self.is_back));
        let pairs = self.has_scores && cx.reply.is_third();
        let told = ranks.len();
        cx.reply.array(if self.has_scores && !pairs {
            2 * told
        } else {
            told
        });
        for (score, member) in sorted.ranks().walk(ranks, self.is_back) {
            if pairs {
                cx.reply.array(2);
            }
            cx.reply.bulk(member);
            if self.has_scores {
                cx.reply.double(*score);
            }
            if cx.reply.is_long() {
                break;
            }
        }
        Ok(())
    }

    fn options(&mut self, mut words: &[&[u8]], is_general: bool) -> Done {
        while let Some((word, rest)) = words.split_first() {
            words = rest;
            if is(word, "WITHSCORES") && (is_general || self.by != By::Name) {
                self.has_scores = true;
            } else if is(word, "LIMIT") && (is_general || self.by != By::Rank) {
                let [skipped, most, rest @ ..] = words else {
                    return Err(Refusal::Syntax);
                };
                self.limit = Some((integer(skipped)?, integer(most)?));
                words = rest;
            } else if is_general && !self.is_back && is(word, "REV") {
                self.is_back = true;
            } else if is_general && self.by == By::Rank && is(word, "BYSCORE") {
                self.by = By::Score;
            } else if is_general && self.by == By::Rank && is(word, "BYLEX") {
                self.by = By::Name;
            } else {
                return Err(Refusal::Syntax);
            }
        }
        if self.limit.is_some_and(|limit| limit != (0, -1)) && self.by == By::Rank {
            return Err(Refusal::Says(
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if self.has_scores && self.by == By::Name {
            return Err(Refusal::Says(
                "syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        Ok(())
    }

    /// What is left of some ranks.
    fn limited(&self, ranks: Range<usize>) -> Range<usize> {
        let Some((skipped, most)) = self.limit else {
            return ranks;
        };
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let skipped = skipped.min(ranks.len());
        let most = most.min(ranks.len() - skipped);
        match self.is_back {
            true => ranks.end - skipped - most..ranks.end - skipped,
            false => ranks.start + skipped..ranks.start + skipped + most,
        }
    }
}

pub(super) fn range(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    Query::new(By::Rank, false, words).tell(cx, true)
}

pub(super) fn range_back(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    Query::new(By::Rank, true, words).tell(cx, false)
}

pub(super) fn by_score(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    Query::new(By::Score, false, words).tell(cx, false)
}

pub(super) fn by_score_back(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    Query::new(By::Score, true, words).tell(cx, false)
}

pub(super) fn by_name(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    Query::new(By::Name, false, words).tell(cx, false)
}

pub(super) fn by_name_back(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    Query::new(By::Name, true, words).tell(cx, false)
}

fn count_by(cx: &mut Context<'_, '_>, words: &[&[u8]], by: By) -> Done {
    let [key, first, last] = words else {
        return Err(Refusal::Syntax);
    };
    let limits = Limits::read(by, first, last)?;
    let sorted = cx.store.read::<Sorted>(key)?;
    let count = sorted.map_or(0, |sorted| limits.ranks(sorted, false).len());
    cx.reply.count(count);
    Ok(())
}

pub(super) fn count(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    count_by(cx, words, By::Score)
}

pub(super) fn count_names(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    count_by(cx, words, By::Name)
}

fn remove_by(cx: &mut Context<'_, '_>, words: &[&[u8]], by: By) -> Done {
    let [key, first, last] = words else {
        return Err(Refusal::Syntax);
    };
    let limits = Limits::read(by, first, last)?;
    let removed = cx.store.change(key, |sorted: &mut Sorted| {
        let ranks = limits.ranks(sorted, false);
        let members = sorted.ranks().range(ranks);
        let members: Vec<Arc<[u8]>> = members.map(|(_, member)| member.clone()).collect();
        for member in &members {
            sorted.remove(member);
        }
        (members.len(), !members.is_empty())
    })?;
    cx.reply.count(removed.unwrap_or(0));
    Ok(())
}

pub(super) fn remove_by_rank(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    remove_by(cx, words, By::Rank)
}

pub(super) fn remove_by_score(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    remove_by(cx, words, By::Score)
}

pub(super) fn remove_by_name(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    remove_by(cx, words, By::Name)
}
