//! The frames of a call that transmits.

use core::ops::Range;

use atoll_abi::block::BlockList;
use atoll_abi::net::{ChecksumPlace, FrameLengths};
use atoll_abi::syscall::Status;

/// The frames that a call transmits, and how far they are. The blocks are those of the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Outgoing {
    frames: Frames,
    checksum: Option<ChecksumPlace>,
    /// Frames that the device was given.
    staged: usize,
    /// Frames that it has sent.
    sent: usize,
    /// How the call ends.
    status: Status,
}

/// How frames lie in the blocks of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frames {
    /// One of so many bytes in all of them.
    One(u32),
    /// One in each block.
    Apart(FrameLengths),
}

impl Outgoing {
    /// One frame of so many bytes, in all blocks.
    pub(super) fn one(length: u32, checksum: Option<ChecksumPlace>) -> Outgoing {
        Outgoing::new(Frames::One(length), checksum)
    }

    /// A frame in each block.
    pub(super) fn apart(lengths: FrameLengths, checksum: Option<ChecksumPlace>) -> Outgoing {
        Outgoing::new(Frames::Apart(lengths), checksum)
    }

    fn new(frames: Frames, checksum: Option<ChecksumPlace>) -> Outgoing {
        Outgoing {
            frames,
            checksum,
            staged: 0,
            sent: 0,
            status: Status::Done,
        }
    }

    /// Which blocks the next frame has that the device is given, and how many bytes.
    pub(super) fn next(&self, blocks: &BlockList) -> (Range<usize>, u32) {
        let count = blocks.as_slice().len();
        match self.frames {
            Frames::One(length) => (0..count, length),
            Frames::Apart(lengths) => {
                let is_last = self.staged + 1 == count;
                let length = if is_last { lengths.last } else { lengths.each };
                (self.staged..self.staged + 1, length.into())
            }
        }
    }

    /// The checksum that the device makes in each.
    pub(super) fn checksum(&self) -> Option<ChecksumPlace> {
        self.checksum
    }

    /// Whether the blocks hold the frames.
    pub(super) fn fits(&self, blocks: &BlockList) -> bool {
        match self.frames {
            Frames::One(length) => length as usize <= blocks.bytes(),
            // None is longer than a block.
            Frames::Apart(_) => true,
        }
    }

    /// The device was given the next frame.
    pub(super) fn staged(&mut self) {
        self.staged += 1;
    }

    /// The device does not take the next frame. Nothing is sent of those behind it.
    pub(super) fn refused(&mut self, status: Status) {
        self.status = status;
    }

    /// The device has none of the bytes of a frame any more, whether or not it has sent them.
    pub(super) fn sent(&mut self, success: bool) {
        self.sent += 1;
        if !success {
            self.status = Status::DeviceError;
        }
    }

    /// Whether the device has been given all that it gets.
    pub(super) fn is_staged(&self, blocks: &BlockList) -> bool {
        let count = match self.frames {
            Frames::One(_) => 1,
            Frames::Apart(_) => blocks.as_slice().len(),
        };
        self.status != Status::Done || self.staged == count
    }

    /// How the call ends; `None` while the device has a frame, or gets one.
    pub(super) fn end(&self, blocks: &BlockList) -> Option<Status> {
        let is_over = self.is_staged(blocks) && self.sent == self.staged;
        is_over.then_some(self.status)
    }
}
