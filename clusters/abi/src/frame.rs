//! Frames: large units of data whose ownership moves with their mapping.
//!
//! A frame has a *home*: the process for which the plan made it. It is mapped in the address space of its *holder* and nowhere
//! else; all processes of a cluster have it at the same address. A process gives a frame that it holds to another one, for
//! good or as a *lease* of some time. When the lease ends, or the holder gives the frame back or ends, it is at home again. Each
//! move raises the frame's generation, so that a call which was made about an earlier holding is refused.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::layout::LARGE_PAGE_SIZE;

/// Bytes of a frame: one large page.
pub const FRAME_SIZE: usize = LARGE_PAGE_SIZE;

/// A lease that does not end.
pub const NO_LEASE: u64 = u64::MAX;

/// Who has a frame, as the server tells all processes of its cluster and notes it for its next life.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FrameState {
    /// A [`Holding`] in raw form. Written last when a holding begins, and first when one ends: a reader that finds the same word
    /// before and after the others has read what belongs to it.
    pub holding: u64,
    /// Number, in its cluster, of the process that the frame came from.
    pub from: u64,
    /// Nanoseconds for which it was given, or [`NO_LEASE`]. The lease begins anew where the server has another life, which has another
    /// clock.
    pub lease: u64,
}

/// Who holds a frame, and the how-manieth holding that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Number of the holding, counted from 1 on; 0 where there was none.
    pub generation: u32,
    /// Number of the holder in its cluster; `None` while the frame moves, or was never mapped.
    pub holder: Option<u32>,
}

impl Holding {
    /// The holding as one word.
    pub const fn to_raw(self) -> u64 {
        let holder = match self.holder {
            Some(number) => number as u64 + 1,
            None => 0,
        };
        (self.generation as u64) << 32 | holder
    }

    /// What a word says.
    pub const fn from_raw(raw: u64) -> Holding {
        Holding {
            generation: (raw >> 32) as u32,
            holder: (raw as u32).checked_sub(1),
        }
    }
}

impl FrameState {
    /// Who holds the frame.
    pub const fn holding(&self) -> Holding {
        Holding::from_raw(self.holding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holding_survives_its_word() {
        for generation in [0, 1, u32::MAX] {
            for holder in [None, Some(0), Some(63)] {
                let holding = Holding { generation, holder };
                assert_eq!(Holding::from_raw(holding.to_raw()), holding);
            }
        }
        assert_eq!(FrameState::default().holding(), Holding::default());
    }
}
