//! Calls in batches, as events, and by who served them: processes on host threads, over the real rings.

mod common;

use std::sync::Arc;
use std::time::Duration;

use atoll_abi::layout::RING_SLOTS;
use atoll_runtime::{
    Block, EventQueue, Monitor, Runtime, Status, batch, become_mcp, connect, current_core,
    max_vcores, open, print, println, process_name, request_vcores, sleep, spawn, submit_all,
    vcores_granted, yield_now,
};
use common::{Manners, run};

const SHORT: Duration = Duration::from_millis(2);

/// Waits until every call has ended, also those that nothing waits for: they are answered in any order.
fn be_answered() {
    while Runtime::current().outstanding() > 0 {
        yield_now();
    }
}

#[test]
fn a_batch_is_one_publication() {
    let calls = |batched: bool| {
        let report = run(1, 1, vec![1; 10], Manners::Honest, move || {
            let file = open("input").wait().unwrap();
            let work = || (0..32).map(|_| file.stat()).collect::<Vec<_>>();
            let replies = if batched { batch(work) } else { work() };
            for reply in replies {
                assert_eq!(reply.wait(), Ok(10));
            }
        });
        report.ended_well(1);
        assert_eq!(report.calls, [1, 33, 0, 0]);
        report.publications
    };
    assert_eq!((calls(true), calls(false)), (3, 34));
}

#[test]
fn waiting_in_a_batch_submits_what_was_made_before() {
    let report = run(1, 1, vec![1; 10], Manners::Honest, || {
        let file = open("input").wait().unwrap();
        batch(|| {
            let first = file.stat();
            batch(|| file.stat().wait()).unwrap();
            first.wait().unwrap();
            // More than there are credits, the later ones with those of the earlier ones.
            for _ in 0..200 {
                drop(file.stat());
            }
        });
        assert_eq!(file.stat().wait(), Ok(10));
        be_answered();
    });
    report.ended_well(1);
}

/// How often uthreads became ready of which each made some calls at once, more in all than there are credits.
fn readied_by(uthreads: usize, calls: usize) -> usize {
    let report = run(1, 1, vec![1; 10], Manners::Honest, move || {
        let file = open("input").wait().unwrap();
        let uthreads: Vec<_> = (0..uthreads)
            .map(|_| {
                spawn(move || {
                    let requests = vec![file.stat_request(); calls];
                    submit_all(&requests).wait(|answer| assert_eq!(answer, Ok(10)));
                })
            })
            .collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
    });
    report.ended_well(1);
    assert_eq!(report.calls[1], uthreads * calls + 1);
    report.readied
}

#[test]
fn uthreads_that_wait_for_credits_are_woken_in_proportion_to_their_number() {
    for calls in [1, 5, RING_SLOTS] {
        for uthreads in [200, 800] {
            let readied = readied_by(uthreads, calls);
            // To begin, for a credit that another one may have taken, for each answer, and where the main uthread joins it.
            let most = uthreads * (3 + calls + 1);
            assert!(
                readied <= most,
                "{uthreads} uthreads with {calls} calls each became ready {readied} times"
            );
        }
    }
}

#[test]
fn each_call_of_an_event_queue_is_one_event() {
    let report = run(3, 8, vec![9; 100_000], Manners::Honest, || {
        become_mcp().wait().unwrap();
        request_vcores(3).wait().unwrap();
        let file = open("input").wait().unwrap();
        let queue = Arc::new(EventQueue::new());
        let seen = Arc::new(Monitor::new(vec![0; 600]));
        let makers: Vec<_> = (0..3)
            .map(|maker| {
                let queue = queue.clone();
                spawn(move || {
                    for number in 0..200 {
                        let token = maker * 200 + number;
                        if number % 2 == 0 {
                            queue.add(token, file.stat());
                        } else {
                            queue.add(token, file.read(4096, 100, Block::acquire()));
                        }
                    }
                })
            })
            .collect();
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, seen) = (queue.clone(), seen.clone());
                spawn(move || {
                    while seen.with(|seen| seen.contains(&0)) {
                        // None where the makers have not made the next one yet.
                        let Some(event) = queue.wait() else {
                            atoll_runtime::yield_now();
                            continue;
                        };
                        assert_eq!(event.status, Status::Done);
                        if event.token % 2 == 0 {
                            assert_eq!(event.result[0], 100_000);
                        } else {
                            assert_eq!(event.block.unwrap().bytes(), &[9; 100]);
                        }
                        seen.with(|seen| seen[event.token as usize] += 1);
                    }
                })
            })
            .collect();
        makers.into_iter().for_each(|uthread| uthread.join());
        takers.into_iter().for_each(|uthread| uthread.join());
        assert!(seen.with(|seen| seen.iter().all(|&times| times == 1)));
        assert!(queue.wait().is_none() && queue.poll().is_none());
    });
    report.ended_well(8);
}

#[test]
fn an_event_queue_that_is_dropped_keeps_no_block() {
    let report = run(1, 8, vec![9; 100_000], Manners::Honest, || {
        let file = open("input").wait().unwrap();
        let queue = EventQueue::new();
        // Longer than a path can be: the runtime refuses it.
        queue.add(1, open("x".repeat(5000)));
        queue.add(2, open("input"));
        for number in 0..8 {
            queue.add(number, file.read(number * 4096, 4096, Block::acquire()));
        }
        let first = queue.poll().unwrap();
        assert_eq!((first.token, first.status), (1, Status::NameTooLong));
        assert!(first.file().is_err());
        drop(queue);
        for _ in 0..8 {
            file.stat().wait().unwrap();
        }
        let blocks: Vec<_> = (0..8).map(|_| Block::acquire()).collect();
        drop(blocks);
    });
    report.ended_well(8);
}

