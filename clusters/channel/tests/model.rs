//! The ring and its sleep protocol under loom: every interleaving (within the preemption bound) of a sender and a receiver
//! that arms, looks again, and blocks. Run with
//! `RUSTFLAGS="--cfg loom" cargo test --release -p atoll-channel --test model`.
//!
//! Its broken twins are the package's features `planted-no-recheck` and `planted-relaxed-publish`: with either of them the
//! model must fail, and `cargo xtask test` sees to it that it does.
#![cfg(loom)]

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};

use atoll_channel::{Endpoint, Latencies, SendError, Wake};
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

/// How messages are written and read.
#[derive(Clone, Copy)]
enum Way {
    /// From and into memory of the caller's.
    Copied,
    /// From the last to the first as they are made, and where they are.
    InPlace,
}

fn send(first: &mut Endpoint, next: u64, last: u64, way: Way) -> Result<(u64, Wake), SendError> {
    match way {
        Way::Copied => {
            let messages: Vec<_> = (next..last).map(|number| [number; 7]).collect();
            let (count, wake) = first.sender.send_batch(&messages)?;
            Ok((count as u64, wake))
        }
        Way::InPlace => {
            let mut numbers = (next..last).rev();
            let make = || [numbers.next().expect("it is asked for each once"); 7];
            let wake = first.sender.send_reversed((last - next) as usize, make)?;
            Ok((last - next, wake))
        }
    }
}

/// Takes what there is, and tells whether there was anything.
fn receive(second: &mut Endpoint, next: &mut u64, way: Way) -> bool {
    let before = *next;
    // Under loom a slot has one word.
    let mut take = |[number]: [u64; 1]| {
        assert_eq!(number, *next, "a message is read as it was written");
        *next += 1;
    };
    match way {
        Way::Copied => {
            if let Some([number, ..]) = second.receiver.receive().unwrap() {
                take([number]);
            }
        }
        Way::InPlace => {
            let each = |words, _: &mut Latencies<'_>| take(words);
            second.receiver.receive_answers(2, || 0, each).unwrap();
        }
    }
    *next > before
}

/// One execution: a sender of three messages, in batches of at most `batch`, through a ring of two slots, and a receiver
/// that sleeps when it may.
///
/// A lost wake-up is a deadlock, which loom reports with a panic in the thread that sleeps. While that one unwinds, loom
/// has no current thread, and what is dropped then panics again and ends the test program before it can say which test
/// failed: what the receiver's thread holds is dropped only where the execution ends well.
fn execution(seen: &'static Seen, batch: u64, way: Way) {
    seen.runs.fetch_add(1, Ordering::Relaxed);
    let (first, second) = Endpoint::pair();
    let bell = Notification(Arc::new((Mutex::new(false), Condvar::new())));
    let ring = bell.clone();
    let sender = thread::spawn(move || {
        // All of it, not only the half that is used, so that nothing of it stays with the receiver's thread.
        let mut first = first;
        let mut next = 0;
        while next < MESSAGES {
            let last = (next + batch).min(MESSAGES);
            match send(&mut first, next, last, way) {
                Ok((count, wake)) => {
                    next += count;
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
    let bell = ManuallyDrop::new(bell);
    let mut second = ManuallyDrop::new(second);
    let mut next = 0;
    while next < MESSAGES {
        if receive(&mut second, &mut next, way) {
            continue;
        }
        if second.receiver.arm().unwrap() {
            seen.sleeps.fetch_add(1, Ordering::Relaxed);
            bell.wait();
            second.receiver.disarm();
        } else {
            seen.refusals.fetch_add(1, Ordering::Relaxed);
        }
    }
    sender.join().unwrap();
    ManuallyDrop::into_inner(bell);
    ManuallyDrop::into_inner(second);
}

impl Seen {
    const fn nothing() -> Seen {
        Seen {
            runs: AtomicU64::new(0),
            sleeps: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            full: AtomicU64::new(0),
        }
    }

    fn check(&'static self, batch: u64, way: Way) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || execution(self, batch, way));
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "batches of {batch}: {} executions, {} sleeps, {} refused, {} times full",
            count(&self.runs),
            count(&self.sleeps),
            count(&self.refusals),
            count(&self.full)
        );
        assert!(count(&self.sleeps) > 0 && count(&self.refusals) > 0 && count(&self.full) > 0);
    }
}

#[test]
fn no_wake_up_is_lost() {
    static SEEN: Seen = Seen::nothing();
    SEEN.check(1, Way::Copied);
}

#[test]
fn a_batch_is_seen_whole() {
    static SEEN: Seen = Seen::nothing();
    SEEN.check(2, Way::Copied);
}

#[test]
fn a_batch_that_is_written_and_read_in_place_is_seen_whole() {
    static SEEN: Seen = Seen::nothing();
    SEEN.check(2, Way::InPlace);
}
