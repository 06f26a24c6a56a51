//! What both sides of a ring tell of it.
#![cfg(not(loom))]

mod common;

use atoll_channel::{BUCKETS, CAPACITY, Telemetry, Work};
use common::Window;

#[test]
fn both_sides_are_counted_and_either_can_be_asked() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    assert_eq!(first.sender.telemetry(), Telemetry::default());
    // A sleep that a message ends.
    assert_eq!(second.receiver.arm(), Ok(true));
    let (_, wake) = first.sender.send_batch(&[[1; 7]; 3]).unwrap();
    assert!(wake.needed());
    first.sender.note_doorbell();
    second.receiver.disarm();
    let mut batch = [[0; 7]; 8];
    assert_eq!(second.receiver.receive_batch(&mut batch), Ok(3));
    // A sleep that nothing ends but a stray wake-up, and one that a doorbell ends for nothing.
    assert_eq!(second.receiver.receive(), Ok(None));
    assert_eq!(second.receiver.arm(), Ok(true));
    second.receiver.disarm();
    assert_eq!(second.receiver.arm(), Ok(true));
    window.poke(atoll_channel::window::ASLEEP, 0);
    second.receiver.disarm();
    // A full ring.
    while first.sender.send(&[2; 7]).is_ok() {}
    while second.receiver.receive().unwrap().is_some() {}
    for ticks in [0, 1, 2, 3, 4, u64::MAX] {
        second.receiver.note_latency(ticks);
    }
    let told = second.receiver.telemetry();
    assert_eq!(told, first.sender.telemetry());
    let messages = 3 + CAPACITY as u64;
    assert_eq!((told.sent, told.received), (messages, messages));
    assert_eq!(told.bytes(), messages * 64);
    assert_eq!(told.batches, 1 + CAPACITY as u64);
    assert_eq!((told.doorbells, told.suppressed()), (1, CAPACITY as u64));
    assert_eq!((told.full_waits, told.poll_hits), (1, 2));
    assert_eq!((told.sleeps, told.spurious, told.stale), (3, 1, 0));
    let mut latency = [0; BUCKETS];
    latency[..3].copy_from_slice(&[2, 2, 1]);
    latency[BUCKETS - 1] = 1;
    assert_eq!(told.latency, latency);
    assert_eq!(
        second.sender.telemetry().sent,
        0,
        "the other direction is its own"
    );
}

#[test]
fn what_a_side_has_done_is_told_to_the_peer_and_to_those_who_watch() {
    let window = Window::new();
    let (first, second) = window.attach();
    let work = Work {
        ticks: 5,
        entries: 2,
        copied: 4096,
    };
    first.tell_work(&work);
    assert_eq!(second.peer_work(), work);
    assert_eq!(second.receiver.telemetry().work, work);
    assert_eq!(first.peer_work(), Work::default());
}

#[test]
fn answers_are_counted_by_how_long_they_took() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    // When each request was made; the answers come at 100, all of them.
    let asked = [99, 99, 84, 36, 99, 36];
    let messages = asked.map(|time| [time; 7]);
    let _ = first.sender.send_batch(&messages).unwrap();
    let clock = || 100;
    let count = second
        .receiver
        .receive_answers(4, clock, |[time]: [u64; 1], latencies| latencies.add(time));
    assert_eq!(count, Ok(4));
    // One that answers no request is not counted.
    let count = second
        .receiver
        .receive_answers(4, clock, |[time]: [u64; 1], latencies| {
            if time == 36 {
                latencies.add(time);
            }
        });
    assert_eq!(count, Ok(2));
    let mut latency = [0; BUCKETS];
    (latency[0], latency[4], latency[6]) = (2, 1, 2);
    assert_eq!(second.receiver.telemetry().latency, latency);
}
