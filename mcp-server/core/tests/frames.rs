//! Frames: one holder at every moment, leases that end, and calls about holdings that are over.

mod common;

use std::collections::BTreeMap;

use atoll_abi::frame::{FrameState, Holding, NO_LEASE};
use atoll_abi::interface::{Request, request};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::name::Name;
use atoll_abi::plan::{EncodedPlan, Process, Tables, empty_rows};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Status, Syscall};
use atoll_core::state::State;
use atoll_core::vcore::VcoreSets;
use atoll_core::{Event, Personality};
use proptest::prelude::*;
use zerocopy::FromZeros;

use common::{Cluster, Done, Record, start};

const PROCESSES: usize = 3;
/// When the next life of a server begins, on its clock.
const NEXT_LIFE: u64 = 3;
const FRAMES: usize = 3;
/// Which processes each one may give frames to.
const GIVES: [u64; PROCESSES] = [0b010, 0b101, 0b001];
/// The home of each frame.
const HOMES: [usize; FRAMES] = [0, 0, 2];

/// Process 0 gives to 1, 1 to both, 2 to 0.
fn plan() -> EncodedPlan {
    let names = ["first", "second", "third"];
    let processes = (0..PROCESSES).map(|index| Process {
        name: Name::new(names[index]).unwrap(),
        vcores: 2,
        gives: GIVES[index],
        frames: HOMES.iter().filter(|home| **home == index).count() as u32,
        ..Process::new_zeroed()
    });
    let tables = Tables {
        clusters: empty_rows(1),
        processes: processes.collect(),
        ..Tables::default()
    };
    tables.encode()
}

fn cluster() -> Cluster {
    Cluster::of(&plan())
}

fn holding(cluster: &Cluster, frame: usize) -> Holding {
    cluster.record.frames[&frame].holding()
}

fn holder(cluster: &Cluster, frame: usize) -> Option<usize> {
    let holder = holding(cluster, frame).holder.map(|it| it as usize);
    assert_eq!(holder, cluster.record.mapped.get(&frame).copied());
    holder
}

fn give_as(frame: usize, generation: u32, recipient: usize, lease: u64) -> Syscall {
    request::GiveFrame {
        frame: frame as u32,
        generation,
        recipient: recipient as u32,
        lease,
    }
    .encode()
}

/// Has a process give a frame as the present holding.
fn give(cluster: &mut Cluster, from: usize, frame: usize, to: usize, lease: u64) -> Status {
    let generation = holding(cluster, frame).generation;
    let completions = cluster.calls(from, 0, &[give_as(frame, generation, to, lease)]);
    // One that waits is told first.
    Status::from_raw(completions.last().unwrap().status)
}

fn give_back_as(frame: usize, generation: u32) -> Syscall {
    let frame = frame as u32;
    request::ReturnFrame { frame, generation }.encode()
}

fn await_frames(seen: u64) -> Syscall {
    Syscall {
        tag: seen,
        ..request::AwaitFrames { seen }.encode()
    }
}

#[test]
fn a_process_begins_with_the_frames_of_which_it_is_the_home() {
    let cluster = cluster();
    for (frame, home) in HOMES.into_iter().enumerate() {
        assert_eq!(holder(&cluster, frame), Some(home));
        let state = cluster.record.frames[&frame];
        assert_eq!(state.lease, NO_LEASE);
    }
}

#[test]
fn what_is_given_is_the_recipients_alone_and_goes_home_when_it_is_given_back() {
    let mut cluster = cluster();
    assert_eq!(give(&mut cluster, 0, 1, 1, NO_LEASE), Status::Done);
    assert_eq!(cluster.done()[0], Done::Placed(1, 1));
    assert_eq!(holder(&cluster, 1), Some(1));
    assert_eq!(cluster.record.frames[&1].from, 0);
    assert_eq!(cluster.personality.next_alarm(), None);
    let again = give(&mut cluster, 0, 1, 1, NO_LEASE);
    assert_eq!(again, Status::BadHandle, "it is not the giver's any more");
    let generation = holding(&cluster, 1).generation;
    let back = cluster.ask(1, give_back_as(1, generation)).0;
    assert_eq!((back, holder(&cluster, 1)), (Status::Done, Some(0)));
    // At home it does not move.
    let before = holding(&cluster, 1);
    let home = cluster.ask(0, give_back_as(1, before.generation)).0;
    assert_eq!((home, holding(&cluster, 1)), (Status::Done, before));
}

