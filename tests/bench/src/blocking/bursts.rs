//! Bursts to a consumer that polls before it blocks, and what each costs in CPU time and latency.

use std::hint::spin_loop;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use atoll_channel::SendError;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::Event;
use crate::candidate::Window;
use crate::pin::{Cores, pin};

/// What one burst cost, all in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// CPU time of the consumer from the burst before on, and of the producer to ring.
    pub cpu: f64,
    /// From the send to the receipt.
    pub latency: f64,
    /// Whether the consumer blocked.
    pub slept: bool,
}

impl Cost {
    /// A nanosecond of CPU time weighs as much as one of latency.
    pub fn total(&self) -> f64 {
        self.cpu + self.latency
    }
}

/// Sends one message after each gap to a consumer that polls so often, then blocks; tells what each cost.
pub fn bursts(cores: Cores, gaps: &[u64], polls: u64) -> Vec<Cost> {
    let (_window, mut first, mut second) = Window::attach();
    let event = Event::new();
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as u64;
    pin(cores[0]);
    // A consumer that is not there yet would find the first bursts waiting.
    let there = Barrier::new(2);
    thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            pin(cores[1]);
            there.wait();
            let mut before = cpu_time();
            let mut received = Vec::with_capacity(gaps.len());
            for _ in gaps {
                let (sent, slept) = receive(&mut second.receiver, &event, polls);
                let latency = now() - sent;
                let cpu = cpu_time();
                received.push(Cost {
                    cpu: (cpu - before) as f64,
                    latency: latency as f64,
                    slept,
                });
                before = cpu;
            }
            received
        });
        there.wait();
        let mut due = now();
        let rung: Vec<u64> = gaps
            .iter()
            .map(|gap| {
                due = due.max(now()) + gap;
                while now() < due {
                    spin_loop();
                }
                send(&mut first.sender, &event, now)
            })
            .collect();
        let mut costs = consumer.join().expect("the consumer does not panic");
        for (cost, rung) in costs.iter_mut().zip(rung) {
            cost.cpu += rung as f64;
        }
        costs
    })
}

/// Receives a message; tells what it holds and whether the receiver blocked.
fn receive(receiver: &mut atoll_channel::Receiver, event: &Event, polls: u64) -> (u64, bool) {
    let (mut empty, mut slept) = (0, false);
    loop {
        if let Some(message) = receiver.receive().expect("the peer is honest") {
            return (message[0], slept);
        }
        if empty < polls {
            empty += 1;
            spin_loop();
        } else {
            empty = 0;
            if receiver.arm().expect("the peer is honest") {
                slept = true;
                event.wait();
                receiver.disarm();
            }
        }
    }
}

/// Sends the time; tells how long it took to ring, where that was needed.
fn send(sender: &mut atoll_channel::Sender, event: &Event, now: impl Fn() -> u64) -> u64 {
    let sent = now();
    loop {
        match sender.send(&[sent; 7]) {
            Ok(wake) if wake.needed() => {
                sender.wake(wake, &mut &*event);
                return now() - sent;
            }
            Ok(_) => return 0,
            // The consumer was kept from running for a long while.
            Err(SendError::Full) => spin_loop(),
            Err(SendError::Peer(fault)) => panic!("{fault}"),
        }
    }
}

/// CPU time of this thread in nanoseconds.
fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