#[test]
fn a_path_in_a_block_opens_as_an_event_too() {
    let report = run(1, 2, vec![9; 10], Manners::Honest, || {
        let long = format!("/{}input", "./".repeat(16));
        let file = open(&long).wait().unwrap();
        assert_eq!(file.length(), 10);
        let queue = EventQueue::new();
        queue.add(3, open(&long));
        let event = queue.wait().unwrap();
        assert!(event.block.is_none(), "the path is no block of the caller");
        assert_eq!(event.file().unwrap(), file);
        queue.add(4, open(format!("{long}x")));
        assert_eq!(queue.wait().unwrap().status, Status::NotFound);
        let blocks: Vec<_> = (0..2).map(|_| Block::acquire()).collect();
        drop(blocks);
    });
    report.ended_well(2);
}

#[test]
fn calls_are_counted_by_who_served_them() {
    let report = run(2, 1, vec![1; 10], Manners::Honest, || {
        let runtime = Runtime::current();
        // Each call, the answers that the runtime gives itself, and those of the server and of the service.
        let mut before = [0; 4];
        let mut routes = |own: u64, server: u64, service: u64| {
            let now = runtime.routes();
            let new: Vec<_> = now
                .iter()
                .zip(before)
                .map(|(now, then)| now - then)
                .collect();
            assert_eq!(new, [own, server, service, 0]);
            before = now;
        };
        assert_eq!(vcores_granted(), 1);
        routes(1, 0, 0);
        assert_eq!(max_vcores(), 2);
        routes(1, 0, 0);
        assert_eq!(process_name().as_str(), "host");
        routes(1, 0, 0);
        assert_eq!(current_core(), 40);
        routes(1, 0, 0);
        // Only the server can say that it is not allowed.
        assert_eq!(request_vcores(1).wait(), Err(Status::NotAllowed));
        routes(0, 1, 0);
        become_mcp().wait().unwrap();
        routes(0, 1, 0);
        become_mcp().wait().unwrap();
        routes(1, 0, 0);
        assert_eq!(request_vcores(1).wait(), Ok(1));
        routes(1, 0, 0);
        assert_eq!(request_vcores(2).wait(), Ok(2));
        routes(0, 1, 0);
        assert_eq!(request_vcores(2).wait(), Ok(2));
        routes(1, 0, 0);
        assert_eq!(request_vcores(3).wait(), Ok(2));
        routes(0, 1, 0);
        assert_eq!(vcores_granted(), 2);
        routes(1, 0, 0);
        connect("files").wait().unwrap();
        routes(0, 1, 0);
        let file = open("input").wait().unwrap();
        routes(0, 0, 1);
        assert_eq!(file.stat().wait(), Ok(10));
        routes(0, 0, 1);
        let block = file.read(0, 10, Block::acquire()).wait().unwrap();
        routes(0, 0, 1);
        drop(block);
        println!("a line");
        routes(0, 1, 0);
        let done = file.stat();
        while done.cancel().wait() != Ok(false) {}
        let _ = done.wait();
        file.close().wait().unwrap();
        sleep(SHORT).wait().unwrap();
    });
    report.ended_well(1);
    let [own, server, local, remote] = report.routes;
    let [at_server, at_service, ..] = report.calls;
    assert_eq!(
        [server, local, remote],
        [at_server as u64, at_service as u64, 0]
    );
    assert!(own > 9);
    // All but the one that was cancelled.
    assert_eq!(
        report.latencies + 1,
        server + local,
        "each answer's latency is noted"
    );
}

#[test]
fn prints_that_wait_go_together() {
    let report = run(1, 1, Vec::new(), Manners::Honest, || {
        let printers: Vec<_> = (0..64)
            .map(|number| spawn(move || println!("{number:03}")))
            .collect();
        printers.into_iter().for_each(|printer| printer.join());
        print!("");
        be_answered();
    });
    report.ended_well(1);
    let expected: Vec<String> = (0..64).map(|number| format!("{number:03}")).collect();
    assert_eq!(report.lines, expected);
    // The first line is alone; what came while it was under way fills eight pieces.
    assert_eq!(report.calls[0], 1 + (63 * 4usize).div_ceil(32) + 1);
    assert_eq!(report.routes[0], 62);
}

#[test]
fn a_line_of_several_pieces_that_is_printed_in_a_batch_comes_back() {
    let line = "0123456789".repeat(20);
    let printed = line.clone();
    let report = run(1, 1, Vec::new(), Manners::Honest, move || {
        batch(|| println!("{printed}"));
        // Also behind other calls that were kept back.
        let file = batch(|| {
            let file = open("input");
            println!("{printed}");
            file
        });
        file.wait().unwrap().close().wait().unwrap();
    });
    report.ended_well(1);
    assert_eq!(report.lines, [line.clone(), line]);
}

#[test]
fn an_idle_vcore_polls_for_as_long_as_blocking_costs() {
    let report = run(1, 1, Vec::new(), Manners::Honest, || {
        println!("budget {}", Runtime::current().poll_budget());
    });
    assert_eq!(report.lines, [format!("budget {}", report.poll_budget)]);
    assert!((16..=20_000).contains(&report.poll_budget));
}
