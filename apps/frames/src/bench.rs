//! What a frame takes that goes to another process and comes back, and what copying takes, in a machine that counts instructions.

use core::hint::{black_box, spin_loop};

use atoll_runtime::guest::{server_info, timestamp};
use atoll_runtime::{FRAME_SIZE, Frame, kernel_entries, println};

use crate::{must, partner, rounds, wrong};

/// Times that a frame goes and comes back.
const ROUNDS: u64 = 64;

/// Times that each size is copied.
const COPIES: u64 = 8;

/// Sizes that are copied, in bytes.
const SIZES: [usize; 6] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, FRAME_SIZE];

/// Ticks after which the server has told what it counted.
const REST: u64 = 2_000_000;

/// Measures both, and ends the partner.
pub fn measure(pair: &str) {
    let (passes, elapsed, entries) = hand_over(pair);
    println!(
        r#"result {{"what":"hand-over","bytes":{FRAME_SIZE},"passes":{passes},"elapsed":{elapsed},"entries":{entries}}}"#
    );
    for bytes in SIZES {
        let elapsed = copy(bytes);
        println!(
            r#"result {{"what":"copy","bytes":{bytes},"passes":{COPIES},"elapsed":{elapsed},"entries":0}}"#
        );
    }
    rounds::end("echo", pair);
}

/// Gives a frame, and has it again. How often, and instructions and kernel entries of all for that.
fn hand_over(pair: &str) -> (u64, u64, u64) {
    let echo = partner("echo", pair);
    let round = || {
        let frame = must("a frame", Frame::acquire());
        let number = frame.number();
        if let Err(refused) = frame.give(echo, None) {
            wrong("nothing is given", refused.status);
        }
        let back = rounds::all_but(number);
        // How often the partner has entered the kernel.
        back.bytes()
            .first_chunk()
            .map_or(0, |told| u64::from_le_bytes(*told))
    };
    // Everybody has met everybody then.
    let partner_before = round();
    rest();
    let before = (server_info().kernel_entries, kernel_entries(), timestamp());
    let partner_after = (0..ROUNDS).fold(0, |_, _| round());
    let (own, end) = (kernel_entries(), timestamp());
    rest();
    let server = server_info().kernel_entries;
    let entries = (server - before.0) + (own - before.1) + (partner_after - partner_before);
    (ROUNDS, end - before.2, entries)
}

fn rest() {
    let until = timestamp() + REST;
    while timestamp() < until {
        spin_loop();
    }
}

/// Copies into memory that another one could have, and out of it.
fn copy(bytes: usize) -> u64 {
    let [own, mut shared, mut other] = [(); 3].map(|()| must("a frame", Frame::acquire()));
    let begin = timestamp();
    for _ in 0..COPIES {
        shared.bytes_mut()[..bytes].copy_from_slice(&own.bytes()[..bytes]);
        black_box(&mut shared);
        other.bytes_mut()[..bytes].copy_from_slice(&shared.bytes()[..bytes]);
        black_box(&mut other);
    }
    timestamp() - begin
}

/// Gives each frame back at once, and tells in it how often this process has entered the kernel.
pub fn answer() {
    loop {
        let mut frame = must("a frame that is given", Frame::receive());
        if rounds::is_end(&frame) {
            return;
        }
        if let Some(first) = frame.bytes_mut().first_chunk_mut() {
            *first = kernel_entries().to_le_bytes();
        }
    }
}
