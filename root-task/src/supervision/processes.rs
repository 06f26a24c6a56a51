//! Processes: what their servers are told of them, and what the root task does where a server stays down.

use alloc::vec::Vec;

use atoll_abi::connection::{Client, Provider};
use atoll_abi::event::Event;
use atoll_root_task::lifecycle::{Child, Step};
use sel4_root_task::console::emit;

use super::Supervision;
use crate::connections::CLIENT;
use crate::process::Process;

/// Where fields of a process's information are.
const GENERATION: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, generation);
const CONDEMNED: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, condemned);
const GRANTED: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, granted);
const STARTED: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, started);
const RESUMES: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, resumes);
const NOTICES: usize = core::mem::offset_of!(atoll_abi::process::ServerInfo, notices);
pub(super) const SERVER_DOWN: usize =
    core::mem::offset_of!(atoll_abi::process::ProcInfo, server_down);
const MANY_CORE: usize = core::mem::offset_of!(atoll_abi::process::ProcInfo, many_core);

impl Supervision<'_> {
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

    /// A process ends with an exit status, which it could not tell its server.
    pub fn exit_by_server(&mut self, process: usize, status: u64) {
        self.end_by_server(process, Some(status));
    }

    /// Has the server of a process end it; it says so.
    pub(super) fn end_by_server(&mut self, process: usize, status: Option<u64>) {
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

    /// Sets a process back, and has its server start it.
    pub(super) fn start_process(&mut self, index: usize, generation: u32) {
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

    fn process(&self, index: usize) -> Option<&Process> {
        self.children.processes.iter().find(|it| it.index == index)
    }
}
