//! When vcores are to be woken: one alarm for each.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use atoll_abi::plan::{MAX_CLUSTER_VCORES, Plan};
use atoll_abi::process::ProcessId;
use atoll_call::{BoxedDeadlines, NEVER};

/// The alarms of all vcores of the cluster.
pub(crate) struct Alarms {
    deadlines: BoxedDeadlines,
    /// For each process of the plan, the numbers of its vcores in the cluster; none where it is in another cluster.
    places: Box<[Range<u16>]>,
    /// For each vcore of the cluster, the process and the vcore's number in it.
    vcores: Box<[(u16, u16)]>,
}

impl Alarms {
    /// Those of a cluster, of which none is set. A plan that says more than there may be is cut.
    pub(crate) fn new(plan: &Plan, cluster: u32) -> Alarms {
        let mut vcores = Vec::new();
        let places = plan.processes().iter().enumerate().map(|(index, process)| {
            let first = vcores.len();
            if process.cluster == cluster {
                let room = MAX_CLUSTER_VCORES - first;
                let own = 0..(process.vcores as usize).min(room);
                vcores.extend(own.map(|vcore| (index as u16, vcore as u16)));
            }
            first as u16..vcores.len() as u16
        });
        let places = places.collect();
        Alarms {
            deadlines: BoxedDeadlines::with_room(vcores.len()),
            places,
            vcores: vcores.into_boxed_slice(),
        }
    }

    fn places(&self, process: ProcessId) -> Range<usize> {
        let places = self.places.get(usize::from(process.index));
        places.map_or(0..0, |it| usize::from(it.start)..usize::from(it.end))
    }

    fn place(&self, process: ProcessId, vcore: usize) -> Option<usize> {
        self.places(process).nth(vcore)
    }

    /// Sets the alarm of a vcore, in place of the one that it had.
    pub(crate) fn set(&mut self, process: ProcessId, vcore: usize, time: u64) {
        if let Some(place) = self.place(process, vcore) {
            self.deadlines.set(place, time);
        }
    }

    /// Whether a vcore has an alarm.
    pub(crate) fn is_set(&self, process: ProcessId, vcore: usize) -> bool {
        let place = self.place(process, vcore);
        place.is_some_and(|place| self.deadlines.is_set(place))
    }

    /// Removes the alarms of a process.
    pub(crate) fn clear(&mut self, process: ProcessId) {
        for place in self.places(process) {
            self.deadlines.remove(place);
        }
    }

    /// Removes the next alarm that is due; whose it is, as index and vcore.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<(usize, usize)> {
        let (place, time) = self.deadlines.first()?;
        if time > now {
            return None;
        }
        self.deadlines.remove(place);
        let (process, vcore) = self.vcores.get(place)?;
        Some((usize::from(*process), usize::from(*vcore)))
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<u64> {
        let next = self.deadlines.next();
        (next != NEVER).then_some(next)
    }
}
