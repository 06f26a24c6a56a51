//! Random words from everywhere: nothing panics, and every syscall that was accepted completes exactly once.

mod common;

use std::collections::BTreeMap;

use atoll_abi::block::BlockReply;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{ANSWER, Call, Completion, Syscall};
use atoll_core::process::State;
use atoll_core::{Personality, Progress};
use common::*;
use proptest::prelude::*;

/// One thing that somebody does.
#[derive(Clone, Debug)]
enum Act {
    Submit {
        process: usize,
        vcore: usize,
        syscall: Syscall,
    },
    /// Words into the channel, towards the cluster.
    Peer([u64; 7]),
    /// An answer to the request that the cluster sent last.
    Answer {
        status: u32,
        result: [u64; 2],
    },
    Reply([u64; 7]),
    Drive,
    Wait(u64),
    Take {
        process: usize,
        vcore: usize,
    },
    Step,
}

fn small() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4u64,
        Just(4096),
        Just(1 << 16),
        Just(1 << 16 | 1),
        any::<u64>()
    ]
}

fn syscall() -> impl Strategy<Value = Syscall> {
    let name = Just(open("input").arguments);
    let arguments = prop_oneof![
        name,
        [small(), small(), small(), small()],
        Just([0, 4096, 0, 0])
    ];
    (
        prop_oneof![9 => 0..13u16, 1 => any::<u16>()],
        prop_oneof![Just(0u16), 0..6u16, any::<u16>()],
        prop_oneof![(0..4u32).prop_map(|index| 1 << 16 | index), any::<u32>()],
        arguments,
        prop_oneof![0..10u32, any::<u32>()],
        prop_oneof![19 => Just(1u32), 1 => any::<u32>()],
    )
        .prop_map(
            |(call, pool, handle, arguments, block, generation)| Syscall {
                tag: 0,
                call,
                pool,
                handle,
                arguments,
                block,
                generation,
            },
        )
}

fn act(processes: [usize; 2]) -> impl Strategy<Value = Act> {
    let process = move |index: usize| processes[index % 2];
    prop_oneof![
        8 => (0..2usize, 0..4usize, syscall()).prop_map(move |(index, vcore, syscall)| {
            Act::Submit { process: process(index), vcore, syscall }
        }),
        1 => any::<[u64; 7]>().prop_map(Act::Peer),
        3 => syscall().prop_map(|syscall| {
            let mut message = Syscall { generation: syscall.generation / 2, ..syscall }.to_message();
            message[0] &= !ANSWER;
            Act::Peer(message)
        }),
        3 => (0..15u32, [small(), small()]).prop_map(|(status, result)| Act::Answer { status, result }),
        1 => any::<[u64; 7]>().prop_map(Act::Reply),
        3 => Just(Act::Drive),
        3 => (0..5000u64).prop_map(Act::Wait),
        3 => (0..2usize, 0..4usize).prop_map(move |(index, vcore)| Act::Take {
            process: process(index),
            vcore,
        }),
        8 => Just(Act::Step),
    ]
}

/// What a run counts: syscalls accepted and completions, by tag.
struct Run {
    personality: Box<Personality>,
    world: Fake,
    submitted: u64,
    completed: BTreeMap<u64, u32>,
}

impl Run {
    fn act(&mut self, act: Act) {
        match act {
            Act::Submit {
                process,
                vcore,
                syscall,
            } => {
                self.submitted += 1;
                let mut syscall = Syscall {
                    tag: self.submitted,
                    ..syscall
                };
                if syscall.call == Call::Cancel as u16 {
                    // One of the last few calls, its own among them.
                    syscall.arguments[0] = self.submitted.saturating_sub(syscall.arguments[0] % 16);
                }
                self.world.submit(process, vcore, syscall);
            }
            Act::Peer(words) => self.world.incoming.borrow_mut().push_back(words),
            Act::Answer { status, result } => {
                let last = self.world.outgoing.borrow_mut().pop_front();
                let Some(message) = last.filter(|message| message[0] & ANSWER == 0) else {
                    return;
                };
                let answer = Completion {
                    tag: message[0] | ANSWER,
                    status,
                    generation: 0,
                    result,
                    route: 9,
                    block: 9,
                    returned: 9,
                    padding: 9,
                    reserved: 9,
                };
                self.world
                    .incoming
                    .borrow_mut()
                    .push_back(answer.to_message());
            }
            Act::Reply(words) => {
                self.world
                    .replies
                    .push_back(BlockReply::from_message(&words));
            }
            Act::Wait(nanoseconds) => self.world.now += nanoseconds,
            Act::Drive => {
                self.world.drive();
            }
            Act::Take { process, vcore } => {
                if let Some(completion) = self.world.take(process, vcore) {
                    *self.completed.entry(completion.tag).or_default() += 1;
                }
            }
            Act::Step => {
                self.personality.step(&mut self.world);
            }
        }
    }

