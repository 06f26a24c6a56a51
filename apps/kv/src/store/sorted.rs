//! Sorted sets.

use alloc::sync::Arc;

use super::fields::Fields;
use super::ranked::Ranked;
use crate::hash::Seed;

/// Bytes that a member takes beside what a field takes, about.
pub(crate) const RANKED: usize = 48;

/// A sorted set: the score of each member, and the members in the order of their scores.
#[derive(Clone, Debug)]
pub(crate) struct Sorted {
    scores: Fields<f64, Arc<[u8]>>,
    ranks: Ranked,
}

impl Sorted {
    pub(crate) fn new(seed: Seed) -> Sorted {
        Sorted {
            scores: Fields::new(seed),
            ranks: Ranked::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.scores.len()
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.scores.bytes() + self.len() * RANKED
    }

    /// The score of each member.
    pub(crate) fn scores(&self) -> &Fields<f64, Arc<[u8]>> {
        &self.scores
    }

    /// The members in their order.
    pub(crate) fn ranks(&self) -> &Ranked {
        &self.ranks
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// How many members are before one that is there.
    pub(crate) fn rank(&self, member: &[u8]) -> Option<usize> {
        Some(self.ranks.rank(self.score(member)?, member))
    }

    /// Gives a member a score, which is not NaN; the one that it had.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        // There is one zero.
        let score = if score == 0.0 { 0.0 } else { score };
        let name: Arc<[u8]> = member.into();
        let before = self.scores.insert_as(member, score, |_| name.clone());
        if let Some(before) = before {
            self.ranks.remove(before, member);
        }
        self.ranks.insert(score, name);
        before
    }

    /// Removes a member; its score.
    pub(crate) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let (_, score) = self.scores.remove(member)?;
        self.ranks.remove(score, member);
        Some(score)
    }
}
