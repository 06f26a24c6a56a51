//! Services and servers that break the protocol.

mod common;

use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use atoll_runtime::{
    Block, Status, batch, become_mcp, exit, open, request_vcores, spawn, yield_now,
};
use common::{Command, Manners, Setup, run, run_with};

/// A waker that waits for a call, which a waker must not: it may be woken in place of the uthread that looks for its answer.
#[derive(Default)]
struct Waits {
    woken: AtomicUsize,
    /// What it was told, where it was told anything.
    told: Mutex<Vec<String>>,
}

impl Wake for Waits {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        if let Err(panic) = catch_unwind(|| open("input").wait()) {
            let text = panic.downcast::<&str>().map(|text| text.to_string());
            self.told.lock().unwrap().extend(text);
        }
    }
}

#[test]
fn a_waker_that_waits_is_told_that_it_must_not() {
    const ROUNDS: usize = 200;
    let waits = Arc::new(Waits::default());
    let seen = waits.clone();
    let counts = waits.clone();
    let report = run(1, 1, vec![1; 10], Manners::Honest, move || {
        let file = open("input").wait().unwrap();
        for round in 0..ROUNDS {
            let waker = Waker::from(waits.clone());
            let mut first = pin!(file.stat());
            let pending = first.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(pending.is_pending());
            // The answer to the first call comes while the uthread waits for this one, or for its next turn.
            assert_eq!(file.stat().wait(), Ok(10));
            while seen.woken.load(Ordering::SeqCst) == round {
                yield_now();
            }
            let done = first.as_mut().poll(&mut Context::from_waker(&waker));
            assert_eq!(done, Poll::Ready(Ok(10)));
        }
    });
    assert_eq!(report.status, 0);
    let (woken, told) = (
        counts.woken.load(Ordering::SeqCst),
        counts.told.lock().unwrap(),
    );
    assert_eq!((woken, told.len()), (ROUNDS, ROUNDS));
    assert!(told.iter().all(|text| text == "a waker does not wait"));
}

#[test]
fn second_answers_and_answers_to_no_call_are_ignored() {
    let report = run(2, 4, vec![1; 100_000], Manners::Unmatched, || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let file = open("input").wait().unwrap();
        let handles: Vec<_> = (0..4)
            .map(|_| {
                spawn(move || {
                    for number in 0..200 {
                        let block = file.read(number % 20 * 4096, 4096, Block::acquire());
                        assert_eq!(block.wait().unwrap().bytes().len(), 4096);
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join());
    });
    assert_eq!((report.status, report.free_blocks), (0, 4));
    assert!(report.unmatched > 1000, "{}", report.unmatched);
}

#[test]
fn a_block_that_does_not_come_back_is_never_used_again() {
    let report = run(1, 2, vec![1; 100], Manners::WrongBlock, || {
        let file = open("input").wait().unwrap();
        let error = file.read(0, 4096, Block::acquire()).wait().unwrap_err();
        assert_eq!(error.status, Status::Malformed);
        assert!(error.block.is_none());
    });
    assert_eq!((report.status, report.free_blocks), (0, 1));
}

#[test]
fn a_service_that_breaks_the_ring_ends_every_call_with_peer_lost() {
    let report = run(1, 8, vec![1; 100_000], Manners::Corrupt, || {
        let file = open("input").wait().unwrap();
        let read = |number: u64| file.read(number * 4096, 4096, Block::acquire());
        // All of them are under way before the ring is broken.
        let readings: Vec<_> = batch(|| (0..8).map(read).collect());
        for reading in readings {
            let error = reading.wait().unwrap_err();
            assert_eq!(error.status, Status::PeerLost);
            assert!(error.block.is_none(), "the service may still write it");
        }
        assert_eq!(file.stat().wait(), Err(Status::PeerLost));
        // The server is not concerned.
        assert_eq!(become_mcp().wait(), Ok(()));
    });
    assert_eq!((report.status, report.outstanding_calls), (0, 0));
    assert_eq!((report.free_blocks, report.blocks_in_flight), (0, 8));
}

#[test]
fn a_process_whose_server_breaks_the_ring_goes_on_and_ends_when_it_dies() {
    let setup = Setup::new(1, 1, vec![1; 100], Manners::CorruptServer);
    let report = run_with(setup, |control| {
        assert_eq!(become_mcp().wait(), Err(Status::PeerLost));
        assert_eq!(become_mcp().wait(), Err(Status::PeerLost));
        let file = open("input").wait().unwrap();
        assert_eq!(file.stat().wait(), Ok(100));
        std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            control.order(Command::KillServer);
        });
        exit(5);
    });
    assert_eq!((report.status, report.outstanding_calls), (5, 0));
    assert_eq!(report.routes, [0, 0, 2, 0]);
}
