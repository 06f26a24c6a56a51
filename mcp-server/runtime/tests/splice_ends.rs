//! Splices that end early, and several that share the blocks of a process.

mod common;

use std::sync::Arc;
use std::time::Duration;

use atoll_abi::syscall::{Call, Syscall};
use atoll_runtime::splice::{Broken, End, Kept, Moved, Progress, Side, Sink, Source, Store};
use atoll_runtime::{
    JoinHandle, Pool, Runtime, Splice, Status, become_mcp, request_vcores, spawn, with_timeout,
    yield_now,
};
use common::partition::Partition;
use common::spliced::{bytes, file, on, partition, setup, splice_in, whole};
use common::streams::{Piece, Streams};
use common::{Command, Setup};

const SHORT: Duration = Duration::from_millis(2);

/// A process with two peers, of whom the first sends bytes and then nothing.
fn with_silence(content: &[u8], blocks: u32, store: &Partition) -> (Setup, Streams) {
    let streams = Streams::sending(content, 3000);
    assert_eq!(streams.peers()[0].sends.pop_back(), Some(Piece::End));
    (setup(blocks, content.to_vec(), store, &streams), streams)
}

#[test]
fn a_peer_that_is_silent_for_too_long_ends_it() {
    for (blocks, has_own) in [(1, true), (16, true), (16, false)] {
        let content = bytes(10_000);
        let store = Partition::new(8);
        let (process, streams) = with_silence(&content, blocks, &store);
        let (result, report) = splice_in(process, move |_| {
            let sink = Sink::tee(Streams::connect(1), Store::partition(partition(), 0));
            let splice = Splice::new(Source::stream(Streams::connect(0)), sink);
            match has_own {
                true => splice.patience(SHORT).run(),
                false => with_timeout(SHORT, || splice.run()),
            }
        });
        report.ended_well(blocks as usize);
        let broken = result.unwrap_err();
        let found = (broken.side, broken.status, broken.moved);
        assert_eq!(found, (Side::Source, Status::TimedOut, 10_000));
        assert!(streams.peers()[1].taken == content);
        // With one block, which the call that timed out has, what fills no block cannot be written.
        let kept = if blocks == 1 { 8192 } else { 10_000 };
        assert_eq!(broken.kept.unwrap().bytes, kept);
        assert!(on(&store, 0, kept as usize) == content[..kept as usize]);
    }
}

#[test]
fn a_peer_that_takes_nothing_for_too_long_ends_it() {
    let (store, streams) = (Partition::new(1), Streams::new(1));
    streams.peers()[0].most = Some((40_000, None));
    let process = setup(64, bytes(200_000), &store, &streams);
    let (result, report) = splice_in(process, |_| {
        Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0)))
            .patience(SHORT)
            .run()
    });
    report.ended_well(64);
    let broken = result.unwrap_err();
    // What one call of 32 KiB was to send may have been sent in part.
    let found = (broken.side, broken.status, broken.moved);
    assert_eq!(found, (Side::Sink, Status::TimedOut, 32_768));
}

/// A splice from one connection to another one and a partition, on a uthread of its own, which has moved so many bytes, and its progress.
fn splice_of_streams(moved: u64) -> (JoinHandle<Result<Moved, Broken>>, Arc<Progress>) {
    let progress = Arc::new(Progress::new());
    let seen = progress.clone();
    let splice = spawn(move || {
        let sink = Sink::tee(Streams::connect(1), Store::partition(partition(), 0));
        Splice::new(Source::stream(Streams::connect(0)), sink)
            .progress(&seen)
            .run()
    });
    while progress.moved() < moved {
        yield_now();
    }
    (splice, progress)
}

#[test]
fn it_stops_when_it_is_asked_to() {
    let content = bytes(10_000);
    let store = Partition::new(8);
    let (process, streams) = with_silence(&content, 16, &store);
    let (result, report) = splice_in(process, |_| {
        let (splice, progress) = splice_of_streams(10_000);
        // By now it may wait; and it wakes from that.
        for _ in 0..100 {
            yield_now();
        }
        progress.stop();
        splice.join()
    });
    report.ended_well(16);
    let kept = Kept {
        bytes: 10_000,
        broken: None,
    };
    let moved = result.unwrap();
    assert_eq!((moved.bytes, moved.end), (10_000, End::Stopped));
    assert_eq!(moved.kept, Some(kept));
    assert!(streams.peers()[1].taken == content && on(&store, 0, 10_000) == content);
}

#[test]
fn one_that_was_asked_to_stop_before_moves_nothing() {
    let (store, streams) = (Partition::new(8), Streams::new(1));
    let (result, report) = splice_in(setup(4, bytes(9000), &store, &streams), |_| {
        let progress = Progress::new();
        progress.stop();
        Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0)))
            .progress(&progress)
            .run()
    });
    report.ended_well(4);
    assert_eq!(result, whole(0, 0, End::Stopped));
}

