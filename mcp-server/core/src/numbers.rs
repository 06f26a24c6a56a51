//! The numbers of processes in their cluster.

use alloc::boxed::Box;

use atoll_abi::plan::{MAX_CLUSTER_PROCESSES, Plan};
use atoll_abi::process::ProcessId;

/// For each process of the plan, its number in the cluster; none where it is in another cluster, or beyond those that a cluster
/// may have.
pub(crate) struct Numbers(Box<[Option<u16>]>);

impl Numbers {
    pub(crate) fn new(plan: &Plan, cluster: u32) -> Numbers {
        let mut numbers: Box<[Option<u16>]> = plan.processes().iter().map(|_| None).collect();
        let own = plan.processes_of(cluster).take(MAX_CLUSTER_PROCESSES);
        for (number, (index, _)) in (0..).zip(own) {
            if let Some(place) = numbers.get_mut(index) {
                *place = Some(number);
            }
        }
        Numbers(numbers)
    }

    pub(crate) fn of(&self, process: ProcessId) -> Option<usize> {
        let number = *self.0.get(usize::from(process.index))?;
        number.map(usize::from)
    }
}
