//! Splices that break, or meet services that lie.

mod common;

use std::sync::Arc;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::syscall::Call;
use atoll_runtime::splice::{End, Kept, Progress, Side, Sink, Source, Store};
use atoll_runtime::{Runtime, Splice, Status, spawn, yield_now};
use common::partition::Partition;
use common::spliced::{bytes, file, on, partition, setup, splice_in, whole};
use common::streams::{Piece, Streams};

#[test]
fn a_copy_that_has_no_room_ends_and_the_splice_does_not() {
    let content = bytes(90_000);
    for (blocks, whole) in [(1, 12), (64, 12), (64, 40)] {
        let (streams, store) = (Streams::sending(&content, 5000), Partition::new(whole));
        let setup = setup(blocks, Vec::new(), &store, &streams);
        let (result, report) = splice_in(setup, move |_| {
            let copy = match whole {
                12 => Store::partition(partition(), 2),
                _ => Store::blocks(partition(), 2, 10),
            };
            let sink = Sink::tee(Streams::connect(1), copy);
            Splice::new(Source::stream(Streams::connect(0)), sink).run()
        });
        report.ended_well(blocks as usize);
        assert!(streams.peers()[1].taken == content);
        let kept = Kept {
            bytes: 10 * 4096,
            broken: Some(Status::NoSpace),
        };
        assert_eq!(result.unwrap().kept, Some(kept));
        assert!(on(&store, 2, 10 * 4096) == content[..10 * 4096]);
        if whole > 12 {
            assert_eq!(on(&store, 12, 1), [12]);
        }
    }
}

#[test]
fn what_fails_at_the_source_is_told_behind_what_came_before() {
    let content = bytes(50_000);
    for fails_at in 0..12 {
        let (streams, store) = (Streams::new(2), Partition::new(40));
        let pieces = content.chunks(4500).map(|it| Piece::Bytes(it.to_vec()));
        let pieces = pieces.take(fails_at);
        streams.peers()[0].sends = pieces
            .chain([Piece::Fails(Status::ConnectionReset)])
            .collect();
        let length = (fails_at * 4500).min(50_000);
        let (result, report) = splice_in(setup(6, Vec::new(), &store, &streams), |_| {
            let sink = Sink::tee(Streams::connect(1), Store::partition(partition(), 0));
            Splice::new(Source::stream(Streams::connect(0)), sink).run()
        });
        report.ended_well(6);
        let broken = result.unwrap_err();
        let found = (broken.side, broken.status, broken.moved);
        assert_eq!(
            found,
            (Side::Source, Status::ConnectionReset, length as u64)
        );
        let kept = Kept {
            bytes: length as u64,
            broken: None,
        };
        assert_eq!(broken.kept, Some(kept));
        assert!(streams.peers()[1].taken == content[..length]);
        assert!(on(&store, 0, length) == content[..length]);
    }
}

#[test]
fn a_read_that_fails_ends_it_behind_what_came_before() {
    let content = bytes(400_000);
    for (window, blocks) in [(1, 1), (32, 64), (256, 512)] {
        for bad in [0, 4096, 98_304, 393_216] {
            let (store, streams) = (Partition::new(1), Streams::new(1));
            let mut setup = setup(blocks, content.clone(), &store, &streams);
            setup.tamper = Some(Box::new(move |syscall, served| {
                let [offset, length, ..] = syscall.arguments;
                if syscall.call == Call::Read as u16 && (offset..offset + length).contains(&bad) {
                    *served = (Status::DeviceError, [0; 2]);
                }
            }));
            let (result, report) = splice_in(setup, move |_| {
                Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0)))
                    .window(window)
                    .length(399_999)
                    .run()
            });
            report.ended_well(blocks as usize);
            let broken = result.unwrap_err();
            let moved = broken.moved as usize;
            let found = (broken.side, broken.status);
            assert_eq!(found, (Side::Source, Status::DeviceError));
            // All reads before the one that has it.
            let reads = (window * BLOCK_SIZE).div_ceil(4) as u64;
            assert!(broken.moved <= bad && bad < broken.moved + reads.max(4096));
            assert!(streams.peers()[0].taken == content[..moved]);
        }
    }
}

#[test]
fn what_fails_at_the_sink_is_told_with_what_reached_it() {
    let content = bytes(100_000);
    for most in [0, 1, 4095, 4096, 40_000, 99_999] {
        for (blocks, window) in [(1, 1), (64, 32)] {
            let (streams, store) = (Streams::new(2), Partition::new(40));
            streams.peers()[1].most = Some((most, Some(Status::ConnectionReset)));
            let process = setup(blocks, content.clone(), &store, &streams);
            let (result, report) = splice_in(process, move |_| {
                let sink = Sink::tee(Streams::connect(1), Store::partition(partition(), 0));
                Splice::new(Source::file(file(), 0), sink)
                    .window(window)
                    .run()
            });
            report.ended_well(blocks as usize);
            let broken = result.unwrap_err();
            assert_eq!((broken.side, broken.moved), (Side::Sink, most as u64));
            assert_eq!(broken.status, Status::ConnectionReset);
            assert!(streams.peers()[1].taken == content[..most]);
            // The copy has what whole calls sent.
            let kept = broken.kept.unwrap();
            assert_eq!(kept.broken, None);
            assert!(kept.bytes <= most as u64 && (most as u64) < kept.bytes + 32_768 + 1);
            assert!(on(&store, 0, kept.bytes as usize) == content[..kept.bytes as usize]);
        }
    }
}