    fn take_all(&mut self) {
        for ring in self.world.completions.iter_mut().flatten() {
            for completion in ring.drain(..) {
                *self.completed.entry(completion.tag).or_default() += 1;
            }
        }
    }

    /// Everybody becomes well-behaved; everything must come to rest.
    fn calm(&mut self) {
        for _ in 0..10_000 {
            let progress = self.personality.step(&mut self.world);
            self.take_all();
            let answers: Vec<_> = self.world.outgoing.borrow_mut().drain(..).collect();
            let mut answered = 0;
            for message in answers
                .into_iter()
                .filter(|message| message[0] & ANSWER == 0)
            {
                let mut answer = [0; 7];
                answer[0] = message[0] | ANSWER;
                answer[1] = 3;
                self.world.incoming.borrow_mut().push_back(answer);
                answered += 1;
            }
            if progress == Progress::Idle && self.world.drive() + answered == 0 {
                match self.personality.next_deadline() {
                    Some(deadline) => self.world.now = self.world.now.max(deadline),
                    None => return,
                }
            }
        }
        panic!("never comes to rest");
    }

    fn check(&mut self, processes: [usize; 2]) {
        let left: usize = self
            .world
            .syscalls
            .iter()
            .flatten()
            .map(|ring| ring.len())
            .sum();
        let faults = self.personality.counters().process_faults;
        let dropped = self.personality.counters().dropped_completions;
        let accepted = self.submitted - left as u64;
        let once = self.completed.values().all(|&count| count == 1);
        assert!(once, "a call completed twice");
        // A process that is ended for a fault loses the one syscall that was the fault.
        assert_eq!(accepted, self.completed.len() as u64 + dropped + faults);
        assert!(!self.completed.contains_key(&0));
        for process in processes {
            let state = self.personality.state(process).unwrap();
            assert_ne!(state, State::Dying);
            let ends =
                |event: &&Event| matches!(event, Event::Ended(ended, ..) if *ended == process);
            let ended = self.world.events.iter().filter(ends).count();
            assert_eq!(ended, usize::from(state == State::Dead));
            let mut running = 0u64;
            for event in &self.world.events {
                match *event {
                    Event::Start(of, vcore) if of == process => {
                        assert_eq!(running & 1 << vcore, 0, "started twice");
                        running |= 1 << vcore;
                    }
                    Event::Stop(of, vcore) if of == process => {
                        assert_ne!(running & 1 << vcore, 0, "stopped twice");
                        running &= !(1 << vcore);
                    }
                    _ => {}
                }
            }
            assert_eq!(running, self.personality.vcores(process).unwrap().granted());
        }
        assert_eq!(self.personality.blocks_in_use(), 0);
        assert_eq!(self.personality.outstanding(), 0);
    }
}

fn run(cluster: u32, processes: [usize; 2], room: usize, acts: Vec<Act>) {
    let mut run = Run {
        personality: personality(cluster),
        world: Fake::new(),
        submitted: 0,
        completed: BTreeMap::new(),
    };
    run.world.capacity_of_rings = room;
    run.personality.start(&mut run.world);
    for act in acts {
        run.act(act);
    }
    run.calm();
    run.check(processes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_cluster_with_the_files(
        acts in prop::collection::vec(act([0, 1]), 1..150),
        room in prop_oneof![Just(64usize), 1..5usize],
    ) {
        run(0, [0, 1], room, acts);
    }

    #[test]
    fn the_cluster_without_files(
        acts in prop::collection::vec(act([2, 3]), 1..150),
        room in prop_oneof![Just(64usize), 1..5usize],
    ) {
        run(1, [2, 3], room, acts);
    }
}
