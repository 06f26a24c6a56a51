//! What the root task does when a component dies: it takes the steps that [`Lifecycle`] decides on.

mod starts;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::connection::{Client, Provider};
use atoll_abi::event::Event;
use atoll_abi::layout::entry;
use atoll_abi::plan::Plan;
use atoll_root_task::lifecycle::{Child, Lifecycle, Step};
use sel4_root_task::console::emit;

use crate::alarm::Alarm;
use crate::authority::Authority;
use crate::children::{Children, Context};
use crate::clock::Clock;
use crate::component::Component;
use crate::connections::{CLIENT, PROVIDER};

/// The children, and which of them are gone.
pub struct Supervision<'a> {
    plan: &'a Plan,
    /// Maps the pages on which a death is announced, and those that are set back.
    authority: Authority,
    /// All children, dead or alive.
    pub children: Children,
    lifecycle: Lifecycle<'a>,
    clock: Clock,
    /// Rings when the next component has to have started.
    alarm: Alarm,
    /// Components of which an operator wants so many lives more to stand still from their start on.
    standing: Vec<(Child, u64)>,
    /// Components that stay down.
    down: Vec<Child>,
    /// How often each component was started again that ever was.
    restarts: Vec<(Child, u64)>,
    /// Processes that cannot go on, which their servers have not ended yet; with its exit status, where one has named it.
    to_be_ended: Vec<(usize, Option<u64>)>,
}

