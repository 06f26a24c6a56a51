//! Which vcores a process has.
//!
//! A core belongs to one process: the plan gives every vcore of a cluster a core of its own, so that granting one takes
//! nothing from another process. Where a plan puts vcores of two processes on one core, both may be granted, and the
//! kernel's scheduler shares the core between them: the map does not arbitrate.

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::process::ProcInfo;

/// The vcores of a process as they are noted where the note outlives the server: bitmaps, vcore 0 in bit 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VcoreSets {
    /// Those that are granted.
    pub granted: u64,
    /// Those that were ever granted.
    pub started: u64,
    /// Those that the next life of the server has to start, and that do not run or are about to be stopped: they gave themselves
    /// back until an alarm, which is lost with the server, or the server is just starting or stopping them.
    pub resumes: u64,
}

impl VcoreSets {
    /// As they are noted in a process's information.
    pub fn of(information: &ProcInfo) -> VcoreSets {
        VcoreSets {
            granted: information.granted,
            started: information.started,
            resumes: information.resumes,
        }
    }
}

/// The vcore map of one process.
///
/// Invariant: every vcore below the limit is either granted or in the inactive list, never both.
#[derive(Clone, Copy, Debug)]
pub struct VcoreMap {
    limit: usize,
    granted: u64,
    /// Vcores that were granted once.
    started: u64,
    /// Vcores that gave themselves back until an alarm.
    until_alarm: u64,
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
        until_alarm: 0,
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

    /// Takes over the vcores of a process as an earlier life of the server has noted them.
    pub(crate) fn adopt(&mut self, sets: VcoreSets) {
        *self = VcoreMap::new(self.limit);
        let has = |set: u64| (0..self.limit).filter(move |vcore| set & 1 << vcore != 0);
        let (started, granted) = (has(sets.started), has(sets.granted | sets.resumes));
        // Those that gave themselves back lie above those that never ran.
        for vcore in started {
            self.grant_vcore(vcore);
            self.give_back(vcore, false);
        }
        for vcore in granted {
            self.grant_vcore(vcore);
        }
        self.most = self.count();
    }

    /// As it is noted where the note outlives the server.
    pub fn sets(&self) -> VcoreSets {
        VcoreSets {
            granted: self.granted,
            started: self.started,
            resumes: self.until_alarm,
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

    /// Takes a vcore back, which is granted again at its alarm where it has one; `false` where it is not granted.
    pub fn give_back(&mut self, vcore: usize, until_alarm: bool) -> bool {
        if !self.is_granted(vcore) {
            return false;
        }
        let Some(entry) = self.inactive.get_mut(self.inactive_count) else {
            return false;
        };
        *entry = vcore as u8;
        self.inactive_count += 1;
        self.granted &= !(1 << vcore);
        self.until_alarm |= u64::from(until_alarm) << vcore;
        true
    }

    fn mark_granted(&mut self, vcore: usize) {
        self.granted |= 1 << vcore;
        self.started |= 1 << vcore;
        self.until_alarm &= !(1 << vcore);
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
            assert!(map.give_back(vcore, false));
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
        assert!(!map.give_back(0, true));
        assert!(!map.give_back(usize::MAX, true));
        assert_eq!(map.grant(), Some(0));
        assert!(!map.has_yielded(0) && !map.has_yielded(1));
        assert!(map.give_back(0, false) && !map.give_back(0, false));
        assert!(map.has_yielded(0));
    }

    #[test]
    fn what_is_noted_is_taken_over() {
        let mut map = VcoreMap::new(6);
        for vcore in [0, 1, 2, 4] {
            assert!(map.grant_vcore(vcore));
        }
        assert!(map.give_back(1, true) && map.give_back(4, false) && map.give_back(2, true));
        assert!(map.grant_vcore(2), "its alarm has rung");
        let sets = VcoreSets {
            granted: 0b101,
            started: 0b1_0111,
            resumes: 0b010,
        };
        assert_eq!(map.sets(), sets);

        let mut next = VcoreMap::new(6);
        next.adopt(sets);
        // The alarm of vcore 1 is lost.
        assert_eq!((next.granted(), next.most()), (0b111, 3));
        assert!(next.has_yielded(4));
        assert!(
            !next.has_yielded(3) && !next.has_yielded(5),
            "they never ran"
        );
        let granted = [next.grant(), next.grant(), next.grant(), next.grant()];
        assert_eq!(granted, [Some(4), Some(3), Some(5), None]);
    }

    #[test]
    fn a_plan_that_says_too_much_is_cut() {
        let mut map = VcoreMap::new(usize::MAX);
        assert_eq!(map.limit(), MAX_VCORES);
        while map.grant().is_some() {}
        assert_eq!(map.granted(), u64::MAX);
    }
}
