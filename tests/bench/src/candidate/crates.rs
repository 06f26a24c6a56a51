//! The crates that Atoll's channel is compared with, each by the interface that suits it best.

use std::mem::MaybeUninit;
use std::num::NonZeroUsize;

use ringbuf::traits::{Consumer as _, Producer as _, Split as _};

use super::{Candidate, Line, Receiver, SLOTS, Sender};

/// Sends one by one as many as there is room for.
#[inline(always)]
fn one_by_one(messages: &[Line], mut send: impl FnMut(&Line) -> bool) -> usize {
    messages.iter().take_while(|message| send(message)).count()
}

/// Receives one by one as many as there are.
#[inline(always)]
fn each(into: &mut [Line], mut receive: impl FnMut() -> Option<Line>) -> usize {
    for (count, place) in into.iter_mut().enumerate() {
        match receive() {
            Some(message) => *place = message,
            None => return count,
        }
    }
    into.len()
}

/// `rtrb`, message by message.
pub struct Rtrb;

impl Candidate for Rtrb {
    const NAME: &'static str = "rtrb";
    type Message = Line;
    type Sender = rtrb::Producer<Line>;
    type Receiver = rtrb::Consumer<Line>;

    fn ring() -> (Self::Sender, Self::Receiver) {
        rtrb::RingBuffer::new(SLOTS)
    }
}

impl Sender<Line> for rtrb::Producer<Line> {
    #[inline(always)]
    fn send(&mut self, message: &Line) -> bool {
        self.push(*message).is_ok()
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Line]) -> usize {
        one_by_one(messages, |message| self.push(*message).is_ok())
    }
}

impl Receiver<Line> for rtrb::Consumer<Line> {
    #[inline(always)]
    fn receive(&mut self) -> Option<Line> {
        self.pop().ok()
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Line]) -> usize {
        each(into, || self.pop().ok())
    }
}

/// `rtrb` by its chunk interface.
pub struct RtrbChunks;

/// The producer's end.
pub struct ChunkSender(rtrb::Producer<Line>);

/// The consumer's end.
pub struct ChunkReceiver(rtrb::Consumer<Line>);

impl Candidate for RtrbChunks {
    const NAME: &'static str = "rtrb, chunks";
    type Message = Line;
    type Sender = ChunkSender;
    type Receiver = ChunkReceiver;

    fn ring() -> (Self::Sender, Self::Receiver) {
        let (producer, consumer) = rtrb::RingBuffer::new(SLOTS);
        (ChunkSender(producer), ChunkReceiver(consumer))
    }
}

impl Sender<Line> for ChunkSender {
    #[inline(always)]
    fn send(&mut self, message: &Line) -> bool {
        self.0
            .push_entire_slice(std::slice::from_ref(message))
            .is_ok()
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Line]) -> usize {
        match self.0.push_entire_slice(messages) {
            Ok(()) => messages.len(),
            Err(_) => 0,
        }
    }
}

impl Receiver<Line> for ChunkReceiver {
    #[inline(always)]
    fn receive(&mut self) -> Option<Line> {
        let mut message = [Line::default()];
        self.0.pop_entire_slice(&mut message).ok()?;
        Some(message[0])
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Line]) -> usize {
        self.0.pop_partial_slice(into).0.len()
    }
}

/// `gil`'s channel with one producer and one consumer; batches by its buffers.
pub struct Gil;

impl Candidate for Gil {
    const NAME: &'static str = "gil";
    type Message = Line;
    type Sender = gil::spsc::Sender<Line>;
    type Receiver = gil::spsc::Receiver<Line>;

    fn ring() -> (Self::Sender, Self::Receiver) {
        gil::spsc::channel(NonZeroUsize::new(SLOTS).expect("there are slots"))
    }
}

