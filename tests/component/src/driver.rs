//! The thread that is the block driver.

use std::sync::atomic::{AtomicBool, Ordering};

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{MESSAGE_WORDS, Message, Payload};
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::Link;

use crate::disk::{Disk, WORDS};
use crate::doorbell::Notification;
use crate::machine::FOREVER;
use crate::pool::Pool;
use crate::wiring::Line;

/// The life of a block driver: it writes each block that it is asked for, and says so.
pub fn drive(disk: &Disk, mut line: Line, pools: &[Pool], own: &Notification, over: &AtomicBool) {
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
                let answers: Vec<Completion> =
                    calls.map(|call| transfer(disk, pools, &call)).collect();
                let sent = line.send(Completion::as_messages(&answers));
                assert_eq!(sent, Ok(count), "a call without a credit");
            }
            Err(error) => panic!("the service: {error:?}"),
        }
    }
}

fn transfer(disk: &Disk, pools: &[Pool], call: &Syscall) -> Completion {
    let answer = disk.answer(call);
    if let Ok(read) = disk.asked(call) {
        let first = read.sector as usize * WORDS / 8;
        for word in 0..read.sectors as usize * WORDS / 8 {
            let (block, place) = ((first + word) / WORDS, (first + word) % WORDS);
            let value = disk.word(block as u64, place);
            pools[read.pool as usize].write(call.block, word, value);
        }
    }
    answer
}
