//! The histories of all components, and which of them are to start by when.

use alloc::vec::Vec;

use atoll_abi::plan::Plan;

use crate::history::History;
use crate::lifecycle::Child;

/// The starts of every component of the plan.
#[derive(Debug)]
pub struct Starts {
    /// Of the servers, the services, the drivers, the processes.
    histories: Vec<History>,
    /// Where those of services, of drivers and of processes begin.
    services: usize,
    drivers: usize,
    processes: usize,
}

impl Starts {
    /// None has started.
    pub fn new(plan: &Plan) -> Starts {
        let clusters = plan.clusters().iter().map(|it| it.restart);
        let services = plan.services().iter().map(|it| it.restart);
        let devices = plan.devices().iter().map(|it| it.restart);
        let processes = plan.processes().iter().map(|it| it.restart);
        let limits = clusters.chain(services).chain(devices).chain(processes);
        let services = plan.clusters().len();
        let drivers = services + plan.services().len();
        Starts {
            histories: limits.map(History::new).collect(),
            services,
            drivers,
            processes: drivers + plan.devices().len(),
        }
    }

    /// Those of a component.
    pub fn of(&mut self, child: Child) -> &mut History {
        let place = self.place(child);
        &mut self.histories[place]
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
        Some(self.child(place))
    }

    fn place(&self, child: Child) -> usize {
        match child {
            Child::Server(cluster) => cluster,
            Child::Service(service) => self.services + service,
            Child::Driver(device) => self.drivers + device,
            Child::Process(process) => self.processes + process,
        }
    }

    fn child(&self, place: usize) -> Child {
        let within = |first: usize| place.checked_sub(first);
        within(self.processes)
            .map(Child::Process)
            .or_else(|| within(self.drivers).map(Child::Driver))
            .or_else(|| within(self.services).map(Child::Service))
            .unwrap_or(Child::Server(place))
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::plan::{Tables, empty_rows};

    use super::*;

    #[test]
    fn each_component_has_a_history_of_its_own() {
        let mut tables = Tables {
            clusters: empty_rows(2),
            services: empty_rows(2),
            devices: empty_rows(2),
            processes: empty_rows(2),
            ..Tables::default()
        };
        tables.clusters[1].restart.start_within_ms = 1;
        tables.services[1].restart.start_within_ms = 2;
        tables.devices[1].restart.start_within_ms = 3;
        tables.processes[1].restart.start_within_ms = 4;
        let plan = tables.encode();
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
