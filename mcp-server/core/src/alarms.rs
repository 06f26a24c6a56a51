//! When vcores are to be woken: one alarm for each.

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::plan::MAX_PROCESSES;
use atoll_abi::process::ProcessId;
use atoll_call::{Deadlines, NEVER};

const ALARMS: usize = MAX_PROCESSES * MAX_VCORES;

/// The alarms of all vcores of the cluster.
pub(crate) struct Alarms {
    deadlines: Deadlines<ALARMS>,
    /// For each process, the vcores whose alarm rang while they were granted, and that have not set another one or tried to give
    /// themselves back since.
    rang: [u64; MAX_PROCESSES],
}

fn place(index: u16, vcore: usize) -> usize {
    usize::from(index) * MAX_VCORES + vcore
}

impl Alarms {
    pub(crate) const fn new() -> Alarms {
        Alarms {
            deadlines: Deadlines::new(),
            rang: [0; MAX_PROCESSES],
        }
    }

    /// Sets the alarm of a vcore, in place of the one that it had.
    pub(crate) fn set(&mut self, process: ProcessId, vcore: usize, time: u64) {
        if vcore < MAX_VCORES {
            self.deadlines.set(place(process.index, vcore), time);
            self.take_rang(process, vcore);
        }
    }

    /// Notes that the alarm of a vcore rang while that was granted.
    pub(crate) fn note_rang(&mut self, process: ProcessId, vcore: usize) {
        if let Some(rang) = self.rang.get_mut(usize::from(process.index)) {
            *rang |= 1 << vcore;
        }
    }

    /// Whether the alarm of a vcore rang while that was granted, which is told once.
    pub(crate) fn take_rang(&mut self, process: ProcessId, vcore: usize) -> bool {
        let Some(rang) = self.rang.get_mut(usize::from(process.index)) else {
            return false;
        };
        let before = *rang;
        *rang &= !(1 << vcore);
        before != *rang
    }

    /// Whether a vcore has an alarm.
    pub(crate) fn is_set(&self, process: ProcessId, vcore: usize) -> bool {
        vcore < MAX_VCORES && self.deadlines.is_set(place(process.index, vcore))
    }

    /// Removes the alarms of a process.
    pub(crate) fn clear(&mut self, process: ProcessId) {
        for vcore in 0..MAX_VCORES {
            self.deadlines.remove(place(process.index, vcore));
            self.take_rang(process, vcore);
        }
    }

    /// Removes the next alarm that is due; whose it is, as index and vcore.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<(usize, usize)> {
        let (place, time) = self.deadlines.first()?;
        if time > now {
            return None;
        }
        self.deadlines.remove(place);
        Some((place / MAX_VCORES, place % MAX_VCORES))
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<u64> {
        let next = self.deadlines.next();
        (next != NEVER).then_some(next)
    }
}
