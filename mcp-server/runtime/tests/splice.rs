//! Splices that come to their ends: processes on host threads with files, a partition and connections, over the real rings.

mod common;

use std::sync::mpsc;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::syscall::Call;
use atoll_runtime::splice::{Broken, End, Kept, Side, Sink, Source, Store};
use atoll_runtime::{Splice, Status};
use common::partition::Partition;
use common::spliced::{bytes, file, on, partition, setup, splice_in, whole};
use common::streams::Streams;

#[test]
fn a_file_goes_to_a_connection() {
    let content = bytes(300_001);
    for (blocks, window) in [(1, 1), (2, 32), (3, 2), (64, 32), (1500, 1024)] {
        for (offset, length) in [
            (0, None),
            (4096, Some(8192)),
            (1, None),
            (4095, Some(1)),
            (5000, Some(123_456)),
            (299_999, None),
            (400_000, None),
            (7, Some(0)),
        ] {
            let (nowhere, streams) = (Partition::new(1), Streams::new(1));
            let setup = setup(blocks, content.clone(), &nowhere, &streams);
            let (result, report) = splice_in(setup, move |_| {
                let splice = Splice::new(
                    Source::file(file(), offset as u64),
                    Sink::stream(Streams::connect(0)),
                );
                let splice = splice.window(window);
                match length {
                    Some(length) => splice.length(length as u64).run(),
                    None => splice.run(),
                }
            });
            report.ended_well(blocks as usize);
            let end = content
                .len()
                .min(offset + length.unwrap_or(usize::MAX - offset));
            let expected = content.get(offset..end).unwrap_or_default();
            assert!(streams.peers()[0].taken == expected, "{offset} {length:?}");
            // The fake service copies each byte once; the rest of the first block is moved to its front.
            let first = match offset % BLOCK_SIZE {
                0 => 0,
                skip => expected.len().min(BLOCK_SIZE - skip),
            };
            let ends = match length {
                Some(length) if expected.len() == length => End::Length,
                _ => End::Source,
            };
            assert_eq!(result, whole(expected.len(), expected.len() + first, ends));
        }
    }
}

#[test]
fn a_connection_goes_to_a_file_or_a_partition() {
    for (count, piece) in [
        (0, 1),
        (1, 1),
        (4096, 4096),
        (40_000, 1000),
        (40_000, 4096),
        (100_000, 5000),
        (131_072, 65_536),
    ] {
        for (blocks, window) in [(1, 1), (2, 32), (40, 16)] {
            let content = bytes(count);
            for ragged in [false, true] {
                let streams = Streams::sending(&content, piece);
                let store = Partition::new(40);
                let setup = setup(blocks, vec![9; 5], &store, &streams);
                let offset = 8192 + usize::from(ragged) * 3;
                let (result, report) = splice_in(setup, move |_| {
                    let splice = Splice::new(
                        Source::stream(Streams::connect(0)),
                        Sink::file(file(), offset as u64),
                    );
                    splice.window(window).run()
                });
                report.ended_well(blocks as usize);
                let moved = result.unwrap();
                assert_eq!((moved.bytes, moved.end), (count as u64, End::Source));
                match count {
                    0 => assert_eq!(report.files[0], [9; 5]),
                    _ => {
                        assert_eq!(report.files[0].len(), offset + count);
                        assert_eq!(report.files[0][..6], [9, 9, 9, 9, 9, 0]);
                        assert!(report.files[0][offset..] == content, "{count} {piece}");
                    }
                }
            }
            let (streams, store) = (Streams::sending(&content, piece), Partition::new(40));
            let setup = setup(blocks, Vec::new(), &store, &streams);
            let (result, report) = splice_in(setup, move |_| {
                Splice::new(
                    Source::stream(Streams::connect(0)),
                    Sink::partition(partition(), 3),
                )
                .window(window)
                .run()
            });
            report.ended_well(blocks as usize);
            let moved = result.unwrap();
            assert_eq!((moved.bytes, moved.end), (count as u64, End::Source));
            assert!(on(&store, 3, count) == content, "{count} {piece}");
            // The last block is filled up, and the one behind it left as it was.
            let padding = count.next_multiple_of(BLOCK_SIZE) - count;
            assert!(on(&store, 3, count + padding)[count..] == vec![0; padding]);
            if count + padding + BLOCK_SIZE <= 37 * BLOCK_SIZE {
                let next = 3 + (count + padding) / BLOCK_SIZE;
                assert_eq!(on(&store, next, 1), [next as u8]);
            }
            if piece.is_multiple_of(BLOCK_SIZE) {
                // Whole blocks are copied by nobody but the fake service of the connection, but for what fills none.
                let last = (count % BLOCK_SIZE) as u64;
                assert_eq!(moved.copied, count as u64 + 2 * last, "{count} {piece}");
            }
        }
    }
}

