//! Calls that end early, and timers: processes on host threads, over the real rings.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use atoll_abi::layout::RING_SLOTS;
use atoll_runtime::world::World;
use atoll_runtime::{
    Block, EventQueue, Monitor, Runtime, Status, become_mcp, open, request_vcores, sleep, spawn,
    vcores_request, with_timeout, yield_now,
};
use common::{Command, Control, Manners, Report, Setup, run, run_with};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

#[test]
fn a_sleep_ends_when_its_time_is_up_or_when_it_is_cancelled() {
    let report = run(1, 1, Vec::new(), Manners::Honest, || {
        assert_eq!(sleep(SHORT).wait(), Ok(()));
        let long = sleep(LONG);
        assert_eq!(long.cancel().wait(), Ok(true));
        assert_eq!(long.cancel().wait(), Ok(false));
        assert_eq!(long.wait(), Err(Status::Cancelled));
        // Stopped by being dropped.
        drop(sleep(LONG));
    });
    report.ended_well(1);
    // Three sleeps and two cancellations that the runtime has served; alarms and the exit.
    assert_eq!(report.routes, [5, report.alarms as u64 + 1, 0, 0]);
    assert!(report.alarms < 10, "{report:?}");
}

#[test]
fn a_call_that_is_done_cannot_be_taken_back() {
    let report = run(1, 1, vec![1; 10], Manners::Honest, || {
        let file = open("input").wait().unwrap();
        let stat = file.stat();
        while Runtime::current().outstanding() > 0 {
            yield_now();
        }
        assert_eq!(stat.cancel().wait(), Ok(false));
        assert_eq!(stat.wait(), Ok(10));
    });
    report.ended_well(1);
}

/// Reads that end early, each of which is answered late.
fn reads_that_end_early(manners: Manners) -> Report {
    let setup = Setup::new(2, 4, vec![1; 100_000], manners);
    run_with(setup, |control| {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let file = open("input").wait().unwrap();
        let uthreads: Vec<_> = (0..4)
            .map(|number| {
                spawn(move || {
                    for _ in 0..25 {
                        let (block, offset) = (Block::acquire(), number * 4096);
                        let (error, status) = if number % 2 == 0 {
                            let read = with_timeout(SHORT, || file.read(offset, 4096, block));
                            (read.wait(), Status::TimedOut)
                        } else {
                            let reading = file.read(offset, 4096, block);
                            assert_eq!(reading.cancel().wait(), Ok(true));
                            assert_eq!(reading.cancel().wait(), Ok(false));
                            (reading.wait(), Status::Cancelled)
                        };
                        let error = error.unwrap_err();
                        assert!(error.block.is_none(), "the service may still write it");
                        assert_eq!(error.status, status);
                        control.order(Command::Release(offset));
                    }
                })
            })
            .collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
        while Runtime::current().blocks_in_flight() > 0 {
            yield_now();
        }
        // The second answers have come, too, when this one has.
        file.stat().wait().unwrap();
    })
}

#[test]
fn the_block_of_a_read_that_ended_early_comes_back_later() {
    reads_that_end_early(Manners::Slow).ended_well(4);
}

#[test]
fn a_read_that_ended_early_is_not_ended_again() {
    let mut report = reads_that_end_early(Manners::SlowTwice);
    // Each of the hundred reads was answered a second time; the last ones perhaps when the process had ended.
    let unmatched = std::mem::take(&mut report.unmatched);
    assert!((90..=100).contains(&unmatched), "{unmatched}");
    report.ended_well(4);
}

