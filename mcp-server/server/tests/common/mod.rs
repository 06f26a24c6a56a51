//! A kernel that notes what is done with it, and a server of one process.

#![allow(dead_code, reason = "each test program uses a part of it")]

use atoll_abi::frame::FrameState;
use atoll_abi::interface::{Request, request};
use atoll_abi::plan::{Tables, empty_rows};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_core::Personality;
use atoll_core::vcore::VcoreSets;
use atoll_server::{Host, Kernel};
use atoll_test_support::link::FakeLink;

/// What was done.
#[derive(Default)]
pub struct Events {
    pub now: u64,
    pub lines: Vec<String>,
    pub woken: Vec<usize>,
    pub ended: Vec<(u16, u64)>,
    pub started: Vec<usize>,
    pub noted: VcoreSets,
    pub alarms: u64,
}

impl Kernel for Events {
    fn now(&mut self) -> u64 {
        self.now
    }

    fn start_vcore(&mut self, _: ProcessId, vcore: usize) {
        self.started.push(vcore);
    }

    fn stop_vcore(&mut self, _: ProcessId, _: usize) {}

    fn wake_vcore(&mut self, _: ProcessId, vcore: usize) {
        self.woken.push(vcore);
    }

    fn publish_vcores(&mut self, _: ProcessId, vcores: VcoreSets) {
        self.noted = vcores;
    }

    fn publish_alarms(&mut self, _: ProcessId, vcores: u64) {
        self.alarms = vcores;
    }

    fn publish_many_core(&mut self, _: ProcessId) {}

    fn place_frame(&mut self, _: usize, _: usize) {}

    fn publish_frame(&mut self, _: usize, _: FrameState) {}

    fn print_line(&mut self, _: ProcessId, line: &str) {
        self.lines.push(line.to_owned());
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, _: u32) {
        self.ended.push((process.index, status));
    }
}

/// A vcore makes a call.
pub fn call(ring: &FakeLink, call: Syscall) {
    ring.send_to_it(&Syscall {
        generation: 1,
        ..call
    });
}

/// How the next call of a vcore ended.
pub fn take(ring: &FakeLink) -> Option<Status> {
    let completion: Completion = ring.take()?;
    Some(Status::from_raw(completion.status))
}

/// A life of the server of one process with two vcores, of which it has taken none over, and the vcores' rings.
pub fn new_server() -> (Host<FakeLink, Events>, [FakeLink; 2]) {
    let mut tables = Tables {
        processes: empty_rows(1),
        ..Tables::default()
    };
    tables.processes[0].vcores = 2;
    let rings = [FakeLink::default(), FakeLink::default()];
    let personality = Personality::new(&tables.encode(), 0);
    let host = Host::new(personality, [rings.clone()], Events::default());
    (host, rings)
}

/// As [`new_server`], with the process started.
pub fn server() -> (Host<FakeLink, Events>, [FakeLink; 2]) {
    let (mut host, rings) = new_server();
    host.start(ProcessId {
        index: 0,
        generation: 1,
    });
    (host, rings)
}

pub fn print(text: &[u8; 8]) -> Syscall {
    request::Print {
        text: [u64::from_le_bytes(*text), 0, 0, 0],
        length: 8,
    }
    .encode()
}

pub fn exit() -> Syscall {
    request::Exit { status: 5 }.encode()
}
