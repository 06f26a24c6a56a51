//! Clients that break the protocol, or die.

mod support;

use std::collections::HashMap;

use atoll_abi::interface::Call;
use atoll_abi::layout::{RING_SLOTS, RING_WINDOW_SIZE};
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_channel::{Endpoint, Side, announce_lost, window};
use atoll_virtio_blk::{DriverError, ServiceError};
use support::machine::{Machine, machine};
use support::{CAPACITY, Numbers, POOL_BLOCKS, pools, status};

/// Completions that the client takes, up to so many.
fn take(machine: &mut Machine, most: usize) -> Vec<Completion> {
    std::iter::from_fn(|| machine.receive())
        .take(most)
        .collect()
}

#[test]
fn requests_beyond_the_room_for_completions_are_not_taken() {
    let mut machine = machine();
    const SLOTS: u64 = RING_SLOTS as u64;
    for tag in 0..SLOTS {
        machine.send_bad(tag);
    }
    assert!(machine.settle());
    assert_eq!(machine.not_taken(), 0);
    for tag in SLOTS..SLOTS + 20 {
        machine.send(tag);
    }
    // It sleeps: a driver that polled would keep its core from a client that takes nothing.
    for _ in 0..2 {
        machine.service.awake();
        assert!(machine.settle());
        assert_eq!(machine.not_taken(), 20);
        assert_eq!(machine.device.borrow_mut().take(), 0);
    }
    // As much is taken as the client makes room for, and not more.
    let mut found = take(&mut machine, 7);
    machine.service.awake();
    assert!(machine.settle());
    assert_eq!(machine.not_taken(), 13);
    assert_eq!(machine.device.borrow_mut().serve_all(), 7);
    machine.service.awake();
    assert!(machine.settle());
    assert_eq!(machine.not_taken(), 13);
    while found.len() as u64 != SLOTS + 20 {
        let taken = take(&mut machine, RING_SLOTS);
        assert!(!taken.is_empty(), "what was left in the ring is served");
        found.extend(taken);
        machine.service.awake();
        machine.settle();
        machine.device.borrow_mut().serve_all();
        machine.service.awake();
        machine.settle();
    }
    for (tag, completion) in found.iter().enumerate() {
        let expected = if (tag as u64) < SLOTS {
            Status::InvalidArgument
        } else {
            Status::Done
        };
        assert_eq!((completion.tag, status(completion)), (tag as u64, expected));
    }
}

#[test]
fn requests_with_the_device_keep_their_room() {
    let mut machine = machine();
    for tag in 0..40 {
        machine.send(tag);
    }
    for tag in 40..64 {
        machine.send_bad(tag);
    }
    assert!(machine.settle());
    for tag in 64..94 {
        machine.send_bad(tag);
    }
    machine.service.awake();
    assert!(machine.settle());
    assert_eq!(machine.not_taken(), 30, "40 with the device, 24 answered");
    // All of them fit: nothing was answered that needed their slots.
    assert_eq!(machine.device.borrow_mut().serve_all(), 40);
    machine.service.awake();
    assert!(machine.settle());
    assert_eq!(machine.not_taken(), 30);
    let mut tags: Vec<_> = take(&mut machine, 100).iter().map(|it| it.tag).collect();
    tags.sort_unstable();
    assert!(tags.into_iter().eq(0..64));
    machine.service.awake();
    assert!(machine.settle());
    assert_eq!(
        (machine.not_taken(), take(&mut machine, 100).len()),
        (0, 30)
    );
}

#[test]
fn a_client_that_overruns_is_stopped_for_when_it_goes() {
    let mut machine = machine();
    for _ in 0..3 {
        while machine.client.sender.free().unwrap() > 0 {
            machine.send_bad(0);
        }
        assert!(machine.settle());
        machine.service.awake();
    }
    assert_eq!(machine.not_taken(), RING_SLOTS);
    // SAFETY: the whole window of the machine; the root task does this when it has stopped the client.
    unsafe { announce_lost(machine.window, Side::First) };
    assert_eq!(machine.service.step(), Err(ServiceError::ClientLost));
    machine.service.stop();
    assert_eq!(
        machine.service.driver().failure(),
        Some(DriverError::ClientLost)
    );
    assert_eq!(machine.line.stopped.get(), 1);
}

/// What a field may be: anything, but often something that a check could get wrong.
fn garbage(numbers: &mut Numbers) -> u64 {
    let limits = [
        0,
        1,
        2,
        9,
        POOL_BLOCKS.into(),
        CAPACITY,
        1 << 32,
        u32::MAX.into(),
        u64::MAX,
    ];
    let near = limits[numbers.below(limits.len() as u64) as usize];
    match numbers.below(8) {
        0 => numbers.0,
        1..5 => numbers.below(4),
        _ => near.wrapping_sub(numbers.below(3)),
    }
}

/// How a request ends with a device that fails none, and how many sectors it transfers.
fn expected(syscall: &Syscall) -> (Status, u64) {
    let [sector, sectors, pool, _] = syscall.arguments;
    let known = Call::from_raw(syscall.call);
    let fits = u128::from(sector) + u128::from(sectors) <= CAPACITY.into();
    let narrow = sectors.max(pool) <= u32::MAX.into();
    let pools = pools();
    let blocks = usize::try_from(pool).ok().and_then(|it| pools.get(it));
    let status = match known {
        None => Status::UnknownCall,
        Some(call) if call != Call::ReadSectors => Status::NotAllowed,
        _ if !narrow => Status::InvalidArgument,
        _ if blocks.is_none_or(|pool| syscall.block >= pool.blocks) => Status::BadBlock,
        _ if fits && (1..=8).contains(&sectors) => return (Status::Done, sectors),
        _ => Status::InvalidArgument,
    };
    (status, 0)
}