impl Sender<Line> for gil::spsc::Sender<Line> {
    #[inline(always)]
    fn send(&mut self, message: &Line) -> bool {
        self.try_send(*message).is_ok()
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Line]) -> usize {
        let room = self.write_buffer();
        let count = room.len().min(messages.len());
        for (place, message) in room.iter_mut().zip(messages) {
            *place = MaybeUninit::new(*message);
        }
        // SAFETY: so many places of the buffer were written just now.
        unsafe { self.commit(count) };
        count
    }
}

impl Receiver<Line> for gil::spsc::Receiver<Line> {
    #[inline(always)]
    fn receive(&mut self) -> Option<Line> {
        self.try_recv()
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Line]) -> usize {
        let mut guard = self.read_guard();
        let count = guard.len().min(into.len());
        into[..count].copy_from_slice(&guard.as_slice()[..count]);
        guard.advance(count);
        count
    }
}

/// `ringbuf` on the heap; batches by slices.
pub struct Ringbuf;

impl Candidate for Ringbuf {
    const NAME: &'static str = "ringbuf";
    type Message = Line;
    type Sender = ringbuf::HeapProd<Line>;
    type Receiver = ringbuf::HeapCons<Line>;

    fn ring() -> (Self::Sender, Self::Receiver) {
        ringbuf::HeapRb::new(SLOTS).split()
    }
}

impl Sender<Line> for ringbuf::HeapProd<Line> {
    #[inline(always)]
    fn send(&mut self, message: &Line) -> bool {
        self.try_push(*message).is_ok()
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Line]) -> usize {
        self.push_slice(messages)
    }
}

impl Receiver<Line> for ringbuf::HeapCons<Line> {
    #[inline(always)]
    fn receive(&mut self) -> Option<Line> {
        self.try_pop()
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Line]) -> usize {
        self.pop_slice(into)
    }
}

/// `crossbeam-channel`, bounded; it has no batches.
pub struct Crossbeam;

impl Candidate for Crossbeam {
    const NAME: &'static str = "crossbeam-channel";
    type Message = Line;
    type Sender = crossbeam_channel::Sender<Line>;
    type Receiver = crossbeam_channel::Receiver<Line>;

    fn ring() -> (Self::Sender, Self::Receiver) {
        crossbeam_channel::bounded(SLOTS)
    }
}

impl Sender<Line> for crossbeam_channel::Sender<Line> {
    #[inline(always)]
    fn send(&mut self, message: &Line) -> bool {
        self.try_send(*message).is_ok()
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Line]) -> usize {
        one_by_one(messages, |message| self.try_send(*message).is_ok())
    }
}

impl Receiver<Line> for crossbeam_channel::Receiver<Line> {
    #[inline(always)]
    fn receive(&mut self) -> Option<Line> {
        self.try_recv().ok()
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Line]) -> usize {
        each(into, || self.try_recv().ok())
    }
}

/// `heapless`'s queue with one producer and one consumer; it has no batches, and one of its slots stays empty.
pub struct Heapless;

impl Candidate for Heapless {
    const NAME: &'static str = "heapless";
    type Message = Line;
    type Sender = heapless::spsc::Producer<'static, Line>;
    type Receiver = heapless::spsc::Consumer<'static, Line>;

    fn ring() -> (Self::Sender, Self::Receiver) {
        // Its ends borrow it: it stays until the program ends.
        let queue: &'static mut heapless::spsc::Queue<Line, SLOTS> =
            Box::leak(Box::new(heapless::spsc::Queue::new()));
        queue.split()
    }
}

impl Sender<Line> for heapless::spsc::Producer<'static, Line> {
    #[inline(always)]
    fn send(&mut self, message: &Line) -> bool {
        self.enqueue(*message).is_ok()
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Line]) -> usize {
        one_by_one(messages, |message| self.enqueue(*message).is_ok())
    }
}

impl Receiver<Line> for heapless::spsc::Consumer<'static, Line> {
    #[inline(always)]
    fn receive(&mut self) -> Option<Line> {
        self.dequeue()
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Line]) -> usize {
        each(into, || self.dequeue())
    }
}
