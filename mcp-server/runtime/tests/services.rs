//! Services that die and come back, and vcores that are given back: processes on host threads, over the real
//! rings.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atoll_runtime::{
    Block, EventQueue, File, Runtime, Status, become_mcp, connect, current_vcore, open, println,
    request_vcores, sleep, spawn, submit_all, vcores_granted, yield_now, yield_vcore,
};
use common::{Command, Manners, SERVICES, Setup, run_with};

fn many_core(vcores: usize) {
    become_mcp().wait().unwrap();
    assert_eq!(request_vcores(vcores).wait(), Ok(vcores));
}

/// Has something happen on each vcore.
fn on_every_vcore(vcores: usize, work: impl Fn() + Send + Sync + 'static) {
    let seen = Arc::new(AtomicUsize::new(0));
    let work = Arc::new(work);
    let all = (1 << vcores) - 1;
    let uthreads: Vec<_> = (0..2 * vcores)
        .map(|_| {
            let (seen, work) = (seen.clone(), work.clone());
            spawn(move || {
                while seen.load(Ordering::SeqCst) != all {
                    let own = 1 << current_vcore();
                    if seen.load(Ordering::SeqCst) & own == 0 {
                        work();
                        seen.fetch_or(own, Ordering::SeqCst);
                    }
                    yield_now();
                }
            })
        })
        .collect();
    uthreads.into_iter().for_each(|uthread| uthread.join());
}

#[test]
fn a_service_that_dies_ends_its_calls_and_serves_again_when_it_is_back() {
    let setup = Setup::new(3, 8, vec![1; 10_000], Manners::Slow);
    let report = run_with(setup, |control| {
        many_core(3);
        for _ in 0..3 {
            let file = open("input").wait().unwrap();
            on_every_vcore(3, move || {
                file.stat().wait().unwrap();
            });
            let queue = EventQueue::new();
            let cancelled = file.read(0, 4096, Block::acquire());
            assert_eq!(cancelled.cancel().wait(), Ok(true));
            let dropped = file.read(0, 4096, Block::acquire());
            queue.add(1, file.read(0, 4096, Block::acquire()));
            let reading = file.read(0, 4096, Block::acquire());
            drop(dropped);
            control.order(Command::Kill(0));
            let error = reading.wait().unwrap_err();
            assert_eq!(error.status, Status::PeerLost);
            // The supervisor has stopped the service's device.
            drop(error.block.expect("nothing writes it any more"));
            let event = queue.wait().unwrap();
            assert_eq!(
                (event.status, event.block.is_some()),
                (Status::PeerLost, true)
            );
            assert_eq!(cancelled.wait().unwrap_err().status, Status::Cancelled);
            drop(event);
            assert_eq!(Runtime::current().blocks_in_flight(), 0);
            // There is no service; the server lives.
            on_every_vcore(3, move || {
                assert_eq!(open("input").wait(), Err(Status::PeerLost));
                assert_eq!(file.stat().wait(), Err(Status::PeerLost));
                let error = file.read(0, 4096, Block::acquire()).wait().unwrap_err();
                assert!(error.block.is_some(), "it never left the process");
            });
            assert_eq!(request_vcores(3).wait(), Ok(3));
            control.order(Command::Revive(0));
            on_every_vcore(3, || {
                let file = open("input").wait().unwrap();
                assert_eq!(file.stat().wait(), Ok(10_000));
            });
        }
    });
    report.ended_well(8);
}

/// Opens the file of a service that is back. The first call of a vcore may still go to the dead one.
fn reopened() -> File {
    loop {
        match open("input").wait() {
            Err(Status::PeerLost) => {}
            file => return file.unwrap(),
        }
    }
}

