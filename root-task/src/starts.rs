//! The histories of all components, and which of them are to start by when.

use alloc::vec::Vec;

use atoll_abi::plan::{MAX_CLUSTERS, MAX_DEVICES, MAX_SERVICES, Plan};

use crate::history::History;
use crate::lifecycle::Child;

/// Where the histories of services, drivers and processes begin, behind those of servers.
const SERVICES: usize = MAX_CLUSTERS;
const DRIVERS: usize = SERVICES + MAX_SERVICES;
const PROCESSES: usize = DRIVERS + MAX_DEVICES;

/// The starts of every component of the plan.
#[derive(Debug)]
pub struct Starts {
    histories: Vec<History>,
}

impl Starts {
    /// None has started.
    pub fn new(plan: &Plan) -> Starts {
        let clusters = plan.clusters.iter().map(|it| it.restart);
        let services = plan.services.iter().map(|it| it.restart);
        let devices = plan.devices.iter().map(|it| it.restart);
        let processes = plan.processes.iter().map(|it| it.restart);
        let limits = clusters.chain(services).chain(devices).chain(processes);
        Starts {
            histories: limits.map(History::new).collect(),
        }
    }

    /// Those of a component.
    pub fn of(&mut self, child: Child) -> &mut History {
        &mut self.histories[place(child)]
    }

    /// When the next component has to have started, in milliseconds; `None` where none is awaited.
    pub fn next_due(&self) -> Option<u64> {
        self.histories.iter().filter_map(History::due).min()
    }

    /// A component that should have started by now, which is not awaited any more from now on.
    pub fn take_due(&mut self, now: u64) -> Option<Child> {
        let due = |history: &History| history.due().is_some_and(|due| due <= now);
        let place = self.histories.iter().position(due)?;
        self.histories[place].settle();
        Some(child(place))
    }
}

fn place(child: Child) -> usize {
    match child {
        Child::Server(cluster) => cluster,
        Child::Service(service) => SERVICES + service,
        Child::Driver(device) => DRIVERS + device,
        Child::Process(process) => PROCESSES + process,
    }
}

fn child(place: usize) -> Child {
    match place {
        PROCESSES.. => Child::Process(place - PROCESSES),
        DRIVERS.. => Child::Driver(place - DRIVERS),
        SERVICES.. => Child::Service(place - SERVICES),
        _ => Child::Server(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_has_a_history_of_its_own() {
        let mut plan = Plan::empty();
        plan.clusters[1].restart.start_within_ms = 1;
        plan.services[1].restart.start_within_ms = 2;
        plan.devices[1].restart.start_within_ms = 3;
        plan.processes[1].restart.start_within_ms = 4;
        let mut starts = Starts::new(&plan);
        let all = [
            Child::Server(1),
            Child::Service(1),
            Child::Driver(1),
            Child::Process(1),
        ];
        for child in all {
            starts.of(child).begin(10);
        }
        assert_eq!(
            all.map(|it| starts.of(it).due()),
            [11, 12, 13, 14].map(Some)
        );
        assert_eq!(starts.next_due(), Some(11));
        assert_eq!(starts.take_due(10), None);
        let taken = core::array::from_fn(|_| starts.take_due(14));
        assert_eq!(taken, all.map(Some));
        assert_eq!((starts.take_due(u64::MAX), starts.next_due()), (None, None));
    }
}
