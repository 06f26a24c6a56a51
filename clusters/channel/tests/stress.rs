//! Two threads, sleep and wake: no message and no wake-up is lost.
#![cfg(not(loom))]

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use atoll_channel::{Endpoint, SendError};
use common::Window;

const MESSAGES: u64 = 1_000_000;

/// A receiver that blocks longer than this has lost its wake-up: its sender never waits that long.
const LOST: Duration = Duration::from_secs(20);

/// A doorbell that remembers a ring, as a notification does.
fn doorbell() -> (mpsc::SyncSender<()>, mpsc::Receiver<()>) {
    mpsc::sync_channel(1)
}

fn produce(endpoint: &mut Endpoint, bell: &mpsc::SyncSender<()>, batch: u64) {
    let mut next = 0;
    while next < MESSAGES {
        let messages: Vec<_> = (next..(next + batch).min(MESSAGES))
            .map(|number| [number, 0, 0, 0, 0, 0, !number])
            .collect();
        match endpoint.sender.send_batch(&messages) {
            Ok((count, wake)) => {
                next += count as u64;
                if wake.needed() {
                    endpoint.sender.note_doorbell();
                    // A ring that is already pending is enough.
                    let _ = bell.try_send(());
                }
            }
            Err(SendError::Full) => thread::yield_now(),
            Err(SendError::Peer(fault)) => panic!("{fault}"),
        }
        if next % 4096 < batch {
            thread::sleep(Duration::from_micros(20));
        }
    }
}

fn consume(endpoint: &mut Endpoint, bell: &mpsc::Receiver<()>) -> (u64, u64) {
    let (mut next, mut arms, mut sleeps) = (0, 0, 0);
    while next < MESSAGES {
        if let Some(message) = endpoint.receiver.receive().unwrap() {
            assert_eq!((message[0], message[6]), (next, !next));
            next += 1;
            continue;
        }
        arms += 1;
        if endpoint.receiver.arm().unwrap() {
            sleeps += 1;
            bell.recv_timeout(LOST).expect("a wake-up was lost");
            endpoint.receiver.disarm();
        }
    }
    (arms, sleeps)
}

fn run(batch: u64) {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let (ring, wait) = doorbell();
    let ((arms, sleeps), told) = thread::scope(|scope| {
        scope.spawn(|| produce(&mut first, &ring, batch));
        scope
            .spawn(move || {
                (
                    consume(&mut second, &wait),
                    second.receiver.telemetry().doorbells,
                )
            })
            .join()
            .unwrap()
    });
    assert_eq!(first.sender.sent(), MESSAGES);
    println!(
        "batch {batch}: {MESSAGES} messages, {arms} arms, {sleeps} sleeps, {} doorbells, none lost",
        first.sender.doorbells()
    );
    assert!(sleeps > 0, "the interesting case was not met");
    assert!(first.sender.doorbells() <= arms);
    assert_eq!(told, first.sender.doorbells());
}

#[test]
fn no_wake_up_is_lost_with_single_messages() {
    run(1);
}

#[test]
fn no_wake_up_is_lost_with_batches() {
    run(24);
}
