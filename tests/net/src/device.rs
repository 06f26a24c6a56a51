//! The device's side of the queues.

use atoll_test_virtio::{DeviceQueue, Memory};
use atoll_virtio::SplitQueue;
use atoll_virtio_net::{HEADER_SIZE, MOST_SEGMENTS};

/// The header of a frame (section 5.1.6), as the device writes or reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameHeader {
    /// 1 where a checksum is to be made, 2 where it was checked.
    pub flags: u8,
    /// How the frame is to be cut; 0 where it is whole.
    pub segmentation: u8,
    /// The first byte that the checksum covers.
    pub checksum_start: u16,
    /// Where it is, from there.
    pub checksum_offset: u16,
    /// Buffers of the frame; 0 of one to send.
    pub buffers: u16,
}

impl FrameHeader {
    fn bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[0] = self.flags;
        bytes[1] = self.segmentation;
        bytes[6..8].copy_from_slice(&self.checksum_start.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.checksum_offset.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.buffers.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> FrameHeader {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!(
            (word(2), word(4)),
            (0, 0),
            "lengths of a frame that is whole"
        );
        FrameHeader {
            flags: bytes[0],
            segmentation: bytes[1],
            checksum_start: word(6),
            checksum_offset: word(8),
            buffers: word(10),
        }
    }
}

/// A frame that the driver gave the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its chain.
    pub head: u16,
    /// Its header.
    pub header: FrameHeader,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The device.
pub struct FakeNetwork {
    /// The queue that receives.
    pub receive: DeviceQueue,
    /// The queue that transmits.
    pub transmit: DeviceQueue,
    /// Memory of buffers and frames.
    memories: Vec<Memory>,
}

impl FakeNetwork {
    /// A device with the queues of a driver in its own memory, that reaches other memories too.
    pub fn new(own: &Memory, queues: [&SplitQueue; 2], others: &[Memory]) -> FakeNetwork {
        let [receive, transmit] =
            queues.map(|queue| DeviceQueue::new(own, queue.size(), queue.addresses()));
        let memories = [own].into_iter().chain(others).cloned().collect();
        FakeNetwork {
            receive,
            transmit,
            memories,
        }
    }

    /// The device after it was reset and given these queues of the same driver.
    pub fn begin_anew(&self, queues: [&SplitQueue; 2]) -> FakeNetwork {
        let [own, others @ ..] = &self.memories[..] else {
            panic!("a device has its own memory");
        };
        FakeNetwork::new(own, queues, others)
    }

    fn memory_of(&self, address: u64) -> &Memory {
        let found = self.memories.iter().find(|it| it.contains(address));
        found.unwrap_or_else(|| panic!("the device is given the address {address:#x}"))
    }

    /// Buffers that the driver has posted and the device has not used.
    pub fn posted(&mut self) -> usize {
        self.receive.take();
        self.receive.taken.len()
    }

    /// Receives a frame: at most `most(n)` bytes of it, the header counted, into its buffer `n`; `false` where the buffers do not
    /// suffice, and nothing is done. The header's count of buffers is made right where it is 0. The driver sees the frame at once,
    /// or not before [`DeviceQueue::publish_used`].
    pub fn deliver(
        &mut self,
        header: FrameHeader,
        frame: &[u8],
        mut most: impl FnMut(usize) -> usize,
        publish: bool,
    ) -> bool {
        self.posted();
        let mut bytes = header.bytes().to_vec();
        bytes.extend(frame);
        let mut pieces = Vec::new();
        let mut rest = bytes.len();
        for (n, head) in self.receive.taken.iter().enumerate() {
            let chain = self.receive.chain(*head);
            let [buffer] = &chain[..] else {
                panic!("a buffer is one descriptor: {chain:?}")
            };
            assert!(buffer.is_written, "a buffer is for the device to write");
            let least = if n == 0 { HEADER_SIZE } else { 1 };
            let length = most(n).max(least).min(buffer.length as usize).min(rest);
            pieces.push((buffer.address, length));
            rest -= length;
            if rest == 0 {
                break;
            }
        }
        if rest > 0 {
            return false;
        }
        if header.buffers == 0 {
            let count = (pieces.len() as u16).to_le_bytes();
            bytes[10..12].copy_from_slice(&count);
        }
        let mut start = 0;
        for (address, length) in pieces {
            let head = self.receive.taken.remove(0);
            let piece = &bytes[start..start + length];
            self.memory_of(address).write_bytes(address, piece);
            self.receive.fill_used(head.into(), length as u32);
            start += length;
        }
        if publish {
            self.receive.publish_used();
        }
        true
    }

    /// Takes the frames that the driver wants to send.
    pub fn take_outgoing(&mut self) -> Vec<Outgoing> {
        self.transmit.take();
        let heads = self.transmit.taken.drain(..).collect::<Vec<_>>();
        heads.into_iter().map(|head| self.outgoing(head)).collect()
    }

    fn outgoing(&self, head: u16) -> Outgoing {
        let chain = self.transmit.chain(head);
        assert!(chain.len() <= 1 + MOST_SEGMENTS, "{chain:?}");
        let parts = chain.iter().flat_map(|part| {
            assert!(!part.is_written, "a frame is for the device to read");
            assert!(part.length > 0, "no part of a frame is empty");
            let memory = self.memory_of(part.address);
            memory.read_bytes(part.address, part.length as usize)
        });
        let bytes: Vec<u8> = parts.collect();
        let (header, frame) = bytes.split_at(HEADER_SIZE);
        Outgoing {
            head,
            header: FrameHeader::read(header),
            bytes: frame.to_vec(),
        }
    }

    /// Says that a frame was sent.
    pub fn finish(&mut self, frame: &Outgoing) {
        self.transmit.put_used(frame.head.into(), 0);
    }
}
