//! What the root task does once everything runs: prints what its children say, and handles their ends and their faults.

use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::event::Event;
use atoll_abi::layout::{MAX_VCORES, badge, request};
use atoll_abi::plan::Plan;
use atoll_abi::process::FAULTED;
use sel4::{Fault, MessageInfo, cap};
use sel4_root_task::console::emit;
use sel4_root_task::println;

use crate::authority::Authority;
use crate::cluster::ClusterParts;

/// Labels of answers.
const DONE: u64 = 0;
const REFUSED: u64 = 1;

struct Supervisor<'a> {
    plan: &'a Plan,
    instance: usize,
    clusters: Vec<ClusterParts>,
    /// Maps the pages on which is said that a server is gone.
    authority: Authority,
    not_ready: usize,
    /// Devices of which the driver has not said yet whether they can be used.
    starting: Vec<usize>,
    running: Vec<usize>,
    /// Clusters without a server.
    stopped: Vec<usize>,
}

/// Starts the components, then serves them for ever.
pub fn run(
    plan: &Plan,
    instance: usize,
    endpoint: cap::Endpoint,
    clusters: Vec<ClusterParts>,
    authority: Authority,
) -> ! {
    let mut supervisor = Supervisor {
        plan,
        instance,
        authority,
        not_ready: 0,
        starting: Vec::new(),
        running: clusters
            .iter()
            .flat_map(|parts| parts.processes.iter().map(|parts| parts.process))
            .collect(),
        stopped: Vec::new(),
        clusters,
    };
    supervisor.start();
    let (mut info, mut speaker) = endpoint.recv();
    loop {
        let answer = supervisor.handle(&info, speaker);
        (info, speaker) = match answer {
            Some(label) => endpoint.reply_recv(MessageInfo::new(label, 0, 0, 0)),
            None => endpoint.recv(),
        };
    }
}