#[test]
fn a_holding_that_is_over_names_nothing() {
    let mut cluster = cluster();
    assert_eq!(give(&mut cluster, 0, 0, 1, 10), Status::Done);
    let first = holding(&cluster, 0).generation;
    cluster.now = 10;
    cluster.event(Event::Time);
    assert_eq!(give(&mut cluster, 0, 0, 1, 10), Status::Done);
    let stale = [give_back_as(0, first), give_as(0, first, 2, NO_LEASE)];
    for call in stale {
        let status = cluster.ask(1, call).0;
        assert_eq!(status, Status::BadHandle, "the first lease is over");
        assert_eq!(holder(&cluster, 0), Some(1));
    }
    for (frame, generation) in [(FRAMES, 1), (usize::from(u16::MAX), 1), (2, 1)] {
        let status = cluster.ask(1, give_back_as(frame, generation)).0;
        assert_eq!(status, Status::BadHandle, "it has no such frame");
    }
}

#[test]
fn a_lease_ends_at_its_time_and_the_frame_is_at_home() {
    let mut cluster = cluster();
    cluster.now = 1000;
    assert_eq!(give(&mut cluster, 0, 0, 1, 500), Status::Done);
    assert_eq!(cluster.record.frames[&0].lease, 500);
    assert_eq!(cluster.personality.next_alarm(), Some(1500));
    cluster.now = 1499;
    cluster.event(Event::Time);
    assert_eq!(holder(&cluster, 0), Some(1));
    cluster.now = 1500;
    cluster.event(Event::Time);
    assert_eq!(holder(&cluster, 0), Some(0));
    assert_eq!(cluster.personality.next_alarm(), None);
}

#[test]
fn a_lease_ends_with_the_one_that_it_is_part_of() {
    let mut cluster = cluster();
    assert_eq!(give(&mut cluster, 0, 0, 1, 100), Status::Done);
    cluster.now = 40;
    assert_eq!(give(&mut cluster, 1, 0, 2, 1000), Status::Done);
    assert_eq!(cluster.record.frames[&0].lease, 60);
    cluster.now = 100;
    let late = give(&mut cluster, 2, 0, 0, 1000);
    assert_eq!(late, Status::BadHandle, "it is only not yet at home");
    cluster.event(Event::Time);
    assert_eq!(
        holder(&cluster, 0),
        Some(0),
        "it does not stop at process 1"
    );
    // Given to its home it has no lease any more.
    assert_eq!(give(&mut cluster, 0, 0, 1, 100), Status::Done);
    assert_eq!(give(&mut cluster, 1, 0, 0, 5), Status::Done);
    assert_eq!(cluster.record.frames[&0].lease, NO_LEASE);
    assert_eq!(cluster.personality.next_alarm(), None);
}

#[test]
fn a_frame_is_given_only_where_the_plan_allows_it_and_to_a_process_that_runs() {
    let mut cluster = cluster();
    assert_eq!(give(&mut cluster, 0, 0, 2, 1), Status::NotAllowed);
    assert_eq!(give(&mut cluster, 0, 0, 0, 1), Status::NotAllowed);
    for nobody in [PROCESSES, 64, 1 << 20] {
        assert_eq!(give(&mut cluster, 0, 0, nobody, 1), Status::NotAllowed);
    }
    assert_eq!(give(&mut cluster, 0, 0, 1, 0), Status::InvalidArgument);
    let process = Name::new("second").unwrap();
    let find = |process| request::FindRecipient { process }.encode();
    assert_eq!(cluster.ask(0, find(process)), (Status::Done, [1, 0]));
    assert_eq!(cluster.ask(2, find(process)).0, Status::NotAllowed);
    let nobody = Name::new("nobody").unwrap();
    assert_eq!(cluster.ask(0, find(nobody)).0, Status::NotFound);
    let id = cluster.id(1);
    cluster.event(Event::Faulted {
        process: id,
        status: 1,
    });
    assert_eq!(give(&mut cluster, 0, 0, 1, 1), Status::PeerLost);
    cluster.event(Event::Drained { process: id });
    assert_eq!(give(&mut cluster, 0, 0, 1, 1), Status::PeerLost);
    cluster.event(start(1, 2));
    assert_eq!(give(&mut cluster, 0, 0, 1, 1), Status::Done);
}

