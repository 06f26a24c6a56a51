//! A cluster with two processes, and a record of what the personality has done.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;

use atoll_abi::frame::FrameState;
use atoll_abi::interface::{Request, request};
use atoll_abi::name::Name;
use atoll_abi::plan::{EncodedPlan, Plan, Process, Service, ServiceKind, Tables, empty_rows};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_core::vcore::VcoreSets;
use atoll_core::{Actions, Event, Personality};
use zerocopy::FromZeros;

/// Vcores of each process.
pub const VCORES: usize = 4;

/// What was done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Start(u16, usize),
    Stop(u16, usize),
    Wake(u16, usize),
    Granted(u16, u64),
    ManyCore(u16),
    Line(u16, String),
    Completed(u16, usize, usize),
    Ended(ProcessId, u64, u32),
    Placed(usize, usize),
}

/// Records what is done.
#[derive(Default)]
pub struct Record {
    pub done: Vec<Done>,
    pub completions: Vec<Completion>,
    /// The vcores of each process, as they were noted last.
    pub noted: BTreeMap<u16, VcoreSets>,
    /// The vcores of each process that have an alarm, as was told last.
    pub alarms: BTreeMap<u16, u64>,
    /// Who has each frame, as was noted last.
    pub frames: BTreeMap<usize, FrameState>,
    /// The process in which each frame is mapped. The processes of the cluster come first in the plan, so that their numbers are
    /// their indexes.
    pub mapped: BTreeMap<usize, usize>,
}

impl Actions for Record {
    fn complete(&mut self, process: ProcessId, vcore: usize, completions: &[Completion]) {
        self.done
            .push(Done::Completed(process.index, vcore, completions.len()));
        self.completions.extend_from_slice(completions);
    }

    fn start_vcore(&mut self, process: ProcessId, vcore: usize) {
        self.done.push(Done::Start(process.index, vcore));
    }

    fn stop_vcore(&mut self, process: ProcessId, vcore: usize) {
        self.done.push(Done::Stop(process.index, vcore));
    }

    fn wake_vcore(&mut self, process: ProcessId, vcore: usize) {
        let pending = self.alarms.get(&process.index).copied().unwrap_or(0);
        assert_eq!(pending & 1 << vcore, 0, "its alarm rings");
        self.done.push(Done::Wake(process.index, vcore));
    }

    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets) {
        let before = self.noted.insert(process.index, vcores);
        if before.is_none_or(|before| before.granted != vcores.granted) {
            self.done.push(Done::Granted(process.index, vcores.granted));
        }
    }

    fn publish_alarms(&mut self, process: ProcessId, vcores: u64) {
        self.alarms.insert(process.index, vcores);
    }

    fn publish_many_core(&mut self, process: ProcessId) {
        self.done.push(Done::ManyCore(process.index));
    }

    fn place_frame(&mut self, frame: usize, process: usize) {
        self.done.push(Done::Placed(frame, process));
        self.mapped.insert(frame, process);
        let state = self.frames.get(&frame);
        let moving = state.is_some_and(|state| state.holding().holder.is_none());
        assert!(moving, "a frame that moves is noted as nobody's");
    }

    fn publish_frame(&mut self, frame: usize, state: FrameState) {
        if let Some(holder) = state.holding().holder {
            let mapped = self.mapped.get(&frame).copied();
            assert_eq!(mapped, Some(holder as usize), "it is mapped for its holder");
        }
        self.frames.insert(frame, state);
    }

    fn print_line(&mut self, process: ProcessId, line: &str) {
        self.done.push(Done::Line(process.index, line.to_owned()));
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, max_granted: u32) {
        self.done.push(Done::Ended(process, status, max_granted));
    }
}

/// A personality and what it has done.
pub struct Cluster {
    pub personality: Personality,
    pub record: Record,
    pub now: u64,
}

