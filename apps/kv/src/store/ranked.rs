//! Members by score, and by their bytes where scores are equal, with ranks.
//!
//! Pieces of up to [`PIECE`] members each, one behind the other. To find a rank is to add up the lengths of pieces: a set of a million
//! members has some ten thousand.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

/// Members of a piece at most.
const PIECE: usize = 128;

/// A member with its score.
pub(crate) type Scored = (f64, Arc<[u8]>);

/// Members by score.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranked {
    /// None is empty.
    pieces: Vec<Vec<Scored>>,
    length: usize,
}

fn order(one: &Scored, score: f64, member: &[u8]) -> Ordering {
    // No score is NaN.
    let by_score = one.0.partial_cmp(&score).unwrap_or(Ordering::Equal);
    by_score.then_with(|| (*one.1).cmp(member))
}

impl Ranked {
    /// The first place of which something is not so, which is so up to there: the piece, and the index in it.
    fn place(&self, is_before: impl Fn(&Scored) -> bool) -> (usize, usize) {
        let piece = self
            .pieces
            .partition_point(|piece| piece.last().is_some_and(&is_before));
        let members = self.pieces.get(piece);
        let index = members.map_or(0, |members| members.partition_point(&is_before));
        (piece, index)
    }

    /// How many members are before that place.
    pub(crate) fn rank_of(&self, is_before: impl Fn(&Scored) -> bool) -> usize {
        let (piece, index) = self.place(is_before);
        let before = self.pieces.iter().take(piece);
        before.map(Vec::len).sum::<usize>() + index
    }

    /// How many members are before one.
    pub(crate) fn rank(&self, score: f64, member: &[u8]) -> usize {
        self.rank_of(|it| order(it, score, member).is_lt())
    }

    /// Adds a member that is not there.
    pub(crate) fn insert(&mut self, score: f64, member: Arc<[u8]>) {
        let (mut piece, mut index) = self.place(|it| order(it, score, &member).is_lt());
        self.length += 1;
        if piece == self.pieces.len() {
            // Behind all: at the end of the last piece, if there is one.
            let Some(last) = self.pieces.last() else {
                self.pieces.push(Vec::from([(score, member)]));
                return;
            };
            (piece, index) = (piece - 1, last.len());
        }
        let Some(members) = self.pieces.get_mut(piece) else {
            return;
        };
        members.insert(index, (score, member));
        if members.len() > PIECE {
            // What grows at its end alone leaves full pieces behind.
            let at = if index == PIECE { PIECE } else { PIECE / 2 };
            let behind = members.split_off(at);
            self.pieces.insert(piece + 1, behind);
        }
    }

    /// Removes a member.
    pub(crate) fn remove(&mut self, score: f64, member: &[u8]) {
        let (piece, index) = self.place(|it| order(it, score, member).is_lt());
        let Some(members) = self.pieces.get_mut(piece) else {
            return;
        };
        if members.get(index).is_some_and(|it| *it.1 == *member) {
            members.remove(index);
            self.length -= 1;
            if members.is_empty() {
                self.pieces.remove(piece);
            }
        }
    }

    /// The members of some ranks, the first one first.
    pub(crate) fn range(&self, ranks: Range<usize>) -> impl Iterator<Item = &Scored> {
        let (piece, index) = self.at(ranks.start);
        let pieces = self.pieces.get(piece..).unwrap_or_default();
        pieces.iter().flatten().skip(index).take(ranks.len())
    }

    /// The same, the last one first.
    pub(crate) fn range_back(&self, ranks: Range<usize>) -> impl Iterator<Item = &Scored> {
        let (piece, index) = self.at(ranks.end);
        let pieces = self.pieces.get(..=piece).unwrap_or(&self.pieces);
        let skipped = self.pieces.get(piece).map_or(0, |it| it.len() - index);
        let members = pieces.iter().rev().flat_map(|piece| piece.iter().rev());
        members.skip(skipped).take(ranks.len())
    }

    /// Either.
    pub(crate) fn walk(
        &self,
        ranks: Range<usize>,
        is_back: bool,
    ) -> Box<dyn Iterator<Item = &Scored> + '_> {
        match is_back {
            true => Box::new(self.range_back(ranks)),
            false => Box::new(self.range(ranks)),
        }
    }

    /// The place of a rank.
    fn at(&self, rank: usize) -> (usize, usize) {
        let mut left = rank;
        for (number, piece) in self.pieces.iter().enumerate() {
            if left < piece.len() {
                return (number, left);
            }
            left -= piece.len();
        }
        (self.pieces.len(), 0)
    }
}
