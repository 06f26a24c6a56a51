//! A peer that writes what it likes: an error or a message, never a panic, never a loop.
#![cfg(not(loom))]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use atoll_abi::layout::RING_WINDOW_SIZE;
use atoll_channel::{CAPACITY, PeerFault, SendError, window};
use common::Window;
use proptest::prelude::*;

#[test]
fn an_index_beyond_what_was_produced_closes_the_end() {
    let memory = Window::new();
    let (mut first, _second) = memory.attach();
    let _ = first.sender.send(&[0; 7]).unwrap();
    memory.poke(window::CONSUMED, 2);
    let fault = PeerFault::ConsumerIndex {
        found: 2,
        least: 0,
        most: 1,
    };
    assert_eq!(first.sender.free(), Err(fault));
    memory.poke(window::CONSUMED, 1);
    assert_eq!(first.sender.free(), Err(fault), "closed for good");
    assert_eq!(first.sender.send(&[0; 7]), Err(SendError::Peer(fault)));
}

#[test]
fn an_index_that_goes_backwards_closes_the_end() {
    let memory = Window::new();
    let (mut first, mut second) = memory.attach();
    for _ in 0..3 {
        let _ = first.sender.send(&[0; 7]).unwrap();
        second.receiver.receive().unwrap().unwrap();
    }
    assert_eq!(first.sender.free(), Ok(CAPACITY));
    memory.poke(window::CONSUMED, 2);
    assert!(matches!(
        first.sender.free(),
        Err(PeerFault::ConsumerIndex {
            found: 2,
            least: 3,
            most: 3
        })
    ));
}

#[test]
fn a_sequence_from_nowhere_closes_the_end() {
    for found in [2, (1 << 48) - 1, CAPACITY as u64] {
        let memory = Window::new();
        let (_first, mut second) = memory.attach();
        memory.poke(window::SLOTS, found);
        let fault = PeerFault::Sequence { found, expected: 1 };
        assert_eq!(second.receiver.receive(), Err(fault));
        assert_eq!(second.receiver.arm(), Err(fault));
        memory.poke(window::SLOTS, 1);
        assert_eq!(second.receiver.receive(), Err(fault), "closed for good");
    }
}

/// Values that are near what is expected, and values that are not.
fn garbage() -> impl Strategy<Value = u64> {
    prop_oneof![0..4 * CAPACITY as u64, any::<u64>()]
}

/// Shared fields, each as likely as the others.
fn field() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(window::CONSUMED),
        Just(window::ASLEEP),
        Just(window::SENT),
        Just(window::DOORBELLS),
        Just(window::INCARNATION),
        (0..CAPACITY).prop_map(|slot| window::SLOTS + slot * 64),
        (0..RING_WINDOW_SIZE / 16).prop_map(|word| word * 8),
    ]
}

proptest! {
    #[test]
    fn garbage_in_any_field_is_an_error_or_a_message(
        steps in prop::collection::vec((0..6u8, field(), 0..2usize, garbage()), 1..300)
    ) {
        let memory = Window::new();
        let (mut first, mut second) = memory.attach();
        for (action, field, ring, value) in steps {
            match action {
                0 => memory.poke(ring * window::RING + field, value),
                1 => { let _ = first.sender.send(&[value; 7]); }
                2 => {
                    let messages = vec![[value; 7]; (value % 100) as usize];
                    if let Ok((count, _)) = first.sender.send_batch(&messages) {
                        prop_assert!(count <= CAPACITY.min(messages.len()));
                    }
                }
                3 => { let _ = second.receiver.receive(); }
                4 => { let _ = second.receiver.arm(); }
                _ => {
                    if let Ok(free) = first.sender.free() {
                        prop_assert!(free <= CAPACITY);
                    }
                    second.receiver.disarm();
                    let _ = (second.receiver.telemetry(), second.receiver.peer_changed());
                }
            }
        }
    }
}

#[test]
fn garbage_written_while_the_ring_is_used_is_an_error_or_a_message() {
    for seed in 0..200u64 {
        let memory = Window::new();
        let (mut first, mut second) = memory.attach();
        let stop = AtomicBool::new(false);
        struct Hostile<'a>(&'a Window);
        // SAFETY: the window is accessed atomically only.
        unsafe impl Sync for Hostile<'_> {}
        let hostile = &Hostile(&memory);
        std::thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                let hostile: &Hostile<'_> = hostile;
                let mut state = seed * 2 + 1;
                while !stop.load(Ordering::Relaxed) {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                    let word = (state >> 33) as usize % (RING_WINDOW_SIZE / 8);
                    hostile.0.poke(word * 8, state >> (state % 64));
                }
            });
            for _ in 0..2000 {
                let _ = first.sender.send(&[1; 7]);
                let _ = second.receiver.receive();
                let _ = second.receiver.arm();
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
