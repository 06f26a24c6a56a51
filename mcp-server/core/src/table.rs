//! The process table.

use alloc::boxed::Box;

use atoll_abi::plan::Plan;
use atoll_abi::process::ProcessId;

use crate::process::Process;
use crate::state::State;

/// The processes of the plan, by index; those of other clusters are absent.
pub(crate) struct ProcessTable {
    processes: Box<[Option<Box<Process>>]>,
}

impl ProcessTable {
    pub(crate) fn new(plan: &Plan, cluster: u32) -> ProcessTable {
        let processes = plan.processes().iter().enumerate();
        let processes = processes.map(|(index, process)| {
            let own = process.cluster == cluster;
            own.then(|| Box::new(Process::new(index as u16, process.vcores as usize)))
        });
        ProcessTable {
            processes: processes.collect(),
        }
    }

    /// The process of an index.
    pub(crate) fn at(&self, index: usize) -> Option<&Process> {
        self.processes.get(index)?.as_deref()
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut Process> {
        self.processes.get_mut(index)?.as_deref_mut()
    }

    /// The process of an identity; `None` where that life of it is over.
    pub(crate) fn get(&self, id: ProcessId) -> Option<&Process> {
        self.at(usize::from(id.index))
            .filter(|process| process.id() == id)
    }

    pub(crate) fn get_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.at_mut(usize::from(id.index))
            .filter(|process| process.id() == id)
    }

    /// Whether every process of the cluster is dead.
    pub(crate) fn all_dead(&self) -> bool {
        let mut processes = self.processes.iter().flatten();
        processes.all(|process| process.state() == State::Dead)
    }
}