#[test]
fn what_a_process_had_goes_home_when_it_has_ended() {
    let mut cluster = cluster();
    assert_eq!(give(&mut cluster, 0, 0, 1, NO_LEASE), Status::Done);
    let id = cluster.id(1);
    cluster.event(Event::Faulted {
        process: id,
        status: 1,
    });
    assert_eq!(
        holder(&cluster, 0),
        Some(1),
        "a vcore of it may be stopping"
    );
    cluster.event(Event::Drained { process: id });
    assert_eq!(holder(&cluster, 0), Some(0));
    // Its own stay where they are: its next life finds them.
    let id = cluster.id(2);
    cluster.event(Event::Faulted {
        process: id,
        status: 1,
    });
    cluster.event(Event::Drained { process: id });
    let before = holding(&cluster, 2);
    cluster.event(start(2, 2));
    assert_eq!(holding(&cluster, 2), before);
}

#[test]
fn a_process_is_told_when_frames_come_and_go() {
    let mut cluster = cluster();
    let (status, [seen, _]) = cluster.ask(1, await_frames(0));
    assert_eq!((status, seen), (Status::Done, 1));
    assert!(cluster.calls(1, 1, &[await_frames(seen)]).is_empty());
    let before = cluster.record.completions.len();
    assert_eq!(give(&mut cluster, 0, 0, 1, 50), Status::Done);
    let told = cluster.record.completions[before];
    assert_eq!(Status::from_raw(told.status), Status::Done);
    assert_eq!((told.tag, told.result), (seen, [seen + 1, 0]));
    assert!(cluster.done().contains(&Done::Completed(1, 1, 1)));
    // It also learns that the lease has ended.
    assert!(cluster.calls(1, 1, &[await_frames(seen + 1)]).is_empty());
    let before = cluster.record.completions.len();
    cluster.now = 50;
    cluster.event(Event::Time);
    assert_eq!(cluster.record.completions[before].result, [seen + 2, 0]);
    assert_eq!(cluster.record.completions.len(), before + 1, "once");
    // A part of the home that needs a frame no more tells the others.
    let (_, [seen, _]) = cluster.ask(0, await_frames(0));
    assert!(cluster.calls(0, 1, &[await_frames(seen)]).is_empty());
    let generation = holding(&cluster, 1).generation;
    let answers = cluster.calls(0, 0, &[give_back_as(1, generation)]);
    assert_eq!(answers[0].result, [seen + 1, 0]);
}

#[test]
fn a_few_calls_of_a_process_wait_and_are_answered_together() {
    let mut cluster = cluster();
    let call = |tag| Syscall {
        tag,
        ..await_frames(1)
    };
    let other = Syscall {
        tag: 1000,
        ..request::SetAlarm { nanoseconds: 5 }.encode()
    };
    let most = RING_SLOTS as u64 / 2;
    let (first, last) = (0..most / 2, most / 2..most + 1);
    assert!(
        cluster
            .calls(1, 0, &first.map(call).collect::<Vec<_>>())
            .is_empty()
    );
    let mut calls: Vec<Syscall> = last.map(call).collect();
    calls.insert(4, other);
    let answered = cluster.calls(1, 1, &calls);
    let answered: Vec<_> = answered
        .iter()
        .map(|it| (it.tag, Status::from_raw(it.status)))
        .collect();
    assert_eq!(answered, [(1000, Status::Done), (most, Status::Busy)]);
    assert_eq!(cluster.personality.counters().calls, 2);
    let before = cluster.record.completions.len();
    assert_eq!(give(&mut cluster, 0, 0, 1, NO_LEASE), Status::Done);
    let told = cluster.record.completions[before..].iter();
    let tags: Vec<u64> = told.map(|it| it.tag).take(RING_SLOTS / 2).collect();
    assert_eq!(tags, (0..most).collect::<Vec<_>>());
    // One that has seen nothing has all others answered.
    assert!(cluster.calls(1, 0, &[await_frames(2)]).is_empty());
    let answered = cluster.calls(1, 0, &[await_frames(0)]);
    let results = answered.iter().map(|it| (it.tag, it.result[0]));
    assert_eq!(results.collect::<Vec<_>>(), [(2, 2), (0, 2)]);
    // With the process its calls are gone.
    assert!(cluster.calls(1, 0, &[await_frames(2)]).is_empty());
    let id = cluster.id(1);
    let before = cluster.record.completions.len();
    cluster.event(Event::Faulted {
        process: id,
        status: 1,
    });
    cluster.event(Event::Drained { process: id });
    assert_eq!(cluster.record.completions.len(), before);
}

