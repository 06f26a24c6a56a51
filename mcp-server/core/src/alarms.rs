//! When vcores are to be woken: one alarm for each.

use alloc::boxed::Box;

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::plan::{MAX_CLUSTER_PROCESSES, Plan};
use atoll_abi::process::ProcessId;
use atoll_call::{Deadlines, NEVER};

use crate::numbers::Numbers;

/// The alarms of all vcores of the cluster.
pub(crate) struct Alarms {
    /// The next alarm of each process, by its number in the cluster.
    next: Deadlines<MAX_CLUSTER_PROCESSES>,
    /// The processes of the cluster, by number.
    processes: Box<[Own]>,
    numbers: Numbers,
}

/// The alarms of a process.
struct Own {
    /// Its index in the plan.
    index: u16,
    vcores: Deadlines<MAX_VCORES>,
    /// The vcores whose alarm rang while they were granted, and that have not set another one or tried to give themselves back
    /// since.
    rang: u64,
}

impl Alarms {
    /// Those of a cluster, of which none is set. Processes beyond those that a cluster may have get no alarms.
    pub(crate) fn new(plan: &Plan, cluster: u32) -> Alarms {
        let processes = plan.processes_of(cluster).take(MAX_CLUSTER_PROCESSES);
        let processes: Box<[Own]> = processes
            .map(|(index, _)| Own {
                index: index as u16,
                vcores: Deadlines::new(),
                rang: 0,
            })
            .collect();
        Alarms {
            next: Deadlines::new(),
            processes,
            numbers: Numbers::new(plan, cluster),
        }
    }

    fn own_mut(&mut self, process: ProcessId) -> Option<&mut Own> {
        let number = self.numbers.of(process)?;
        self.processes.get_mut(number)
    }

    /// Has the alarms of a process changed, and notes which of them is the next one.
    fn change(&mut self, number: usize, change: impl FnOnce(&mut Deadlines<MAX_VCORES>)) {
        if let Some(own) = self.processes.get_mut(number) {
            change(&mut own.vcores);
            self.next.set(number, own.vcores.next());
        }
    }

    /// Sets the alarm of a vcore, in place of the one that it had; [`NEVER`] removes that.
    pub(crate) fn set(&mut self, process: ProcessId, vcore: usize, time: u64) {
        if let Some(number) = self.numbers.of(process) {
            self.change(number, |vcores| vcores.set(vcore, time));
            self.take_rang(process, vcore);
        }
    }

    /// Notes that the alarm of a vcore rang while that was granted.
    pub(crate) fn note_rang(&mut self, process: ProcessId, vcore: usize) {
        if let Some(own) = self.own_mut(process) {
            own.rang |= 1 << vcore;
        }
    }

    /// Whether the alarm of a vcore rang while that was granted, which is told once.
    pub(crate) fn take_rang(&mut self, process: ProcessId, vcore: usize) -> bool {
        let Some(own) = self.own_mut(process) else {
            return false;
        };
        let before = own.rang;
        own.rang &= !(1 << vcore);
        before != own.rang
    }

    /// Bitmap of the vcores of a process that have an alarm.
    pub(crate) fn pending(&self, process: ProcessId) -> u64 {
        let set = (0..MAX_VCORES).filter(|vcore| self.is_set(process, *vcore));
        set.fold(0, |vcores, vcore| vcores | 1 << vcore)
    }

    /// Whether a vcore has an alarm.
    pub(crate) fn is_set(&self, process: ProcessId, vcore: usize) -> bool {
        let number = self.numbers.of(process);
        let own = number.and_then(|number| self.processes.get(number));
        own.is_some_and(|own| own.vcores.is_set(vcore))
    }

    /// Removes the alarms of a process.
    pub(crate) fn clear(&mut self, process: ProcessId) {
        if let Some(number) = self.numbers.of(process) {
            self.change(number, |vcores| *vcores = Deadlines::new());
        }
        if let Some(own) = self.own_mut(process) {
            own.rang = 0;
        }
    }

    /// Removes the next alarm that is due; whose it is, as index and vcore.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<(usize, usize)> {
        let (number, time) = self.next.first()?;
        if time > now {
            return None;
        }
        let own = self.processes.get(number)?;
        let (index, (vcore, _)) = (own.index, own.vcores.first()?);
        self.change(number, |vcores| vcores.remove(vcore));
        Some((usize::from(index), vcore))
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<u64> {
        let next = self.next.next();
        (next != NEVER).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use atoll_abi::plan::{Tables, empty_rows};

    use super::*;

    #[test]
    fn alarms_of_many_processes_come_in_order() {
        let mut tables = Tables {
            processes: empty_rows(2 * MAX_CLUSTER_PROCESSES),
            ..Tables::default()
        };
        for (index, process) in (0..).zip(&mut tables.processes) {
            process.cluster = index % 2;
            process.vcores = MAX_VCORES as u32;
        }
        let mut alarms = Alarms::new(&tables.encode(), 1);
        let id = |index| ProcessId {
            index,
            generation: 1,
        };
        // Those of the other cluster have none.
        alarms.set(id(0), 0, 1);
        assert_eq!(alarms.next(), None);
        let last = 2 * MAX_CLUSTER_PROCESSES as u16 - 1;
        for (process, vcore, time) in [(last, 63, 30), (1, 0, 20), (5, 7, 10), (5, 8, 40)] {
            alarms.set(id(process), vcore, time);
        }
        assert!(alarms.is_set(id(last), 63) && !alarms.is_set(id(last), 62));
        assert_eq!(alarms.pending(id(5)), 1 << 7 | 1 << 8);
        assert_eq!(alarms.take_due(9), None);
        assert_eq!(alarms.take_due(15), Some((5, 7)));
        assert_eq!(alarms.pending(id(5)), 1 << 8);
        assert_eq!(alarms.next(), Some(20));
        alarms.clear(id(1));
        assert_eq!(alarms.pending(id(1)), 0);
        alarms.set(id(5), 9, 50);
        alarms.set(id(5), 9, NEVER);
        assert_eq!(alarms.pending(id(5)), 1 << 8);
        assert_eq!(alarms.take_due(100), Some((usize::from(last), 63)));
        assert_eq!(alarms.take_due(100), Some((5, 8)));
        assert_eq!(alarms.take_due(100), None);
    }
}
