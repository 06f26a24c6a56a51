//! The thread that is the block driver.

use std::sync::atomic::{AtomicBool, Ordering};

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{MESSAGE_WORDS, Message, Payload};
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::Link;
use atoll_test_support::disk::Disk;

use crate::doorbell::Notification;
use crate::machine::FOREVER;
use crate::pool::Reached;
use crate::wiring::Line;

/// The life of a block driver: it transfers what it is asked for, and says so.
pub fn drive(
    mut disk: Disk,
    mut line: Line,
    mut pools: Reached,
    own: &Notification,
    over: &AtomicBool,
) {
    let mut messages: [Message; RING_SLOTS] = [[0; MESSAGE_WORDS]; RING_SLOTS];
    while !over.load(Ordering::SeqCst) {
        match line.receive(&mut messages) {
            Ok(0) => {
                if line.arm() {
                    own.wait(FOREVER);
                }
                line.disarm();
            }
            Ok(count) => {
                let calls = messages[..count].iter().map(Syscall::from_message);
                let answers: Vec<Completion> = calls
                    .map(|call| disk.carry_out(&call, &mut pools))
                    .collect();
                let sent = line.send(Completion::as_messages(&answers));
                assert_eq!(sent, Ok(count), "a call without a credit");
            }
            Err(error) => panic!("the service: {error:?}"),
        }
    }
}
