//! What the root task does once everything runs: prints what its children say, and handles their ends and their faults.

mod start;

use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::boot::{BARS, DeviceMemory};
use atoll_abi::event::Event;
use atoll_abi::layout::{self, badge, component, request};
use atoll_abi::plan::{MAX_DEVICES, Plan};
use atoll_abi::process::{FAULTED, is_failure};
use atoll_root_task::lifecycle::Child;
use atoll_root_task::procinfo::Time;
use atoll_root_task::readiness::Readiness;
use sel4::{Fault, MessageInfo};
use sel4_root_task::console::emit;
use sel4_root_task::println;

use crate::alarm::Alarm;
use crate::authority::Authority;
use crate::children::{Children, Context};
use crate::driver;
use crate::supervision::Supervision;

/// Labels of answers.
const DONE: u64 = 0;
const REFUSED: u64 = 1;

/// An answer to a message: its label, and the one word that it may have.
struct Answer {
    label: u64,
    words: Words,
}

/// The words of an answer.
enum Words {
    None,
    /// What a component learns that has started.
    Time(Time),
    /// What a driver learns that starts.
    DeviceMemory([u64; BARS]),
}

impl Answer {
    /// An empty one.
    fn labelled(label: u64) -> Answer {
        Answer {
            label,
            words: Words::None,
        }
    }
}

struct Supervisor<'a> {
    plan: &'a Plan,
    instance: usize,
    time: Time,
    devices: [DeviceMemory; MAX_DEVICES],
    supervision: Supervision<'a>,
    readiness: Readiness,
    /// Devices of which the driver has not said yet whether they can be used.
    starting: Vec<usize>,
    /// Processes that have not ended.
    running: Vec<usize>,
}

/// Starts the components, then serves them for ever.
pub fn run(context: &Context<'_>, children: Children, alarm: Alarm, authority: Authority) -> ! {
    let drivers = children.drivers.iter().map(|it| Child::Driver(it.device));
    let servers = children.servers.iter().map(|it| Child::Server(it.cluster));
    let services = children.services.iter().map(|it| Child::Service(it.index));
    let mut supervisor = Supervisor {
        plan: context.plan,
        instance: context.instance as usize,
        time: context.time,
        devices: context.devices,
        readiness: Readiness::new(drivers.chain(servers).chain(services)),
        starting: children.drivers.iter().map(|it| it.device).collect(),
        running: children.processes.iter().map(|it| it.index).collect(),
        supervision: Supervision::new(context, authority, alarm, children),
    };
    supervisor.start();
    supervisor.keep_time();
    let endpoint = context.endpoint;
    let (mut info, mut sender) = endpoint.recv();
    loop {
        let answer = supervisor.handle(&info, sender);
        supervisor.keep_time();
        supervisor.report_ready();
        (info, sender) = match answer {
            Some(Answer { label, words }) => {
                let length = match words {
                    Words::None => 0,
                    Words::Time(time) => {
                        sel4::set_mr(0, time.ticks_per_microsecond);
                        sel4::set_mr(1, time.epoch);
                        2
                    }
                    Words::DeviceMemory(sizes) => {
                        for (register, size) in sizes.into_iter().enumerate() {
                            sel4::set_mr(register, size);
                        }
                        BARS
                    }
                };
                endpoint.reply_recv(MessageInfo::new(label, 0, 0, length))
            }
            None => endpoint.recv(),
        };
    }
}

