//! What a call asks of the device, and how it gets that.

use atoll_abi::block::{BlockList, MAX_CALL_BLOCKS};
use atoll_abi::net::{Checksum, ChecksumPlace, Received};
use atoll_abi::syscall::Status;
use atoll_call::{CallId, ServiceEnd};
use atoll_driver::Pools;
use atoll_virtio::Segment;

use super::{CLIENT, NetService};
use crate::{Card, Headers, OutgoingFrame, PostError, SendError};

/// What a call that is parked wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Receive,
    Transmit {
        /// Bytes of the frame.
        length: u32,
        checksum: Option<ChecksumPlace>,
    },
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

    /// The memory of its first bytes, one segment for each block that has some of them.
    fn segments(&self, pools: &Pools, bytes: u32) -> ([Segment; MAX_CALL_BLOCKS], usize) {
        let mut segments = [Segment::default(); MAX_CALL_BLOCKS];
        let (mut count, mut rest) = (0, bytes);
        let Some((pool, blocks)) = &self.blocks else {
            return (segments, 0);
        };
        for (place, block) in segments.iter_mut().zip(blocks.as_slice()) {
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
            let status = match sent.success {
                true => Status::Done,
                false => Status::DeviceError,
            };
            self.answer(CallId::from_raw(sent.token), status, [0; 2]);
        }
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
            if !self.stage_frame(id) {
                break;
            }
            self.to_transmit.pop_front();
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

    /// Stages the frame of a call, or answers it where the device cannot send it; `false` where there is no room for it yet.
    fn stage_frame(&mut self, id: CallId) -> bool {
        let Some(job) = self.calls.parked(id).copied() else {
            return true;
        };
        let Work::Transmit { length, checksum } = job.work else {
            return true;
        };
        let (segments, count) = job.segments(&self.pools, length);
        let [_, queue] = self.network.queues();
        // With its header.
        if queue.free() <= count {
            return false;
        }
        let frame = OutgoingFrame {
            token: id.to_raw(),
            segments: segments.get(..count).unwrap_or_default(),
            checksum,
        };
        match self.network.stage(&frame) {
            Ok(()) => {}
            Err(SendError::Full) => return false,
            Err(error) => self.answer(id, refusal(error), [0; 2]),
        }
        true
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
