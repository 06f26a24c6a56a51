//! A hostile process: any calls, in any state, and any order of events. The personality never panics; it answers each call once,
//! in order; what it says of its processes agrees with what it has done; and an honest process beside them gets the
//! answers that it must get.

use atoll_abi::interface::{Call, Request, request};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Payload;
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_component_tests::plan::{SERVICE, name_of, plan};
use atoll_core::state::State;
use atoll_core::vcore::VcoreSets;
use atoll_core::{Event, Personality};
use atoll_fuzz::cluster::Cluster;
use atoll_fuzz::{Script, Seen, target};

const RUNS: usize = 2000;
const BYTES: usize = 2500;

/// The process that is hostile.
const HOSTILE: usize = 0;
/// The process that is not.
const HONEST: usize = 1;
const VCORES: usize = 4;

/// One run: a personality, and what it must do.
struct Run {
    personality: Box<Personality>,
    cluster: Cluster,
    now: u64,
    seen: &'static Seen,
    /// Calls so far, which have this as their tag.
    serial: u64,
}

fn id(index: usize, generation: u32) -> ProcessId {
    let index = index as u16;
    ProcessId { index, generation }
}

impl Run {
    /// A cluster with both processes started.
    fn start(seen: &'static Seen) -> Run {
        let plan = plan(&[(0, VCORES as u32), (0, 1), (1, 2)]);
        let mut run = Run {
            personality: Box::new(Personality::new(&plan, 0)),
            cluster: Cluster::new(&[Some(VCORES), Some(1), None]),
            now: 0,
            seen,
            serial: 0,
        };
        for index in 0..3 {
            let process = id(index, 1);
            run.tell(Event::Start { process });
        }
        run
    }

    fn tell(&mut self, event: Event<'_>) {
        self.cluster.tell(&mut self.personality, self.now, event);
    }

    fn state(&mut self) -> State {
        let process = self.cluster.life(HOSTILE).id;
        self.personality.state(process).expect("its present life")
    }

    /// A call that is nearly right.
    fn call(&mut self, script: &mut Script) -> Syscall {
        self.serial += 1;
        // A process that ends is seldom worth watching.
        let all = if script.once_in(16) {
            Call::ALL
        } else {
            &[
                Call::Print,
                Call::BecomeMcp,
                Call::RequestVcores,
                Call::RequestVcores,
                Call::YieldVcore,
                Call::YieldVcore,
                Call::SetAlarm,
                Call::Connect,
                Call::AwaitFrames,
                Call::GiveFrame,
            ]
        };
        let call = script.pick(all).unwrap_or(Call::Print);
        let generation = self.cluster.life(HOSTILE).id.generation;
        let name = script.pick(&[SERVICE, "absent"]).unwrap_or(SERVICE);
        let arguments = match call {
            Call::Connect => name_of(name).to_words(),
            Call::SetAlarm => [script.word(&[0, 10, 1000, u64::MAX]), 0, 0, 0],
            Call::AwaitFrames => [script.mostly(1, &[0, 1, 2]), 0, 0, 0],
            Call::RequestVcores => [script.word(&[0, 1, 2, 4, 5]), 0, 0, 0],
            _ => std::array::from_fn(|_| script.word(&[0x0a0a_2020_6161])),
        };
        let right = Syscall {
            tag: self.serial << 8 | u64::from(script.byte()),
            call: call as u16,
            count: script.mostly(8, &[0, 32, 33, 0xffff]) as u16,
            arguments,
            generation: script.mostly(generation.into(), &[0, 1, generation.into()]) as u32,
            ..Syscall::EMPTY
        };
        let message = match script.below(16) {
            0 => script.message(),
            1 | 2 => script.spoiled(right.to_message()),
            _ => right.to_message(),
        };
        Syscall::from_message(&message)
    }

    /// The hostile process makes some calls, in its present life or in one that is over.
    fn calls(&mut self, script: &mut Script) {
        let mut process = self.cluster.life(HOSTILE).id;
        if script.once_in(32) {
            process.generation = u32::from(script.byte() % 4);
        }
        let vcore = script.below(VCORES);
        let free = if script.once_in(4) {
            script.below(RING_SLOTS + 1)
        } else {
            RING_SLOTS
        };
        let mut room = self.personality.room(process, vcore, free);
        if process != self.cluster.life(HOSTILE).id {
            assert_eq!(room, 0, "calls of a life that is over are taken");
            // The host never does so.
            room = 1;
        }
        let count = room.min(1 + script.below(6));
        let calls: Vec<Syscall> = (0..count).map(|_| self.call(script)).collect();
        let unread = RING_SLOTS - free;
        self.tell(Event::Calls {
            process,
            vcore,
            unread,
            calls: &calls,
        });
        if self.cluster.life(HOSTILE).waits() {
            self.seen.note("waits for frames");
        }
        for answer in &self.cluster.answers {
            self.seen.note(match Status::from_raw(answer.status) {
                Status::Done => "call done",
                Status::Cancelled => "call cancelled",
                _ => "call refused",
            });
        }
    }

