//! The driver's loop between the ring of a client that keeps to the protocol and a fake device.

mod support;

use std::collections::HashSet;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::Status;
use support::machine::machine;
use support::{CAPACITY, Numbers, status};

#[test]
fn sleeps_until_rung_and_answers() {
    let mut machine = machine();
    assert!(machine.settle());
    assert!(machine.device.borrow().wants_interrupt());
    assert!(machine.send(1), "the driver sleeps");
    assert!(!machine.send(2), "it has been rung");
    machine.service.awake();
    assert!(!machine.device.borrow().wants_interrupt());
    assert!(machine.settle());
    assert_eq!(machine.line.notified.get(), 1);
    assert!(machine.client.receiver.arm().unwrap());
    machine.device.borrow_mut().serve_all();
    machine.service.awake();
    let step = machine.service.step().unwrap();
    assert!(step.wake && step.progress, "the client slept");
    for tag in [1, 2] {
        let completion = machine.receive().unwrap();
        assert_eq!((completion.tag, status(&completion)), (tag, Status::Done));
        assert_eq!((completion.block, completion.result), (0, [1, CAPACITY]));
    }
    assert_eq!(machine.client.receiver.telemetry().doorbells, 1);
}

#[test]
fn does_not_block_on_what_came_meanwhile() {
    let mut machine = machine();
    assert!(!machine.service.step().unwrap().progress);
    machine.send(1);
    assert!(!machine.service.may_block().unwrap(), "a request");
    assert!(machine.service.step().unwrap().progress);
    machine.device.borrow_mut().serve_all();
    assert!(!machine.service.may_block().unwrap(), "a completion");
    assert!(machine.service.step().unwrap().progress);
    assert!(machine.settle());
}

#[test]
fn leaves_in_the_ring_what_the_queue_cannot_take() {
    let mut machine = machine();
    for tag in 0..RING_SLOTS as u64 {
        machine.send(tag);
    }
    assert!(machine.settle(), "nothing to do before the device is done");
    assert_eq!(machine.device.borrow_mut().serve_all(), 42);
    assert_eq!(machine.line.notified.get(), 1);
    machine.service.awake();
    assert!(machine.settle());
    assert_eq!(machine.device.borrow_mut().serve_all(), RING_SLOTS - 42);
    machine.service.awake();
    assert!(machine.settle());
    let tags: HashSet<_> = std::iter::from_fn(|| machine.receive())
        .map(|r| r.tag)
        .collect();
    assert_eq!(tags.len(), RING_SLOTS);
}

#[test]
fn a_ring_full_of_completions_keeps_no_client_from_being_served() {
    const SLOTS: u64 = RING_SLOTS as u64;
    let mut machine = machine();
    for tag in 0..SLOTS {
        machine.send_bad(tag);
        machine.service.step().unwrap();
    }
    assert!(machine.settle(), "blocked until the client comes");
    for tag in 0..SLOTS {
        let completion = machine.receive().unwrap();
        let found = (completion.tag, status(&completion));
        assert_eq!(found, (tag, Status::InvalidArgument));
    }
    assert!(machine.send_bad(1000), "a new request wakes the driver");
    machine.service.awake();
    machine.settle();
    assert_eq!(machine.receive().unwrap().tag, 1000);
}

/// A client with at most a ring's worth outstanding, a device with a will of its own, and both only awake when woken.
#[test]
fn nothing_is_lost_between_sleepers() {
    const REQUESTS: u64 = 20_000;
    let mut machine = machine();
    let mut numbers = Numbers(5);
    let (mut sent, mut received, mut sleeps) = (0, 0, 0);
    let mut waiting = HashSet::new();
    let (mut asleep, mut rung) = (false, false);
    while received < REQUESTS {
        match numbers.below(4) {
            0 => {
                while sent < REQUESTS
                    && sent - received < RING_SLOTS as u64
                    && numbers.below(6) != 0
                {
                    rung |= machine.send(sent);
                    waiting.insert(sent);
                    sent += 1;
                }
            }
            1 => {
                let mut device = machine.device.borrow_mut();
                device.take();
                for _ in 0..numbers.below(device.taken.len() as u64 + 1) {
                    device.serve(0, 0);
                    rung |= device.wants_interrupt();
                }
            }
            2 => {
                while let Some(completion) = machine.receive() {
                    assert_eq!(status(&completion), Status::Done);
                    assert!(waiting.remove(&completion.tag), "answered once");
                    received += 1;
                }
            }
            _ => {
                if asleep && !rung {
                    continue;
                }
                if asleep {
                    (asleep, rung) = (false, false);
                    machine.service.awake();
                }
                if !machine.service.step().unwrap().progress && machine.service.may_block().unwrap()
                {
                    asleep = true;
                    sleeps += 1;
                }
            }
        }
    }
    println!("{REQUESTS} requests, the driver slept {sleeps} times");
    assert!(sleeps > 100);
}
