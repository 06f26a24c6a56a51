//! The loop of a server over fake links.

mod common;

use atoll_abi::interface::{Request, request};
use atoll_abi::plan::{Tables, empty_rows};
use atoll_abi::process::{FAULTED, ProcessId};
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_channel::CAPACITY;
use atoll_core::vcore::VcoreSets;
use atoll_core::{FAULT_STATUS, Personality};
use atoll_server::Host;
use atoll_test_support::link::FakeLink;

use common::Events;

/// A vcore makes a call.
fn call(ring: &FakeLink, call: Syscall) {
    ring.send_to_it(&Syscall {
        generation: 1,
        ..call
    });
}

/// How the next call of a vcore ended.
fn take(ring: &FakeLink) -> Option<Status> {
    let completion: Completion = ring.take()?;
    Some(Status::from_raw(completion.status))
}

/// A life of the server of one process with two vcores, of which it has taken none over, and the vcores' rings.
fn new_server() -> (Host<FakeLink, Events>, [FakeLink; 2]) {
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
fn server() -> (Host<FakeLink, Events>, [FakeLink; 2]) {
    let (mut host, rings) = new_server();
    host.start(ProcessId {
        index: 0,
        generation: 1,
    });
    (host, rings)
}

fn print(text: &[u8; 8]) -> Syscall {
    request::Print {
        text: [u64::from_le_bytes(*text), 0, 0, 0],
        length: 8,
    }
    .encode()
}

fn exit() -> Syscall {
    request::Exit { status: 5 }.encode()
}

#[test]
fn calls_are_answered_in_the_turn_that_takes_them() {
    let (mut host, [ring, _]) = server();
    assert!(!host.turn());
    call(&ring, print(b"hello..\n"));
    call(&ring, request::BecomeMcp {}.encode());
    assert!(!host.may_sleep());
    assert!(host.turn() && !host.turn());
    assert_eq!(host.kernel().lines, ["hello.."]);
    assert_eq!([take(&ring), take(&ring)], [Some(Status::Done); 2]);
    assert!(host.may_sleep() && ring.rings().armed);
    host.awake();
    assert!(!ring.rings().armed);
}

#[test]
fn a_vcore_that_does_not_take_its_completions_is_not_listened_to() {
    let (mut host, [ring, other]) = server();
    for _ in 0..3 * CAPACITY {
        call(&ring, print(b"flood..\n"));
    }
    while host.turn() {}
    assert_eq!(ring.rings().outgoing.len(), CAPACITY);
    assert!(host.may_sleep(), "the server does not wait for that vcore");
    host.awake();
    call(&other, print(b"other..\n"));
    assert!(host.turn());
    assert_eq!(take(&other), Some(Status::Done));
    // It goes on when it takes them.
    while take(&ring).is_some() {}
    assert!(host.turn());
}

#[test]
fn what_other_vcores_printed_before_an_exit_is_printed() {
    let (mut host, [ring, other]) = server();
    call(&ring, exit());
    for _ in 0..CAPACITY {
        call(&other, print(b"before.\n"));
    }
    while host.turn() {}
    assert_eq!(host.kernel().lines.len(), CAPACITY);
    assert_eq!(host.kernel().ended, [(0, 5)]);
    assert!(host.personality().finished());
}

#[test]
fn a_process_that_breaks_its_ring_ends() {
    let (mut host, [ring, _]) = server();
    ring.rings().broken = true;
    while host.turn() {}
    assert_eq!(host.kernel().ended, [(0, FAULT_STATUS)]);
    assert!(host.may_sleep());
}

#[test]
fn a_process_that_took_a_fault_ends() {
    let (mut host, [ring, _]) = server();
    call(&ring, print(b"last...."));
    host.faulted(0);
    host.faulted(7);
    while host.turn() {}
    assert_eq!(host.kernel().ended, [(0, FAULTED)]);
    assert_eq!(host.kernel().lines, ["last...."]);
}

#[test]
fn what_the_root_task_says_of_a_process_is_followed_once() {
    let (mut host, _) = server();
    let life = |generation| ProcessId {
        index: 0,
        generation,
    };
    assert!(!host.follow(life(1), false));
    assert!(host.follow(life(1), true), "it is to be ended");
    assert!(!host.follow(life(1), true), "it is ending");
    while host.turn() {}
    assert_eq!(host.kernel().ended, [(0, FAULTED)]);
    assert!(!host.follow(life(1), true), "it has ended");
    assert!(host.follow(life(2), false), "another life begins");
    assert!(!host.follow(life(2), false));
    assert_eq!(host.personality().process(0), Some(life(2)));
}

#[test]
fn alarms_wake_their_vcore_in_time() {
    let (mut host, [ring, _]) = server();
    host.kernel().now = 100;
    call(&ring, request::SetAlarm { nanoseconds: 50 }.encode());
    assert!(host.turn());
    assert_eq!(host.personality().next_alarm(), Some(150));
    host.kernel().now = 149;
    assert!(!host.turn());
    host.kernel().now = 150;
    assert!(host.turn() && !host.turn());
    assert_eq!(host.kernel().woken, [0]);
}

#[test]
fn a_process_that_starts_again_has_new_channels() {
    let (mut host, [ring, other]) = server();
    ring.rings().broken = true;
    while host.turn() {}
    for link in [&ring, &other] {
        link.rings().changed = Some((true, 2));
    }
    host.start(ProcessId {
        index: 0,
        generation: 2,
    });
    ring.send_to_it(&Syscall {
        generation: 2,
        ..print(b"again..\n")
    });
    assert!(host.turn());
    assert_eq!(take(&ring), Some(Status::Done));
    assert!(!other.rings().broken && other.rings().changed.is_none());
}

#[test]
fn a_process_that_comes_back_after_its_start_is_heard() {
    let (mut host, [ring, other]) = server();
    ring.rings().broken = true;
    while host.turn() {}
    for link in [&ring, &other] {
        link.rings().changed = Some((false, 1));
    }
    host.start(ProcessId {
        index: 0,
        generation: 2,
    });
    assert!(!host.turn() && host.may_sleep());
    host.awake();
    // Its vcore 0 runs, and takes its side of all channels.
    for link in [&ring, &other] {
        link.rings().changed = Some((true, 2));
    }
    assert!(!host.may_sleep());
    host.awake();
    host.turn();
    ring.send_to_it(&Syscall {
        generation: 2,
        ..print(b"again..\n")
    });
    assert!(host.turn());
    assert_eq!(take(&ring), Some(Status::Done));
    assert!(!host.turn() && host.may_sleep());
}

#[test]
fn a_process_that_says_of_a_ring_that_it_is_dead_keeps_no_server_awake() {
    let (mut host, [ring, other]) = server();
    ring.rings().changed = Some((false, 1));
    assert!(!host.turn() && host.may_sleep());
    host.awake();
    // Its other vcores are heard.
    call(&other, print(b"alive..\n"));
    assert!(host.turn());
    assert_eq!(take(&other), Some(Status::Done));
}

/// A process that the server before this one has left.
const OF_THE_LIFE_BEFORE: ProcessId = ProcessId {
    index: 0,
    generation: 2,
};

#[test]
fn vcores_that_run_are_woken_when_the_server_is_back() {
    let (mut host, _) = new_server();
    let process = OF_THE_LIFE_BEFORE;
    let vcores = VcoreSets {
        granted: 0b10,
        started: 0b11,
        resumes: 0,
    };
    host.adopt(process, vcores, true, false);
    assert_eq!(host.kernel().started, [0; 0], "it runs");
    assert_eq!(host.kernel().woken, [1]);
    assert_eq!(host.personality().process(0), Some(process));
}

#[test]
fn a_process_that_was_to_be_ended_when_the_server_died_ends_and_is_not_started() {
    let (mut host, _) = server();
    host.faulted(0);
    while host.turn() {}
    host.kernel().started.clear();
    let process = OF_THE_LIFE_BEFORE;
    let vcores = VcoreSets {
        granted: 0b10,
        started: 0b11,
        resumes: 0b01,
    };
    host.adopt(process, vcores, true, true);
    while host.turn() {}
    assert!(host.kernel().started.is_empty());
    assert_eq!(host.kernel().ended.last(), Some(&(0, FAULTED)));
}

#[test]
fn a_vcore_that_gave_itself_back_until_an_alarm_runs_under_the_next_server() {
    let (mut host, [ring, other]) = server();
    let calls: [Syscall; 2] = [
        request::BecomeMcp {}.encode(),
        request::RequestVcores { count: 2 }.encode(),
    ];
    for made in calls {
        call(&ring, made);
    }
    assert!(host.turn());
    call(&other, request::SetAlarm { nanoseconds: 50 }.encode());
    call(&other, request::YieldVcore {}.encode());
    assert!(host.turn());
    let noted = host.kernel().noted;
    let expected = VcoreSets {
        granted: 0b01,
        started: 0b11,
        resumes: 0b10,
    };
    assert_eq!(noted, expected);

    let (mut next, _) = new_server();
    let process = host.personality().process(0).unwrap();
    next.adopt(process, noted, true, false);
    assert_eq!(next.kernel().started, [1]);
    assert_eq!(next.kernel().woken, [0, 1]);
    assert_eq!(next.kernel().noted.granted, 0b11);
}

#[test]
fn a_vcore_that_gave_itself_back_for_good_stays_so_under_the_next_server() {
    let (mut host, [ring, other]) = server();
    call(&ring, request::BecomeMcp {}.encode());
    call(&ring, request::RequestVcores { count: 2 }.encode());
    assert!(host.turn());
    call(&other, request::YieldVcore {}.encode());
    assert!(host.turn());

    let (mut next, _) = new_server();
    let process = host.personality().process(0).unwrap();
    let noted = host.kernel().noted;
    next.adopt(process, noted, true, false);
    assert_eq!(next.kernel().started, [0; 0]);
    let vcores = next.personality().vcores(process).unwrap();
    assert!(vcores.has_yielded(1));
}

#[test]
fn a_vcore_that_takes_its_completions_and_calls_again_is_heard() {
    let (mut host, [ring, _]) = server();
    for _ in 0..CAPACITY {
        call(&ring, print(b"full...\n"));
    }
    while host.turn() {}
    assert_eq!(ring.rings().outgoing.len(), CAPACITY);
    assert!(host.may_sleep());
    assert!(ring.rings().armed, "a vcore without room is not heard");
}
