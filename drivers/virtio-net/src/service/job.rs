//! What a call asks of the device, and how it gets that.

use core::ops::Range;

use atoll_abi::block::{BlockList, MAX_CALL_BLOCKS};
use atoll_abi::net::{Checksum, Received};
use atoll_abi::syscall::Status;
use atoll_call::{CallId, ServiceEnd};
use atoll_driver::Pools;
use atoll_virtio::Segment;

use super::outgoing::Outgoing;
use super::{CLIENT, NetService};
use crate::{Card, Headers, OutgoingFrame, PostError, SendError};

/// What a call that is parked wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Receive,
    Transmit(Outgoing),
    Link,
}

/// A call that waits for the device, or that the device has.
#[derive(Clone, Copy)]
pub(super) struct Job {
    pub(super) work: Work,
    /// Its blocks, and the place of their pool.
    pub(super) blocks: Option<(usize, BlockList)>,
}

impl Job {
    pub(super) fn new(work: Work, pool: usize, blocks: BlockList) -> Job {
        Job {
            work,
            blocks: Some((pool, blocks)),
        }
    }

    pub(super) fn link() -> Job {
        Job {
            work: Work::Link,
            blocks: None,
        }
    }

    /// The memory of so many bytes of some of its blocks, one segment for each block that has some of them.
    fn segments(
        &self,
        pools: &Pools,
        blocks: Range<usize>,
        bytes: u32,
    ) -> ([Segment; MAX_CALL_BLOCKS], usize) {
        let mut segments = [Segment::default(); MAX_CALL_BLOCKS];
        let (mut count, mut rest) = (0, bytes);
        let Some((pool, all)) = &self.blocks else {
            return (segments, 0);
        };
        let blocks = all.as_slice().get(blocks).unwrap_or_default();
        for (place, block) in segments.iter_mut().zip(blocks) {
            let memory = pools.segment(*pool, *block).filter(|_| rest > 0);
            let Some(memory) = memory else { break };
            let length = rest.min(memory.length);
            *place = Segment { length, ..memory };
            rest -= length;
            count += 1;
        }
        (segments, count)
    }
}

/// How much of a call the device was given.
enum Staged {
    /// All that it gets.
    All,
    /// Some of it.
    Some,
    /// Nothing more now: there is no room.
    Full,
}

/// Answers a call, whose blocks nothing uses any more.
fn answer(
    calls: &mut ServiceEnd<Job>,
    pools: &mut Pools,
    id: CallId,
    status: Status,
    result: [u64; 2],
) {
    let job = calls.answer(id, status, result, true);
    if let Some((pool, blocks)) = job.and_then(|job| job.blocks) {
        pools.give_back(pool, &blocks);
    }
}

/// How a call ends whose frame is not taken.
fn refusal(error: SendError) -> Status {
    match error {
        SendError::Length { length, most } if length > most.into() => Status::TooLong,
        SendError::Length { .. } | SendError::Segments { .. } | SendError::Checksum => {
            Status::InvalidArgument
        }
        SendError::Stopped => Status::DeviceError,
        SendError::Full => Status::Busy,
    }
}

impl<D: Card, H: Headers> NetService<D, H> {
    pub(super) fn answer(&mut self, id: CallId, status: Status, result: [u64; 2]) {
        answer(&mut self.calls, &mut self.pools, id, status, result);
    }

    /// Takes in what the device has done.
    pub(super) fn collect(&mut self) {
        while let Some(frame) = self.network.collect() {
            let mut checksum = frame.checksum;
            let mut parts = frame.parts.iter().peekable();
            while let Some(part) = parts.next() {
                let call = self.receiving.get_mut(part.buffer as usize);
                let Some(id) = call.and_then(Option::take) else {
                    continue;
                };
                let received = Received {
                    // Both are within a block.
                    offset: part.offset as u16,
                    length: part.length as u16,
                    more: parts.peek().is_some(),
                    checksum: core::mem::replace(&mut checksum, Checksum::Unknown),
                };
                let result = received.to_raw();
                answer(&mut self.calls, &mut self.pools, id, Status::Done, result);
            }
        }
        while let Some(sent) = self.network.collect_sent() {
            let id = CallId::from_raw(sent.token);
            self.change(id, |outgoing| outgoing.sent(sent.success));
        }
    }

