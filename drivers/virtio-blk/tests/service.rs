//! The driver's loop between a server's ring and a fake device.

mod support;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use atoll_abi::block::{BlockReply, BlockStatus};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Payload;
use atoll_channel::{Endpoint, Side, announce_lost, window};
use atoll_virtio_blk::{DriverError, Service, ServiceError};
use support::{Bench, CAPACITY, FakeDevice, Line, Numbers, bench, read};

#[repr(C, align(4096))]
struct Window([u8; atoll_abi::layout::RING_WINDOW_SIZE]);

struct Machine {
    service: Service<Line>,
    server: Endpoint,
    device: Rc<RefCell<FakeDevice>>,
    line: Line,
}

fn machine() -> Machine {
    let window = Box::leak(Box::new(Window([0; _])));
    let window = window.0.as_mut_ptr();
    // SAFETY: a whole zeroed window that is never freed; each side is attached once.
    let (server, own) = unsafe {
        (
            Endpoint::attach(window, Side::First),
            Endpoint::attach(window, Side::Second),
        )
    };
    let Bench {
        driver,
        device,
        line,
        ..
    } = bench(128);
    Machine {
        service: Service::new(own, driver),
        server,
        device,
        line,
    }
}

impl Machine {
    /// Sends one request; whether the driver has to be woken.
    fn send(&mut self, tag: u64) -> bool {
        let message = read(tag, 0, tag, 1).to_message();
        self.server.sender.send(&message).unwrap().needed()
    }

    fn receive(&mut self) -> Option<BlockReply> {
        let message = self.server.receiver.receive().unwrap()?;
        Some(BlockReply::from_message(&message))
    }

    /// Steps until the driver wants to block, or does not.
    fn settle(&mut self) -> bool {
        for _ in 0..10 {
            if !self.service.step().unwrap().progress {
                return self.service.may_block().unwrap();
            }
        }
        panic!("the driver does not come to rest");
    }
}

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
    assert!(machine.server.receiver.arm().unwrap());
    machine.device.borrow_mut().serve_all();
    machine.service.awake();
    let step = machine.service.step().unwrap();
    assert!(step.wake && step.progress, "the server slept");
    for tag in [1, 2] {
        let reply = machine.receive().unwrap();
        assert_eq!(
            (reply.tag, reply.status, reply.capacity),
            (tag, 0, CAPACITY)
        );
    }
    assert_eq!(machine.server.receiver.telemetry().doorbells, 1);
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
fn holds_replies_and_closes_on_a_server_that_overruns() {
    let mut machine = machine();
    // Twice what may be outstanding; without descriptors for any, as they are not valid.
    let mut bad = read(0, 0, 0, 0);
    for round in 0..2 {
        for tag in 0..RING_SLOTS as u64 - 2 * round {
            bad.tag = tag;
            let _ = machine.server.sender.send(&bad.to_message()).unwrap();
        }
        machine.service.step().unwrap();
    }
    assert!(!machine.service.step().unwrap().progress, "a reply is held");
    // The driver has taken one request of the second round, the others are in the ring.
    assert_eq!(
        machine.service.may_block(),
        Err(ServiceError::TooManyRequests)
    );
    machine.service.stop();
    assert_eq!(
        machine.service.driver().failure(),
        Some(DriverError::ServerLost)
    );
    assert_eq!(machine.line.stopped.get(), 1);
}

#[test]
fn a_held_reply_goes_out_when_there_is_room() {
    let mut machine = machine();
    let mut bad = read(0, 0, 0, 0);
    for tag in 0..=RING_SLOTS as u64 {
        bad.tag = tag;
        let _ = machine.server.sender.send(&bad.to_message()).unwrap();
        machine.service.step().unwrap();
    }
    assert!(
        machine.settle(),
        "holding one, blocked until the server comes"
    );
    let mut replies = 0;
    while let Some(reply) = machine.receive() {
        assert_eq!(
            (reply.tag, reply.status),
            (replies, BlockStatus::Invalid as u32)
        );
        replies += 1;
    }
    assert!(machine.send(1000), "a new request wakes the driver");
    machine.service.awake();
    machine.settle();
    assert_eq!(machine.receive().unwrap().tag, RING_SLOTS as u64);
}

#[test]
fn a_broken_ring_is_a_typed_error() {
    let window = Box::leak(Box::new(Window([0; _])));
    let base = window.0.as_mut_ptr();
    // SAFETY: a whole zeroed window that is never freed, of which only this side is attached.
    let own = unsafe { Endpoint::attach(base, Side::Second) };
    let Bench { driver, device, .. } = bench(128);
    let mut service = Service::new(own, driver);
    for offset in (window::SLOTS..size_of::<Window>()).step_by(8) {
        // SAFETY: within the window; nobody else accesses it at this time.
        unsafe { base.add(offset).cast::<u64>().write_volatile((1 << 48) - 1) };
    }
    assert!(matches!(service.step(), Err(ServiceError::Peer(_))));
    assert_eq!(device.borrow_mut().take(), 0);
}

#[test]
fn a_server_that_is_gone_is_noticed_before_anything_is_asked_of_the_device() {
    let window = Box::leak(Box::new(Window([0; _])));
    let base = window.0.as_mut_ptr();
    // SAFETY: a whole zeroed window that is never freed; each side is attached once.
    let (mut server, own) = unsafe {
        (
            Endpoint::attach(base, Side::First),
            Endpoint::attach(base, Side::Second),
        )
    };
    let Bench { driver, device, .. } = bench(128);
    let mut service = Service::new(own, driver);
    let _ = server.sender.send(&[1; 7]).unwrap();
    // SAFETY: as above; the root task does this when it has stopped the server.
    unsafe { announce_lost(base, Side::First) };
    assert!(matches!(service.may_block(), Ok(false)));
    assert_eq!(service.step(), Err(ServiceError::ServerLost));
    assert_eq!(device.borrow_mut().take(), 0);
}

/// A server with at most a ring's worth outstanding, a device with a will of its own, and both only awake when woken.
#[test]
fn nothing_is_lost_between_sleepers() {
    const REQUESTS: u64 = 20_000;
    let mut machine = machine();
    let mut numbers = Numbers(5);
    let (mut sent, mut received, mut sleeps) = (0, 0, 0);
    let (mut asleep, mut rung) = (false, false);
    while received < REQUESTS {
        match numbers.below(4) {
            0 => {
                while sent < REQUESTS
                    && sent - received < RING_SLOTS as u64
                    && numbers.below(6) != 0
                {
                    rung |= machine.send(sent);
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
                while machine.receive().is_some() {
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
