//! Calls that end early, in batches, as events, or without a server: processes on host threads, over the real rings.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atoll_runtime::{
    Block, EventQueue, Monitor, Runtime, Status, batch, become_mcp, current_core, max_vcores, open,
    print, println, process_name, request_vcores, sleep, spawn, vcores_granted, with_timeout,
};
use common::{Manners, Report, run};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

fn ended_well(report: &Report, blocks: usize) {
    assert_eq!(report.status, 0, "{report:?}");
    assert_eq!(report.strays, 0, "{report:?}");
    assert_eq!(
        (
            report.free_blocks,
            report.away_blocks,
            report.outstanding_calls
        ),
        (blocks, 0, 0),
        "{report:?}"
    );
}

#[test]
fn a_sleep_ends_when_its_time_is_up_or_when_it_is_cancelled() {
    let report = run(1, 1, Vec::new(), Manners::Honest, || {
        assert_eq!(sleep(SHORT).wait(), Ok(()));
        let long = sleep(LONG);
        assert_eq!(long.cancel().wait(), Ok(true));
        assert_eq!(long.cancel().wait(), Ok(false));
        assert_eq!(long.wait(), Err(Status::Cancelled));
    });
    ended_well(&report, 1);
    // Two sleeps, one cancel and the exit; what had ended already was not asked for again.
    assert_eq!(report.calls, 4);
    assert_eq!(report.routes, [1, 4, 0]);
}

#[test]
fn a_call_that_is_done_cannot_be_taken_back() {
    let report = run(1, 1, vec![1; 10], Manners::Honest, || {
        let file = open("input").wait().unwrap();
        let stat = file.stat();
        // In one order or the other: it ends once.
        let cancelled = stat.cancel().wait();
        assert_eq!(cancelled, Ok(false));
        assert_eq!(stat.wait(), Ok(10));
    });
    ended_well(&report, 1);
}

/// Reads that end early, and calls until each block has come back.
fn reads_that_end_early(manners: Manners) -> Report {
    run(2, 4, vec![1; 100_000], manners, || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let runtime = Runtime::current();
        let file = open("input").wait().unwrap();
        let uthreads: Vec<_> = (0..4)
            .map(|number| {
                spawn(move || {
                    for _ in 0..25 {
                        let block = Block::acquire();
                        let error = if number % 2 == 0 {
                            with_timeout(SHORT, || file.read(0, 4096, block)).wait()
                        } else {
                            let reading = file.read(0, 4096, block);
                            assert_eq!(reading.cancel().wait(), Ok(true));
                            reading.wait()
                        };
                        let error = error.unwrap_err();
                        assert!(error.block.is_none(), "somebody may still write it");
                        let status = if number % 2 == 0 {
                            Status::TimedOut
                        } else {
                            Status::Cancelled
                        };
                        assert_eq!(error.status, status);
                        // Its completion can bring a block.
                        file.stat().wait().unwrap();
                    }
                })
            })
            .collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
        while runtime.away_blocks() > 0 {
            file.stat().wait().unwrap();
        }
    })
}

#[test]
fn the_block_of_a_read_that_ended_early_comes_back_later() {
    ended_well(&reads_that_end_early(Manners::Slow), 4);
}

#[test]
fn a_read_that_ended_early_is_not_ended_again() {
    let mut report = reads_that_end_early(Manners::SlowTwice);
    // Each of the hundred reads was answered a second time.
    assert_eq!(std::mem::take(&mut report.strays), 100);
    ended_well(&report, 4);
}

#[test]
fn a_block_that_is_away_is_not_handed_out() {
    let report = run(1, 1, vec![1; 10], Manners::Slow, || {
        let file = open("input").wait().unwrap();
        let reading = file.read(0, 4096, Block::acquire());
        assert_eq!(reading.cancel().wait(), Ok(true));
        assert!(reading.wait().unwrap_err().block.is_none());
        let runtime = Runtime::current();
        if runtime.away_blocks() == 1 {
            assert!(Block::try_acquire().is_none());
            file.stat().wait().unwrap();
        }
        assert_eq!(runtime.away_blocks(), 0);
        // One that nobody waits for is cancelled unseen.
        let reading = file.read(0, 4096, Block::try_acquire().unwrap());
        let cancelled = reading.cancel();
        drop(reading);
        assert_eq!(cancelled.wait(), Ok(true));
        file.stat().wait().unwrap();
        drop(Block::acquire());
    });
    ended_well(&report, 1);
}