    /// Changes how far the frames of a call are, and answers it where that is its end; whether the device has been given
    /// all that it gets.
    fn change(&mut self, id: CallId, change: impl FnOnce(&mut Outgoing)) -> bool {
        let Some(Job {
            work: Work::Transmit(outgoing),
            blocks: Some((_, blocks)),
        }) = self.calls.parked(id)
        else {
            return true;
        };
        change(outgoing);
        let is_staged = outgoing.is_staged(blocks);
        if let Some(status) = outgoing.end(blocks) {
            self.answer(id, status, [0; 2]);
        }
        is_staged
    }

    /// Gives the device what waits for it, as far as it can take it.
    pub(super) fn stage(&mut self) {
        while let Some(&id) = self.to_receive.front() {
            if !self.stage_buffer(id) {
                break;
            }
            self.to_receive.pop_front();
        }
        while let Some(&id) = self.to_transmit.front() {
            match self.stage_frame(id) {
                Staged::All => drop(self.to_transmit.pop_front()),
                Staged::Some => {}
                Staged::Full => break,
            }
        }
        self.network.publish();
    }

    /// Posts the block of a call; `false` where there is no room for it yet.
    fn stage_buffer(&mut self, id: CallId) -> bool {
        let job = self.calls.parked(id);
        let blocks = job.and_then(|job| job.blocks.as_ref());
        let Some((pool, blocks)) = blocks else {
            return true;
        };
        let block = blocks.as_slice().first().copied().unwrap_or(u32::MAX);
        let segment = self.pools.segment(*pool, block);
        let place = self.receiving.get_mut(block as usize);
        let (Some(segment), Some(place)) = (segment, place) else {
            return true;
        };
        match self.network.post(block, segment) {
            Ok(()) => *place = Some(id),
            Err(PostError::Full) => return false,
            // A page is long enough for every device.
            Err(PostError::TooShort { .. } | PostError::Stopped) => {
                self.answer(id, Status::DeviceError, [0; 2]);
            }
        }
        true
    }

    /// Stages the next frame of a call; where the device cannot send it, the call ends with that.
    fn stage_frame(&mut self, id: CallId) -> Staged {
        let Some(job) = self.calls.parked(id).copied() else {
            return Staged::All;
        };
        let (Work::Transmit(outgoing), Some((_, blocks))) = (job.work, &job.blocks) else {
            return Staged::All;
        };
        let (blocks, length) = outgoing.next(blocks);
        let (segments, count) = job.segments(&self.pools, blocks, length);
        let [_, queue] = self.network.queues();
        // With its header.
        if queue.free() <= count {
            return Staged::Full;
        }
        let frame = OutgoingFrame {
            token: id.to_raw(),
            segments: segments.get(..count).unwrap_or_default(),
            checksum: outgoing.checksum(),
        };
        let staged = self.network.stage(&frame);
        let is_staged = self.change(id, |outgoing| match staged {
            Ok(()) => outgoing.staged(),
            // It is tried again.
            Err(SendError::Full) => {}
            Err(error) => outgoing.refused(refusal(error)),
        });
        match (staged, is_staged) {
            (Err(SendError::Full), _) => Staged::Full,
            (_, true) => Staged::All,
            (_, false) => Staged::Some,
        }
    }

    /// Ends all calls, of which a device that runs has nothing.
    pub(super) fn end_all(&mut self, status: Status) {
        while self.network.take_back().is_some() || self.network.collect_sent().is_some() {}
        self.to_receive.clear();
        self.to_transmit.clear();
        self.receiving.fill(None);
        self.link = None;
        while let Some(id) = self.calls.next_parked(CLIENT, None) {
            self.answer(id, status, [0; 2]);
        }
    }
}