impl Supervisor<'_> {
    /// Starts the drivers, and the servers when the drivers are done with setting up their devices: a device that appears
    /// in the machine's memory map changes the map, and under QEMU a register of another device that is read at that moment
    /// can read as zero.
    fn start(&mut self) {
        for parts in &self.clusters {
            if let Some((thread, _)) = &parts.driver {
                let device = self.plan.clusters[parts.cluster].block_device;
                self.starting.push(device as usize);
                thread.tcb_resume().expect("the thread was set up");
            }
        }
        self.not_ready = self.starting.len() + self.clusters.len();
        if self.starting.is_empty() {
            self.start_servers();
        }
    }

    fn start_servers(&self) {
        for parts in &self.clusters {
            let started = parts.server_thread.tcb_resume();
            started.expect("the thread was set up");
        }
    }

    /// The driver of a device has said whether it can be used, or never will.
    fn driver_started(&mut self, device: usize) {
        let before = self.starting.len();
        self.starting.retain(|starting| *starting != device);
        if self.starting.is_empty() && before > 0 {
            self.start_servers();
        }
    }

    /// Handles a message; the label of the answer, where its sender waits for one.
    fn handle(&mut self, info: &MessageInfo, speaker: u64) -> Option<u64> {
        let (kind, index) = badge::split(speaker);
        match (kind, info.label()) {
            (badge::SERVER, request::LOG) => println!("{}", text(info)),
            (badge::DRIVER, request::LOG) => {
                println!("[{}] {}", self.plan.devices[index].name, text(info))
            }
            (badge::SERVER, request::READY) => self.ready(),
            (badge::DRIVER, request::READY) => {
                self.ready();
                self.driver_started(index);
            }
            (badge::DRIVER, request::FAILED) => {
                emit(&Event::Fault {
                    who: format_args!("driver:{}", self.plan.devices[index].name),
                    reason: format_args!("the device did not start; see its log"),
                });
                self.driver_started(index);
            }
            (badge::SERVER, request::CHANNEL) => self.channel(index),
            (badge::SERVER, request::EXITED) => {
                let [process, status, vcores] = [0, 1, 2].map(sel4::get_mr);
                self.exited(process as usize, status, vcores);
            }
            (badge::PROCESS, request::STOP_SERVER) => {
                let process = &self.plan.processes[index / MAX_VCORES];
                if process.operator == 0 {
                    return Some(REFUSED);
                }
                self.stop_server(process.cluster as usize);
            }
            (badge::PROCESS, request::EXIT_WITHOUT_SERVER) if self.has_no_server(index) => {
                self.end(index / MAX_VCORES, sel4::get_mr(0));
                return None;
            }
            (badge::DRIVER, request::STOPPED) => {
                let cluster = self.plan.devices[index].cluster as usize;
                if self.stopped.contains(&cluster) {
                    self.announce(cluster);
                }
            }
            _ => {
                self.fault(info, kind, index);
                return None;
            }
        }
        Some(DONE)
    }

    /// Stops the server of a cluster of this instance. Its driver stops the device; only then do others learn of it, so
    /// that nobody takes a block back that a device still writes.
    fn stop_server(&mut self, cluster: usize) {
        let Some(parts) = self.clusters.iter().find(|it| it.cluster == cluster) else {
            return;
        };
        if self.stopped.contains(&cluster) {
            return;
        }
        let _ = parts.server_thread.tcb_suspend();
        self.stopped.push(cluster);
        let name = self.plan.clusters[cluster].name;
        emit(&Event::Stopped {
            cluster: format_args!("{name}"),
        });
        match &parts.driver {
            Some((_, obituary)) => obituary.announce(&mut self.authority),
            None => self.announce(cluster),
        }
    }

    /// Says to all who have a channel to a cluster's server that it is gone.
    fn announce(&mut self, cluster: usize) {
        for parts in self.clusters.iter().filter(|it| it.cluster == cluster) {
            for obituary in &parts.obituaries {
                obituary.announce(&mut self.authority);
            }
        }
    }

    /// Whether the server of a process is stopped; by the index that its threads speak with.
    fn has_no_server(&self, index: usize) -> bool {
        let process = &self.plan.processes[index / MAX_VCORES];
        self.stopped.contains(&(process.cluster as usize))
    }

    /// Ends a process of which the server is gone.
    fn end(&mut self, process: usize, status: u64) {
        let parts = self.clusters.iter().flat_map(|parts| &parts.processes);
        for parts in parts.filter(|parts| parts.process == process) {
            for thread in &parts.threads {
                let _ = thread.tcb_suspend();
            }
        }
        let vcores = self.plan.processes[process].vcores;
        self.exited(process, status, u64::from(vcores));
    }

    fn ready(&mut self) {
        self.not_ready = self.not_ready.saturating_sub(1);
        if self.not_ready > 0 {
            return;
        }
        let instance = self.instance;
        emit(&Event::Ready { instance });
        for process in &self.running {
            let process = &self.plan.processes[*process];
            emit(&Event::Started {
                process: format_args!("{}", process.name),
                cluster: format_args!("{}", self.plan.clusters[process.cluster as usize].name),
                vcores: process.vcores,
            });
        }
        self.tell_done();
    }

    fn channel(&self, cluster: usize) {
        let [channel, sent, received, doorbells, peer_doorbells] =
            [0, 1, 2, 3, 4].map(sel4::get_mr);
        emit(&Event::Channel {
            channel,
            cluster: format_args!("{}", self.plan.clusters[cluster].name),
            sent,
            received,
            doorbells,
            peer_doorbells,
        });
    }

    fn exited(&mut self, process: usize, status: u64, vcores: u64) {
        let Some(position) = self.running.iter().position(|running| *running == process) else {
            return;
        };
        self.running.remove(position);
        let plan = &self.plan.processes[process];
        emit(&Event::Process {
            process: format_args!("{}", plan.name),
            cluster: format_args!("{}", self.plan.clusters[plan.cluster as usize].name),
            vcores,
            status,
        });
        self.tell_done();
    }

    fn tell_done(&self) {
        if self.running.is_empty() {
            let instance = self.instance;
            emit(&Event::Done { instance });
        }
    }

    fn fault(&mut self, info: &MessageInfo, kind: u64, index: usize) {
        let fault = Fault::new(info);
        let name = match kind {
            badge::SERVER => alloc::format!("server:{}", self.plan.clusters[index].name),
            badge::DRIVER => alloc::format!("driver:{}", self.plan.devices[index].name),
            badge::PROCESS => {
                alloc::format!("process:{}", self.plan.processes[index / MAX_VCORES].name)
            }
            _ => String::from("nobody"),
        };
        emit(&Event::Fault {
            who: format_args!("{name}"),
            reason: format_args!("{fault:x?}"),
        });
        match kind {
            badge::PROCESS if self.has_no_server(index) => self.end(index / MAX_VCORES, FAULTED),
            badge::PROCESS => self.stop(index / MAX_VCORES),
            badge::SERVER => self.stop_server(index),
            badge::DRIVER => self.driver_started(index),
            _ => {}
        }
    }

    /// Stops a process at once, and lets its server end what it has under way; the server then says that it has exited.
    fn stop(&self, process: usize) {
        let parts = self.clusters.iter().flat_map(|parts| &parts.processes);
        for parts in parts.filter(|parts| parts.process == process) {
            for thread in &parts.threads {
                let _ = thread.tcb_suspend();
            }
            parts.alarm.signal();
        }
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