#[test]
fn a_file_of_before_a_restart_is_stale_without_a_call() {
    let setup = Setup::new(2, 2, vec![1; 10], Manners::Honest);
    let report = run_with(setup, |control| {
        many_core(2);
        let stale = open("input").wait().unwrap();
        control.order(Command::Kill(0));
        control.order(Command::Revive(0));
        let file = reopened();
        assert_ne!(stale, file);
        on_every_vcore(2, move || {
            // Where a vcore has not looked at its ring since, the call is one to the life that is over: once on each.
            let mut calls = (0..=2).map(|_| stale.stat().wait());
            let ended = calls.find(|ended| *ended != Err(Status::PeerLost));
            assert_eq!(ended, Some(Err(Status::BadHandle)));
            assert_eq!(file.stat().wait(), Ok(10));
        });
        let error = stale.read(0, 10, Block::acquire()).wait().unwrap_err();
        assert_eq!(error.status, Status::BadHandle);
        assert!(error.block.is_some());
        let mut answers = Vec::new();
        let requests = [stale, file, stale].map(|file: File| file.stat_request());
        submit_all(&requests).wait(|answer| answers.push(answer));
        let bad = Err(Status::BadHandle);
        assert_eq!(answers, [bad, Ok(10), bad]);
        assert_eq!(stale.close().wait(), Err(Status::BadHandle));
        file.close().wait().unwrap();
    });
    report.ended_well(2);
    assert_eq!(report.bad_handles, 0, "the service was asked");
}

#[test]
fn a_service_that_is_back_serves_the_next_call() {
    let setup = Setup::new(1, 1, vec![1; 10], Manners::Honest);
    let report = run_with(setup, |control| {
        for _ in 0..3 {
            control.order(Command::Kill(0));
            assert_eq!(open("input").wait(), Err(Status::PeerLost));
            assert_eq!(open("input").wait(), Err(Status::PeerLost));
            control.order(Command::Revive(0));
            // The vcore has had no turn to look at its rings.
            assert_eq!(open("input").wait().map(|file| file.length()), Ok(10));
        }
    });
    report.ended_well(1);
}

#[test]
fn a_process_uses_two_services_of_one_kind() {
    let mut setup = Setup::new(2, 2, vec![1; 10], Manners::Honest);
    setup.files.push(vec![2; 20]);
    let report = run_with(setup, |control| {
        many_core(2);
        assert_eq!(connect("nothing").wait(), Err(Status::NotFound));
        assert_eq!(connect("two words").wait(), Err(Status::InvalidArgument));
        let services = SERVICES.map(|name| connect(name).wait().unwrap());
        assert_eq!(services.map(|service| service.name().to_owned()), SERVICES);
        let [one, two] = services.map(|service| service.open("input").wait().unwrap());
        assert_eq!(
            open("input").wait(),
            Ok(one),
            "the first one is the default"
        );
        assert_eq!((one.length(), two.length()), (10, 20));
        let read = |file: File| file.read(0, 4096, Block::acquire()).wait().unwrap();
        assert_eq!(read(one).bytes(), [1; 10]);
        assert_eq!(read(two).bytes(), [2; 20]);
        // Together, in any order, more than one service could take of this vcore at once.
        let uthreads: Vec<_> = (0..4)
            .map(|_| {
                spawn(move || {
                    let requests: Vec<_> = (0..120)
                        .map(|number| [one, two][number / 3 % 2].stat_request())
                        .collect();
                    let mut lengths = Vec::new();
                    submit_all(&requests).wait(|length| lengths.push(length.unwrap()));
                    let expected: Vec<_> =
                        (0..120).map(|number| [10, 20][number / 3 % 2]).collect();
                    assert_eq!(lengths, expected);
                })
            })
            .collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
        drop(submit_all(&[one.stat_request(), two.stat_request()]));
        // One that dies leaves the other one alone.
        control.order(Command::Kill(1));
        assert_eq!(two.stat().wait(), Err(Status::PeerLost));
        assert_eq!(one.stat().wait(), Ok(10));
        let mut answers = Vec::new();
        let requests = [two, one].map(|file: File| file.stat_request());
        submit_all(&requests).wait(|answer| answers.push(answer));
        assert_eq!(answers, [Err(Status::PeerLost), Ok(10)]);
    });
    report.ended_well(2);
    assert!(report.calls[1] > 240 && report.calls[2] > 240);
}

