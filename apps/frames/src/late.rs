//! A frame that is given for a time, to a process that does not give it back.

use core::time::Duration;

use atoll_runtime::{Frame, println, sleep};

use crate::message::{self, Kind};
use crate::{must, partner, rounds, wrong};

/// For how long it is given.
const LEASE: Duration = Duration::from_millis(50);

/// How long it is kept.
const KEPT: Duration = Duration::from_millis(200);

/// Gives a frame for a time, and has it again when that is over.
pub fn give(pair: &str) {
    let mut frame = must("a frame", Frame::acquire());
    let number = frame.number();
    message::write(&mut frame, Kind::Lent, 0);
    if let Err(refused) = frame.give(partner("late", pair), Some(LEASE)) {
        wrong("nothing is given for a time", refused.status);
    }
    let back = rounds::all_but(number);
    println!("frame {} is back", back.number());
}

/// Keeps a frame longer than it was given for, and looks at it: the process ends there.
pub fn keep() {
    let frame = must("a frame that is given", Frame::receive());
    if frame.lease() != Some(LEASE) {
        wrong("it was given for another time", frame.lease());
    }
    println!("has frame {}, for a time", frame.number());
    must("time passes", sleep(KEPT).wait());
    let first = frame.bytes().first();
    wrong("the frame could be read when its time was over", first);
}