/// A service dies when it has so many calls of the splice, none of which it answers from then on.
fn dies(port: usize, call: Call, calls: usize, source: bool) -> bool {
    let content = bytes(60_000);
    let (store, streams) = (Partition::new(40), Streams::sending(&content, 5000));
    let mut process = setup(16, content.clone(), &store, &streams);
    let (tells, dying) = std::sync::mpsc::channel();
    let mut left = calls;
    process.tamper = Some(Box::new(move |syscall: &Syscall, _: &mut _| {
        if syscall.call == call as u16 {
            left = left.saturating_sub(1);
            if left == 0 {
                let _ = tells.send(());
            }
        }
    }));
    let (result, report) = splice_in(process, move |control| {
        let (from, to) = match call {
            Call::Read => (Source::file(file(), 0), Sink::stream(Streams::connect(1))),
            Call::Write => (Source::stream(Streams::connect(0)), Sink::file(file(), 0)),
            Call::WriteBlocks => (
                Source::stream(Streams::connect(0)),
                Sink::partition(partition(), 0),
            ),
            _ => (
                Source::stream(Streams::connect(0)),
                Sink::stream(Streams::connect(1)),
            ),
        };
        let splice = spawn(move || Splice::new(from, to).window(4).run());
        while dying.try_recv().is_err() {
            yield_now();
        }
        control.order(Command::Kill(port));
        splice.join()
    });
    report.ended_well(16);
    // Its answers may have come before it died, all of them.
    let has_broken = result.is_err();
    let moved = match result {
        Ok(moved) => moved.bytes,
        Err(broken) => {
            assert_eq!(broken.status, Status::PeerLost, "{broken:?}");
            assert_eq!(broken.side == Side::Source, source, "{broken:?}");
            broken.moved
        }
    };
    let moved = moved as usize;
    match call {
        Call::Write => assert!(report.files[0][..moved] == content[..moved]),
        Call::WriteBlocks => assert!(on(&store, 0, moved) == content[..moved]),
        _ => assert!(streams.peers()[1].taken[..moved] == content[..moved]),
    }
    has_broken
}

#[test]
fn a_service_may_die_at_each_step() {
    for (port, call, source) in [
        (0, Call::Read, true),
        (0, Call::Write, false),
        (1, Call::WriteBlocks, false),
    ] {
        let broken = (1..14).filter(|calls| dies(port, call, *calls, source));
        assert!(broken.count() > 0, "no death in {call:?} was seen");
    }
}

#[test]
fn the_service_of_a_file_and_its_copy_may_break_its_ring_while_it_stores() {
    let content = bytes(600_000);
    let mut seen = 0;
    for calls in 1..12 {
        let (store, streams) = (Partition::new(1), Streams::new(1));
        let mut process = setup(300, content.clone(), &store, &streams);
        let (tells, dying) = std::sync::mpsc::channel();
        let mut left = calls;
        process.tamper = Some(Box::new(move |syscall: &Syscall, served: &mut _| {
            let served: &mut (Status, [u64; 2]) = served;
            // The file is in many pieces, so that a large block takes several reads.
            if syscall.call == Call::Read as u16 && syscall.count >> 8 > 0 {
                served.1[0] = served.1[0].min(4096);
            }
            if syscall.call == Call::Write as u16 {
                left -= i32::from(left > 0);
                if left == 0 {
                    let _ = tells.send(());
                }
            }
        }));
        let (result, report) = splice_in(process, move |control| {
            let sink = Sink::tee(Streams::connect(0), Store::file(file(), 1_000_000));
            let from = Source::file(file(), 0);
            let splice = spawn(move || Splice::new(from, sink).length(600_000).window(64).run());
            while dying.try_recv().is_err() {
                yield_now();
            }
            control.order(Command::Corrupt(0));
            splice.join()
        });
        // Blocks that the service had stay in flight: it may write them still.
        assert_eq!(
            report.free_blocks + report.blocks_in_flight,
            300,
            "{report:?}"
        );
        if let Err(broken) = result {
            let found = (broken.side, broken.status);
            assert_eq!(found, (Side::Source, Status::PeerLost), "{broken:?}");
            let moved = broken.moved as usize;
            assert!(streams.peers()[0].taken[..moved] == content[..moved]);
            seen += 1;
        }
    }
    assert!(seen > 0, "no death was seen");
}

/// Runs a splice to a connection whose service dies while both ends have a call.
#[test]
fn the_service_of_both_ends_may_die() {
    let content = bytes(10_000);
    let store = Partition::new(8);
    let (process, streams) = with_silence(&content, 16, &store);
    let (result, report) = splice_in(process, |control| {
        let (splice, _) = splice_of_streams(10_000);
        control.order(Command::Kill(2));
        splice.join()
    });
    report.ended_well(16);
    let broken = result.unwrap_err();
    let found = (broken.side, broken.status, broken.moved);
    assert_eq!(found, (Side::Source, Status::PeerLost, 10_000));
    // The copy is whole all the same.
    assert_eq!(broken.kept.unwrap().bytes, 10_000);
    assert!(on(&store, 0, 10_000) == content && streams.peers()[1].taken == content);
}

