//! Generations: what keeps the messages of the dead apart from those of the living.
//!
//! Each side of a channel has an incarnation number, which its death makes odd and its return even again. The channel's
//! generation is the sum of both: whichever side changes, it grows. Every word that one side writes for the other to act
//! on carries the generation in its upper bits, so a channel begins anew and neither side clears memory: what an
//! earlier incarnation wrote, or writes late, is of another generation and means nothing.

/// Bits of a stamp that count messages.
const INDEX_BITS: u32 = 48;
const INDEX: u64 = (1 << INDEX_BITS) - 1;

/// A generation, in the place where a stamp carries it.
///
/// A stamp holds sixteen bits of it: a message would have to be late by 32768 lives of a side to be taken for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    /// That of a channel whose sides have these incarnation numbers.
    pub(crate) fn of(own: u64, peer: u64) -> Generation {
        Generation(own.wrapping_add(peer) << INDEX_BITS)
    }

    /// As a number.
    pub(crate) fn number(self) -> u32 {
        (self.0 >> INDEX_BITS) as u32
    }

    /// The stamp of a count of messages.
    #[inline]
    pub(crate) fn stamp(self, count: u64) -> u64 {
        self.0 | count & INDEX
    }

    /// How many messages from number `index` on have stamps that follow each other: all, until the count comes round.
    #[inline]
    pub(crate) fn run(self, index: u64) -> usize {
        (INDEX - (index & INDEX)).max(1) as usize
    }

    /// Whether a stamp is of this generation.
    #[inline]
    pub(crate) fn issued(self, stamp: u64) -> bool {
        cfg!(feature = "planted-missing-generation-check") || stamp & !INDEX == self.0
    }

    /// How far a stamp of this generation is ahead of a count.
    #[inline]
    pub(crate) fn ahead(self, stamp: u64, count: u64) -> u64 {
        stamp.wrapping_sub(count) & INDEX
    }

    /// The two stamps, without their generation where that is not looked at.
    #[inline]
    pub(crate) fn same(self, found: u64, expected: u64) -> bool {
        if cfg!(feature = "planted-missing-generation-check") {
            return (found ^ expected) & INDEX == 0;
        }
        found == expected
    }
}

/// Whether an incarnation number is that of a living side.
pub(crate) fn alive(incarnation: u64) -> bool {
    incarnation.is_multiple_of(2)
}

/// The number of a side after its death. One that is dead and dies again, before its next life attached, has another number
/// too: its peer may have seen the first death, and has to look once more.
pub(crate) fn dead(incarnation: u64) -> u64 {
    let step = if alive(incarnation) { 1 } else { 2 };
    incarnation.wrapping_add(step)
}

/// The number of a side that comes back.
pub(crate) fn next(incarnation: u64) -> u64 {
    (incarnation | 1).wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_side_is_another_generation() {
        let (mut own, peer) = (0, 6);
        let mut before = Generation::of(own, peer);
        for change in [dead, dead, next, next, dead] {
            own = change(own);
            let now = Generation::of(own, peer);
            assert_ne!(now, before);
            assert!(!now.issued(before.stamp(1)) && now.issued(now.stamp(1)));
            before = now;
        }
        assert!(alive(0) && !alive(dead(0)) && alive(next(0)) && next(dead(4)) == 6);
    }

    #[test]
    fn counts_come_round() {
        let generation = Generation::of(1, 2);
        let last = INDEX;
        assert_eq!(generation.ahead(generation.stamp(last + 3), last), 3);
        assert_eq!(generation.number(), 3);
        assert!(generation.issued(generation.stamp(u64::MAX)));
    }
}