/// Two processes in cluster 0, one in cluster 1; two services, of which process 0 may use the second one.
pub fn plan() -> EncodedPlan {
    let process = |index: u32| Process {
        cluster: u32::from(index == 2),
        vcores: VCORES as u32,
        services: if index == 0 { 0b10 } else { 0 },
        ..Process::new_zeroed()
    };
    let service = |name| Service {
        name: Name::new(name).unwrap(),
        kind: ServiceKind::Files as u32,
        ..Service::new_zeroed()
    };
    let tables = Tables {
        clusters: empty_rows(2),
        processes: [0, 1, 2].map(process).into(),
        services: ["logs", "files"].map(service).into(),
        ..Tables::default()
    };
    tables.encode()
}

impl Cluster {
    /// Cluster 0, its processes started; what was done until then is forgotten.
    pub fn started() -> Cluster {
        Cluster::of(&plan())
    }

    /// Cluster 0 of a plan, as [`Cluster::started`].
    pub fn of(plan: &Plan) -> Cluster {
        let mut cluster = Cluster {
            personality: Personality::new(plan, 0),
            record: Record::default(),
            now: 0,
        };
        for index in (0..).take(plan.processes().len()) {
            cluster.event(start(index, 1));
        }
        cluster.record.done.clear();
        cluster
    }

    /// The present life of a process.
    pub fn id(&self, process: usize) -> ProcessId {
        self.personality.process(process).unwrap()
    }

    pub fn event(&mut self, event: Event<'_>) {
        self.personality.handle(self.now, event, &mut self.record);
    }

    /// Hands over calls of a vcore that has taken all its completions; their completions.
    pub fn calls(&mut self, process: usize, vcore: usize, calls: &[Syscall]) -> Vec<Completion> {
        self.calls_with(process, vcore, 0, calls)
    }

    pub fn calls_with(
        &mut self,
        process: usize,
        vcore: usize,
        unread: usize,
        calls: &[Syscall],
    ) -> Vec<Completion> {
        let process = self.id(process);
        let calls: Vec<Syscall> = calls
            .iter()
            .map(|call| Syscall {
                generation: process.generation,
                ..*call
            })
            .collect();
        let before = self.record.completions.len();
        self.event(Event::Calls {
            process,
            vcore,
            unread,
            calls: &calls,
        });
        self.record.completions[before..].to_vec()
    }

    /// Makes one call on vcore 0.
    pub fn ask(&mut self, process: usize, call: Syscall) -> (Status, [u64; 2]) {
        self.ask_on(process, 0, call)
    }

    pub fn ask_on(&mut self, process: usize, vcore: usize, call: Syscall) -> (Status, [u64; 2]) {
        let completions = self.calls(process, vcore, &[call]);
        assert_eq!(completions.len(), 1, "each call is answered once");
        (
            Status::from_raw(completions[0].status),
            completions[0].result,
        )
    }

    /// Process 0 as a many-core process with all its vcores.
    pub fn many_core() -> Cluster {
        let mut cluster = Cluster::started();
        assert_eq!(
            cluster.ask(0, request::BecomeMcp {}.encode()),
            (Status::Done, [1, 0])
        );
        let all = cluster.ask(0, vcores(VCORES as u64));
        assert_eq!(all, (Status::Done, [VCORES as u64, 0]));
        cluster.record.done.clear();
        cluster
    }

    /// What was done since the last time.
    pub fn done(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.record.done)
    }
}

pub fn start(index: u16, generation: u32) -> Event<'static> {
    Event::Start {
        process: ProcessId { index, generation },
    }
}

pub fn vcores(count: u64) -> Syscall {
    request::RequestVcores { count }.encode()
}

pub fn yields() -> Syscall {
    request::YieldVcore {}.encode()
}

pub fn alarm(nanoseconds: u64) -> Syscall {
    request::SetAlarm { nanoseconds }.encode()
}

pub fn exit(status: u64) -> Syscall {
    request::Exit { status }.encode()
}

pub fn print(text: &str) -> Syscall {
    let mut bytes = [0; 32];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    let text_words =
        std::array::from_fn(|word| u64::from_le_bytes(bytes[word * 8..][..8].try_into().unwrap()));
    request::Print {
        text: text_words,
        length: text.len() as u16,
    }
    .encode()
}
