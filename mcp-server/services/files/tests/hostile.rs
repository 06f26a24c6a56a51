//! Clients that misbehave, die, and come back; a driver that lies.

mod common;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::file::{LONGEST_PATH, OpenFlags};
use atoll_abi::handle::Handle;
use atoll_abi::interface::Call;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_call::{Event, Loss, Service};
use atoll_files::{CALLS, FILES_PER_CLIENT};
use atoll_test_support::volume::Mounted;
use common::*;
use proptest::prelude::*;

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
        (write(file, 0, BLOCK + 1, &[0]), Status::InvalidArgument),
        (write(file, 0, 1, &[BLOCKS]), Status::BadBlock),
        (write(forged, 0, 1, &[0]), Status::BadHandle),
        (truncate(forged, 0), Status::BadHandle),
        (list(forged, [0; 2], &[0]), Status::BadHandle),
        (open_in_block(1, BLOCKS), Status::BadBlock),
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
fn wrong_paths_are_named() {
    let mut bench = Bench::ready();
    let (folder, _) = bench.open(0, "folder").unwrap();
    let file = bench.opened(0);
    bench.fill(0, 0, &[b'/'; BLOCK_SIZE]);
    bench.fill(0, 1, b"a\0b");
    for (call, expected) in [
        (open("nosuch"), Status::NotFound),
        (open(""), Status::InvalidArgument),
        (open("input/x"), Status::NotAFolder),
        (open("input/"), Status::NotAFolder),
        (open_in_block(0, 0), Status::InvalidArgument),
        (open_in_block(LONGEST_PATH + 1, 0), Status::NameTooLong),
        (open_in_block(3, 1), Status::InvalidArgument),
        (rename([3, 1], &[1]), Status::InvalidArgument),
        (rename([4000, 97], &[0]), Status::InvalidArgument),
        (rename([0, 1], &[0]), Status::InvalidArgument),
        (rename([usize::MAX, 1], &[1, 0]), Status::NameTooLong),
        (list(folder, [1, 2], &[0]), Status::InvalidArgument),
        (
            write(file, u64::MAX - 10, 100, &[0]),
            Status::InvalidArgument,
        ),
        (truncate(file, u64::MAX), Status::InvalidArgument),
        (remove("/"), Status::InvalidArgument),
    ] {
        assert_eq!(bench.perform(0, call).0, expected, "{call:?}");
    }
    let (status, [_, length]) = bench.perform(0, open_in_block(LONGEST_PATH, 0));
    assert_eq!((status, length > 0), (Status::Done, true), "the root");
    assert!(bench.is_at_rest());
}

#[test]
fn a_block_that_changes_while_a_call_has_it_is_read_once() {
    let mut bench = Bench::loading();
    bench.fill(0, 0, b"input");
    bench.call(0, open_in_block(5, 0));
    // The call waits for the volume; its block is the service's, but a hostile client writes to it.
    bench.fill(0, 0, b"empty");
    bench.drive();
    let (_, status, [_, length], _) = bench.answer(0).unwrap();
    assert_eq!((status, length), (Status::Done, 0));
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
    bench.perform(0, read(file, 0, BLOCK, 3));
    let first = bench.call(0, read(file, 0, BLOCK, 3));
    let second = bench.call(1, read(file, 0, BLOCK, 3));
    let refused = Some((second, Status::BadBlock, [0, 0], NO_BLOCK));
    assert_eq!(bench.answer(1), refused);
    for call in [
        write(file, 0, 1, &[3]),
        write(file, 0, 1, &[2, 3]),
        rename([1, 1], &[2, 3]),
        open_in_block(1, 3),
    ] {
        assert_eq!(bench.ask(1, call).0, Status::BadBlock);
    }
    bench.drive();
    // The other client has blocks of its own.
    let other = bench.opened(OTHER);
    bench.call(OTHER, read(other, 0, BLOCK, 3));
    bench.drive();
    assert_eq!(bench.answer(0).unwrap().0, first);
    assert!(bench.is_at_rest());
}

