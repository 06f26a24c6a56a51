//! What each candidate is made to do.

use std::hint::{black_box, spin_loop};

use crate::candidate::{BATCH, Candidate, Message, Receiver, Sender};
use crate::floor::{TRIPS, chunk_times};
use crate::pair::{self, Pair};
use crate::pin::Cores;

/// Batches of a stream in a chunk.
const STREAM_BATCHES: usize = 16;

/// Messages of a stream in a chunk.
pub const STREAM_MESSAGES: usize = STREAM_BATCHES * BATCH;

/// Batches there and back in a chunk.
const EXCHANGES: usize = 4;

/// One message there and one back; the unit is one round trip.
pub fn round_trip<C: Candidate>(cores: Cores, chunks: usize) -> Pair {
    let (mut requests, mut incoming) = C::ring();
    let (mut replies, mut answers) = C::ring();
    let timed = || {
        let mut number = 0;
        chunk_times(chunks, TRIPS, || {
            for _ in 0..TRIPS {
                number += 1;
                send(&mut requests, &C::Message::new(number));
                assert_eq!(receive(&mut answers).number(), number);
            }
        })
    };
    let peer = || {
        for _ in 0..chunks * TRIPS {
            let request = receive(&mut incoming);
            send(&mut replies, &request);
        }
    };
    let pair = pair::measure(cores, chunks, timed, peer);
    leave((requests, incoming, replies, answers));
    pair
}

/// A stream of batches in one direction; the unit is one message. The consumer is timed.
pub fn stream<C: Candidate>(cores: Cores, chunks: usize) -> Pair {
    let (mut sender, mut receiver) = C::ring();
    let timed = || {
        let mut into = [C::Message::new(0); BATCH];
        let mut number = 0;
        let mut ahead = 0;
        chunk_times(chunks, STREAM_MESSAGES, || {
            // A batch may be cut by the end of a chunk only in what the chunk before counted already.
            let mut left = STREAM_MESSAGES - ahead;
            ahead = loop {
                let count = receiver.receive_batch(&mut into);
                if count == 0 {
                    spin_loop();
                    continue;
                }
                number += 1;
                assert_eq!(into[0].number(), number);
                number += count as u64 - 1;
                black_box(&mut into);
                if count >= left {
                    break count - left;
                }
                left -= count;
            };
        })
    };
    let peer = || {
        let mut batch = [C::Message::new(0); BATCH];
        let mut number = 0;
        for _ in 0..chunks * STREAM_BATCHES {
            fill(&mut batch, &mut number);
            send_all(&mut sender, &batch);
        }
    };
    let pair = pair::measure(cores, chunks, timed, peer);
    leave((sender, receiver));
    pair
}

/// A stream of single messages in one direction; the unit is one message. The consumer is timed.
pub fn stream_singly<C: Candidate>(cores: Cores, chunks: usize) -> Pair {
    let (mut sender, mut receiver) = C::ring();
    let timed = || {
        let mut number = 0;
        chunk_times(chunks, STREAM_MESSAGES, || {
            for _ in 0..STREAM_MESSAGES {
                number += 1;
                let message = receive(&mut receiver);
                assert_eq!(message.number(), number);
                black_box(&message);
            }
        })
    };
    let peer = || {
        let mut message = C::Message::new(0);
        for number in 1..=(chunks * STREAM_MESSAGES) as u64 {
            message.set_number(number);
            send(&mut sender, &message);
        }
    };
    let pair = pair::measure(cores, chunks, timed, peer);
    leave((sender, receiver));
    pair
}

/// A batch of requests there and, when all of it has arrived, a batch of replies back; the unit is one request with its
/// reply.
pub fn exchange<C: Candidate>(cores: Cores, chunks: usize) -> Pair {
    let (mut requests, mut incoming) = C::ring();
    let (mut replies, mut answers) = C::ring();
    let timed = || {
        let mut batch = [C::Message::new(0); BATCH];
        let mut into = batch;
        let mut number = 0;
        chunk_times(chunks, EXCHANGES * BATCH, || {
            for _ in 0..EXCHANGES {
                fill(&mut batch, &mut number);
                send_all(&mut requests, &batch);
                receive_all(&mut answers, &mut into);
                assert_eq!(into[BATCH - 1].number(), number);
            }
        })
    };
    let peer = || {
        let mut batch = [C::Message::new(0); BATCH];
        for _ in 0..chunks * EXCHANGES {
            receive_all(&mut incoming, &mut batch);
            send_all(&mut replies, &batch);
        }
    };
    let pair = pair::measure(cores, chunks, timed, peer);
    leave((requests, incoming, replies, answers));
    pair
}

/// Leaves rings where they are, for good: the next ones lie elsewhere. How fast a line goes from core to core depends on its
/// address, so that rings which always got the same memory would be measured by its luck.
fn leave<T>(ends: T) {
    std::mem::forget(ends);
}

/// Numbers a batch.
#[inline]
pub fn fill<M: Message>(batch: &mut [M], number: &mut u64) {
    for message in batch.iter_mut() {
        *number += 1;
        message.set_number(*number);
    }
    black_box(batch);
}

#[inline]
fn send<M: Message>(sender: &mut impl Sender<M>, message: &M) {
    while !sender.send(message) {
        spin_loop();
    }
}

#[inline]
fn receive<M: Message>(receiver: &mut impl Receiver<M>) -> M {
    loop {
        if let Some(message) = receiver.receive() {
            return message;
        }
        spin_loop();
    }
}

#[inline]
fn send_all<M: Message>(sender: &mut impl Sender<M>, batch: &[M]) {
    let mut sent = 0;
    while sent < batch.len() {
        match sender.send_batch(&batch[sent..]) {
            0 => spin_loop(),
            count => sent += count,
        }
    }
}

#[inline]
fn receive_all<M: Message>(receiver: &mut impl Receiver<M>, batch: &mut [M]) {
    let mut received = 0;
    while received < batch.len() {
        match receiver.receive_batch(&mut batch[received..]) {
            0 => spin_loop(),
            count => received += count,
        }
    }
    black_box(batch);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::{
        Atoll, Crossbeam, Epoch, Gil, Heapless, Index, Ringbuf, Rtrb, RtrbChunks,
    };

    /// Every message arrives once and in order, through many laps and full rings.
    fn order<C: Candidate>() {
        const MESSAGES: u64 = 10_000;
        let (mut sender, mut receiver) = C::ring();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut number = 0;
                while number < MESSAGES {
                    let length = (number % BATCH as u64 + 1).min(MESSAGES - number) as usize;
                    let mut batch = [C::Message::new(0); BATCH];
                    fill(&mut batch[..length], &mut number);
                    send_all(&mut sender, &batch[..length]);
                }
            });
            let mut into = [C::Message::new(0); BATCH];
            let (mut received, mut wrong) = (0, 0);
            while received < MESSAGES {
                let count = receiver.receive_batch(&mut into);
                for message in &into[..count] {
                    received += 1;
                    wrong += u64::from(message.number() != received);
                }
                if count == 0 {
                    std::thread::yield_now();
                }
            }
            // Only now: the sender would wait for ever for a receiver that panicked.
            assert_eq!(wrong, 0, "{}", C::NAME);
            assert!(receiver.receive().is_none(), "{}", C::NAME);
        });
    }

    #[test]
    fn every_candidate_keeps_the_order() {
        order::<Atoll>();
        order::<Rtrb>();
        order::<RtrbChunks>();
        order::<Gil>();
        order::<Ringbuf>();
        order::<Crossbeam>();
        order::<Heapless>();
        order::<Epoch>();
        order::<Index>();
    }
}