#[test]
fn a_server_that_lies_about_blocks_gives_none_away_twice() {
    let report = run(2, 6, vec![7; 100_000], Manners::Liar, || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let file = open("input").wait().unwrap();
        let uthreads: Vec<_> = (0..8)
            .map(|_| {
                spawn(move || {
                    for number in 0..200 {
                        let reading = file.read(number % 20 * 4096, 4096, Block::acquire());
                        assert_eq!(reading.wait().unwrap().bytes(), &[7; 4096]);
                    }
                })
            })
            .collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
    });
    assert_eq!((report.status, report.free_blocks), (0, 6));
    assert_eq!(report.away_blocks, 0);
    // Two of eight numbers are of no block, and most others of one that is free or comes back with its own call.
    assert!(report.strays > 400, "{}", report.strays);
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
        ended_well(&report, 1);
        assert_eq!(report.calls, 34);
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
    });
    ended_well(&report, 1);
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
                    while seen.look(|seen| seen.contains(&0)) {
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
                        seen.look(|seen| seen[event.token as usize] += 1);
                    }
                })
            })
            .collect();
        makers.into_iter().for_each(|uthread| uthread.join());
        takers.into_iter().for_each(|uthread| uthread.join());
        assert!(seen.look(|seen| seen.iter().all(|&times| times == 1)));
        assert!(queue.wait().is_none() && queue.poll().is_none());
    });
    ended_well(&report, 8);
}

#[test]
fn an_event_queue_that_is_dropped_keeps_no_block() {
    let report = run(1, 8, vec![9; 100_000], Manners::Honest, || {
        let file = open("input").wait().unwrap();
        let queue = EventQueue::new();
        queue.add(1, open("two words"));
        queue.add(2, open("input"));
        for number in 0..8 {
            queue.add(number, file.read(number * 4096, 4096, Block::acquire()));
        }
        let first = queue.poll().unwrap();
        assert_eq!((first.token, first.status), (1, Status::InvalidArgument));
        assert!(first.file().is_err());
        drop(queue);
        for _ in 0..8 {
            file.stat().wait().unwrap();
        }
        let blocks: Vec<_> = (0..8).map(|_| Block::acquire()).collect();
        drop(blocks);
    });
    ended_well(&report, 8);
}

#[test]
fn what_the_runtime_knows_never_leaves_the_process() {
    let report = run(2, 1, vec![1; 10], Manners::Honest, || {
        let runtime = Runtime::current();
        // Each call, the answers that the runtime gives itself, and those that the server gives.
        let mut before = [0; 3];
        let mut routes = |own: u64, server: u64| {
            let now = runtime.routes();
            assert_eq!(
                [now[0] - before[0], now[1] - before[1], now[2]],
                [own, server, 0]
            );
            before = now;
        };
        assert_eq!(vcores_granted(), 1);
        routes(1, 0);
        assert_eq!(max_vcores(), 2);
        routes(1, 0);
        assert_eq!(process_name().as_str(), "host");
        routes(1, 0);
        assert_eq!(current_core(), 40);
        routes(1, 0);
        // Only the server can say that it is not allowed.
        assert_eq!(request_vcores(1).wait(), Err(Status::NotAllowed));
        routes(0, 1);
        become_mcp().wait().unwrap();
        routes(0, 1);
        become_mcp().wait().unwrap();
        routes(1, 0);
        assert_eq!(request_vcores(1).wait(), Ok(1));
        routes(1, 0);
        assert_eq!(request_vcores(2).wait(), Ok(2));
        routes(0, 1);
        assert_eq!(request_vcores(2).wait(), Ok(2));
        routes(1, 0);
        assert_eq!(request_vcores(3).wait(), Ok(2));
        routes(0, 1);
        assert_eq!(vcores_granted(), 2);
        routes(1, 0);
        let file = open("input").wait().unwrap();
        routes(0, 1);
        assert_eq!(file.stat().wait(), Ok(10));
        routes(0, 1);
        let block = file.read(0, 10, Block::acquire()).wait().unwrap();
        routes(0, 1);
        drop(block);
        println!("a line");
        routes(0, 1);
        sleep(SHORT).wait().unwrap();
        routes(0, 1);
        let done = file.stat();
        while done.cancel().wait() != Ok(false) {}
        assert_eq!(done.wait(), Ok(10));
        file.close().wait().unwrap();
    });
    ended_well(&report, 1);
    let all: u64 = report.routes.iter().sum();
    assert_eq!(report.routes[1], report.calls as u64);
    assert!(all > report.calls as u64);
    assert_eq!(
        report.latencies, report.calls as u64,
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
    });
    ended_well(&report, 1);
    let expected: Vec<String> = (0..64).map(|number| format!("{number:03}")).collect();
    assert_eq!(report.lines, expected);
    // The first line is alone; what came while it was under way fills eight pieces.
    assert_eq!(report.calls, 1 + (63 * 4usize).div_ceil(32) + 1);
    assert_eq!(report.routes[0], 62);
}