#[test]
fn splices_that_share_few_blocks_all_come_to_their_ends() {
    for (blocks, splices, vcores) in [(2, 2, 1), (2, 2, 2), (3, 8, 2), (1, 4, 2)] {
        let content = bytes(100_000);
        let (store, streams) = (Partition::new(256), Streams::new(8));
        let mut process = setup(blocks, content.clone(), &store, &streams);
        process.vcores = vcores;
        let (result, report) = splice_in(process, move |_| {
            become_mcp().wait().unwrap();
            request_vcores(vcores).wait().unwrap();
            let (file, partition) = (file(), partition());
            let all: Vec<_> = (0..splices)
                .map(|number| {
                    let to = match number % 2 {
                        0 => Sink::stream(Streams::connect(number as u16)),
                        _ => Sink::partition(partition, number * 30),
                    };
                    spawn(move || Splice::new(Source::file(file, 0), to).run())
                })
                .collect();
            let mut ends = all.into_iter().map(|splice| splice.join());
            let first = ends.next().unwrap();
            for end in ends {
                assert_eq!(end.unwrap().bytes, 100_000);
            }
            first
        });
        report.ended_well(blocks as usize);
        assert_eq!(result.unwrap().bytes, 100_000);
        for number in 0..splices as usize {
            match number % 2 {
                0 => assert!(streams.peers()[number].taken == content),
                _ => assert!(on(&store, number * 30, 100_000) == content),
            }
        }
    }
}

/// Two directions, of which the second one has something only when the first one's peer has asked.
#[test]
fn two_directions_of_a_relay_need_two_blocks() {
    for rounds in 0..20 {
        let (store, streams) = (Partition::new(1), Streams::new(2));
        // The first direction fills its block again and again, so that it takes more, and then waits.
        streams.peers()[0].sends = (0..rounds).map(|_| Piece::Bytes(bytes(8192))).collect();
        let (mut process, peers) = (setup(2, Vec::new(), &store, &streams), streams.clone());
        process.vcores = 2;
        let (result, report) = splice_in(process, move |control| {
            let (client, upstream) = (Streams::connect(0), Streams::connect(1));
            let progress = Arc::new(Progress::new());
            let seen = progress.clone();
            let there = spawn(move || {
                Splice::new(Source::stream(client), Sink::stream(upstream))
                    .progress(&seen)
                    .run()
            });
            while progress.moved() < rounds * 8192 {
                yield_now();
            }
            for _ in 0..100 {
                yield_now();
            }
            // Now the answer comes, and with that the client goes on.
            peers.peers()[1].sends = [Piece::Bytes(bytes(5000)), Piece::End].into();
            let back = Splice::new(Source::stream(upstream), Sink::stream(client)).run();
            peers.peers()[0].sends = [Piece::Bytes(bytes(10)), Piece::End].into();
            control.order(Command::ReleaseAll);
            assert_eq!(there.join().unwrap().bytes, rounds * 8192 + 10);
            back
        });
        report.ended_well(2);
        assert_eq!(result, whole(5000, 10_000, End::Source));
    }
}

#[test]
fn a_pool_of_its_own_is_all_that_it_takes_from() {
    let content = bytes(100_000);
    let (store, streams) = (Partition::new(1), Streams::new(1));
    let process = setup(16, content.clone(), &store, &streams);
    let (result, report) = splice_in(process, |_| {
        let pool = Pool::new(5).unwrap();
        // Nobody else has any block left.
        let others: Vec<_> = std::iter::from_fn(atoll_runtime::Block::try_acquire).collect();
        assert_eq!((others.len(), Runtime::current().free_blocks()), (11, 0));
        let moved = Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0)))
            .pool(&pool)
            .run();
        assert_eq!((pool.free(), pool.pages()), (5, 5));
        moved
    });
    report.ended_well(16);
    assert_eq!(result, whole(100_000, 100_000, End::Source));
    assert!(streams.peers()[0].taken == content);
}

/// [`Moved`] and [`Broken`] say the same of what is known.
#[test]
fn progress_tells_what_the_end_tells() {
    for fails in [false, true] {
        let (store, streams) = (Partition::new(1), Streams::new(1));
        if fails {
            streams.peers()[0].most = Some((50_000, Some(Status::NotConnected)));
        }
        let process = setup(8, bytes(100_000), &store, &streams);
        let (result, report) = splice_in(process, |_| {
            let progress = Progress::new();
            let result = Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0)))
                .progress(&progress)
                .run();
            let (moved, copied) = match result {
                Ok(Moved { bytes, copied, .. }) => (bytes, copied),
                Err(Broken { moved, copied, .. }) => (moved, copied),
            };
            assert_eq!((progress.moved(), progress.copied()), (moved, copied));
            result
        });
        report.ended_well(8);
        assert_eq!(result.is_err(), fails);
    }
}
