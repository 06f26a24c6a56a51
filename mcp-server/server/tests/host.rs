//! The loop of a server over fake links.

mod common;

use atoll_abi::interface::{Request, request};
use atoll_abi::process::FAULTED;
use atoll_abi::syscall::Status;
use atoll_channel::CAPACITY;
use atoll_core::FAULT_STATUS;

use common::*;

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