/// A process on one vcore with one block, a service that holds reads back, and a clock that the test moves.
fn held_back(main: impl FnOnce(&'static Control) + Send + 'static) -> Report {
    let mut setup = Setup::new(1, 1, vec![7; 10], Manners::Slow);
    setup.manual_clock = true;
    run_with(setup, main)
}

/// The only block is handed out when the service has answered the read that it was in, and not before.
fn block_comes_back(control: &Control) {
    let runtime = Runtime::current();
    for _ in 0..100 {
        assert_eq!(runtime.blocks_in_flight(), 1);
        assert!(Block::try_acquire().is_none());
        yield_now();
    }
    control.order(Command::ReleaseAll);
    drop(Block::acquire());
    assert_eq!(runtime.blocks_in_flight(), 0);
}

#[test]
fn a_deadline_ends_a_call_at_a_service_that_hangs_and_its_block_comes_back_late() {
    let report = held_back(|control| {
        let file = open("input").wait().unwrap();
        for _ in 0..3 {
            let long = Duration::from_micros(5000);
            let block = Block::acquire();
            let reading = with_timeout(long, || file.read(0, 4096, block));
            control.advance(4999);
            for _ in 0..100 {
                yield_now();
            }
            assert_eq!(Runtime::current().outstanding(), 1, "it ended too early");
            control.advance(1);
            let error = reading.wait().unwrap_err();
            assert_eq!(error.status, Status::TimedOut);
            assert!(error.block.is_none());
            block_comes_back(control);
        }
    });
    report.ended_well(1);
}

#[test]
fn a_cancelled_read_ends_at_once_and_its_block_comes_back_late() {
    let report = held_back(|control| {
        let file = open("input").wait().unwrap();
        let reading = file.read(0, 4096, Block::acquire());
        assert_eq!(reading.cancel().wait(), Ok(true));
        assert!(reading.wait().unwrap_err().block.is_none());
        block_comes_back(control);
        // A read without a caller is cancelled unseen.
        let reading = file.read(0, 4096, Block::acquire());
        let cancelled = reading.cancel();
        drop(reading);
        assert_eq!(cancelled.wait(), Ok(true));
        block_comes_back(control);
        // One that is dropped and not cancelled keeps its block until it is answered.
        drop(file.read(0, 4096, Block::acquire()));
        assert!(Block::try_acquire().is_none());
        assert_eq!(Runtime::current().blocks_in_flight(), 0);
        control.order(Command::ReleaseAll);
        drop(Block::acquire());
    });
    report.ended_well(1);
}

/// Time passes from now on, but only while vcore 0 is blocked.
fn let_time_pass_while_blocked(control: &'static Control) {
    std::thread::spawn(move || {
        let blocked = &control.host.blocked[0];
        let mut before = blocked.load(Ordering::SeqCst);
        loop {
            std::thread::sleep(Duration::from_micros(200));
            let now = blocked.load(Ordering::SeqCst);
            if now == before {
                control.advance(10);
            }
            before = now;
        }
    });
}

#[test]
fn a_credit_is_left_for_the_alarm() {
    let report = held_back(|control| {
        become_mcp().wait().unwrap();
        let_time_pass_while_blocked(control);
        // Replies that are not looked at keep their credits; these are all that a process can have.
        let replies: Vec<_> = (0..RING_SLOTS - 2)
            .map(|_| vcores_request(1).submit())
            .collect();
        let held: Vec<_> = (0..2)
            .map(|_| spawn(|| vcores_request(1).submit()))
            .collect();
        yield_now();
        assert_eq!(sleep(Duration::from_micros(500)).wait(), Ok(()));
        for reply in replies {
            assert_eq!(reply.wait(), Ok(1));
        }
        for reply in held {
            assert_eq!(reply.join().wait(), Ok(1));
        }
    });
    report.ended_well(1);
    assert!(report.alarms >= 1, "the vcore only polled");
}

#[test]
fn a_vcore_that_blocks_is_woken_for_its_deadlines() {
    let report = held_back(|control| {
        let file = open("input").wait().unwrap();
        let_time_pass_while_blocked(control);
        let block = Block::acquire();
        let reading = with_timeout(Duration::from_micros(700), || file.read(0, 4096, block));
        let ended = Arc::new(Monitor::new(Vec::new()));
        let sleepers: Vec<_> = [900, 300, 600, 300]
            .into_iter()
            .map(|time| {
                let ended = ended.clone();
                spawn(move || {
                    sleep(Duration::from_micros(time)).wait().unwrap();
                    ended.with_notify(|ended| ended.push(time));
                })
            })
            .collect();
        assert_eq!(reading.wait().unwrap_err().status, Status::TimedOut);
        sleepers.into_iter().for_each(|sleeper| sleeper.join());
        assert!(ended.with(|ended| *ended == [300, 300, 600, 900]));
        control.order(Command::ReleaseAll);
        drop(Block::acquire());
    });
    report.ended_well(1);
    assert!(report.alarms >= 1, "the vcore only polled");
}

#[test]
fn an_alarm_that_rings_too_early_is_set_again() {
    const EARLY: usize = 5;
    let report = held_back(|control| {
        let asleep = spawn(|| sleep(Duration::from_micros(100)).wait());
        std::thread::spawn(move || {
            for _ in 0..EARLY {
                while control.host.procinfo().alarms == 0 {
                    std::thread::yield_now();
                }
                control.order(Command::RingAlarms);
            }
            let_time_pass_while_blocked(control);
        });
        assert_eq!(asleep.join(), Ok(()));
    });
    report.ended_well(1);
    assert!(report.alarms > EARLY);
}

#[test]
fn any_number_of_sleeps_take_no_calls() {
    const SLEEPS: u64 = 5000;
    let report = run(1, 1, Vec::new(), Manners::Honest, || {
        let queue = EventQueue::new();
        for number in 0..SLEEPS {
            queue.add(number, sleep(Duration::from_micros(number * 7919 % SLEEPS)));
        }
        let mut seen = vec![false; SLEEPS as usize];
        while let Some(event) = queue.wait() {
            assert_eq!(event.status, Status::Done);
            assert!(!std::mem::replace(&mut seen[event.token as usize], true));
        }
        assert!(seen.iter().all(|&seen| seen));
    });
    report.ended_well(1);
    assert_eq!(report.calls[0], report.alarms + 1);
}

#[test]
fn a_service_that_lies_about_blocks_gives_none_away_twice() {
    let report = run(2, 64, vec![7; 100_000], Manners::Liar, || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let file = open("input").wait().unwrap();
        let uthreads: Vec<_> = (0..8)
            .map(|_| {
                spawn(move || {
                    while let Some(block) = Block::try_acquire() {
                        match file.read(4096, 4096, block).wait() {
                            Ok(block) => assert_eq!(block.bytes(), &[7; 4096]),
                            Err(error) => {
                                assert_eq!(error.status, Status::Malformed);
                                assert!(error.block.is_none());
                            }
                        }
                    }
                })
            })
            .collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
    });
    // Now and then it says the truth by chance.
    assert!(report.calls[1] > 64, "{report:?}");
    assert_eq!(report.blocks_in_flight + report.free_blocks, 64);
    assert!(report.blocks_in_flight > 48, "{report:?}");
}
