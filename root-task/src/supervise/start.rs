//! The start of the components, until all can be used or stay down.

use atoll_abi::event::Event;
use atoll_root_task::lifecycle::Child;
use sel4::cap;
use sel4_root_task::console::emit;

use super::Supervisor;

impl Supervisor<'_> {
    /// Starts the drivers, and the others when the drivers are done with setting up their devices: a device that appears in
    /// the machine's memory map changes the map, and under QEMU a register of another device that is read at that moment
    /// can read as zero.
    pub(super) fn start(&mut self) {
        for device in self.starting.clone() {
            self.supervision.begin_start(Child::Driver(device));
        }
        for driver in &self.supervision.children.drivers {
            resume(driver.thread);
        }
        if self.starting.is_empty() {
            self.start_others();
        }
    }

    fn start_others(&mut self) {
        let components = self.readiness.awaited();
        let others = components.filter(|child| !matches!(child, Child::Driver(_)));
        let processes = self.running.iter().map(|process| Child::Process(*process));
        for child in others.chain(processes) {
            self.supervision.begin_start(child);
        }
        let children = &self.supervision.children;
        for server in &children.servers {
            resume(server.thread);
        }
        for service in &children.services {
            resume(service.thread);
        }
    }

    /// The driver of a device has said whether it can be used, or never will.
    pub(super) fn driver_started(&mut self, device: usize) {
        let before = self.starting.len();
        self.starting.retain(|starting| *starting != device);
        if self.starting.is_empty() && before > 0 {
            self.start_others();
        }
    }

    /// A component that has measured its poll budget is ready.
    pub(super) fn measured(&mut self, child: Child) {
        let looks = sel4::get_mr(0);
        let who = self.supervision.name(child);
        emit(&Event::Budget {
            who: format_args!("{who}"),
            looks,
        });
        self.supervision.started(child);
        self.readiness.ready(child);
    }

    /// Reports the instance as ready when every component can be used or stays down.
    pub(super) fn report_ready(&mut self) {
        let supervision = &self.supervision;
        if !self
            .readiness
            .reached(|child| supervision.stays_down(child))
        {
            return;
        }
        let instance = self.instance;
        emit(&Event::Ready { instance });
        for process in &self.running {
            let process = &self.plan.processes()[*process];
            emit(&Event::Started {
                process: format_args!("{}", process.name),
                cluster: format_args!("{}", self.plan.clusters()[process.cluster as usize].name),
                vcores: process.vcores,
            });
        }
        self.report_done();
    }
}

fn resume(thread: cap::Tcb) {
    thread.tcb_resume().expect("the thread was set up");
}
