//! Servers that die: processes on host threads, over the real rings.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atoll_abi::syscall::Route;
use atoll_runtime::{
    Block, EventQueue, Status, become_mcp, open, println, request_vcores, sleep, spawn,
    with_timeout,
};
use common::{Command, Manners, Report, Setup, run, run_with};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

/// A process that makes calls until its server dies.
fn outlives_its_server(vcores: usize, route: Route, manners: Manners) -> Report {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    let mut setup = Setup::new(vcores, 16, vec![1; 100_000], manners);
    setup.route = route;
    let report = run_with(setup, move |_| {
        become_mcp().wait().unwrap();
        assert_eq!(request_vcores(vcores).wait(), Ok(vcores));
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
                    // A timer of the runtime is not lost.
                    assert_eq!(sleep(SHORT).wait(), Ok(()));
                    assert_eq!(asleep.cancel().wait(), Ok(true));
                    assert_eq!(file.stat().wait(), Err(Status::PeerLost));
                    assert_eq!(open("input").wait(), Err(Status::PeerLost));
                    println!("this is lost");
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
    assert_eq!(report.outstanding_calls, 0);
    assert_eq!(report.blocks_in_flight + report.free_blocks, 16);
    assert!(report.lines.is_empty());
    report
}

#[test]
fn a_server_that_dies_with_its_services_ends_every_call_on_every_vcore() {
    for vcores in [1, 3] {
        let report = outlives_its_server(vcores, Route::Local, Manners::Dies(8));
        assert_eq!(report.blocks_in_flight, 0, "their devices were stopped");
    }
}

#[test]
fn services_of_other_kernels_are_lost_with_the_server_and_keep_their_blocks() {
    for vcores in [1, 3] {
        let report = outlives_its_server(vcores, Route::Remote, Manners::ServerDies(8));
        assert!(report.blocks_in_flight >= 8, "they may still write them");
    }
}

#[test]
fn a_local_service_goes_on_when_the_server_has_died() {
    let setup = Setup::new(1, 1, vec![1; 10], Manners::Slow);
    let report = run_with(setup, |control| {
        let file = open("input").wait().unwrap();
        control.order(Command::KillServer);
        assert_eq!(become_mcp().wait(), Err(Status::PeerLost));
        // Its deadlines are kept without alarms.
        let late = with_timeout(Duration::from_millis(2), || file.stat());
        let late = late.wait();
        assert!(late == Err(Status::TimedOut) || late == Ok(10));
        assert_eq!(
            file.stat().wait().err().unwrap_or(Status::Done),
            Status::Done
        );
        atoll_runtime::exit(3);
    });
    assert_eq!(report.status, 3);
}

#[test]
fn blocks_in_flight_at_a_remote_service_stay_there_when_the_server_dies() {
    let mut setup = Setup::new(1, 4, vec![1; 10], Manners::ServerDies(4));
    setup.route = Route::Remote;
    let report = run_with(setup, |_| {
        let file = open("input").wait().unwrap();
        let readings: Vec<_> = (0..3)
            .map(|_| file.read(0, 4096, Block::acquire()))
            .collect();
        for reading in &readings {
            assert_eq!(reading.cancel().wait(), Ok(true));
        }
        let mut readings = readings.into_iter();
        assert!(readings.next().unwrap().wait().unwrap_err().block.is_none());
        let last = file.read(0, 4096, Block::acquire()).wait().unwrap_err();
        assert_eq!(
            (last.status, last.block.is_none()),
            (Status::PeerLost, true)
        );
        // These had ended before the server died, and are looked at only now.
        for reading in readings {
            let error = reading.wait().unwrap_err();
            assert_eq!(
                (error.status, error.block.is_none()),
                (Status::Cancelled, true)
            );
        }
    });
    let blocks = (report.free_blocks, report.blocks_in_flight);
    assert_eq!((report.status, blocks), (0, (0, 4)));
}

#[test]
fn a_process_ends_while_a_service_has_calls_of_it() {
    let report = run(1, 2, vec![1; 10], Manners::Slow, || {
        let file = open("input").wait().unwrap();
        drop(file.read(0, 4096, Block::acquire()));
    });
    assert_eq!((report.status, report.outstanding_calls), (0, 1));
}

#[test]
fn a_process_goes_on_with_the_next_server_and_its_services_never_notice() {
    for route in [Route::Local, Route::Remote] {
        let mut setup = Setup::new(2, 4, vec![1; 10_000], Manners::Slow);
        setup.route = route;
        let report = run_with(setup, |control| {
            become_mcp().wait().unwrap();
            assert_eq!(request_vcores(2).wait(), Ok(2));
            let file = open("input").wait().unwrap();
            for _ in 0..20 {
                // A read is under way, a sleep has its alarm at the server, and a call may be lost with it.
                let reading = file.read(0, 4096, Block::acquire());
                let asleep = sleep(SHORT);
                let asked = request_vcores(5);
                control.order(Command::RestartServer);
                control.order(Command::ReleaseAll);
                assert!(matches!(asked.wait(), Ok(2) | Err(Status::PeerLost)));
                assert_eq!(asleep.wait(), Ok(()));
                assert_eq!(reading.wait().unwrap().bytes().len(), 4096);
                assert_eq!(file.stat().wait(), Ok(10_000));
                while request_vcores(5).wait() != Ok(2) {
                    atoll_runtime::yield_now();
                }
            }
            println!("the next server prints");
        });
        assert_eq!((report.status, report.outstanding_calls), (0, 0));
        assert_eq!((report.free_blocks, report.blocks_in_flight), (4, 0));
        assert_eq!(report.lines, ["the next server prints"]);
    }
}

#[test]
fn a_server_that_dies_again_before_it_is_back_is_seen_to_stay_down() {
    let mut setup = Setup::new(1, 2, vec![1; 10], Manners::Slow);
    setup.route = Route::Remote;
    let report = run_with(setup, |control| {
        let file = open("input").wait().unwrap();
        let reading = file.read(0, 4096, Block::acquire());
        control.order(Command::StopServer);
        assert_eq!(request_vcores(1).wait(), Err(Status::PeerLost));
        // The service goes on, as far as is known.
        assert_eq!(file.stat().wait(), Ok(10));
        control.order(Command::KillServer);
        let error = reading.wait().unwrap_err();
        assert_eq!(
            (error.status, error.block.is_none()),
            (Status::PeerLost, true)
        );
    });
    assert_eq!(report.status, 0);
}