#[test]
fn a_server_that_dies_ends_every_call_on_every_vcore() {
    for vcores in [1, 3] {
        let ended = Arc::new(AtomicUsize::new(0));
        let count = ended.clone();
        let report = run(vcores, 16, vec![1; 100_000], Manners::Dies(8), move || {
            become_mcp().wait().unwrap();
            request_vcores(vcores).wait().unwrap();
            let file = open("input").wait().unwrap();
            let queue = Arc::new(EventQueue::new());
            let uthreads: Vec<_> = (0..8)
                .map(|number| {
                    let (count, queue) = (count.clone(), queue.clone());
                    spawn(move || {
                        let asleep = sleep(LONG);
                        queue.add(number, file.read(0, 4096, Block::acquire()));
                        let error = file.read(0, 4096, Block::acquire()).wait().unwrap_err();
                        assert_eq!(error.status, Status::PeerLost);
                        assert_eq!(asleep.wait(), Err(Status::PeerLost));
                        assert_eq!(file.stat().wait(), Err(Status::PeerLost));
                        println!("nobody reads this");
                        count.fetch_add(1, Ordering::Relaxed);
                    })
                })
                .collect();
            uthreads.into_iter().for_each(|uthread| uthread.join());
            let mut events = 0;
            while let Some(event) = queue.wait() {
                assert_eq!(event.status, Status::PeerLost);
                events += 1;
            }
            assert_eq!(events, 8);
            atoll_runtime::exit(33);
        });
        assert_eq!((report.status, ended.load(Ordering::Relaxed)), (33, 8));
        // Blocks of calls that the server had stay away: another cluster may still write them. Those of calls that were not
        // even submitted never left.
        assert_eq!(report.away_blocks + report.free_blocks, 16);
        assert!(report.away_blocks > 0);
        assert_eq!(report.outstanding_calls, 0);
        assert!(report.lines.is_empty());
    }
}

#[test]
fn blocks_that_were_away_when_the_server_died_stay_away() {
    let report = run(1, 4, vec![1; 10], Manners::Dies(4), || {
        let file = open("input").wait().unwrap();
        let readings: Vec<_> = (0..3)
            .map(|_| file.read(0, 4096, Block::acquire()))
            .collect();
        let cancelled: Vec<_> = readings.iter().map(|reading| reading.cancel()).collect();
        for cancel in cancelled {
            assert_eq!(cancel.wait(), Ok(true));
        }
        let mut readings = readings.into_iter();
        assert!(readings.next().unwrap().wait().unwrap_err().block.is_none());
        let last = file.read(0, 4096, Block::acquire()).wait().unwrap_err();
        assert_eq!(last.status, Status::PeerLost);
        // These had ended before the server died, and are looked at only now.
        for reading in readings {
            let error = reading.wait().unwrap_err();
            assert_eq!(error.status, Status::Cancelled);
        }
    });
    assert_eq!(
        (report.status, report.free_blocks, report.away_blocks),
        (0, 0, 4)
    );
}

#[test]
fn an_idle_vcore_polls_for_as_long_as_blocking_costs() {
    let report = run(1, 1, Vec::new(), Manners::Honest, || {
        println!("budget {}", Runtime::current().poll_budget());
    });
    assert_eq!(report.lines, [format!("budget {}", report.poll_budget)]);
    assert!((16..=20_000).contains(&report.poll_budget));
}
