//! Vcores, printing and the end of a process.

mod common;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_core::process::State;
use atoll_core::{FAULT_STATUS, Personality, Progress};
use common::*;

fn request(count: u64) -> Syscall {
    Syscall {
        arguments: [count, 0, 0, 0],
        ..call(Call::RequestVcores, 5)
    }
}

fn exit(code: u64) -> Syscall {
    Syscall {
        arguments: [code, 0, 0, 0],
        ..call(Call::Exit, 6)
    }
}

fn many_core() -> (Box<Personality>, Fake) {
    let (mut personality, mut fake) = started();
    let answer = ask(&mut personality, &mut fake, 0, call(Call::BecomeMcp, 1));
    assert_eq!((status(&answer), answer.result[0]), (Status::Done, 1));
    fake.events.clear();
    (personality, fake)
}

fn ends(fake: &Fake) -> usize {
    fake.events
        .iter()
        .filter(|event| matches!(event, Event::Ended(..)))
        .count()
}

#[test]
fn every_process_starts_on_vcore_0() {
    let (personality, fake) = started();
    let expected: Vec<Event> = [0, 1]
        .into_iter()
        .flat_map(|process| [Event::Granted(process, 1), Event::Start(process, 0)])
        .collect();
    assert_eq!(fake.events, expected);
    assert_eq!(personality.state(0), Some(State::RunningS));
    assert_eq!(personality.state(2), None);
}

#[test]
fn a_single_core_process_gets_no_vcores() {
    let (mut personality, mut fake) = started();
    let answer = ask(&mut personality, &mut fake, 0, request(2));
    assert_eq!(status(&answer), Status::NotAllowed);
}

#[test]
fn a_many_core_process_gets_what_the_plan_has() {
    let (mut personality, mut fake) = many_core();
    let again = ask(&mut personality, &mut fake, 0, call(Call::BecomeMcp, 1));
    assert_eq!(status(&again), Status::NotAllowed);
    assert_eq!(ask(&mut personality, &mut fake, 0, request(2)).result[0], 2);
    assert_eq!(
        ask(&mut personality, &mut fake, 0, request(u64::MAX)).result[0],
        4
    );
    assert_eq!(ask(&mut personality, &mut fake, 0, request(1)).result[0], 4);
    assert_eq!(
        status(&ask(&mut personality, &mut fake, 0, request(0))),
        Status::InvalidArgument
    );
    let starts: Vec<Event> = (1..4)
        .flat_map(|vcore| [Event::Granted(0, (2 << vcore) - 1), Event::Start(0, vcore)])
        .collect();
    assert_eq!(fake.events, starts);
}

#[test]
fn the_last_yielded_vcore_comes_back_first() {
    let (mut personality, mut fake) = many_core();
    ask(&mut personality, &mut fake, 0, request(4));
    fake.events.clear();
    for vcore in [1, 3] {
        fake.submit(0, vcore, call(Call::YieldVcore, 7));
        settle(&mut personality, &mut fake);
        assert_eq!(status(&fake.take(0, vcore).unwrap()), Status::Done);
    }
    assert_eq!(ask(&mut personality, &mut fake, 0, request(3)).result[0], 3);
    assert_eq!(
        fake.events,
        [
            Event::Granted(0, 0b1101),
            Event::Stop(0, 1),
            Event::Granted(0, 0b0101),
            Event::Stop(0, 3),
            Event::Granted(0, 0b1101),
            Event::Start(0, 3),
        ]
    );
    fake.submit(0, 1, call(Call::YieldVcore, 7));
    settle(&mut personality, &mut fake);
    assert_eq!(status(&fake.take(0, 1).unwrap()), Status::NotAllowed);
}

#[test]
fn the_last_vcore_waits_for_a_completion_and_for_nothing_else() {
    for process in [0, 1] {
        let (mut personality, mut fake) = many_core();
        let answer = ask(
            &mut personality,
            &mut fake,
            process,
            call(Call::YieldVcore, 7),
        );
        assert_eq!(status(&answer), Status::NotAllowed);

        let handle = ask(&mut personality, &mut fake, process, open("input")).result[0] as u32;
        fake.events.clear();
        fake.submit(process, 0, read(handle, 0, 4096, 0));
        fake.submit(process, 0, call(Call::YieldVcore, 7));
        while personality.step(&mut fake) == Progress::Worked {}
        assert_eq!(personality.state(process), Some(State::Waiting));
        assert_eq!(
            fake.take(process, 0).map(|c| (c.tag, status(&c))),
            Some((7, Status::Done))
        );
        settle(&mut personality, &mut fake);
        assert_eq!(
            fake.take(process, 0).map(|c| (c.tag, status(&c))),
            Some((2, Status::Done))
        );
        let running = if process == 0 {
            State::RunningM
        } else {
            State::RunningS
        };
        assert_eq!(personality.state(process), Some(running));
        assert_eq!(
            fake.events,
            [
                Event::Granted(process, 0),
                Event::Stop(process, 0),
                Event::Granted(process, 1),
                Event::Start(process, 0),
            ]
        );
    }
}

#[test]
fn a_vcore_that_has_not_seen_a_completion_does_not_yield() {
    let (mut personality, mut fake) = many_core();
    ask(&mut personality, &mut fake, 0, request(2));
    fake.submit(0, 1, print("x"));
    settle(&mut personality, &mut fake);
    fake.submit(0, 1, call(Call::YieldVcore, 7));
    settle(&mut personality, &mut fake);
    assert_eq!(status(&fake.take(0, 1).unwrap()), Status::Done);
    assert_eq!(status(&fake.take(0, 1).unwrap()), Status::Busy);
    assert_eq!(personality.vcores(0).unwrap().granted(), 0b11);
}