/// The next life of the server of a cluster whose processes are adopted in these generations, or had ended.
fn next_life(cluster: &Cluster, lives: [Option<u32>; PROCESSES]) -> Cluster {
    let mut next = Cluster {
        personality: Personality::new(&plan(), 0),
        record: Record {
            frames: cluster.record.frames.clone(),
            mapped: cluster.record.mapped.clone(),
            ..Record::default()
        },
        // Its clock begins anew.
        now: NEXT_LIFE,
    };
    for (index, generation) in (0..).zip(lives) {
        let Some(generation) = generation else {
            continue;
        };
        next.event(Event::Adopt {
            process: ProcessId { index, generation },
            vcores: VcoreSets {
                granted: 1,
                started: 1,
                resumes: 0,
            },
            many_core: false,
        });
    }
    let states = (0..FRAMES).map(|frame| next.record.frames[&frame]);
    let states: Vec<FrameState> = states.collect();
    next.event(Event::AdoptFrames {
        states: &states,
        life: 1,
    });
    next
}

#[test]
fn the_next_life_of_a_server_knows_who_has_what_and_until_when() {
    let mut cluster = cluster();
    assert_eq!(give(&mut cluster, 0, 0, 1, 100), Status::Done);
    assert_eq!(give(&mut cluster, 0, 1, 1, NO_LEASE), Status::Done);
    let held = [0, 1].map(|frame| holding(&cluster, frame));
    let mut next = next_life(&cluster, [Some(1); PROCESSES]);
    assert_eq!([0, 1].map(|frame| holding(&next, frame)), held);
    assert!(!next.done().iter().any(|it| matches!(it, Done::Placed(..))));
    assert_eq!(next.personality.next_alarm(), Some(NEXT_LIFE + 100));
    // What it says of comings and goings is nothing that the life before has said.
    let (_, [seen, _]) = next.ask(0, await_frames(0));
    assert_ne!(seen, cluster.ask(0, await_frames(0)).1[0]);
    // A call of the holding goes on to count.
    let back = next.ask(1, give_back_as(1, held[1].generation)).0;
    assert_eq!((back, holder(&next, 1)), (Status::Done, Some(0)));
    next.now = NEXT_LIFE + 100;
    next.event(Event::Time);
    assert_eq!(holder(&next, 0), Some(0));
}

#[test]
fn what_was_moving_or_whose_holder_has_ended_goes_home() {
    let mut cluster = cluster();
    assert_eq!(give(&mut cluster, 0, 0, 1, NO_LEASE), Status::Done);
    assert_eq!(give(&mut cluster, 0, 1, 1, NO_LEASE), Status::Done);
    let moving = cluster.record.frames.get_mut(&1).unwrap();
    let generation = moving.holding().generation + 1;
    let holder_none = Holding {
        generation,
        holder: None,
    };
    moving.holding = holder_none.to_raw();
    // Of process 2 only the home is left.
    let next = next_life(&cluster, [Some(1), None, None]);
    assert_eq!(
        [0, 1, 2].map(|frame| holder(&next, frame)),
        [Some(0), Some(0), Some(2)]
    );
    assert_eq!(holding(&next, 1).generation, generation + 1);
    // What was never mapped is mapped when its home starts.
    let mut fresh = self::cluster();
    fresh.record.frames.insert(2, FrameState::default());
    fresh.record.mapped.remove(&2);
    let mut next = next_life(&fresh, [Some(1), Some(1), None]);
    assert_eq!(holder(&next, 2), None);
    next.event(start(2, 1));
    assert_eq!(holder(&next, 2), Some(2));
}