impl<'a> Supervision<'a> {
    /// All are alive.
    pub fn new(
        context: &Context<'a>,
        authority: Authority,
        alarm: Alarm,
        children: Children,
    ) -> Supervision<'a> {
        Supervision {
            plan: context.plan,
            authority,
            children,
            lifecycle: Lifecycle::new(context.plan),
            clock: Clock::new(context.ticks_per_microsecond),
            alarm,
            standing: Vec::new(),
            down: Vec::new(),
            restarts: Vec::new(),
            to_be_ended: Vec::new(),
        }
    }

    /// The generation of the present life of a process.
    pub fn generation(&self, process: usize) -> u64 {
        let mut restarts = self.restarts.iter();
        let own = restarts.find(|(child, _)| *child == Child::Process(process));
        own.map_or(1, |(_, restarts)| restarts + 1)
    }

    /// Whether the server of a process stays down.
    pub fn has_no_server(&self, process: usize) -> bool {
        let cluster = self.plan.processes()[process].cluster;
        self.lifecycle.server_is_down(cluster as usize)
    }

    /// Whether a component stays down.
    pub fn stays_down(&self, child: Child) -> bool {
        self.down.contains(&child)
    }

    /// A component took a fault, does not start, or is to be stopped. Tells whether it has been started again at once.
    pub fn lost(&mut self, child: Child) -> bool {
        if let Child::Process(process) = child {
            self.end_by_server(process, None);
            return false;
        }
        let steps = self.lifecycle.lost(child, self.clock.milliseconds());
        self.take(&steps);
        steps.contains(&Step::Start(child))
    }

    /// A process ends with an exit status, which it could not tell its server.
    pub fn exit_by_server(&mut self, process: usize, status: u64) {
        self.end_by_server(process, Some(status));
    }

    /// Has the server of a process end it; it says so.
    fn end_by_server(&mut self, process: usize, status: Option<u64>) {
        let child = Child::Process(process);
        let steps = self.lifecycle.lost(child, self.clock.milliseconds());
        self.take(&steps);
        if !self.to_be_ended.iter().any(|(known, _)| *known == process) {
            self.to_be_ended.push((process, status));
        }
        // Noted for the life of the server that there is and for the next one, which may be the one that ends it.
        let index = process;
        if let Some(process) = self.process(index) {
            let (page, server) = (process.information, process.server);
            self.authority.with_copy(page, |mapped| {
                mapped.write_u32(CONDEMNED, mapped.read_u32(GENERATION));
            });
            self.notice(index);
            server.signal();
        }
    }

    /// Where the server of a cluster stays down, lets those vcores of its processes run on that its next life would have started:
    /// they gave themselves back until an alarm, which nothing else rings, or it died when it was starting or stopping them. Gives
    /// the processes that cannot run on: they wait for that server to end or to start them, or have given all their vcores
    /// back to it.
    pub fn run_without_server(&mut self, cluster: usize) -> Vec<usize> {
        if !self.lifecycle.server_is_down(cluster) {
            return Vec::new();
        }
        let mut stranded = Vec::new();
        for process in &self.children.processes {
            let index = process.index;
            let waits = self.to_be_ended.iter().any(|(known, _)| *known == index);
            let page = process.information;
            let (generation, granted, resumes) = self.authority.with_copy(page, |mapped| {
                let [granted, resumes] = [GRANTED, RESUMES].map(|field| mapped.read_u64(field));
                (mapped.read_u32(GENERATION), granted, resumes)
            });
            let own = self.plan.processes()[index].cluster as usize == cluster;
            // One of generation 0 has ended.
            if !own || generation == 0 {
                continue;
            }
            if waits || granted | resumes == 0 {
                stranded.push(index);
                continue;
            }
            process.component.resume(resumes);
            for (vcore, notification) in process.notifications.iter().enumerate() {
                if resumes & 1 << vcore != 0 {
                    // The server's `start_vcore` says why it is woken once more.
                    notification.signal();
                }
            }
        }
        stranded
    }

    /// The exit status that a process has named which its server has ended.
    pub fn exit_status(&self, process: usize) -> Option<u64> {
        let mut known = self.to_be_ended.iter();
        known.find(|(known, _)| *known == process)?.1
    }

    /// Has a component stand still.
    pub fn hold(&mut self, child: Child) {
        if let Some(component) = self.component(child) {
            component.suspend();
        }
    }

    /// Whether this instance runs a component.
    pub fn runs(&mut self, child: Child) -> bool {
        self.component(child).is_some()
    }

    /// The driver of a device says that the device writes nothing any more.
    pub fn device_quiet(&mut self, device: usize) {
        let now = self.clock.milliseconds();
        let steps = self.lifecycle.device_quiet(device, now);
        self.take(&steps);
    }

    /// The driver of a device says that the device can be used.
    pub fn driver_ready(&mut self, device: usize) {
        let now = self.clock.milliseconds();
        let steps = self.lifecycle.driver_ready(device, now);
        self.take(&steps);
    }

    /// The driver of a device says that it cannot start.
    pub fn driver_failed(&mut self, device: usize) {
        let now = self.clock.milliseconds();
        let steps = self.lifecycle.driver_failed(device, now);
        self.take(&steps);
    }

    /// A process has ended: its services learn it, and close what it has open. Prints what crossed its connections. Starts
    /// it again where it `failed` and the plan allows it; whether it does.
    pub fn process_ended(&mut self, index: usize, failed: bool) -> bool {
        let Some(process) = self.children.processes.iter().find(|it| it.index == index) else {
            return false;
        };
        self.to_be_ended.retain(|(process, _)| *process != index);
        self.lifecycle.settle_start(Child::Process(index));
        process.component.suspend();
        for notice in &process.death_notices {
            notice.announce(&mut self.authority);
        }
        self.leave_services(index);
        let steps = match failed {
            true => {
                let now = self.clock.milliseconds();
                self.lifecycle.process_failed(index, now)
            }
            false => Vec::new(),
        };
        self.take(&steps);
        let starts = steps.contains(&Step::Start(Child::Process(index)));
        if !starts && let Some(process) = self.process(index) {
            let page = process.information;
            self.authority.with_copy(page, |mapped| {
                // Its server does not adopt it, should another life of the server begin.
                mapped.write_u32(GENERATION, 0);
            });
        }
        starts
    }

    /// Announces a process's side of its connections to services.
    fn leave_services(&mut self, process: usize) {
        for parts in &self.children.connections {
            let connection = &parts.connection;
            let (
                Client::Vcore {
                    process: own,
                    vcore,
                },
                Provider::Service(service),
            ) = (connection.client, connection.provider)
            else {
                continue;
            };
            if own != process {
                continue;
            }
            parts.announce(&mut self.authority, CLIENT);
            if let Some(counts) = parts.counts(&mut self.authority) {
                emit(&Event::Channel {
                    process: format_args!("{}", self.plan.processes()[process].name),
                    service: format_args!("{}", self.plan.services()[service].name),
                    vcore,
                    sent: counts.sent,
                    received: counts.received,
                    doorbells: counts.doorbells,
                    peer_doorbells: counts.peer_doorbells,
                    poll_budget: counts.poll_budget,
                });
            }
        }
    }

    fn take(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Suspend(child) => self.hold(child),
                Step::TellDriver(service) => {
                    self.announce(CLIENT, |client, _| client == Client::Service(service));
                }
                Step::TellClients(service) => {
                    self.announce(PROVIDER, |_, provider| {
                        provider == Provider::Service(service)
                    });
                }
                Step::TellService(device) => {
                    self.announce(PROVIDER, |_, provider| provider == Provider::Driver(device));
                }
                Step::TellVcores(cluster) => self.tell_vcores(cluster),
                Step::Start(child) => self.start(child),
                Step::Quiesce(device) => {
                    let restarts = self.count_restart(Child::Driver(device));
                    let number = entry::number(device, restarts) | entry::QUIESCE;
                    self.enter(Child::Driver(device), Some(number));
                }
                Step::Down(child, restarts) => self.report_down(child, restarts),
            }
        }
    }

    fn count_restart(&mut self, child: Child) -> u64 {
        let known = self.restarts.iter().position(|(known, _)| *known == child);
        let place = known.unwrap_or_else(|| {
            self.restarts.push((child, 0));
            self.restarts.len() - 1
        });
        self.restarts[place].1 += 1;
        self.restarts[place].1
    }

    /// Starts a component again.
    fn start(&mut self, child: Child) {
        let restarts = self.count_restart(child);
        match child {
            Child::Server(index) | Child::Service(index) | Child::Driver(index) => {
                self.enter(child, Some(entry::number(index, restarts)));
            }
            Child::Process(index) => self.start_process(index, restarts as u32 + 1),
        }
        let who = self.name(child);
        emit(&Event::Restarted {
            who: format_args!("{who}"),
            generation: restarts as u32 + 1,
        });
    }

    /// Sets a component back and lets it run.
    fn enter(&mut self, child: Child, number: Option<u64>) {
        let Some(thread) = (match child {
            Child::Server(index) => self.children.server(index).map(|it| it.thread),
            Child::Service(index) => self.children.service_of(index).map(|it| it.thread),
            Child::Driver(index) => self.children.driver(index).map(|it| it.thread),
            Child::Process(_) => None,
        }) else {
            return;
        };
        self.reset(child, number);
        if !self.is_held(child) {
            // It was set up when the instance started.
            let _ = thread.tcb_resume();
        }
    }

    fn reset(&mut self, child: Child, number: Option<u64>) {
        let (authority, children) = (&mut self.authority, &mut self.children);
        if let Some(component) = children.component(child) {
            component.reset(authority, number);
        }
    }

    /// Sets a process back, and has its server start it.
    fn start_process(&mut self, index: usize, generation: u32) {
        self.reset(Child::Process(index), None);
        let Some(process) = self.children.processes.iter().find(|it| it.index == index) else {
            return;
        };
        self.authority.with_copy(process.information, |mapped| {
            for word in [GRANTED, STARTED, RESUMES] {
                mapped.write_u32(word, 0);
                mapped.write_u32(word + 4, 0);
            }
            mapped.write_u32(MANY_CORE, 0);
            mapped.write_u32(GENERATION, generation);
        });
        let server = process.server;
        self.notice(index);
        server.signal();
    }

    /// Has the server of a process look at what its information says, when it next looks at anything.
    fn notice(&mut self, process: usize) {
        let cluster = self.plan.processes()[process].cluster;
        if let Some(server) = self.children.server(cluster as usize) {
            let page = server.information;
            self.authority.with_copy(page, |mapped| {
                // The server compares it with what it was: the upper half is not needed.
                let told = mapped.read_u32(NOTICES).wrapping_add(1);
                mapped.write_u32(NOTICES, told);
            });
        }
    }

    fn process(&self, index: usize) -> Option<&crate::process::Process> {
        self.children.processes.iter().find(|it| it.index == index)
    }

    fn component(&mut self, child: Child) -> Option<&mut Component<'static>> {
        self.children.component(child)
    }

    fn report_down(&mut self, child: Child, restarts: u32) {
        self.down.push(child);
        let who = self.name(child);
        emit(&Event::Down {
            who: format_args!("{who}"),
            restarts,
        });
        if let Child::Server(cluster) = child {
            for process in &self.children.processes {
                if self.plan.processes()[process.index].cluster as usize == cluster {
                    self.authority.with_copy(process.information, |mapped| {
                        mapped.write_u32(SERVER_DOWN, 1);
                    });
                }
            }
            emit(&Event::Stopped {
                cluster: format_args!("{}", self.plan.clusters()[cluster].name),
            });
        }
    }

    /// A component's name in events.
    pub fn name(&self, child: Child) -> String {
        match child {
            Child::Server(index) => format!("server:{}", self.plan.clusters()[index].name),
            Child::Service(index) => format!("service:{}", self.plan.services()[index].name),
            Child::Driver(index) => format!("driver:{}", self.plan.devices()[index].name),
            Child::Process(index) => format!("process:{}", self.plan.processes()[index].name),
        }
    }

    /// Announces that one side of some connections is gone.
    fn announce(&mut self, side: usize, dead: impl Fn(Client, Provider) -> bool) {
        for parts in &self.children.connections {
            if dead(parts.connection.client, parts.connection.provider) {
                parts.announce(&mut self.authority, side);
            }
        }
    }

    fn tell_vcores(&mut self, cluster: usize) {
        for process in &self.children.processes {
            if self.plan.processes()[process.index].cluster as usize == cluster {
                for notice in &process.server_notices {
                    notice.announce(&mut self.authority);
                }
            }
        }
    }
}

/// Where fields of a process's information are.
const GENERATION: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, generation);
const CONDEMNED: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, condemned);
const GRANTED: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, granted);
const STARTED: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, started);
const RESUMES: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, resumes);
const NOTICES: usize = core::mem::offset_of!(atoll_abi::process::ServerInfo, notices);
const SERVER_DOWN: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, server_down);
const MANY_CORE: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, many_core);