#[test]
fn pieces_of_text_become_lines_of_their_vcore() {
    let (mut personality, mut fake) = started();
    fake.events.clear();
    fake.submit(0, 0, print("one "));
    fake.submit(0, 1, print("two\n"));
    fake.submit(0, 0, print("line\nrest"));
    fake.submit(
        0,
        0,
        Syscall {
            block: 33,
            ..print("")
        },
    );
    fake.submit(0, 0, exit(7));
    settle(&mut personality, &mut fake);
    let lines: Vec<&str> = fake
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Line(0, line) => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["one line", "two", "rest"]);
    let statuses: Vec<Status> = fake.completions[0][0].iter().map(status).collect();
    assert_eq!(
        statuses,
        [
            Status::Done,
            Status::Done,
            Status::InvalidArgument,
            Status::Done
        ]
    );
}

#[test]
fn a_process_ends_once_and_not_before_its_reads() {
    let (mut personality, mut fake) = many_core();
    ask(&mut personality, &mut fake, 0, request(3));
    let handle = ask(&mut personality, &mut fake, 0, open("input")).result[0] as u32;
    fake.submit(0, 1, read(handle, 0, 4096, 0));
    while personality.step(&mut fake) == Progress::Worked {}
    fake.events.clear();
    fake.submit(0, 0, exit(42));
    fake.submit(0, 0, open("input"));
    while personality.step(&mut fake) == Progress::Worked {}
    assert_eq!(personality.state(0), Some(State::Dying));
    assert_eq!(ends(&fake), 0);
    settle(&mut personality, &mut fake);
    assert_eq!(personality.state(0), Some(State::Dead));
    assert_eq!(
        fake.events,
        [
            Event::Stop(0, 0),
            Event::Stop(0, 1),
            Event::Stop(0, 2),
            Event::Granted(0, 0),
            Event::Ended(0, 42, 3),
        ]
    );
    assert_eq!(status(&fake.take(0, 1).unwrap()), Status::Done);
    assert_eq!(status(&fake.take(0, 0).unwrap()), Status::Cancelled);
    assert_eq!(status(&fake.take(0, 0).unwrap()), Status::Done);
    assert_eq!((fake.take(0, 0), personality.open_files()), (None, 0));
    assert!(!personality.finished());
    ask(&mut personality, &mut fake, 1, exit(0));
    assert!(personality.finished());
    assert_eq!(ends(&fake), 2);
}

#[test]
fn calls_that_wait_are_cancelled_at_exit() {
    let (mut personality, mut fake) = (personality(0), Fake::new());
    personality.start(&mut fake);
    fake.submit(0, 0, open("input"));
    fake.submit(0, 0, exit(1));
    while personality.step(&mut fake) == Progress::Worked {}
    let answers: Vec<_> = fake.completions[0][0]
        .drain(..)
        .map(|c| (c.tag, status(&c)))
        .collect();
    assert_eq!(answers, [(6, Status::Done), (1, Status::Cancelled)]);
    assert_eq!(personality.state(0), Some(State::Dead));
}

#[test]
fn a_process_that_breaks_its_ring_is_ended_alone() {
    let (mut personality, mut fake) = started();
    fake.broken_ring = Some((0, 3));
    settle(&mut personality, &mut fake);
    assert!(fake.events.contains(&Event::Ended(0, FAULT_STATUS, 1)));
    assert_eq!(personality.counters().process_faults, 1);
    assert_eq!(
        status(&ask(&mut personality, &mut fake, 1, open("input"))),
        Status::Done
    );
}

#[test]
fn a_submission_without_a_place_for_its_completion_is_a_fault() {
    let (mut personality, mut fake) = (personality(0), Fake::new());
    personality.start(&mut fake);
    // Nothing completes before the volume is read.
    for _ in 0..RING_SLOTS {
        fake.submit(0, 0, open("input"));
    }
    while personality.step(&mut fake) == Progress::Worked {}
    assert_eq!(personality.state(0), Some(State::RunningS));
    fake.submit(0, 0, open("input"));
    while personality.step(&mut fake) == Progress::Worked {}
    assert_eq!(personality.state(0), Some(State::Dead));
    assert!(
        fake.completions[0][0]
            .iter()
            .all(|c| status(c) == Status::Cancelled)
    );
    assert_eq!(fake.completions[0][0].len(), RING_SLOTS);
}

#[test]
fn a_process_that_takes_no_completions_stops_only_itself() {
    let (mut personality, mut fake) = started();
    fake.capacity_of_rings = 4;
    for _ in 0..20 {
        fake.submit(0, 0, print("x"));
    }
    while personality.step(&mut fake) == Progress::Worked {}
    assert_eq!(personality.step(&mut fake), Progress::Stalled);
    assert!(!personality.listens(0, 0) && personality.listens(0, 1));
    assert_eq!(
        status(&ask(&mut personality, &mut fake, 1, open("input"))),
        Status::Done
    );
    let mut taken = 0;
    for _ in 0..20 {
        while fake.take(0, 0).is_some() {
            taken += 1;
        }
        settle(&mut personality, &mut fake);
    }
    assert_eq!((taken, personality.outstanding()), (20, 0));
}