#[derive(Clone, Debug)]
enum Step {
    Give {
        from: usize,
        frame: usize,
        to: usize,
        lease: u64,
        age: u32,
    },
    Back {
        from: usize,
        frame: usize,
        age: u32,
    },
    Pass(u64),
    End(usize),
    NextLife,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let frame = 0..FRAMES;
    let process = 0..PROCESSES;
    let lease = prop_oneof![1..50_u64, Just(NO_LEASE)];
    let age = prop_oneof![4 => Just(0_u32), 1 => 1..3_u32];
    let step = prop_oneof![
        6 => (process.clone(), frame.clone(), process.clone(), lease, age.clone())
            .prop_map(|(from, frame, to, lease, age)| Step::Give { from, frame, to, lease, age }),
        3 => (process.clone(), frame, age)
            .prop_map(|(from, frame, age)| Step::Back { from, frame, age }),
        3 => (1..40_u64).prop_map(Step::Pass),
        1 => process.prop_map(Step::End),
        1 => Just(Step::NextLife),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// Against a model that has nothing but a holder and an end for each frame.
    #[test]
    fn any_steps_leave_each_frame_with_the_process_that_it_is_due_to(steps in steps()) {
        let mut cluster = cluster();
        let mut model: BTreeMap<usize, (usize, u64)> =
            HOMES.into_iter().enumerate().map(|(frame, home)| (frame, (home, NO_LEASE))).collect();
        // For how long each was given.
        let mut leases = [NO_LEASE; FRAMES];
        let mut lives = [1; PROCESSES];
        for step in steps {
            match step {
                Step::Give { from, frame, to, lease, age } => {
                    let (has, until) = model[&frame];
                    let generation = holding(&cluster, frame).generation.wrapping_sub(age);
                    let status = cluster.ask(from, give_as(frame, generation, to, lease)).0;
                    let due = has == from && age == 0 && GIVES[from] & 1 << to != 0;
                    prop_assert_eq!(status == Status::Done, due, "{:?}", status);
                    if due {
                        let end = cluster.now.saturating_add(lease).min(until);
                        let end = if HOMES[frame] == to { NO_LEASE } else { end };
                        model.insert(frame, (to, end));
                        leases[frame] = if end == NO_LEASE { NO_LEASE } else { end - cluster.now };
                    }
                }
                Step::Back { from, frame, age } => {
                    let has = model[&frame].0;
                    let generation = holding(&cluster, frame).generation.wrapping_sub(age);
                    let status = cluster.ask(from, give_back_as(frame, generation)).0;
                    let due = has == from && age == 0;
                    prop_assert_eq!(status == Status::Done, due, "{:?}", status);
                    if due {
                        model.insert(frame, (HOMES[frame], NO_LEASE));
                    }
                }
                Step::Pass(time) => {
                    cluster.now += time;
                    cluster.event(Event::Time);
                }
                Step::End(process) => {
                    let id = cluster.id(process);
                    cluster.event(Event::Faulted { process: id, status: 1 });
                    cluster.event(Event::Drained { process: id });
                    prop_assert_eq!(cluster.personality.state(id), Some(State::Dead));
                    lives[process] += 1;
                    cluster.event(start(process as u16, lives[process]));
                    for (frame, own) in &mut model {
                        if own.0 == process {
                            *own = (HOMES[*frame], NO_LEASE);
                        }
                    }
                }
                Step::NextLife => {
                    cluster = next_life(&cluster, lives.map(Some));
                    for (frame, own) in &mut model {
                        if own.1 != NO_LEASE {
                            own.1 = NEXT_LIFE + leases[*frame];
                        }
                    }
                }
            }
            for (frame, own) in &mut model {
                if own.1 <= cluster.now {
                    *own = (HOMES[*frame], NO_LEASE);
                }
                // A lease ends when time is looked at, which the server does when it is due.
                cluster.event(Event::Time);
                prop_assert_eq!(holder(&cluster, *frame), Some(own.0));
            }
            let next = model.values().map(|own| own.1).min().filter(|end| *end != NO_LEASE);
            prop_assert_eq!(cluster.personality.next_alarm(), next);
        }
    }
}
