//! Processes on host threads, over the real rings.

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::RING_SLOTS;
use atoll_runtime::{
    Block, Monitor, Request, Status, become_mcp, block_on, current_vcore, exit, open, println,
    request_vcores, spawn, submit_all, vcores_request, yield_now,
};
use common::{Manners, run};

fn file(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|byte| (byte * 7 % 251) as u8).collect()
}

/// Reads a file with `uthreads` uthreads on `vcores` vcores and a pool of `blocks` blocks.
fn read_all(vcores: usize, uthreads: usize, blocks: u32, length: usize) {
    let expected = file(length);
    let content = expected.clone();
    let used = Arc::new(AtomicUsize::new(0));
    let vcores_used = used.clone();
    let report = run(vcores, blocks, content, Manners::Honest, move || {
        become_mcp().wait().unwrap();
        assert_eq!(request_vcores(vcores).wait(), Ok(vcores));
        let file = open("input").wait().unwrap();
        assert_eq!(file.length(), expected.len() as u64);
        assert_eq!(file.stat().wait(), Ok(expected.len() as u64));
        let expected = Arc::new(expected);
        let next = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..uthreads)
            .map(|_| {
                let (next, expected, used) = (next.clone(), expected.clone(), used.clone());
                spawn(move || {
                    let mut bytes = 0;
                    loop {
                        let offset = next.fetch_add(1, Ordering::Relaxed) * BLOCK_SIZE;
                        let block = file.read(offset as u64, BLOCK_SIZE, Block::acquire());
                        let block = block.wait().unwrap();
                        if block.bytes().is_empty() {
                            return bytes;
                        }
                        let end = offset + block.bytes().len();
                        assert_eq!(block.bytes(), &expected[offset..end]);
                        bytes += block.bytes().len();
                        used.fetch_or(1 << current_vcore(), Ordering::Relaxed);
                        // Keeps the block while others want one.
                        yield_now();
                    }
                })
            })
            .collect();
        let bytes: usize = handles.into_iter().map(|handle| handle.join()).sum();
        assert_eq!(bytes, expected.len());
        file.close().wait().unwrap();
        println!("read {bytes} bytes");
    });
    assert_eq!(report.status, 0);
    assert_eq!(report.lines, [format!("read {length} bytes")]);
    assert_eq!(report.granted, vcores);
    assert_eq!((report.unmatched, report.free_blocks), (0, blocks as usize));
    std::println!(
        "{vcores} vcores, {uthreads} uthreads, {blocks} blocks: {} calls, at most {} outstanding on a vcore, {} vcores used",
        report.calls[1],
        report.most_outstanding,
        vcores_used.load(Ordering::Relaxed).count_ones()
    );
}

#[test]
fn one_vcore_reads_a_file() {
    read_all(1, 8, 16, 1_000_000);
}

#[test]
fn four_vcores_read_a_file() {
    read_all(4, 8, 64, 8_000_001);
}

#[test]
fn a_thousand_uthreads_share_eight_blocks() {
    read_all(1, 1000, 8, 5_000_000);
    read_all(4, 1000, 8, 5_000_000);
}

#[test]
fn a_thousand_uthreads_use_up_all_credits() {
    read_all(2, 1000, 500, 10_000_000);
}

/// Calls that a vcore can have under way at its server.
const AT_SERVER: usize = RING_SLOTS - 2;

/// Submits requests together, and takes the answers.
fn answers<T>(requests: &[Request<T>]) -> Vec<Result<T, Status>> {
    let mut answers = Vec::new();
    submit_all(requests).wait(|answer| answers.push(answer));
    answers
}