#[test]
fn a_client_that_floods_stops_only_itself() {
    let mut bench = Bench::loading();
    let mut taken = 0;
    while bench.service.room(0, 64) > 0 {
        // It never takes its completions, so that its ring has 64 places and no more.
        bench.call(0, remove("nosuch"));
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
    bench.perform(0, read(file, 0, BLOCK, 3));
    bench.call(0, read(file, 0, BLOCK, 3));
    bench.call(1, read(file, 0, BLOCK, 4));
    for ring in [0, 1] {
        bench.event(Event::ClientLost { ring });
    }
    assert_eq!(bench.service.handles(), 0);
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
    let driver = std::mem::take(&mut bench.world.driver);
    bench.call_in(0, 2, open("input"));
    bench.drive();
    let raw = bench.answer(0).unwrap().2[0];
    bench.world.driver.extend(driver);
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
    assert_eq!(bench.service.open_files(), 1);
    bench.call_in(0, 2, read(again, 0, BLOCK, 3));
    bench.drive();
    assert_eq!(bench.answer(0).unwrap().1, Status::Done);
}

#[test]
fn a_call_of_an_earlier_life_is_refused() {
    let mut bench = Bench::ready();
    bench.call_in(0, 2, open("input"));
    bench.drive();
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
    assert_eq!(bench.service.handles(), 1);
}

#[test]
fn a_file_that_is_opened_for_a_dead_client_is_closed() {
    // The ring is lost after each number of answers that it takes.
    for answers in 0..6 {
        let mut bench = Bench::loading();
        bench.call(0, create("new"));
        for _ in 0..answers {
            bench.drive_with(Status::Done);
        }
        for ring in [0, 1] {
            bench.event(Event::ClientLost { ring });
        }
        bench.drive();
        assert_eq!(
            (bench.service.handles(), bench.service.open_files()),
            (0, 0)
        );
        assert!(bench.is_at_rest());
    }
}

#[test]
fn a_client_that_opens_without_end_keeps_no_other_one_from_opening() {
    let mut bench = Bench::ready();
    let held: Vec<_> = (0..FILES_PER_CLIENT)
        .map(|index| bench.created(0, &format!("held-{index}")))
        .collect();
    for _ in 0..5 {
        bench.fill(0, 0, &[1; BLOCK_SIZE]);
        bench.call(0, write(held[0], 0, BLOCK, &[0]));
        bench.call(0, sync());
        for index in 0..30 {
            bench.call(0, create(&format!("new-{index}")));
        }
        assert!(
            bench.open(OTHER, "empty").is_ok(),
            "another client is kept from opening"
        );
        bench.world.answers[0].clear();
        bench.event(Event::ClientLost { ring: OTHER });
        bench.event(Event::ClientConnected {
            ring: OTHER,
            generation: 2,
        });
    }
}

/// Changes after which the file system commits without a sync.
const UNCOMMITTED: u64 = 64;

#[test]
fn a_file_that_is_emptied_for_a_dead_client_is_closed() {
    let mut waited = 0;
    for answers in 0.. {
        let mut bench = Bench::ready();
        // With the next change the file system commits what was not synced, which takes the disk.
        let file = bench.created(OTHER, "other");
        bench.perform(OTHER, sync());
        for length in 1..UNCOMMITTED {
            bench.perform(OTHER, truncate(file, length));
        }
        bench.ask(OTHER, close(file));
        bench.drive();
        bench.call(0, open_with("input", OpenFlags::TRUNCATE));
        for _ in 0..answers {
            bench.drive_with(Status::Done);
        }
        let is_answered = bench.answer(0).is_some();
        let opened = bench.service.open_files();
        for ring in [0, 1] {
            bench.event(Event::ClientLost { ring });
        }
        bench.drive();
        assert_eq!(
            (bench.service.handles(), bench.service.open_files()),
            (0, 0),
            "what a dead client opened stays open"
        );
        if is_answered {
            break;
        }
        waited += opened;
    }
    assert!(waited > 0, "it is emptied at once");
}

#[test]
fn the_next_life_waits_for_what_the_last_one_changes() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.fill(0, 0, &[7; 2 * BLOCK_SIZE]);
    bench.call(0, write(file, 0, 2 * BLOCK, &[0, 1]));
    bench.call(0, truncate(file, 0));
    bench.event(Event::ClientLost { ring: 0 });
    bench.event(Event::ClientLost { ring: 1 });
    assert!(!bench.service.is_quiet(0), "the driver has blocks of it");
    bench.drive();
    assert!(bench.service.is_quiet(0) && bench.is_at_rest());
    // What had not begun was forgotten.
    bench.event(Event::ClientConnected {
        ring: 0,
        generation: 2,
    });
    bench.call_in(0, 2, open("input"));
    bench.drive();
    assert_eq!(bench.answer(0).unwrap().2[1], 2 * BLOCK);
}

#[test]
fn a_driver_that_is_lost_for_good_keeps_no_client_waiting() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.fill(0, 0, &[7; BLOCK_SIZE]);
    bench.call(0, write(file, 0, BLOCK, &[0]));
    bench.call(OTHER, open("empty"));
    bench.event(Event::UpstreamLost(Loss::Death));
    assert_eq!(bench.answer(0).unwrap().1, Status::PeerLost);
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::PeerLost);
    assert!(bench.service.is_quiet(0) && bench.service.is_quiet(OTHER));
    assert_eq!(bench.ask(0, close(file)).0, Status::Done);
}

