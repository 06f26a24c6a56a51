//! A driver, a fake device and the memory of both's buffers.

#![allow(dead_code, reason = "each test program uses a part")]

mod device;

use atoll_abi::net::Checksum;
use atoll_test_net::{FakeNetwork, FrameHeader, Line, Pool};
use atoll_test_virtio::Memory;
pub use atoll_test_virtio::Numbers;
use atoll_virtio::Segment;
use atoll_virtio_net::{Abilities, Network, OutgoingFrame, SendError};

pub use device::{ABILITIES, DMA_PHYSICAL, DMA_SIZE};

/// Buffers to receive into, and pages to send from.
pub const BUFFERS: u32 = 64;
const RECEIVE_PHYSICAL: u64 = 0x1_2000_0000;
const SEND_PHYSICAL: u64 = 0x2_4000_0000;
pub const PAGE: u32 = 4096;

pub struct Bench {
    pub driver: Network<Line, Pool>,
    pub device: FakeNetwork,
    pub line: Line,
    /// The buffers that are received into.
    pub pool: Pool,
    /// What is sent from.
    pub source: Pool,
}

pub fn bench() -> Bench {
    bench_of(ABILITIES, [256, 256])
}

/// A driver of a device with these abilities and queues of at most so many descriptors. No buffer is posted.
pub fn bench_of(abilities: Abilities, limits: [u16; 2]) -> Bench {
    let memory = Memory::new(DMA_SIZE, DMA_PHYSICAL);
    let pool = Pool::new(BUFFERS as usize, RECEIVE_PHYSICAL);
    let source = Pool::new(BUFFERS as usize, SEND_PHYSICAL);
    let others = [&pool, &source].map(|it| it.memory.clone());
    let line = Line {
        keep: [&memory].into_iter().chain(&others).cloned().collect(),
        ..Line::default()
    };
    line.status.set(1);
    let driver = Network::new(line.clone(), pool.clone(), memory.dma(), limits, abilities);
    let driver = driver.unwrap();
    let device = FakeNetwork::new(&memory, driver.queues(), &others);
    Bench {
        driver,
        device,
        line,
        pool,
        source,
    }
}

/// A frame that the driver received: its bytes, its buffers, what is known of its checksums.
pub type Found = (Vec<u8>, Vec<u32>, Checksum);

impl Bench {
    /// The device begins anew, as after a reset.
    pub fn restart_device(&mut self) {
        self.device = self.device.begin_anew(self.driver.queues());
    }

    /// Posts buffers of a page.
    pub fn post(&mut self, buffers: impl IntoIterator<Item = u32>) {
        for buffer in buffers {
            let segment = self.pool.segment(buffer, PAGE);
            self.driver.post(buffer, segment).unwrap();
        }
        self.driver.publish();
    }

    /// The next received frame.
    pub fn collect(&mut self) -> Option<Found> {
        let frame = self.driver.collect()?;
        let buffers = frame.parts.iter().map(|part| part.buffer).collect();
        Some((self.pool.bytes_of(&frame), buffers, frame.checksum))
    }

    /// Receives a frame whose buffers are filled, and posts these again.
    pub fn receive(&mut self, frame: &[u8]) -> Found {
        let whole = self
            .device
            .deliver(FrameHeader::default(), frame, |_| PAGE as usize, true);
        assert!(whole, "there are buffers");
        let found = self.collect().expect("a frame was received");
        self.post(found.1.clone());
        found
    }

    /// Writes a frame into pages of the source, cut into segments of at most so many bytes, one a page.
    pub fn write(&self, first: u32, frame: &[u8], most: usize) -> Vec<Segment> {
        let cut = (first..).zip(frame.chunks(most));
        cut.map(|(page, bytes)| {
            let segment = self.source.segment(page % BUFFERS, bytes.len() as u32);
            self.source.memory.write_bytes(segment.address, bytes);
            segment
        })
        .collect()
    }

    /// Stages a frame.
    pub fn stage(&mut self, token: u64, segments: &[Segment]) -> Result<(), SendError> {
        self.driver.stage(&OutgoingFrame {
            token,
            segments,
            checksum: None,
        })
    }

    /// All buffers that a device had which was stopped.
    pub fn take_back(&mut self) -> Vec<u32> {
        let mut all: Vec<u32> = std::iter::from_fn(|| self.driver.take_back()).collect();
        all.sort_unstable();
        all
    }
}

/// A frame of so many bytes that tells itself from others.
pub fn frame(number: u64, length: usize) -> Vec<u8> {
    let mut numbers = Numbers(number * 2 + 1);
    (0..length).map(|_| numbers.below(256) as u8).collect()
}
