//! Clients that misbehave, die, and come back; a driver that lies.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::Call;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_call::{Event, Service};
use atoll_files::CALLS;
use common::*;
use proptest::prelude::*;

const BLOCK: u64 = BLOCK_SIZE as u64;

#[test]
fn wrong_arguments_are_named() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    let forged = Handle::from_raw(file.to_raw() ^ 1 << 20).unwrap();
    for (call, expected) in [
        (read(file, 1, BLOCK, 0), Status::InvalidArgument),
        (read(file, 0, BLOCK + 1, 0), Status::InvalidArgument),
        (read(file, 0, u64::MAX, 0), Status::InvalidArgument),
        (read(file, 0, BLOCK, BLOCKS), Status::BadBlock),
        (read(file, 0, BLOCK, NO_BLOCK), Status::BadBlock),
        (read(forged, 0, BLOCK, 0), Status::BadHandle),
        (stat(forged), Status::BadHandle),
        (close(forged), Status::BadHandle),
        (open("nosuch"), Status::NotFound),
        (
            Syscall {
                call: Call::Exit as u16,
                ..Syscall::EMPTY
            },
            Status::NotAllowed,
        ),
        (
            Syscall {
                call: 999,
                ..Syscall::EMPTY
            },
            Status::UnknownCall,
        ),
    ] {
        assert_eq!(bench.ask(0, call).0, expected, "{call:?}");
    }
    assert!(bench.is_at_rest());
}

#[test]
fn another_clients_handle_names_nothing() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    assert_eq!(bench.ask(OTHER, stat(file)).0, Status::BadHandle);
    assert_eq!(bench.ask(OTHER, close(file)).0, Status::BadHandle);
    assert_eq!(bench.ask(0, stat(file)).0, Status::Done);
}

#[test]
fn a_block_is_read_into_once_at_a_time() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    let first = bench.call(0, read(file, 0, BLOCK, 3));
    let second = bench.call(1, read(file, 0, BLOCK, 3));
    let refused = Some((second, Status::BadBlock, [0, 0], NO_BLOCK));
    assert_eq!(bench.answer(1), refused);
    // The other client has blocks of its own.
    let other = bench.opened(OTHER);
    bench.call(OTHER, read(other, 0, BLOCK, 3));
    assert_eq!(bench.drive(), 2);
    assert_eq!(bench.answer(0).unwrap().0, first);
    assert!(bench.is_at_rest());
}

#[test]
fn a_client_that_floods_stops_only_itself() {
    let mut bench = Bench::loading();
    let mut taken = 0;
    while bench.service.room(0, 64) > 0 {
        // It never takes its completions, so that its ring has 64 places and no more.
        bench.call(0, open("input"));
        taken += 1;
        assert!(taken <= CALLS, "a client's share is exceeded");
    }
    assert_eq!(taken, 64);
    assert!(bench.service.room(OTHER, 64) > 0);
    bench.call(OTHER, open("empty"));
    bench.drive();
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::Done);
}

#[test]
fn what_a_dead_client_had_open_is_closed_and_its_calls_end_unseen() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.call(0, read(file, 0, BLOCK, 3));
    bench.call(1, read(file, 0, BLOCK, 4));
    for ring in [0, 1] {
        bench.event(Event::ClientLost { ring });
    }
    assert_eq!(bench.service.open_files(), 0);
    // The driver may still write both blocks.
    assert_eq!(bench.service.blocks_in_use(), 2);
    for ring in [0, 1] {
        bench.event(Event::ClientConnected {
            ring,
            generation: 2,
        });
    }
    // The next life of the process: an old handle is stale, and a block that is still written is not reused.
    bench.call_in(0, 2, stat(file));
    assert_eq!(
        bench.answer(0).unwrap().1,
        Status::BadHandle,
        "a stale handle is accepted"
    );
    bench.call_in(0, 2, open("input"));
    let raw = bench.answer(0).unwrap().2[0];
    let again = Handle::from_raw(raw as u32).unwrap();
    assert_ne!(again, file, "a stale handle names a new file");
    bench.call_in(0, 2, read(again, 0, BLOCK, 3));
    assert_eq!(
        bench.answer(0).unwrap().1,
        Status::BadBlock,
        "a block in flight is used again"
    );
    bench.drive();
    assert!(bench.is_at_rest());
    assert_eq!((bench.answer(0), bench.answer(1)), (None, None));
    bench.call_in(0, 2, read(again, 0, BLOCK, 3));
    bench.drive();
    assert_eq!(bench.answer(0).unwrap().1, Status::Done);
}