impl Supervisor<'_> {
    /// Stops the components that should have started by now and have not, wakes those whose time is up, and sets the alarm for the
    /// next one.
    fn keep_time(&mut self) {
        loop {
            self.supervision.wake_watchers();
            while let Some(child) = self.supervision.overdue() {
                self.report_fault(
                    child,
                    "it has not said in time that it has started, or that its device is quiet",
                );
                self.stop(child);
            }
            if self.supervision.set_alarm() {
                return;
            }
        }
    }

    /// Handles a message; the answer, where its sender waits for one.
    fn handle(&mut self, info: &MessageInfo, sender: u64) -> Option<Answer> {
        let mut answer = Answer::labelled(DONE);
        let (kind, index) = badge::split(sender);
        match (kind, info.label()) {
            // No message came with it.
            (badge::ALARM, _) => {
                self.supervision.take_alarm();
                return None;
            }
            (badge::SERVER, request::LOG) => println!("{}", text(info)),
            (badge::DRIVER, request::LOG) => {
                println!("[{}] {}", self.plan.devices()[index].name, text(info))
            }
            (badge::SERVICE, request::LOG) => {
                println!("[{}] {}", self.plan.services()[index].name, text(info))
            }
            (badge::SERVER, request::READY) => {
                self.measured(Child::Server(index));
                answer.words = Words::Time(self.time);
            }
            (badge::SERVICE, request::READY) => {
                self.measured(Child::Service(index));
                answer.words = Words::Time(self.time);
            }
            (badge::DRIVER, request::READY) => {
                self.supervision.driver_ready(index);
                self.readiness.ready(Child::Driver(index));
                self.driver_started(index);
                answer.words = Words::Time(self.time);
            }
            (badge::DRIVER, request::FAILED) => {
                let quiet = sel4::get_mr(0) == 1;
                self.report_fault(
                    Child::Driver(index),
                    "the device did not start; see its log",
                );
                self.supervision.driver_failed(index, quiet);
                self.driver_started(index);
            }
            (badge::SERVICE, request::FAILED) => {
                self.report_fault(
                    Child::Service(index),
                    "the service did not start; see its log",
                );
                self.supervision.lost(Child::Service(index));
            }
            (badge::DRIVER, request::DEVICE_MEMORY) => {
                let sizes = driver::mapped_sizes(&self.devices[index]);
                answer.words = Words::DeviceMemory(sizes);
            }
            (badge::DRIVER, request::STOPPED) => self.supervision.device_quiet(index),
            (badge::DRIVER, request::WATCH) => {
                self.supervision
                    .watch(Child::Driver(index), sel4::get_mr(0));
            }
            (badge::SERVICE, request::WATCH) => {
                self.supervision
                    .watch(Child::Service(index), sel4::get_mr(0));
            }
            (badge::DRIVER, request::QUIET) => {
                let slot = usize::try_from(sel4::get_mr(0)).unwrap_or(usize::MAX);
                self.supervision.service_quiet(index, slot);
            }
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
            (badge::PROCESS, request::READY) => {
                self.supervision
                    .started(Child::Process(badge::process(index)));
                return None;
            }
            (badge::PROCESS, label @ (request::STOP | request::HOLD)) => {
                return Some(Answer::labelled(self.order(badge::process(index), label)));
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
        Some(answer)
    }

    /// Does what a process wants done with a component, where it is an operator and the component is one of this instance.
    fn order(&mut self, process: usize, label: u64) -> u64 {
        let [kind, index, lives] = [0, 1, 2].map(sel4::get_mr);
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
            _ => {
                self.supervision.hold_next(child, lives);
                self.stop(child);
            }
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
            for process in self.supervision.run_without_server(cluster) {
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
        let fault = Fault::new(info);
        let frame = match (child, &fault) {
            (Child::Process(index), Fault::VmFault { addr, .. }) => {
                let process = &self.plan.processes()[index];
                let frames = self.plan.frames_of(process.cluster);
                let may = self.plan.may_hold_frames(process);
                layout::frame_of_fault(*addr).filter(|frame| may && *frame < frames)
            }
            _ => None,
        };
        let place = frame.map_or_else(String::new, |frame| {
            alloc::format!(" in frame {frame}, which it does not hold")
        });
        self.report_fault(child, &alloc::format!("{fault:x?}{place}"));
        self.stop(child);
    }
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
