//! Sorted sets made of others.

use alloc::vec;
use alloc::vec::Vec;

use super::options::{float, integer, is};
use super::{Context, Done, Refusal};
use crate::store::{FIELD, Held, Kind, OVERHEAD, RANKED, Set, Sorted, Value};

/// How the scores of a member that several sets have become one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Least,
    Greatest,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            // Of infinities of either sign nothing is left.
            Aggregate::Sum if (one + other).is_nan() => 0.0,
            Aggregate::Sum => one + other,
            Aggregate::Least => one.min(other),
            Aggregate::Greatest => one.max(other),
        }
    }
}

/// What a set or a sorted set has; of a set each score is 1.
enum Source<'a> {
    None,
    Set(&'a Set),
    Sorted(&'a Sorted),
}

impl<'a> Source<'a> {
    fn read(store: &'a Held<'_>, key: &[u8]) -> Result<Source<'a>, Refusal> {
        match store.value(key) {
            None => Ok(Source::None),
            Some(Value::Set(set)) => Ok(Source::Set(set)),
            Some(Value::Sorted(sorted)) => Ok(Source::Sorted(sorted)),
            Some(_) => Err(Refusal::WrongKind),
        }
    }

    fn len(&self) -> usize {
        match self {
            Source::None => 0,
            Source::Set(set) => set.len(),
            Source::Sorted(sorted) => sorted.len(),
        }
    }

    /// Bytes that its members take in a sorted set at most.
    fn bytes(&self) -> usize {
        match self {
            Source::None => 0,
            Source::Set(set) => set.bytes() + set.len() * (8 + RANKED),
            Source::Sorted(sorted) => sorted.bytes(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Source::None => None,
            Source::Set(set) => set.get(member).map(|()| 1.0),
            Source::Sorted(sorted) => sorted.score(member),
        }
    }

    fn for_each(&self, mut work: impl FnMut(&[u8], f64)) {
        match self {
            Source::None => {}
            Source::Set(set) => set.iter().for_each(|(member, ())| work(member, 1.0)),
            Source::Sorted(sorted) => {
                let members = sorted.scores().iter();
                members.for_each(|(member, score)| work(member, *score));
            }
        }
    }
}

/// The words of a command.
struct Request<'a> {
    key: &'a [u8],
    keys: &'a [&'a [u8]],
    weights: Vec<f64>,
    aggregate: Aggregate,
}

impl<'a> Request<'a> {
    fn read(
        store: &Held<'_>,
        words: &'a [&'a [u8]],
        none: &'static str,
    ) -> Result<Request<'a>, Refusal> {
        let [key, count, rest @ ..] = words else {
            return Err(Refusal::Syntax);
        };
        let count = usize::try_from(integer(count)?).unwrap_or(0);
        if count == 0 {
            return Err(Refusal::Says(none));
        }
        let (keys, mut options) = rest.split_at_checked(count).ok_or(Refusal::Syntax)?;
        let mut request = Request {
            key,
            keys,
            weights: vec![1.0; count],
            aggregate: Aggregate::Sum,
        };
        // Redis looks at the keys before it looks at the options.
        request.sources(store)?;
        while let Some((word, rest)) = options.split_first() {
            if is(word, "WEIGHTS") {
                let (weights, rest) = rest.split_at_checked(count).ok_or(Refusal::Syntax)?;
                let weights = weights.iter().map(|weight| float(weight));
                let weights: Result<Vec<f64>, Refusal> = weights.collect();
                request.weights =
                    weights.map_err(|_| Refusal::Says("weight value is not a float"))?;
                options = rest;
            } else if is(word, "AGGREGATE") {
                let (word, rest) = rest.split_first().ok_or(Refusal::Syntax)?;
                request.aggregate = match () {
                    () if is(word, "SUM") => Aggregate::Sum,
                    () if is(word, "MIN") => Aggregate::Least,
                    () if is(word, "MAX") => Aggregate::Greatest,
                    () => return Err(Refusal::Syntax),
                };
                options = rest;
            } else {
                return Err(Refusal::Syntax);
            }
        }
        Ok(request)
    }

    fn sources<'s>(&self, store: &'s Held<'_>) -> Result<Vec<Source<'s>>, Refusal> {
        let sources = self.keys.iter().map(|key| Source::read(store, key));
        sources.collect()
    }

    fn weigh(weight: f64, score: f64) -> f64 {
        let product = weight * score;
        if product.is_nan() { 0.0 } else { product }
    }

    fn union(&self, sources: &[Source<'_>], made: &mut Sorted) {
        for (source, weight) in sources.iter().zip(&self.weights) {
            source.for_each(|member, score| {
                let score = Self::weigh(*weight, score);
                let before = made.score(member);
                let score = before.map_or(score, |before| self.aggregate.of(before, score));
                made.insert(member, score);
            });
        }
    }

    fn intersection(&self, sources: &[Source<'_>], made: &mut Sorted) {
        let Some(least) = sources.iter().min_by_key(|source| source.len()) else {
            return;
        };
        least.for_each(|member, _| {
            let scores = sources.iter().zip(&self.weights).map(|(source, weight)| {
                let score = source.score(member)?;
                Some(Self::weigh(*weight, score))
            });
            let scores: Option<Vec<f64>> = scores.collect();
            let scores = scores.unwrap_or_default().into_iter();
            if let Some(score) = scores.reduce(|one, other| self.aggregate.of(one, other)) {
                made.insert(member, score);
            }
        });
    }

    fn store(&self, cx: &mut Context<'_, '_>, is_union: bool) -> Done {
        let sources = self.sources(&cx.store)?;
        let bytes = sources.iter().map(Source::bytes);
        let most: usize = match is_union {
            true => bytes.sum(),
            false => bytes.min().unwrap_or(0),
        };
        // What makes room may be one of the sets.
        cx.store.reserve(most + self.key.len() + OVERHEAD + FIELD)?;
        let mut made = Sorted::empty(cx.store.seed());
        let sources = self.sources(&cx.store)?;
        match is_union {
            true => self.union(&sources, &mut made),
            false => self.intersection(&sources, &mut made),
        }
        let count = made.len();
        cx.store.put(self.key, made.into_value(), None);
        cx.reply.count(count);
        Ok(())
    }
}

pub(super) fn store_union(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let none = "at least 1 input key is needed for 'zunionstore' command";
    Request::read(&cx.store, words, none)?.store(cx, true)
}

pub(super) fn store_intersection(cx: &mut Context<'_, '_>, words: &[&[u8]]) -> Done {
    let none = "at least 1 input key is needed for 'zinterstore' command";
    Request::read(&cx.store, words, none)?.store(cx, false)
}