#[test]
fn a_call_of_an_earlier_life_is_refused() {
    let mut bench = Bench::ready();
    bench.call_in(0, 2, open("input"));
    assert_eq!(bench.answer(0).unwrap().1, Status::Done);
    bench.call_in(1, 1, open("input"));
    assert_eq!(bench.answer(1).unwrap().1, Status::NotAllowed);
}

#[test]
fn calls_of_a_dead_client_that_wait_for_the_volume_are_forgotten() {
    let mut bench = Bench::loading();
    bench.call(0, open("input"));
    bench.call(OTHER, open("input"));
    bench.event(Event::ClientLost { ring: 0 });
    bench.drive();
    assert_eq!(bench.answer(0), None);
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::Done);
    assert!(bench.is_at_rest());
    assert_eq!(bench.service.open_files(), 1);
}

#[test]
fn a_driver_that_answers_what_was_not_asked_or_twice_changes_nothing() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.call(0, read(file, 0, BLOCK, 3));
    let asked = bench.world.driver[0];
    let invented = Completion {
        tag: asked.tag ^ 1 << 40,
        ..Completion::of(&asked, Status::Done, [8, CAPACITY])
    };
    bench.event(Event::Completions(&[invented]));
    assert_eq!(bench.answer(0), None);
    let answer = Completion::of(&asked, Status::Done, [8, CAPACITY]);
    bench.event(Event::Completions(&[answer, answer]));
    assert_eq!(bench.answer(0).unwrap().1, Status::Done);
    assert_eq!((bench.answer(0), bench.service.unmatched()), (None, 2));
    assert!(bench.is_at_rest());
}

fn any_call() -> impl Strategy<Value = Syscall> {
    (
        0..6u16,
        any::<u64>(),
        0..4u32,
        0..3u64,
        0..5000u64,
        0..80u32,
        0..3u32,
    )
        .prop_map(
            |(call, tag, handle, offset, length, block, generation)| Syscall {
                tag,
                call,
                count: 0,
                handle: handle | (handle & 1) << 16,
                arguments: match call {
                    1 => [0x74_7570_6e69, 0, 0, 0],
                    _ => [offset * BLOCK, length, 0, 0],
                },
                block,
                generation,
            },
        )
}

proptest! {
    #[test]
    fn every_call_is_answered_once_whatever_happens(
        events in proptest::collection::vec((0..8u8, 0..3usize, proptest::collection::vec(any_call(), 1..6)), 1..60)
    ) {
        let mut bench = Bench::loading();
        let mut due = [0usize; 3];
        for (kind, ring, calls) in events {
            match kind {
                0 => { bench.drive(); }
                1 => { bench.drive_with(Status::DeviceError); }
                2 => {
                    // What it has under way is answered to no ring.
                    bench.event(Event::ClientLost { ring });
                    due[ring] = bench.world.answers[ring].len();
                    bench.event(Event::ClientConnected { ring, generation: 2 });
                }
                3 => {
                    bench.event(Event::UpstreamLost(atoll_call::Loss::Death));
                    bench.world.driver.clear();
                    bench.event(Event::UpstreamConnected);
                }
                _ => {
                    let room = bench.service.room(ring, 64).min(calls.len());
                    bench.event(Event::Calls { ring, calls: &calls[..room] });
                    due[ring] += room;
                }
            }
        }
        while bench.drive() > 0 {}
        prop_assert!(bench.is_at_rest());
        for (answers, due) in bench.world.answers.iter().zip(due) {
            prop_assert_eq!(answers.len(), due);
        }
    }
}

#[test]
fn what_the_next_life_has_opened_stays_open_when_another_ring_of_the_last_life_is_lost() {
    let mut bench = Bench::ready();
    bench.opened(0);
    let generation = 2;
    // Ring 0 is met first; the next life opens a file on it before the service sees that ring 1 was lost and is back.
    bench.event(Event::ClientConnected {
        ring: 0,
        generation,
    });
    bench.call_in(0, 2, open("input"));
    let raw = bench.answer(0).unwrap().2[0];
    let file = Handle::from_raw(raw as u32).unwrap();
    bench.event(Event::ClientLost { ring: 1 });
    bench.event(Event::ClientConnected {
        ring: 1,
        generation,
    });
    bench.call_in(1, 2, stat(file));
    assert_eq!(bench.answer(1).unwrap().1, Status::Done);
    assert_eq!(
        bench.service.open_files(),
        1,
        "that of the last life is closed"
    );
}

#[test]
fn a_life_cannot_shut_the_next_one_out() {
    let mut bench = Bench::ready();
    bench.call_in(OTHER, u32::MAX, open("input"));
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::Done);
    bench.event(Event::ClientLost { ring: OTHER });
    bench.event(Event::ClientConnected {
        ring: OTHER,
        generation: 2,
    });
    bench.call_in(OTHER, 2, open("input"));
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::Done);
}
