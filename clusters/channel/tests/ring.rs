//! Order, laps, full rings, batches, sleeping.
#![cfg(not(loom))]

mod common;

use atoll_abi::message::Message;
use atoll_channel::{CAPACITY, Doorbell, Receiver, SendError, Wake};
use common::Window;

fn message(number: u64) -> Message {
    [number, !number, number * 3, 0, 1, u64::MAX, number ^ 7]
}

#[test]
fn messages_arrive_in_order_over_many_laps_in_both_directions() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    for number in 0..10 * CAPACITY as u64 {
        let _ = first.sender.send(&message(number)).unwrap();
        let _ = second.sender.send(&message(number + 1)).unwrap();
        assert_eq!(second.receiver.receive(), Ok(Some(message(number))));
        assert_eq!(first.receiver.receive(), Ok(Some(message(number + 1))));
        assert_eq!(first.receiver.receive(), Ok(None));
    }
    assert_eq!(first.sender.sent(), 10 * CAPACITY as u64);
    assert_eq!(second.receiver.received(), 10 * CAPACITY as u64);
    assert_eq!(second.receiver.telemetry().sent, 10 * CAPACITY as u64);
}

#[test]
fn a_full_ring_refuses_and_then_accepts_one_for_one() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    for number in 0..CAPACITY as u64 {
        assert_eq!(first.sender.free(), Ok(CAPACITY - number as usize));
        let _ = first.sender.send(&message(number)).unwrap();
    }
    assert_eq!(first.sender.send(&message(0)), Err(SendError::Full));
    for number in 0..3 * CAPACITY as u64 {
        assert_eq!(second.receiver.receive(), Ok(Some(message(number))));
        let _ = first
            .sender
            .send(&message(number + CAPACITY as u64))
            .unwrap();
        assert_eq!(first.sender.send(&message(0)), Err(SendError::Full));
    }
}

/// Takes answers in place, and gives the first word of each.
fn answers(receiver: &mut Receiver, most: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    let count = receiver.receive_answers(
        most,
        || 0,
        |words: [u64; 7], _| {
            assert_eq!(words, message(words[0]));
            numbers.push(words[0]);
        },
    );
    assert_eq!(count, Ok(numbers.len()));
    numbers
}

#[test]
fn what_is_written_from_the_last_to_the_first_is_read_from_the_first_to_the_last() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let mut sent = 0;
    for count in (1..=CAPACITY).chain([1, CAPACITY, 2]) {
        let mut numbers = (sent..sent + count as u64).rev();
        let next = || message(numbers.next().expect("each is asked for once"));
        assert_eq!(
            first.sender.send_reversed(count, next),
            Ok(Wake::NOT_NEEDED)
        );
        let most = CAPACITY / 2 + 1;
        let mut received = answers(&mut second.receiver, most);
        assert_eq!(received.len(), count.min(most));
        received.extend(answers(&mut second.receiver, CAPACITY));
        assert!(received.into_iter().eq(sent..sent + count as u64));
        sent += count as u64;
    }
    assert_eq!(second.receiver.telemetry().sent, sent);
}

#[test]
fn a_batch_that_does_not_fit_whole_is_not_asked_for() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let _ = first.sender.send(&message(0)).unwrap();
    let never = || panic!("it is not sent");
    let refused = first.sender.send_reversed(CAPACITY, never);
    assert_eq!(refused, Err(SendError::Full));
    let _ = first.sender.send_reversed(1, || message(1)).unwrap();
    assert_eq!(answers(&mut second.receiver, CAPACITY), [0, 1]);
}

#[test]
fn a_batch_is_cut_to_the_free_slots_and_rings_once() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let messages: Vec<Message> = (0..CAPACITY as u64 + 9).map(message).collect();
    assert_eq!(
        first.sender.send_batch(&[]),
        Ok((0, Wake::NOT_NEEDED)),
        "an empty batch is no error"
    );
    assert_eq!(second.receiver.arm(), Ok(true));
    let (count, wake) = first.sender.send_batch(&messages).unwrap();
    assert_eq!(count, CAPACITY);
    assert!(wake.needed());
    assert_eq!(first.sender.send_batch(&messages), Err(SendError::Full));
    for number in 0..10 {
        assert_eq!(second.receiver.receive(), Ok(Some(message(number))));
    }
    let (count, wake) = first.sender.send_batch(&messages[CAPACITY..]).unwrap();
    assert_eq!((count, wake.needed()), (9, false));
    for number in 10..CAPACITY as u64 + 9 {
        assert_eq!(second.receiver.receive(), Ok(Some(message(number))));
    }
    assert_eq!(second.receiver.receive(), Ok(None));
}

#[test]
fn one_doorbell_for_each_sleep() {
    struct Count(u64);
    impl Doorbell for Count {
        fn ring(&mut self) {
            self.0 += 1;
        }
    }
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let mut bell = Count(0);
    for sleep in 1..=3 {
        assert_eq!(second.receiver.arm(), Ok(true));
        for _ in 0..5 {
            let wake = first.sender.send(&message(0)).unwrap();
            first.sender.wake(wake, &mut bell);
        }
        assert_eq!(
            second.receiver.arm(),
            Ok(false),
            "messages are there: it may not block"
        );
        let wake = first.sender.send(&message(0)).unwrap();
        assert!(!wake.needed(), "a refused arm is disarmed");
        while second.receiver.receive().unwrap().is_some() {}
        assert_eq!(bell.0, sleep);
        assert_eq!(first.sender.doorbells(), sleep);
        assert_eq!(second.receiver.telemetry().doorbells, sleep);
    }
    assert_eq!(second.receiver.arm(), Ok(true));
    second.receiver.disarm();
    assert!(!first.sender.send(&message(0)).unwrap().needed());
}