#[test]
fn a_process_without_services_has_no_files() {
    let mut setup = Setup::new(1, 1, Vec::new(), Manners::Honest);
    setup.files.clear();
    let report = run_with(setup, |_| {
        assert_eq!(open("input").wait(), Err(Status::NoService));
        println!("done");
    });
    report.ended_well(1);
    assert_eq!(report.lines, ["done"]);
}

/// Moves the calling uthread to vcore 1.
fn go_to_vcore_1() {
    let there = Arc::new(AtomicUsize::new(0));
    let seen = there.clone();
    // A vcore wakes another one only where it has more than one uthread.
    let other = spawn(move || {
        while seen.load(Ordering::SeqCst) == 0 {
            yield_now();
        }
    });
    while current_vcore() != 1 {
        yield_now();
    }
    there.store(1, Ordering::SeqCst);
    drop(other);
}

#[test]
fn a_vcore_with_a_call_at_a_service_is_not_given_back() {
    let setup = Setup::new(2, 1, vec![1; 10], Manners::Slow);
    let report = run_with(setup, |control| {
        many_core(2);
        let file = open("input").wait().unwrap();
        go_to_vcore_1();
        let reading = file.read(0, 4096, Block::acquire());
        let cancelled = reading.cancel();
        yield_vcore().unwrap();
        assert_eq!(cancelled.wait(), Ok(true));
        for _ in 0..1000 {
            assert_eq!(current_vcore(), 0, "a vcore that leaves runs a uthread");
            assert_eq!(vcores_granted(), 2);
            yield_now();
        }
        // Not when its caller has its answer, but when the service has answered.
        assert_eq!(reading.wait().unwrap_err().status, Status::Cancelled);
        control.order(Command::ReleaseAll);
        while vcores_granted() != 1 {
            yield_now();
        }
        assert_eq!(request_vcores(2).wait(), Ok(2));
        go_to_vcore_1();
    });
    report.ended_well(1);
    // The server has asserted that the service had no call.
    assert_eq!(report.given_back, 1);
}

#[test]
fn a_vcore_leaves_when_its_server_has_answered() {
    let setup = Setup::new(2, 1, vec![1; 10], Manners::Honest);
    let report = run_with(setup, |_| {
        many_core(2);
        for _ in 0..100 {
            go_to_vcore_1();
            let connected = connect(SERVICES[0]);
            yield_vcore().unwrap();
            connected.wait().unwrap();
            while vcores_granted() != 1 {
                yield_now();
            }
            assert_eq!(request_vcores(2).wait(), Ok(2));
        }
        // Vcore 1 is granted, and takes the answer to the call by which it was given back when it runs.
        while Runtime::current().outstanding() > 0 {
            yield_now();
        }
    });
    report.ended_well(1);
    // The server has asserted that it had no other call.
    assert_eq!(report.given_back, 100);
}

#[test]
fn a_vcore_that_was_given_back_returns_for_its_deadlines() {
    let mut setup = Setup::new(2, 1, vec![1; 10], Manners::Honest);
    setup.manual_clock = true;
    let report = run_with(setup, |control| {
        many_core(2);
        go_to_vcore_1();
        let asleep = sleep(Duration::from_micros(500));
        yield_vcore().unwrap();
        while vcores_granted() != 1 {
            yield_now();
        }
        control.advance(499);
        for _ in 0..1000 {
            yield_now();
        }
        assert_eq!(vcores_granted(), 1);
        control.advance(1);
        assert_eq!(asleep.wait(), Ok(()));
        assert_eq!(vcores_granted(), 2);
    });
    report.ended_well(1);
    assert!(report.alarms >= 1 && report.given_back >= 1);
}