#[test]
fn requests_that_are_submitted_together_are_answered_in_their_order() {
    let report = run(2, 1, file(100), Manners::Honest, || {
        become_mcp().wait().unwrap();
        assert_eq!(answers::<u64>(&[]), []);
        let mixed: Vec<_> = [1, 0, 2, 0]
            .into_iter()
            .cycle()
            .take(AT_SERVER)
            .map(vcores_request)
            .collect();
        let mut expected = vec![Err(Status::InvalidArgument); AT_SERVER];
        expected[0] = Ok(1);
        for number in (2..AT_SERVER).step_by(2) {
            expected[number] = Ok(2);
        }
        assert_eq!(answers(&mixed), expected);
        let file = open("input").wait().unwrap();
        // More than there are credits, by uthreads that wait for each other's.
        let handles: Vec<_> = (0..20)
            .map(|number| {
                spawn(move || {
                    let requests = vec![file.stat_request(); RING_SLOTS - number];
                    assert_eq!(answers(&requests), vec![Ok(100); RING_SLOTS - number]);
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join());
        // Credits of calls without a caller come back, all of them.
        for _ in 0..100 {
            drop(submit_all(&[file.stat_request(); RING_SLOTS / 2]));
        }
        assert_eq!(
            answers(&[file.stat_request(); RING_SLOTS]),
            [Ok(100); RING_SLOTS]
        );
        file.close().wait().unwrap();
    });
    assert_eq!((report.status, report.unmatched), (0, 0));
    assert_eq!(report.most_outstanding, RING_SLOTS);
}

#[test]
fn uthreads_yield_join_and_keep_their_own_stacks() {
    let report = run(4, 1, Vec::new(), Manners::Honest, || {
        become_mcp().wait().unwrap();
        request_vcores(4).wait().unwrap();
        let handles: Vec<_> = (0..1000u64)
            .map(|number| {
                spawn(move || {
                    let local = Cell::new(number);
                    let real = f64::from(number as u32);
                    let mut sum = 0.0;
                    for _ in 0..50 {
                        yield_now();
                        local.set(local.get() + 1);
                        sum += real;
                    }
                    assert_eq!(sum, real * 50.0);
                    local.get()
                })
            })
            .collect();
        let sum: u64 = handles.into_iter().map(|handle| handle.join()).sum();
        assert_eq!(sum, 1000 * 999 / 2 + 1000 * 50);
        exit(7);
    });
    assert_eq!(report.status, 7);
}

#[test]
fn a_uthread_that_only_yields_starves_no_completion() {
    let report = run(1, 1, file(10), Manners::Honest, || {
        let done = Arc::new(Monitor::new(false));
        let told = done.clone();
        spawn(move || {
            open("input").wait().unwrap();
            told.with_notify(|done| *done = true);
        });
        while !done.with(|done| *done) {
            yield_now();
        }
    });
    assert_eq!(report.status, 0);
}

#[test]
fn text_that_takes_several_publications_is_printed_to_its_end() {
    let expected: Vec<String> = (0..500).map(|line| format!("line {line}")).collect();
    let text = expected.join("\n");
    let report = run(1, 1, Vec::new(), Manners::Honest, move || {
        println!("{text}")
    });
    assert_eq!(report.lines, expected);
}

#[test]
fn lines_arrive_whole() {
    let report = run(4, 1, Vec::new(), Manners::Honest, || {
        become_mcp().wait().unwrap();
        request_vcores(4).wait().unwrap();
        let handles: Vec<_> = (0..200usize)
            .map(|number| {
                spawn(move || {
                    let text = "x".repeat(number * 5);
                    for _ in 0..5 {
                        println!("{number} {text}");
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join());
    });
    let mut expected: Vec<String> = (0..200usize)
        .flat_map(|number| vec![format!("{number} {}", "x".repeat(number * 5)); 5])
        .collect();
    let mut lines = report.lines;
    lines.sort();
    expected.sort();
    assert!(lines == expected);
}

#[test]
fn errors_are_statuses() {
    let report = run(1, 2, file(10), Manners::BadDevice, || {
        assert_eq!(open("missing").wait(), Err(Status::NotFound));
        assert_eq!(open("two words").wait(), Err(Status::NotFound));
        assert_eq!(open([b'x'; 4097]).wait(), Err(Status::NameTooLong));
        assert_eq!(request_vcores(1).wait(), Err(Status::NotAllowed));
        let file = open("input").wait().unwrap();
        let block = file.read(0, BLOCK_SIZE, Block::acquire()).wait().unwrap();
        assert_eq!(block.bytes().len(), 10);
        let error = file.read(4096, BLOCK_SIZE, block).wait().unwrap_err();
        assert_eq!(error.status, Status::DeviceError);
        assert!(error.block.is_some(), "the block is safe to use again");
    });
    assert_eq!((report.status, report.free_blocks), (0, 2));
}

#[test]
fn a_reply_that_is_dropped_gives_its_credit_and_block_back() {
    let report = run(1, 4, file(100_000), Manners::Honest, || {
        let file = open("input").wait().unwrap();
        for number in 0..1000 {
            drop(file.read(number % 20 * 4096, 4096, Block::acquire()));
            drop(file.stat());
        }
        let blocks: Vec<Block> = (0..4).map(|_| Block::acquire()).collect();
        assert!(Block::try_acquire().is_none());
        drop(blocks);
    });
    assert_eq!((report.status, report.free_blocks), (0, 4));
}

#[test]
fn a_future_that_waits_inside_of_its_poll_is_polled_again() {
    let report = run(1, 1, vec![1; 10], Manners::Honest, || {
        let mut polls = 0;
        let future = poll_fn(|context| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            // Its waker is used while the uthread waits for something else.
            let waker = context.waker().clone();
            spawn(move || waker.wake()).join();
            println!("polled {polls} times");
            Poll::Pending
        });
        block_on(future);
        assert_eq!(polls, 3);
    });
    report.ended_well(1);
}
