//! Frames that one call to the driver transmits.

use atoll_abi::block::{BlockList, MAX_CALL_BLOCKS};
use atoll_abi::interface::{Request as _, request};
use atoll_abi::net::{ChecksumPlace, ChecksumToMake, FrameLengths};
use atoll_abi::syscall::Syscall;

/// Frames in blocks of their own, in order. All are of one length but the last, and have their checksums in one place, because a call says
/// no more: so are the segments of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Batch {
    blocks: [u32; MAX_CALL_BLOCKS],
    count: usize,
    /// Bytes of each but the last, and of the last.
    each: u16,
    last: u16,
    checksum: Option<ChecksumPlace>,
}

impl Batch {
    /// One frame.
    pub(super) fn of(block: u32, length: u16, checksum: Option<ChecksumPlace>) -> Batch {
        let mut batch = Batch::default();
        batch.add(block, length, checksum);
        batch
    }

    /// Adds a frame behind the others; `false` where one call cannot transmit it with them.
    pub(super) fn add(&mut self, block: u32, length: u16, checksum: Option<ChecksumPlace>) -> bool {
        if self.count == 0 {
            (self.each, self.last, self.checksum) = (length, length, checksum);
        }
        let is_alike = self.last == self.each && self.checksum == checksum;
        let Some(place) = self.blocks.get_mut(self.count).filter(|_| is_alike) else {
            return false;
        };
        *place = block;
        self.count += 1;
        self.last = length;
        true
    }

    /// Whether there is one frame.
    pub(super) fn is_first(&self) -> bool {
        self.count == 1
    }

    /// The call that transmits them, and their blocks, which are in a pool; `None` where there is none.
    pub(super) fn into_call(self, pool: u32) -> Option<(BlockList, Syscall)> {
        let blocks = BlockList::of(self.blocks.get(..self.count)?)?;
        let checksum = ChecksumToMake(self.checksum);
        let call = match self.count {
            1 => {
                let length = self.last.into();
                let frame = request::TransmitFrame {
                    pool,
                    length,
                    checksum,
                };
                frame.encode()
            }
            _ => {
                let lengths = FrameLengths {
                    each: self.each,
                    last: self.last,
                };
                let frames = request::TransmitFrames {
                    pool,
                    lengths,
                    checksum,
                };
                frames.encode()
            }
        };
        Some((blocks, blocks.into_call(call)))
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::interface::NetCall;

    use super::*;

    const PLACE: ChecksumPlace = ChecksumPlace {
        start: 34,
        offset: 16,
    };

    #[test]
    fn frames_go_together_as_long_as_a_call_can_say_what_they_are() {
        let mut batch = Batch::default();
        assert!(batch.into_call(2).is_none());
        assert!(batch.add(5, 1514, Some(PLACE)) && batch.is_first());
        assert!(!batch.add(6, 1514, None), "another checksum");
        assert!(batch.add(6, 1514, Some(PLACE)) && !batch.is_first());
        assert!(batch.add(9, 60, Some(PLACE)), "the last one may be shorter");
        assert!(!batch.add(7, 60, Some(PLACE)), "it was the last one");
        let (blocks, call) = batch.into_call(2).unwrap();
        assert_eq!(blocks.as_slice(), [5, 6, 9]);
        assert_eq!(BlockList::from_call(&call), Ok(blocks));
        let expected = request::TransmitFrames {
            pool: 2,
            lengths: FrameLengths {
                each: 1514,
                last: 60,
            },
            checksum: ChecksumToMake(Some(PLACE)),
        };
        assert_eq!(
            NetCall::decode(&call),
            Ok(NetCall::TransmitFrames(expected))
        );
        let mut batch = Batch::of(1, 60, None);
        for block in 2..9 {
            assert!(batch.add(block, 60, None));
        }
        assert!(!batch.add(9, 60, None), "a call has no more blocks");
    }

    #[test]
    fn a_frame_alone_is_a_call_for_one_frame() {
        let (blocks, call) = Batch::of(7, 300, None).into_call(2).unwrap();
        let expected = request::TransmitFrame {
            pool: 2,
            length: 300,
            checksum: ChecksumToMake(None),
        };
        assert_eq!(blocks, BlockList::one(7));
        assert_eq!(NetCall::decode(&call), Ok(NetCall::TransmitFrame(expected)));
    }
}
