//! What the root task does once everything runs: prints what its children say, and handles their ends and their faults.

use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::event::Event;
use atoll_abi::layout::{badge, component, request};
use atoll_abi::plan::Plan;
use atoll_abi::process::{FAULTED, is_failure};
use atoll_root_task::lifecycle::Child;
use sel4::{Fault, MessageInfo, cap};
use sel4_root_task::console::emit;
use sel4_root_task::println;

use crate::authority::Authority;
use crate::children::{Children, Context};
use crate::supervision::Supervision;

/// Labels of answers.
const DONE: u64 = 0;
const REFUSED: u64 = 1;

struct Supervisor<'a> {
    plan: &'a Plan,
    instance: usize,
    supervision: Supervision<'a>,
    /// How many drivers, servers and services have not said yet that they can be used.
    not_ready: usize,
    /// Devices of which the driver has not said yet whether they can be used.
    starting: Vec<usize>,
    /// Processes that have not ended.
    running: Vec<usize>,
}

/// Starts the components, then serves them for ever.
pub fn run(context: &Context<'_>, children: Children, authority: Authority) -> ! {
    let mut supervisor = Supervisor {
        plan: context.plan,
        instance: context.instance as usize,
        not_ready: children.drivers.len() + children.servers.len() + children.services.len(),
        starting: children.drivers.iter().map(|it| it.device).collect(),
        running: children.processes.iter().map(|it| it.index).collect(),
        supervision: Supervision::new(context, authority, children),
    };
    supervisor.start();
    let endpoint = context.endpoint;
    let (mut info, mut sender) = endpoint.recv();
    loop {
        let answer = supervisor.handle(&info, sender);
        (info, sender) = match answer {
            Some(label) => endpoint.reply_recv(MessageInfo::new(label, 0, 0, 0)),
            None => endpoint.recv(),
        };
    }
}

