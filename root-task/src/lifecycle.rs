//! What is done when a component dies or does not start: in which order the others learn of it, and whether it is started
//! again.
//!
//! A client that learns that its service is gone takes back the blocks that it lent, so no device may write them any more.
//! Therefore a device is quiet before a service's clients learn: it has done all that the service had asked, and its driver
//! says so, or, where the driver is dead, a new life of the driver resets it first of all. The other services of the device go
//! on. A component is started again as often as the plan allows; then it
//! stays down. A server that stays down takes the services of its cluster with it, because it passed on their wake-ups
//! between kernels.
//!
//! A component that starts has to say within the time of its plan that it has started, and a driver of which a service has died
//! that the device is quiet. One that has not is [`Lifecycle::overdue`]: the supervisor treats it as if it had taken a fault.
//!
//! This decides and touches nothing; the supervisor takes the [`Step`]s, in their order.

mod drivers;

use alloc::vec;
use alloc::vec::Vec;

use atoll_abi::plan::Plan;

use crate::starts::Starts;
use drivers::Device;

/// A component that can die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    /// The server of a cluster.
    Server(usize),
    /// A service.
    Service(usize),
    /// The driver of a device.
    Driver(usize),
    /// A process.
    Process(usize),
}

/// What the supervisor has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Suspend it.
    Suspend(Child),
    /// Announce to its driver that a service is gone.
    TellDriver(usize),
    /// Announce to its clients that a service is gone.
    TellClients(usize),
    /// Announce to the vcores of a cluster's processes that the server is gone.
    TellVcores(usize),
    /// Announce to its services that the driver of a device is gone.
    TellServices(usize),
    /// Start it again, in its next generation, with its memory as it was at first.
    Start(Child),
    /// Start the driver of a device only to have it reset the device.
    Quiesce(usize),
    /// Report that it stays down, after so many restarts.
    Down(Child, u32),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Alive,
    /// Dead, and its device may still write for it, or its clients do not know yet.
    Dead,
    /// Dead, and its device writes nothing for it any more.
    Quiet,
    /// It is not started again.
    Down,
}

/// Which components live, and how often each was started again.
#[derive(Debug)]
pub struct Lifecycle<'a> {
    plan: &'a Plan,
    servers: Vec<Life>,
    services: Vec<Life>,
    devices: Vec<Device>,
    starts: Starts,
}

impl<'a> Lifecycle<'a> {
    /// All are alive.
    pub fn new(plan: &'a Plan) -> Lifecycle<'a> {
        Lifecycle {
            plan,
            servers: vec![Life::default(); plan.clusters().len()],
            services: vec![Life::default(); plan.services().len()],
            devices: vec![Device::default(); plan.devices().len()],
            starts: Starts::new(plan),
        }
    }

    /// A component starts now, or has to reset its device.
    pub fn begin_start(&mut self, child: Child, now: u64) {
        self.starts.of(child).begin(now);
    }

    /// A component has said that it has started, or has ended: nothing is awaited of it.
    pub fn settle_start(&mut self, child: Child) {
        self.starts.of(child).settle();
    }

    /// When the next component has to have started, in milliseconds; `None` where none is awaited.
    pub fn next_due(&self) -> Option<u64> {
        self.starts.next_due()
    }

    /// A component that should have started by now and has not. It is told once: it is [`Lifecycle::lost`]. The time of a
    /// process begins anew while its server starts, which starts its vcores.
    pub fn overdue(&mut self, now: u64) -> Option<Child> {
        loop {
            let child = self.starts.take_due(now)?;
            let Child::Process(process) = child else {
                return Some(child);
            };
            let server = Child::Server(self.plan.processes()[process].cluster as usize);
            if self.starts.of(server).due().is_none() {
                return Some(child);
            }
            self.begin_start(child, now);
        }
    }

    /// Starts a component again.
    fn start(&mut self, child: Child, now: u64, steps: &mut Vec<Step>) {
        self.begin_start(child, now);
        steps.push(Step::Start(child));
    }

    /// Starts a component again, or says that it stays down; whether it is started.
    fn start_or_stay_down(&mut self, child: Child, now: u64, steps: &mut Vec<Step>) -> bool {
        let history = self.starts.of(child);
        let starts = history.start_again(now);
        match starts {
            true => self.start(child, now, steps),
            false => steps.push(Step::Down(child, history.restarts())),
        }
        starts
    }

    /// Whether the server of a cluster stays down.
    pub fn server_is_down(&self, cluster: usize) -> bool {
        self.servers[cluster] != Life::Alive
    }

    /// A component took a fault, does not start, or is to be stopped. `now` is in milliseconds.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn lost(&mut self, child: Child, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.settle_start(child);
        match child {
            Child::Server(cluster) => self.server_lost(cluster, now, &mut steps),
            Child::Service(service) => self.service_lost(service, now, &mut steps),
            Child::Driver(device) => self.driver_lost(device, now, &mut steps),
            // Its server ends it, and says so.
            Child::Process(_) => steps.push(Step::Suspend(child)),
        }
        steps
    }

