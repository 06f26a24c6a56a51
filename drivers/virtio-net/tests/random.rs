//! Traffic in both directions at random, against a model; and devices that do anything at all.

mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use atoll_test_net::{FrameHeader, Outgoing};
use atoll_virtio::VirtioError;
use support::*;

/// Frames are delivered cut at random and sent out of order; what arrives is what was sent, whole, in order, once.
#[test]
fn what_arrives_is_what_was_sent() {
    let mut dropped = 0;
    for seed in 1..12 {
        let numbers = &mut Numbers(seed * 0x9E37_79B9);
        let mut bench = bench_of(ABILITIES, [16 << numbers.below(3), 64]);
        let mut free: Vec<u32> = (0..BUFFERS).collect();
        let mut expected: VecDeque<Vec<u8>> = VecDeque::new();
        let mut outgoing: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut under_way: Vec<Outgoing> = Vec::new();
        let mut pages: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
        for number in 0..600 {
            // Buffers.
            for _ in 0..numbers.below(6) {
                let Some(buffer) = free.pop() else { break };
                let segment = bench
                    .pool
                    .segment(buffer, PAGE - 64 * numbers.below(60) as u32);
                if bench.driver.post(buffer, segment).is_err() {
                    free.push(buffer);
                    break;
                }
            }
            // A frame to send, in pages that no other one has.
            let length = 14 + numbers.below(9005) as usize;
            let first = numbers.below(BUFFERS.into()) as u32;
            let own: BTreeSet<u32> = (0..3).map(|at| (first + at) % BUFFERS).collect();
            if pages.values().all(|other| other.is_disjoint(&own)) {
                let bytes = frame(seed << 20 | number, length);
                let segments = bench.write(first, &bytes, 4096);
                if bench.stage(number, &segments).is_ok() {
                    outgoing.insert(number, bytes);
                    pages.insert(number, own);
                }
            }
            if numbers.below(3) > 0 {
                bench.driver.publish();
            }
            // The device receives.
            for _ in 0..numbers.below(4) {
                let useless = numbers.below(10) == 0;
                let length = if useless {
                    13
                } else {
                    14 + numbers.below(9005)
                };
                let bytes = frame(numbers.0 >> 1, length as usize);
                let large = numbers.below(2) * 4000;
                let mut cuts = Numbers(numbers.0);
                let most = |_| (large + 700 + cuts.below(100)) as usize;
                let header = FrameHeader::default();
                if bench
                    .device
                    .deliver(header, &bytes, most, numbers.below(2) > 0)
                {
                    match useless {
                        true => dropped += 1,
                        false => expected.push_back(bytes),
                    }
                }
            }
            if numbers.below(2) > 0 {
                bench.device.receive.publish_used();
            }
            // The device sends.
            under_way.extend(bench.device.take_outgoing());
            while !under_way.is_empty() && numbers.below(3) > 0 {
                let place = numbers.below(under_way.len() as u64) as usize;
                let sent = under_way.swap_remove(place);
                assert!(outgoing.values().any(|bytes| *bytes == sent.bytes));
                bench.device.finish(&sent);
            }
            // The driver takes what there is.
            while numbers.below(4) > 0
                && let Some((bytes, buffers, _)) = bench.collect()
            {
                assert!(Some(bytes) == expected.pop_front(), "seed {seed}, {number}");
                free.extend(buffers);
            }
            while let Some(sent) = bench.driver.collect_sent() {
                assert!(sent.success && outgoing.remove(&sent.token).is_some());
                pages.remove(&sent.token);
            }
            assert_eq!(bench.driver.failure(), None);
        }
        bench.device.receive.publish_used();
        while let Some((bytes, buffers, _)) = bench.collect() {
            assert!(Some(bytes) == expected.pop_front(), "seed {seed}");
            free.extend(buffers);
        }
        assert!(expected.is_empty(), "seed {seed}: frames are missing");
        bench.driver.stop(VirtioError::Quiesced);
        free.extend(bench.take_back());
        free.sort_unstable();
        assert!(free.into_iter().eq(0..BUFFERS), "each buffer is back once");
        let lost = std::iter::from_fn(|| bench.driver.collect_sent()).map(|it| it.token);
        assert!(lost.collect::<BTreeSet<_>>() == outgoing.keys().copied().collect());
        let statistics = bench.driver.statistics();
        assert!(statistics.received.frames > 100 && statistics.sent.frames > 100);
        dropped -= statistics.dropped.short as i64;
    }
    assert_eq!(dropped, 0, "what is of no use is counted");
}

/// Random used rings, headers and indices: each buffer and each frame comes back once, and nothing panics.
#[test]
fn noise() {
    let mut stopped = 0;
    for seed in 1..1_500 {
        let numbers = &mut Numbers(seed * 0x9E37_79B9);
        let mut bench = bench_of(ABILITIES, [32, 32]);
        bench.device.receive.honest = false;
        bench.device.transmit.honest = false;
        let mut free: BTreeSet<u32> = (0..BUFFERS).collect();
        let mut open = BTreeSet::new();
        for token in 0..20 {
            for _ in 0..numbers.below(6) {
                if let Some(buffer) = free.pop_first() {
                    let segment = bench.pool.segment(buffer, PAGE);
                    if bench.driver.post(buffer, segment).is_err() {
                        free.insert(buffer);
                    }
                }
            }
            let segments = bench.write(0, &frame(1, 60), 30);
            if bench.stage(token, &segments).is_ok() {
                open.insert(token);
            }
            bench.driver.publish();
            let queue = match numbers.below(3) {
                0 => &mut bench.device.transmit,
                _ => &mut bench.device.receive,
            };
            match numbers.below(8) {
                0 => queue.put_used(numbers.below(40) as u32, numbers.below(5000) as u32),
                1 => queue
                    .queue
                    .store16(queue.used_ring + 2, numbers.below(70) as u16),
                2 => queue
                    .queue
                    .store64(8 * numbers.below(512) as usize, numbers.0),
                // Headers that say anything.
                3 => {
                    for buffer in 0..BUFFERS {
                        let place = bench.pool.segment(buffer, 0).address;
                        let count = numbers.below(5) as u8;
                        bench
                            .pool
                            .memory
                            .write_bytes(place, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, count, 0]);
                    }
                }
                _ => {
                    let used = queue.used;
                    let length = if queue.used_ring < 0x3000 { 60 } else { 0 };
                    queue.take();
                    if let Some(head) = queue.taken.pop() {
                        queue.put_used(head.into(), length);
                        assert_ne!(queue.used, used);
                    }
                }
            }
            while let Some((_, buffers, _)) = bench.collect() {
                for buffer in buffers {
                    assert!(free.insert(buffer), "buffer {buffer} comes back twice");
                }
            }
            while let Some(sent) = bench.driver.collect_sent() {
                assert!(open.remove(&sent.token), "told twice");
            }
        }
        bench.driver.stop(VirtioError::Quiesced);
        for buffer in bench.take_back() {
            assert!(free.insert(buffer), "buffer {buffer} comes back twice");
        }
        while let Some(sent) = bench.driver.collect_sent() {
            assert!(open.remove(&sent.token), "told twice");
        }
        assert!(
            open.is_empty() && free.len() == BUFFERS as usize,
            "seed {seed}"
        );
        assert!(!bench.driver.has_finished());
        assert_eq!(bench.line.stopped.get(), 1);
        let quiesced = VirtioError::Quiesced.into();
        stopped += usize::from(bench.driver.failure() != Some(quiesced));
    }
    println!("{stopped} of 1499 devices were stopped for what they did");
    assert!(stopped > 750);
}