/// Requests of which every field is garbage: each is answered once, with what it deserves, and the device is asked for
/// nothing that does not exist: else the fake one would panic.
#[test]
fn garbage_is_answered_exactly_once() {
    const REQUESTS: usize = 200_000;
    let mut machine = machine();
    let mut numbers = Numbers(0xB10C);
    // Completions that are due, each with how often: even tags repeat.
    let mut due: HashMap<_, usize> = HashMap::new();
    let mut seen: HashMap<_, usize> = HashMap::new();
    let (mut sent, mut answered) = (0, 0);
    while answered < REQUESTS {
        while sent < REQUESTS && machine.not_taken() < RING_SLOTS && numbers.below(16) != 0 {
            let call = match numbers.below(4) {
                0 => garbage(&mut numbers) as u16,
                _ => Call::ReadSectors as u16,
            };
            let syscall = Syscall {
                tag: garbage(&mut numbers),
                call,
                count: numbers.0 as u16,
                handle: garbage(&mut numbers) as u32,
                arguments: std::array::from_fn(|_| garbage(&mut numbers)),
                block: garbage(&mut numbers) as u32,
                generation: garbage(&mut numbers) as u32,
            };
            machine.send_syscall(&syscall);
            let (status, sectors) = expected(&syscall);
            let mut completion = Completion::of(&syscall, status, [sectors, CAPACITY]);
            if status == Status::BadBlock {
                completion.block = NO_BLOCK;
            }
            *due.entry(completion.to_message()).or_default() += 1;
            sent += 1;
        }
        machine.service.awake();
        machine.settle();
        if numbers.below(2) == 0 {
            machine.device.borrow_mut().serve_all();
        }
        let most = numbers.below(2 * RING_SLOTS as u64) as usize;
        for completion in take(&mut machine, most) {
            let left = due.get_mut(&completion.to_message());
            let left = left.unwrap_or_else(|| panic!("not due: {completion:?}"));
            *left -= 1;
            if *left == 0 {
                due.remove(&completion.to_message());
            }
            let status = Status::from_raw(completion.status);
            *seen.entry(status).or_default() += 1;
            answered += 1;
        }
    }
    assert!(due.is_empty());
    machine.service.awake();
    machine.device.borrow_mut().serve_all();
    machine.settle();
    assert_eq!(machine.receive(), None, "one answer each");
    println!("{REQUESTS} requests: {seen:?}");
    for status in [
        Status::Done,
        Status::InvalidArgument,
        Status::BadBlock,
        Status::NotAllowed,
        Status::UnknownCall,
    ] {
        assert!(seen[&status] > 1_000, "{status:?}");
    }
    assert_eq!((seen.len(), machine.service.driver().failure()), (5, None));
}

#[test]
fn a_broken_ring_is_a_typed_error() {
    let mut machine = machine();
    for offset in (window::SLOTS..RING_WINDOW_SIZE).step_by(8) {
        let word = machine.window.wrapping_add(offset).cast::<u64>();
        // SAFETY: within the window; neither side accesses it at this time.
        unsafe { word.write_volatile((1 << 48) - 1) };
    }
    assert!(matches!(machine.service.step(), Err(ServiceError::Peer(_))));
    assert_eq!(machine.device.borrow_mut().take(), 0);
}

#[test]
fn a_client_that_is_gone_is_noticed_before_anything_is_asked_of_the_device() {
    let mut machine = machine();
    machine.send(1);
    // SAFETY: the whole window of the machine; the root task does this when it has stopped the client.
    unsafe { announce_lost(machine.window, Side::First) };
    assert!(matches!(machine.service.may_block(), Ok(false)));
    assert_eq!(machine.service.step(), Err(ServiceError::ClientLost));
    assert_eq!(machine.device.borrow_mut().take(), 0);
}

/// The client dies and comes back before the driver looks.
fn come_back(machine: &mut Machine) {
    // SAFETY: the whole window of the machine; the root task does this when it has stopped the client.
    unsafe { announce_lost(machine.window, Side::First) };
    // SAFETY: the same window; the endpoint before is dropped.
    machine.client = unsafe { Endpoint::attach_again(machine.window, Side::First) };
}

#[test]
fn another_life_of_the_client_is_served_where_the_device_has_nothing_of_the_one_before() {
    let mut machine = machine();
    machine.send(1);
    assert!(machine.settle());
    machine.device.borrow_mut().serve_all();
    machine.service.awake();
    assert!(machine.settle());
    // Neither what it was answered nor what it asks is seen by the next life.
    machine.send(2);
    come_back(&mut machine);
    machine.service.awake();
    assert!(machine.settle(), "the client is not lost");
    assert_eq!(machine.client.receiver.receive(), Ok(None));
    assert_eq!(machine.device.borrow_mut().take(), 0);
    machine.client.reattach();
    machine.send(3);
    machine.service.awake();
    assert!(machine.settle());
    assert_eq!(machine.device.borrow_mut().serve_all(), 1);
    machine.service.awake();
    assert!(machine.settle());
    let tags: Vec<_> = take(&mut machine, 9).iter().map(|it| it.tag).collect();
    assert_eq!(tags, [3]);
}

#[test]
fn another_life_of_the_client_is_not_served_while_the_device_writes_for_the_one_before() {
    let mut machine = machine();
    machine.send(1);
    assert!(machine.settle());
    come_back(&mut machine);
    machine.service.awake();
    assert_eq!(machine.service.step(), Err(ServiceError::ClientLost));
}