#[test]
fn a_connection_goes_to_another_one_and_a_copy_is_kept() {
    let content = bytes(90_000);
    for (blocks, window, piece) in [(1, 1, 777), (2, 32, 5000), (64, 32, 60_000)] {
        for kept in 0..3 {
            let (streams, store) = (Streams::sending(&content, piece), Partition::new(40));
            let setup = setup(blocks, Vec::new(), &store, &streams);
            let (result, report) = splice_in(setup, move |_| {
                let to = Streams::connect(1);
                let sink = match kept {
                    0 => Sink::stream(to),
                    1 => Sink::tee(to, Store::partition(partition(), 1)),
                    _ => Sink::tee(to, Store::file(file(), 5)),
                };
                Splice::new(Source::stream(Streams::connect(0)), sink)
                    .window(window)
                    .run()
            });
            report.ended_well(blocks as usize);
            assert!(streams.peers()[1].taken == content);
            let moved = result.unwrap();
            assert_eq!((moved.bytes, moved.end), (90_000, End::Source));
            let all = Kept {
                bytes: 90_000,
                broken: None,
            };
            assert_eq!(moved.kept, (kept > 0).then_some(all));
            match kept {
                0 => assert_eq!(moved.copied, 180_000),
                1 => assert!(on(&store, 1, 90_000) == content),
                _ => assert!(report.files[0][5..] == content),
            }
        }
    }
}

#[test]
fn files_and_partitions_go_to_each_other() {
    let content = bytes(70_000);
    for (blocks, window) in [(1, 1), (3, 32), (600, 256)] {
        let (streams, store) = (Streams::new(1), Partition::new(64));
        let process = setup(blocks, content.clone(), &store, &streams);
        let (result, report) = splice_in(process, move |_| {
            let of_file = Splice::new(Source::file(file(), 0), Sink::partition(partition(), 2));
            let moved = of_file.window(window).run().unwrap();
            assert_eq!((moved.bytes, moved.end), (70_000, End::Source));
            // What fills no block is the only thing that is copied.
            assert_eq!(moved.copied, 2 * (70_000 % 4096));
            let of_partition = Splice::new(
                Source::partition(partition(), 2),
                Sink::partition(partition(), 30),
            );
            of_partition.window(window).length(65_536).run()
        });
        report.ended_well(blocks as usize);
        assert_eq!(result, whole(65_536, 0, End::Length));
        assert!(on(&store, 2, 70_000) == content);
        assert!(on(&store, 30, 65_536) == content[..65_536]);
        assert_eq!(on(&store, 46, 1), [46]);
    }
}

#[test]
fn a_partition_is_read_to_its_end_and_written_to_its_end() {
    let (streams, store) = (Streams::new(1), Partition::new(50));
    let (result, report) = splice_in(setup(64, Vec::new(), &store, &streams), |_| {
        let to_file = Splice::new(Source::partition(partition(), 10), Sink::file(file(), 0));
        assert_eq!(to_file.run(), whole(40 * 4096, 0, End::Source));
        Splice::new(Source::file(file(), 0), Sink::partition(partition(), 33)).run()
    });
    report.ended_well(64);
    let expected = Broken {
        moved: 17 * 4096,
        copied: 0,
        kept: None,
        side: Side::Sink,
        status: Status::NoSpace,
    };
    assert_eq!(result, Err(expected));
    assert!(on(&store, 33, 17 * 4096) == report.files[0][..17 * 4096]);
}

#[test]
fn a_file_in_many_pieces_is_read_whole() {
    let content = bytes(1_500_001);
    for sink in 0..2 {
        let (store, streams) = (Partition::new(1), Streams::new(1));
        let mut process = setup(700, content.clone(), &store, &streams);
        process.tamper = Some(Box::new(|syscall, served| {
            // Into large blocks it reads less than there is.
            if syscall.call == Call::Read as u16 && syscall.count >> 8 > 0 {
                let pages = 1 + syscall.arguments[0] / 4096 % 5;
                served.1[0] = served.1[0].min(pages * 4096);
            }
        }));
        let (result, report) = splice_in(process, move |_| {
            let sink = match sink {
                0 => Sink::stream(Streams::connect(0)),
                _ => Sink::file(file(), 2_000_000),
            };
            Splice::new(Source::file(file(), 8192), sink)
                .length(1_400_000)
                .window(512)
                .run()
        });
        report.ended_well(700);
        assert_eq!(result.unwrap().bytes, 1_400_000);
        let expected = &content[8192..1_408_192];
        match sink {
            0 => assert!(streams.peers()[0].taken == expected),
            _ => assert!(report.files[0][2_000_000..] == *expected),
        }
    }
}

#[test]
fn a_short_file_takes_few_blocks_and_calls() {
    for (count, expected) in [(100, vec![1]), (8192, vec![2, 8]), (4097, vec![2])] {
        let (nowhere, streams) = (Partition::new(1), Streams::new(1));
        let mut setup = setup(64, bytes(count), &nowhere, &streams);
        let (tells, told) = mpsc::channel();
        setup.tamper = Some(Box::new(move |syscall, _| {
            if syscall.call == Call::Read as u16 {
                let pages = BlockList::from_call(syscall).map(|list| list.pages());
                let _ = tells.send(pages.unwrap());
            }
        }));
        let (result, report) = splice_in(setup, |_| {
            Splice::new(Source::file(file(), 0), Sink::stream(Streams::connect(0))).run()
        });
        report.ended_well(64);
        assert_eq!(result, whole(count, count, End::Source));
        assert_eq!(told.iter().collect::<Vec<_>>(), expected);
    }
}