    /// A process has ended by a fault, and its server knows nothing of it any more.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn process_failed(&mut self, process: usize, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.settle_start(Child::Process(process));
        let own = &self.plan.processes()[process];
        // A process that the plan does not start again has ended, and is not down.
        if own.restart.times > 0 {
            let child = Child::Process(process);
            if self.server_is_down(own.cluster as usize) {
                // Nothing would start its vcores.
                steps.push(Step::Down(child, self.starts.of(child).restarts()));
            } else {
                self.start_or_stay_down(child, now, &mut steps);
            }
        }
        steps
    }

    fn server_lost(&mut self, cluster: usize, now: u64, steps: &mut Vec<Step>) {
        let server = Child::Server(cluster);
        if self.servers[cluster] != Life::Alive {
            return;
        }
        steps.push(Step::Suspend(server));
        let history = self.starts.of(server);
        if history.start_again(now) {
            // Its calls have no blocks, so there is no device to wait for.
            steps.push(Step::TellVcores(cluster));
            self.start(server, now, steps);
            return;
        }
        let restarts = history.restarts();
        self.servers[cluster] = Life::Dead;
        steps.push(Step::Down(server, restarts));
        for (service, own) in self.plan.services().iter().enumerate() {
            if own.cluster as usize == cluster {
                self.stop_service(service, now, steps);
            }
        }
        self.settle(now, steps);
    }

    fn service_lost(&mut self, service: usize, now: u64, steps: &mut Vec<Step>) {
        self.stop_service(service, now, steps);
        self.settle(now, steps);
    }

    fn stop_service(&mut self, service: usize, now: u64, steps: &mut Vec<Step>) {
        if self.services[service] != Life::Alive {
            return;
        }
        self.settle_start(Child::Service(service));
        steps.push(Step::Suspend(Child::Service(service)));
        let device = self.plan.services()[service].device as usize;
        self.services[service] = match self.devices[device] {
            Device::Gone => Life::Quiet,
            _ => Life::Dead,
        };
        if matches!(self.devices[device], Device::New | Device::InUse) {
            // What the device has of the service may take as long as the plan gives the device for a request.
            let least = u64::from(self.plan.devices()[device].timeout_ms);
            self.starts
                .of(Child::Driver(device))
                .begin_within(now, least);
            steps.push(Step::TellDriver(service));
        }
    }

    /// Announces and restarts what had to wait until a device is quiet.
    fn settle(&mut self, now: u64, steps: &mut Vec<Step>) {
        for service in 0..self.services.len() {
            if self.services[service] == Life::Quiet {
                self.settle_service(service, now, steps);
            }
        }
        for cluster in 0..self.servers.len() {
            if self.servers[cluster] == Life::Dead && !self.waits_for_devices(cluster) {
                self.servers[cluster] = Life::Down;
                steps.push(Step::TellVcores(cluster));
            }
        }
    }

    /// Whether a device may still write for a dead service of a cluster, and will be quiet.
    fn waits_for_devices(&self, cluster: usize) -> bool {
        let services = self.plan.services().iter().zip(&self.services);
        let mut own = services.filter(|(service, _)| service.cluster as usize == cluster);
        own.any(|(service, life)| {
            *life == Life::Dead && self.devices[service.device as usize] != Device::Unknown
        })
    }

    /// The device of a service that died writes nothing for it: its clients may know, and it may start again.
    fn settle_service(&mut self, service: usize, now: u64, steps: &mut Vec<Step>) {
        steps.push(Step::TellClients(service));
        let cluster = self.plan.services()[service].cluster as usize;
        if self.servers[cluster] != Life::Alive {
            self.services[service] = Life::Down;
            return;
        }
        let starts = self.start_or_stay_down(Child::Service(service), now, steps);
        self.services[service] = if starts { Life::Alive } else { Life::Down };
    }
}

#[cfg(test)]
mod tests;
