//! The sleep protocol under loom: every interleaving (within the preemption bound) of a sender and a receiver that
//! arms, looks again, and blocks. Run with `RUSTFLAGS="--cfg loom" cargo test --release -p atoll-channel --test model`.
#![cfg(loom)]

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_channel::{Endpoint, SendError};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

const MESSAGES: u64 = 3;

/// A doorbell that remembers a ring, as a notification does.
#[derive(Clone)]
struct Notification(Arc<(Mutex<bool>, Condvar)>);

impl Notification {
    fn signal(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
    }

    fn wait(&self) {
        let mut signalled = self.0.0.lock().unwrap();
        while !*signalled {
            signalled = self.0.1.wait(signalled).unwrap();
        }
        *signalled = false;
    }
}

/// What the executions of a model saw, all together.
struct Seen {
    runs: AtomicU64,
    sleeps: AtomicU64,
    refusals: AtomicU64,
    full: AtomicU64,
}

/// One execution: a sender of three messages through a ring of two slots, and a receiver that sleeps when it may.
///
/// A lost wake-up is a deadlock, which loom reports. The broken twin blocks without the second look.
fn execution(seen: &'static Seen, second_look: bool) {
    seen.runs.fetch_add(1, Ordering::Relaxed);
    let (mut first, mut second) = Endpoint::pair();
    let bell = Notification(Arc::new((Mutex::new(false), Condvar::new())));
    let ring = bell.clone();
    let sender = thread::spawn(move || {
        let mut next = 0;
        while next < MESSAGES {
            match first.sender.send(&[next; 7]) {
                Ok(wake) => {
                    next += 1;
                    if wake.needed() {
                        ring.signal();
                    }
                }
                Err(SendError::Full) => {
                    seen.full.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                }
                Err(SendError::Peer(fault)) => panic!("{fault}"),
            }
        }
    });
    let mut next = 0;
    while next < MESSAGES {
        match second.receiver.receive().unwrap() {
            Some(message) => {
                assert_eq!(message[0], next);
                next += 1;
            }
            None if !second_look => {
                second.receiver.arm_without_second_look();
                seen.sleeps.fetch_add(1, Ordering::Relaxed);
                bell.wait();
                second.receiver.disarm();
            }
            None if second.receiver.arm().unwrap() => {
                seen.sleeps.fetch_add(1, Ordering::Relaxed);
                bell.wait();
                second.receiver.disarm();
            }
            None => {
                seen.refusals.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    sender.join().unwrap();
}

static SEEN: Seen = Seen {
    runs: AtomicU64::new(0),
    sleeps: AtomicU64::new(0),
    refusals: AtomicU64::new(0),
    full: AtomicU64::new(0),
};

fn model(second_look: bool) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || execution(&SEEN, second_look));
}

#[test]
fn no_wake_up_is_lost() {
    model(true);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{} executions: {} sleeps, {} refused, {} times full",
        count(&SEEN.runs),
        count(&SEEN.sleeps),
        count(&SEEN.refusals),
        count(&SEEN.full)
    );
    assert!(count(&SEEN.sleeps) > 0 && count(&SEEN.refusals) > 0 && count(&SEEN.full) > 0);
}

#[test]
#[ignore = "must fail: run by the test below, in a process of its own because a failed model aborts"]
fn broken_twin() {
    model(false);
}

#[test]
fn without_the_second_look_a_wake_up_is_lost() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "broken_twin", "--nocapture"])
        .output()
        .unwrap();
    assert!(!output.status.success(), "the model accepts broken code");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("deadlock"), "{said}");
}
