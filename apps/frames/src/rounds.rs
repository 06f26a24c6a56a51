//! Frames that go to another process and come back.

use alloc::vec::Vec;
use core::time::Duration;

use atoll_runtime::{Frame, Status, kernel_entries, println};

use crate::message::{self, Kind};
use crate::{must, partner, wrong};

/// Rounds of a giver.
const ROUNDS: u64 = 200;

/// Gives a frame with a question, and finds the answer in it when it is back.
pub fn give(pair: &str) {
    let taker = partner("taker", pair);
    let mut moved = 0;
    for round in 0..ROUNDS {
        let mut frame = must("a frame", Frame::acquire());
        let number = frame.number();
        message::write(&mut frame, Kind::Question, round);
        if let Err(refused) = frame.give(taker, None) {
            wrong("the taker is given nothing", refused.status);
        }
        // All others are kept meanwhile, so that it is the same one that comes back.
        let back = all_but(number);
        if !message::holds(&back, Kind::Answer, round) {
            wrong("no answer came back in round", round);
        }
        moved += 1;
    }
    println!(r#"result {{"rounds":{moved}}}"#);
}

/// Waits for one particular frame of this process's own; what comes before it is given back afterwards.
pub fn all_but(number: u32) -> Frame {
    let mut others = alloc::vec::Vec::new();
    loop {
        let frame = must("a frame comes back", Frame::acquire());
        if frame.number() == number {
            return frame;
        }
        others.push(frame);
    }
}

/// Tells a partner that there are no more rounds.
pub fn end(part: &str, pair: &str) {
    let mut frame = must("a frame", Frame::acquire());
    message::write(&mut frame, Kind::End, 0);
    if let Err(refused) = frame.give(partner(part, pair), None) {
        wrong("the partner does not learn of the end", refused.status);
    }
}

/// Whether a frame says that there are no more rounds.
pub fn is_end(frame: &Frame) -> bool {
    message::holds(frame, Kind::End, 0)
}

/// Waits until a partner runs no more: it can be given nothing then.
fn await_end_of(part: &str, pair: &str) {
    let partner = partner(part, pair);
    loop {
        let frame = must("a frame of its own", Frame::acquire());
        match frame.give(partner, Some(Duration::from_millis(1))) {
            Err(refused) if refused.status == Status::PeerLost => return,
            Err(refused) => wrong("a partner is given nothing", refused.status),
            Ok(()) => {}
        }
    }
}

/// Answers the questions of a giver until that ends; keeps the frame of a probe, which has to come too, until the probe has ended.
pub fn take(pair: &str) {
    let (mut rounds, mut strange, mut ended) = (0, Vec::new(), false);
    while !ended || strange.is_empty() {
        let mut frame = must("a frame that is given", Frame::receive());
        if message::holds(&frame, Kind::Question, rounds) {
            message::write(&mut frame, Kind::Answer, rounds);
            rounds += 1;
        } else if is_end(&frame) {
            ended = true;
        } else {
            // Of the probe, which finds that it does not reach it any more.
            strange.push(frame);
        }
    }
    await_end_of("probe-frame", pair);
    let strange = strange.len();
    let entries = kernel_entries();
    println!(r#"result {{"rounds":{rounds},"strange":{strange},"entries":{entries}}}"#);
}
