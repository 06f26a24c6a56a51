//! What an endpoint notes of its messages.
#![cfg(not(loom))]

mod common;

use atoll_abi::message::{MESSAGE_WORDS, Message};
use atoll_abi::timeline::{Channel, Header, Kind, RECORD_WORDS, Record};
use atoll_channel::{CAPACITY, Doorbell};
use atoll_timeline::Recorder;
use common::Window;

const HEADER_WORDS: usize = size_of::<Header>() / 8;
const RECORDS: usize = 512;

/// What one writer notes.
struct Notes(Box<[u64]>);

impl Notes {
    fn new() -> Notes {
        Notes(vec![0; HEADER_WORDS + RECORDS * RECORD_WORDS].into())
    }

    fn recorder(&mut self) -> Recorder {
        let bytes = size_of_val(&*self.0) as u64;
        // SAFETY: the words live until the end of the test, which uses the recorder before, and one of it by one thread.
        unsafe { Recorder::attach(self.0.as_mut_ptr().cast(), bytes) }
    }

    /// What has been noted: kind, channel, first two words.
    fn all(&self) -> Vec<(Kind, u32, [u64; 2])> {
        // SAFETY: a recorder wrote the words through a pointer that was made of them.
        let word = |place: usize| unsafe { (&raw const self.0[place]).read_volatile() };
        (0..word(0))
            .map(|number| {
                let start = HEADER_WORDS + number as usize * RECORD_WORDS;
                let record = Record {
                    ticks: word(start),
                    what: word(start + 1),
                    first: word(start + 2),
                    second: word(start + 3),
                };
                let kind = record.kind(number).expect("it is the record of its number");
                (kind, record.channel(), [record.first, record.second])
            })
            .collect()
    }
}

struct Silent;

impl Doorbell for Silent {
    fn ring(&mut self) {}
}

fn message(number: u64) -> Message {
    core::array::from_fn(|word| number * MESSAGE_WORDS as u64 + word as u64)
}

fn beginning(number: u64) -> [u64; 2] {
    let message = message(number);
    [message[0], message[1]]
}

#[test]
fn each_message_is_noted_once_by_each_side_however_it_is_sent_and_taken() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let (mut sent, mut received) = (Notes::new(), Notes::new());
    let channel = Channel::Connection(5);
    first.note_with(sent.recorder().tap(channel));
    second.note_with(received.recorder().tap(channel));
    let mut next = 0;
    // Often enough for the ring to come round.
    for _ in 0..CAPACITY / 2 {
        let batch: Vec<Message> = (next..next + 3).map(message).collect();
        let (count, _) = first.sender.send_batch(&batch).unwrap();
        assert_eq!(count, 3);
        let _ = first.sender.send(&message(next + 3)).unwrap();
        let mut reversed = (next + 4..next + 6).rev();
        let _ = first
            .sender
            .send_reversed(2, || message(reversed.next().unwrap()))
            .unwrap();
        next += 6;
        let mut two = [[0; MESSAGE_WORDS]; 2];
        assert_eq!(second.receiver.receive_batch(&mut two), Ok(2));
        assert!(second.receiver.receive().unwrap().is_some());
        assert!(second.receiver.peek().unwrap().is_some());
        second.receiver.advance();
        let answers = second
            .receiver
            .receive_answers(8, || 0, |_: [u64; 1], _| {});
        assert_eq!(answers, Ok(2));
    }
    let expected = |kind| -> Vec<_> {
        let raw = channel.to_raw();
        (0..next)
            .map(|number| (kind, raw, beginning(number)))
            .collect()
    };
    assert_eq!(sent.all(), expected(Kind::Sent));
    assert_eq!(received.all(), expected(Kind::Received));
}

#[test]
fn a_doorbell_is_noted_and_what_was_staged_and_not_sent_is_not() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let mut sent = Notes::new();
    let channel = Channel::Vcore(3);
    first.note_with(sent.recorder().tap(channel));
    drop(first.sender.stage(&[message(1), message(2)]).unwrap());
    assert_eq!(second.receiver.arm(), Ok(true));
    let wake = first.sender.send(&message(7)).unwrap();
    first.sender.wake(wake, &mut Silent);
    let raw = channel.to_raw();
    assert_eq!(
        sent.all(),
        [(Kind::Sent, raw, beginning(7)), (Kind::Rang, raw, [0, 0])]
    );
}