impl Supervisor<'_> {
    /// Starts the drivers, and the others when the drivers are done with setting up their devices: a device that appears in
    /// the machine's memory map changes the map, and under QEMU a register of another device that is read at that moment
    /// can read as zero.
    fn start(&self) {
        for driver in &self.supervision.children.drivers {
            resume(driver.thread);
        }
        if self.starting.is_empty() {
            self.start_others();
        }
    }

    fn start_others(&self) {
        let children = &self.supervision.children;
        for server in &children.servers {
            resume(server.thread);
        }
        for service in &children.services {
            resume(service.thread);
        }
    }

    /// The driver of a device has said whether it can be used, or never will.
    fn driver_started(&mut self, device: usize) {
        let before = self.starting.len();
        self.starting.retain(|starting| *starting != device);
        if self.starting.is_empty() && before > 0 {
            self.start_others();
        }
    }

    /// Handles a message; the label of the answer, where its sender waits for one.
    fn handle(&mut self, info: &MessageInfo, sender: u64) -> Option<u64> {
        let (kind, index) = badge::split(sender);
        match (kind, info.label()) {
            (badge::SERVER, request::LOG) => println!("{}", text(info)),
            (badge::DRIVER, request::LOG) => {
                println!("[{}] {}", self.plan.devices()[index].name, text(info))
            }
            (badge::SERVICE, request::LOG) => {
                println!("[{}] {}", self.plan.services()[index].name, text(info))
            }
            (badge::SERVER, request::READY) => self.measured(Child::Server(index)),
            (badge::SERVICE, request::READY) => self.measured(Child::Service(index)),
            (badge::DRIVER, request::READY) => {
                self.supervision.driver_ready(index);
                self.ready();
                self.driver_started(index);
            }
            (badge::DRIVER, request::FAILED) => {
                self.report_fault(
                    Child::Driver(index),
                    "the device did not start; see its log",
                );
                self.supervision.driver_failed(index);
                self.driver_started(index);
            }
            (badge::SERVICE, request::FAILED) => {
                self.report_fault(
                    Child::Service(index),
                    "the service did not start; see its log",
                );
                self.supervision.lost(Child::Service(index));
            }
            (badge::DRIVER, request::STOPPED) => self.supervision.device_quiet(index),
            (badge::SERVER, request::EXITED) => {
                let [process, generation, status, vcores] = [0, 1, 2, 3].map(sel4::get_mr);
                let process = process as usize;
                let own = self.plan.processes().get(process);
                let own = own.is_some_and(|it| it.cluster as usize == index);
                // The end of a life that is over is no news.
                if own && self.supervision.generation(process) == generation {
                    self.exited(process, status, vcores);
                }
            }
            (badge::PROCESS, label @ (request::STOP | request::HOLD)) => {
                let [kind, component] = [0, 1].map(sel4::get_mr);
                return Some(self.order(badge::process(index), label, kind, component));
            }
            (badge::PROCESS, request::EXIT_WITHOUT_SERVER) => {
                let (process, status) = (badge::process(index), sel4::get_mr(0));
                if self.supervision.has_no_server(process) {
                    self.end(process, status);
                } else if self.running.contains(&process) {
                    // Its server lives, or is starting again, and ends it.
                    self.supervision.exit_by_server(process, status);
                }
                return None;
            }
            _ => {
                self.fault(info, kind, index);
                return None;
            }
        }
        Some(DONE)
    }

    /// Does what a process wants done with a component, where it is an operator and the component is one of this instance.
    fn order(&mut self, process: usize, label: u64, kind: u64, index: u64) -> u64 {
        let index = index as usize;
        let child = match kind {
            component::SERVER => Child::Server(index),
            component::SERVICE => Child::Service(index),
            component::DRIVER => Child::Driver(index),
            component::PROCESS => Child::Process(index),
            _ => return REFUSED,
        };
        let operator = self.plan.processes()[process].operator != 0;
        if !operator || !self.supervision.runs(child) {
            return REFUSED;
        }
        match label {
            request::HOLD => self.supervision.hold(child),
            _ => self.stop(child),
        }
        DONE
    }

    /// Stops a component that took a fault or is to be stopped.
    fn stop(&mut self, child: Child) {
        let starts_again = match child {
            Child::Process(process) if self.supervision.has_no_server(process) => {
                self.end(process, FAULTED);
                false
            }
            Child::Process(process) if !self.running.contains(&process) => false,
            child => self.supervision.lost(child),
        };
        if let Child::Server(cluster) = child {
            for process in self.supervision.stranded(cluster) {
                self.end(process, FAULTED);
            }
        }
        if let Child::Driver(device) = child
            && !starts_again
        {
            self.driver_started(device);
        }
    }

    /// Ends a process of which the server is gone.
    fn end(&mut self, process: usize, status: u64) {
        let vcores = self.plan.processes()[process].vcores;
        self.exited(process, status, u64::from(vcores));
    }

    /// A component that has measured its poll budget is ready.
    fn measured(&mut self, child: Child) {
        let looks = sel4::get_mr(0);
        let who = self.supervision.name(child);
        emit(&Event::Budget {
            who: format_args!("{who}"),
            looks,
        });
        self.ready();
    }

    fn ready(&mut self) {
        // Components that are started again say so once more.
        let before = self.not_ready;
        self.not_ready = before.saturating_sub(1);
        if self.not_ready > 0 || before == 0 {
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

    fn exited(&mut self, process: usize, status: u64, vcores: u64) {
        let Some(position) = self.running.iter().position(|running| *running == process) else {
            return;
        };
        let status = self.supervision.exit_status(process).unwrap_or(status);
        let plan = &self.plan.processes()[process];
        emit(&Event::Process {
            process: format_args!("{}", plan.name),
            cluster: format_args!("{}", self.plan.clusters()[plan.cluster as usize].name),
            vcores,
            status,
        });
        if !self.supervision.process_ended(process, is_failure(status)) {
            self.running.remove(position);
        }
        self.report_done();
    }

    fn report_done(&self) {
        if self.running.is_empty() {
            let instance = self.instance;
            emit(&Event::Done { instance });
        }
    }

    fn report_fault(&self, child: Child, reason: &str) {
        let who = self.supervision.name(child);
        emit(&Event::Fault {
            who: format_args!("{who}"),
            reason: format_args!("{reason}"),
        });
    }

    fn fault(&mut self, info: &MessageInfo, kind: u64, index: usize) {
        let child = match kind {
            badge::SERVER => Child::Server(index),
            badge::SERVICE => Child::Service(index),
            badge::DRIVER => Child::Driver(index),
            badge::PROCESS => Child::Process(badge::process(index)),
            // Every capability to the endpoint has a badge of these.
            _ => return,
        };
        self.report_fault(child, &alloc::format!("{:x?}", Fault::new(info)));
        self.stop(child);
    }
}

fn resume(thread: cap::Tcb) {
    thread.tcb_resume().expect("the thread was set up");
}

/// The text of a `LOG` message; nothing in it can pass for an event.
fn text(info: &MessageInfo) -> String {
    let available = info.length().saturating_sub(1) * 8;
    let length = (sel4::get_mr(0) as usize)
        .min(request::LOG_SIZE)
        .min(available);
    let bytes: Vec<u8> = (0..length)
        .map(|at| sel4::get_mr(1 + at / 8).to_le_bytes()[at % 8])
        .collect();
    let text =
        String::from_utf8_lossy(&bytes).replace(|character: char| character.is_control(), " ");
    match text.strip_prefix('@') {
        Some(rest) => alloc::format!(" {rest}"),
        None => text,
    }
}
