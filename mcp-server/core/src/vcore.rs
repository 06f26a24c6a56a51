//! Which vcores a process has.
//!
//! A core belongs to one process: the plan gives every vcore of a cluster a core of its own, so that granting one takes
//! nothing from another process. Where a plan puts vcores of two processes on one core, both may be granted, and the
//! kernel's scheduler shares the core between them: the map does not arbitrate.

use atoll_abi::layout::MAX_VCORES;

/// The vcore map of one process.
///
/// Invariant: every vcore below the limit is either granted or in the inactive list, never both.
#[derive(Clone, Copy, Debug)]
pub struct VcoreMap {
    limit: usize,
    granted: u64,
    /// Vcores that were granted once.
    started: u64,
    /// The first `inactive_count` entries are a stack: the last yielded is on top.
    inactive: [u8; MAX_VCORES],
    inactive_count: usize,
    most: u32,
}

impl VcoreMap {
    /// The map of a process that may have no vcores.
    pub const EMPTY: VcoreMap = VcoreMap {
        limit: 0,
        granted: 0,
        started: 0,
        inactive: [0; MAX_VCORES],
        inactive_count: 0,
        most: 0,
    };

    /// The map of a process that may have `limit` vcores, at most [`MAX_VCORES`]; none is granted.
    pub fn new(limit: usize) -> VcoreMap {
        let limit = limit.min(MAX_VCORES);
        let mut map = VcoreMap {
            limit,
            inactive_count: limit,
            ..VcoreMap::EMPTY
        };
        for (entry, vcore) in map.inactive.iter_mut().zip((0..limit as u8).rev()) {
            *entry = vcore;
        }
        map
    }

    /// Takes over the vcores that are granted to a process that runs. Each vcore may have run before.
    pub(crate) fn adopt(&mut self, granted: u64) {
        let map = VcoreMap::new(self.limit);
        *self = VcoreMap {
            started: ((1u128 << map.limit) - 1) as u64,
            ..map
        };
        for vcore in (0..self.limit).filter(|vcore| granted & 1 << vcore != 0) {
            self.grant_vcore(vcore);
        }
    }

    /// How many vcores the process may have.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bitmap of the vcores that are granted now.
    pub fn granted(&self) -> u64 {
        self.granted
    }

    /// How many vcores are granted now.
    pub fn count(&self) -> u32 {
        // What is not waiting to be granted is granted; to count bits takes more, and is asked with every request.
        (self.limit - self.inactive_count) as u32
    }

    /// The most vcores that were ever granted at once.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Whether a vcore is granted now.
    pub fn is_granted(&self, vcore: usize) -> bool {
        vcore < MAX_VCORES && self.granted & 1 << vcore != 0
    }

    /// Whether a vcore was granted once and gave itself back since.
    pub fn has_yielded(&self, vcore: usize) -> bool {
        vcore < MAX_VCORES && self.started & !self.granted & 1 << vcore != 0
    }

    /// Grants the vcore that was yielded last, or else the lowest one that never ran.
    pub fn grant(&mut self) -> Option<usize> {
        let top = self.inactive_count.checked_sub(1)?;
        let vcore = usize::from(*self.inactive.get(top)?);
        self.inactive_count = top;
        self.mark_granted(vcore);
        Some(vcore)
    }

    /// Grants one particular vcore; `false` where it is granted already or there is no such vcore.
    pub fn grant_vcore(&mut self, vcore: usize) -> bool {
        let live = self
            .inactive
            .get_mut(..self.inactive_count)
            .unwrap_or_default();
        let Some(place) = live.iter().position(|&entry| usize::from(entry) == vcore) else {
            return false;
        };
        if let Some(tail) = live.get_mut(place..) {
            tail.rotate_left(1);
        }
        self.inactive_count -= 1;
        self.mark_granted(vcore);
        true
    }

    /// Takes a vcore back; `false` where it is not granted.
    pub fn give_back(&mut self, vcore: usize) -> bool {
        if !self.is_granted(vcore) {
            return false;
        }
        let Some(entry) = self.inactive.get_mut(self.inactive_count) else {
            return false;
        };
        *entry = vcore as u8;
        self.inactive_count += 1;
        self.granted &= !(1 << vcore);
        true
    }

    fn mark_granted(&mut self, vcore: usize) {
        self.granted |= 1 << vcore;
        self.started |= 1 << vcore;
        self.most = self.most.max(self.count());
        debug_assert_eq!(self.count(), self.granted.count_ones());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_grants_are_in_order() {
        let mut map = VcoreMap::new(3);
        assert_eq!(
            [map.grant(), map.grant(), map.grant(), map.grant()],
            [Some(0), Some(1), Some(2), None]
        );
        assert_eq!((map.count(), map.most(), map.granted()), (3, 3, 0b111));
    }

    #[test]
    fn the_last_yielded_is_granted_first() {
        let mut map = VcoreMap::new(4);
        while map.grant().is_some() {}
        for vcore in [1, 3, 2] {
            assert!(map.give_back(vcore));
        }
        assert_eq!(map.count(), 1);
        assert_eq!(
            [map.grant(), map.grant(), map.grant()],
            [Some(2), Some(3), Some(1)]
        );
        assert_eq!(map.most(), 4);
    }

    #[test]
    fn one_vcore_can_be_picked_from_the_middle() {
        let mut map = VcoreMap::new(4);
        assert!(map.grant_vcore(2));
        assert!(!map.grant_vcore(2));
        assert!(!map.grant_vcore(4));
        assert_eq!(
            [map.grant(), map.grant(), map.grant(), map.grant()],
            [Some(0), Some(1), Some(3), None]
        );
    }

    #[test]
    fn what_is_not_granted_cannot_be_given_back() {
        let mut map = VcoreMap::new(2);
        assert!(!map.give_back(0));
        assert!(!map.give_back(usize::MAX));
        assert_eq!(map.grant(), Some(0));
        assert!(!map.has_yielded(0) && !map.has_yielded(1));
        assert!(map.give_back(0) && !map.give_back(0));
        assert!(map.has_yielded(0));
    }

    #[test]
    fn a_plan_that_says_too_much_is_cut() {
        let mut map = VcoreMap::new(usize::MAX);
        assert_eq!(map.limit(), MAX_VCORES);
        while map.grant().is_some() {}
        assert_eq!(map.granted(), u64::MAX);
    }
}