#[test]
fn of_a_store_that_fails_the_part_without_a_gap_counts() {
    let content = bytes(37 * 4096 + 5);
    for bad in [0, 1, 7, 8, 17, 36, 37] {
        for (blocks, window) in [(1, 1), (64, 32)] {
            let (streams, store) = (Streams::new(1), Partition::new(40));
            store.state().bad.insert(bad);
            let process = setup(blocks, content.clone(), &store, &streams);
            let (result, report) = splice_in(process, move |_| {
                Splice::new(Source::file(file(), 0), Sink::partition(partition(), 0))
                    .window(window)
                    .run()
            });
            report.ended_well(blocks as usize);
            let broken = result.unwrap_err();
            let found = (broken.side, broken.status);
            assert_eq!(found, (Side::Sink, Status::DeviceError));
            // What fills no block is written by a call of its own.
            let share = if window == 1 || bad == 37 { 1 } else { 8 };
            assert_eq!(broken.moved, bad / share * share * 4096, "{bad} {window}");
            let moved = broken.moved as usize;
            assert!(on(&store, 0, moved) == content[..moved]);
        }
    }
}

#[test]
fn services_that_answer_more_than_was_asked_are_not_believed() {
    let calls = [
        (Call::Read, Side::Source),
        (Call::ReceiveBytes, Side::Source),
        (Call::SendBytes, Side::Sink),
        (Call::Write, Side::Sink),
        (Call::ReadBlocks, Side::Source),
        (Call::WriteBlocks, Side::Sink),
    ];
    for (call, side) in calls {
        for lie in [u64::MAX, 1 << 32, 8 * 4096 + 1] {
            let (store, streams) = (Partition::new(40), Streams::sending(&bytes(9000), 4096));
            let mut process = setup(16, bytes(20_000), &store, &streams);
            process.tamper = Some(Box::new(move |syscall, served| {
                if syscall.call == call as u16 {
                    served.1[0] = lie;
                }
            }));
            let (result, report) = splice_in(process, move |_| {
                let source = match call {
                    Call::ReceiveBytes => Source::stream(Streams::connect(0)),
                    Call::ReadBlocks => Source::partition(partition(), 0),
                    _ => Source::file(file(), 0),
                };
                let sink = match call {
                    Call::Write => Sink::file(file(), 4096),
                    Call::WriteBlocks => Sink::partition(partition(), 0),
                    _ => Sink::stream(Streams::connect(1)),
                };
                Splice::new(source, sink).run()
            });
            report.ended_well(16);
            let broken = result.unwrap_err();
            assert_eq!((broken.side, broken.status), (side, Status::Malformed));
            if call != Call::SendBytes {
                assert_eq!(broken.moved, 0, "{call:?}");
            }
        }
    }
}

#[test]
fn what_a_service_says_that_it_copied_is_bounded() {
    let (store, streams) = (Partition::new(1), Streams::new(1));
    let mut process = setup(4, bytes(8192), &store, &streams);
    process.tamper = Some(Box::new(|syscall, served| {
        if syscall.call == Call::SendBytes as u16 {
            served.1[1] = u64::MAX;
        }
    }));
    let (result, report) = splice_in(process, |_| {
        Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0)))
            .window(1)
            .run()
    });
    report.ended_well(4);
    let most = atoll_runtime::splice::MOST_COPIES as usize * 8192;
    assert_eq!(result, whole(8192, most, End::Source));
}

#[test]
fn a_slow_sink_stops_the_source() {
    let (store, streams) = (Partition::new(1), Streams::new(1));
    streams.peers()[0].most = Some((0, None));
    let process = setup(64, bytes(1_000_000), &store, &streams);
    let (result, report) = splice_in(process, |_| {
        let progress = Arc::new(Progress::new());
        let seen = progress.clone();
        let splice = spawn(move || {
            Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0)))
                .window(16)
                .progress(&seen)
                .run()
        });
        // It reads as much as its window has, and then waits for the one call that sends.
        while Runtime::current().outstanding() != 1 || Runtime::current().free_blocks() != 64 - 17 {
            yield_now();
        }
        assert_eq!(progress.moved(), 0);
        progress.stop();
        splice.join()
    });
    report.ended_well(64);
    assert_eq!(result, whole(0, 0, End::Stopped));
}