    /// Something other than calls happens to the hostile process.
    fn event(&mut self, script: &mut Script) {
        let mut process = self.cluster.life(HOSTILE).id;
        if script.once_in(4) {
            process.generation = process
                .generation
                .saturating_add_signed(1 - script.below(3) as i32);
        }
        match script.below(8) {
            0 => self.tell(Event::BrokenRing { process }),
            1 => {
                let status = script.word(&[0, 1, u64::MAX]);
                self.tell(Event::Faulted { process, status });
            }
            2..4 => self.tell(Event::Drained { process }),
            4..6 => {
                process.generation += 1;
                self.tell(Event::Start { process });
            }
            6 => {
                process.generation += 1;
                let many_core = script.once_in(2);
                let mut set = || u64::from(script.byte()) & if many_core { !0 } else { 1 };
                let vcores = VcoreSets {
                    granted: set(),
                    started: set(),
                    resumes: set(),
                };
                self.tell(Event::Adopt {
                    process,
                    vcores,
                    many_core,
                });
                self.seen.note("adopted");
            }
            _ => {
                let process = id(2 + script.below(20), script.byte().into());
                self.tell(Event::Start { process });
                self.tell(Event::Drained { process });
            }
        }
        let state = self.state();
        self.seen.note(match state {
            State::Dead => "dead",
            State::Dying => "dying",
            _ => "alive",
        });
    }

    fn time(&mut self, script: &mut Script) {
        let passed = script.word(&[1, 10, 1000, 1 << 40]) >> script.below(40);
        self.now = self.now.saturating_add(passed);
        self.tell(Event::Time);
        if self.state() == State::Waiting {
            self.seen.note("waiting");
        }
    }

    /// A call of the honest process.
    fn ask(&mut self, call: Syscall) -> Completion {
        self.serial += 1;
        let process = id(HONEST, 1);
        let call = Syscall {
            tag: self.serial,
            generation: 1,
            ..call
        };
        self.tell(Event::Calls {
            process,
            vcore: 0,
            unread: 0,
            calls: &[call],
        });
        assert_eq!(self.personality.state(process), Some(State::RunningS));
        let [answer] = self.cluster.answers[..] else {
            panic!("a call has one answer");
        };
        assert_eq!(Status::from_raw(answer.status), Status::Done);
        answer
    }

    fn honest(&mut self, script: &mut Script) {
        match script.below(3) {
            0 => {
                let service = name_of(SERVICE);
                let answer = self.ask(request::Connect { service }.encode());
                assert_eq!(answer.result, [0, ServiceKind::Files as u64]);
            }
            1 => {
                let nanoseconds = script.raw() >> 32;
                self.ask(request::SetAlarm { nanoseconds }.encode());
            }
            _ => {
                let line = format!("{:07}", self.serial % 10_000_000);
                let bytes: [u8; 8] =
                    std::array::from_fn(|at| *line.as_bytes().get(at).unwrap_or(&b'\n'));
                let text = [u64::from_le_bytes(bytes), 0, 0, 0];
                let before = self.cluster.lines.len();
                self.ask(request::Print { text, length: 8 }.encode());
                assert_eq!(self.cluster.lines[before..], [(HONEST, line)]);
            }
        }
        self.seen.note("honest call");
    }

    /// The hostile process ends, whatever it has done, and the next one can begin.
    fn finish(mut self, script: &mut Script) {
        let process = self.cluster.life(HOSTILE).id;
        self.tell(Event::Faulted { process, status: 3 });
        self.tell(Event::Drained { process });
        assert_eq!(self.state(), State::Dead);
        self.honest(script);
        let process = id(HOSTILE, process.generation + 1);
        self.tell(Event::Start { process });
        assert_eq!(self.state(), State::RunningS);
    }
}

fn run(bytes: &[u8], seen: &'static Seen) {
    let mut script = Script::new(bytes);
    let mut run = Run::start(seen);
    while !script.is_done() {
        match script.below(16) {
            0..11 => run.calls(&mut script),
            11 => run.event(&mut script),
            12 | 13 => run.time(&mut script),
            _ => run.honest(&mut script),
        }
    }
    run.finish(&mut script);
}

target!(
    events_of_a_hostile_process,
    RUNS,
    BYTES,
    run,
    [
        "call done",
        "call cancelled",
        "call refused",
        "adopted",
        "waiting",
        "dead",
        "dying",
        "alive",
        "waits for frames",
        "honest call"
    ]
);
