//! How many doorbells are rung.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::Ordering;
use std::thread;

use atoll_channel::{Endpoint, SendError};

use crate::blocking::Event;
use crate::candidate::{BATCH, Payload, Window};
use crate::pin::{Cores, pin};
use crate::work::fill;

/// Messages are streamed in batches to a consumer that polls so often before it blocks; tells doorbells for a million
/// messages.
pub fn saturated(cores: Cores, messages: u64, polls: u64) -> f64 {
    let (_window, mut first, mut second) = Window::attach();
    let event = Event::new();
    pin(cores[0]);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(cores[1]);
            consume(&mut second, &event, messages, polls);
        });
        let mut batch = [Payload::default(); BATCH];
        let mut number = 0;
        while number < messages {
            let length = (messages - number).min(BATCH as u64) as usize;
            fill(&mut batch[..length], &mut number);
            send(&mut first, &event, &batch[..length]);
        }
    });
    first.sender.doorbells() as f64 * 1e6 / messages as f64
}

/// A burst is sent whenever the consumer sleeps; tells doorbells for each burst.
pub fn idle(cores: Cores, bursts: u64) -> f64 {
    let (window, mut first, mut second) = Window::attach();
    let event = Event::new();
    pin(cores[0]);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(cores[1]);
            consume(&mut second, &event, bursts * BATCH as u64, 0);
        });
        let mut batch = [Payload::default(); BATCH];
        let mut number = 0;
        for _ in 0..bursts {
            while window.asleep().load(Ordering::Acquire) == 0 {
                spin_loop();
            }
            fill(&mut batch, &mut number);
            send(&mut first, &event, &batch);
        }
    });
    first.sender.doorbells() as f64 / bursts as f64
}

fn send(endpoint: &mut Endpoint, event: &Event, batch: &[Payload]) {
    let mut sent = 0;
    while sent < batch.len() {
        match endpoint.sender.send_batch(&batch[sent..]) {
            Ok((count, wake)) => {
                sent += count;
                endpoint.sender.wake(wake, &mut &*event);
            }
            Err(SendError::Full) => spin_loop(),
            Err(SendError::Peer(fault)) => panic!("{fault}"),
        }
    }
}

fn consume(endpoint: &mut Endpoint, event: &Event, messages: u64, polls: u64) {
    let receiver = &mut endpoint.receiver;
    let mut into = [Payload::default(); BATCH];
    let (mut received, mut empty) = (0, 0);
    while received < messages {
        match receiver.receive_batch(&mut into) {
            Ok(0) if empty < polls => {
                empty += 1;
                spin_loop();
            }
            Ok(0) => {
                empty = 0;
                if receiver.arm().expect("the peer is honest") {
                    event.wait();
                    receiver.disarm();
                }
            }
            Ok(count) => {
                empty = 0;
                received += count as u64;
                black_box(&mut into);
            }
            Err(fault) => panic!("{fault}"),
        }
    }
}