#[test]
fn a_driver_that_answers_what_was_not_asked_or_twice_changes_nothing() {
    let mut bench = Bench::ready();
    let file = bench.opened(0);
    bench.perform(0, read(file, 0, BLOCK, 3));
    bench.call(0, read(file, 0, BLOCK, 3));
    let asked = bench.world.driver[0];
    let invented = Completion {
        tag: asked.tag ^ 1 << 40,
        ..Completion::of(&asked, Status::Done, [8, 0])
    };
    bench.event(Event::Completions(&[invented]));
    assert_eq!(bench.answer(0), None);
    let answer = Completion::of(&asked, Status::Done, [8, 0]);
    bench.event(Event::Completions(&[answer, answer]));
    assert_eq!(bench.answer(0).unwrap().1, Status::Done);
    assert_eq!((bench.answer(0), bench.service.unmatched()), (None, 2));
    assert!(bench.is_at_rest());
}

#[test]
fn a_driver_may_say_that_the_partition_has_any_number_of_sectors() {
    for sectors in [0, 1, u64::MAX / 512, u64::MAX] {
        let mut bench = Bench::loading();
        let asked = bench.world.driver.pop_front().unwrap();
        let described = [sectors, bench.disk.properties.to_raw()];
        let answer = Completion::of(&asked, Status::Done, described);
        bench.event(Event::Completions(&[answer]));
        bench.drive();
        assert_eq!(bench.open(0, "input").is_ok(), sectors > 1, "{sectors}");
    }
}

/// A call of any kind, mostly about something that there is. Blocks that it names are filled with a path.
fn any_call() -> impl Strategy<Value = Syscall> {
    let kinds = prop_oneof![0..6u16, 12..20u16];
    let paths = prop_oneof![
        Just("input"),
        Just("new"),
        Just("folder"),
        Just("/folder/x")
    ];
    let numbers = (0..4u32, 0..3u64, 0..5000u64, 0..80u32, 0..3u16);
    (kinds, paths, any::<u64>(), numbers, 0..3u32).prop_map(
        |(call, path, tag, (handle, offset, length, block, count), generation)| Syscall {
            tag,
            call,
            count: if matches!(call, 3 | 12 | 13 | 15) {
                count
            } else {
                0
            },
            handle: match call {
                1 => handle,
                _ => handle | (handle & 1) << 16,
            },
            arguments: match call {
                1 | 16 | 17 if block % 2 == 0 => {
                    atoll_abi::file::Path::short(path.as_bytes()).unwrap().0
                }
                1 | 16 | 17 => [length % 12, 0, 0, 0],
                15 => [length % 12, offset, u64::from(block + 1), 0],
                _ => [offset * BLOCK, length, u64::from(block + 1) | 0x50_0000, 0],
            },
            block: match call {
                1 | 16 | 17 if block % 2 == 0 => NO_BLOCK,
                _ => block,
            },
            generation,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_answered_once_whatever_happens(
        events in proptest::collection::vec((0..9u8, 0..3usize, proptest::collection::vec(any_call(), 1..6)), 1..60)
    ) {
        let mut bench = Bench::loading();
        for pool in 0..2 {
            bench.fill(pool, 0, &b"new".repeat(BLOCKS as usize * BLOCK_SIZE / 3));
        }
        let mut due = [0usize; 3];
        for (kind, ring, calls) in events {
            match kind {
                0 => { bench.drive(); }
                1 => { bench.drive_with(Status::Done); }
                2 => {
                    // What it has under way is answered to no ring.
                    bench.event(Event::ClientLost { ring });
                    due[ring] = bench.world.answers[ring].len();
                    bench.event(Event::ClientConnected { ring, generation: 2 });
                }
                3 => {
                    bench.event(Event::UpstreamLost(Loss::Death));
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
        // Nothing that is closed stays open, and the volume is as good as before.
        for ring in 0..3 {
            bench.event(Event::ClientLost { ring });
        }
        bench.drive();
        prop_assert_eq!((bench.service.handles(), bench.service.open_files()), (0, 0));
        Mounted::new(bench.disk.bytes());
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
    bench.drive();
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
        bench.service.handles(),
        1,
        "that of the last life is closed"
    );
}

#[test]
fn a_life_cannot_shut_the_next_one_out() {
    let mut bench = Bench::ready();
    bench.call_in(OTHER, u32::MAX, open("input"));
    bench.drive();
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::Done);
    bench.event(Event::ClientLost { ring: OTHER });
    bench.event(Event::ClientConnected {
        ring: OTHER,
        generation: 2,
    });
    bench.call_in(OTHER, 2, open("input"));
    bench.drive();
    assert_eq!(bench.answer(OTHER).unwrap().1, Status::Done);
}
