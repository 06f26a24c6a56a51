//! Lives of processes, and of the server that takes them over.

mod common;

use atoll_abi::interface::{Request, request};
use atoll_abi::process::{FAULTED, ProcessId};
use atoll_abi::syscall::{Status, Syscall};
use atoll_core::vcore::VcoreSets;

use common::*;

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
