//! A fake device that works on the memory of the driver's queue, as a real one does.

#![allow(dead_code, reason = "each test program uses a part")]

pub mod machine;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{Ordering, fence};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::{Request, request::ReadSectors};
use atoll_abi::plan::{NONE, Pool};
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_virtio_blk::{Device, Dma, Driver, DriverError, Queue};

pub const DMA_SIZE: usize = 8 * 4096;
pub const DMA_PHYSICAL: u64 = 0x7_0000_0000;
pub const POOL_PHYSICAL: u64 = 0x1_2000_0000;
pub const POOL_BLOCKS: u32 = 64;
pub const CAPACITY: u64 = 1 << 33;

/// Memory that the driver and the device share.
#[derive(Clone)]
pub struct Memory {
    words: Rc<Vec<Cell<u64>>>,
    physical: u64,
}

impl Memory {
    pub fn new(size: usize, physical: u64) -> Memory {
        Memory {
            words: Rc::new(vec![Cell::new(0); size / 8]),
            physical,
        }
    }

    /// One more view of it. Who holds a view also holds the memory, see [`Bench`].
    pub fn dma(&self) -> Dma {
        let base = self.words.as_ptr() as *mut u8;
        // SAFETY: cells may be written through; the memory is only ever accessed through views, on one thread, and
        // both the driver's `Line` and the fake device keep it.
        unsafe { Dma::new(base, 8 * self.words.len(), self.physical) }
    }

    pub fn end(&self) -> u64 {
        self.physical + 8 * self.words.len() as u64
    }
}

/// What a sector reads as: its number in every word.
pub fn sector_word(sector: u64) -> u64 {
    sector ^ 0x5EC7_0000_0000_0000
}

/// The device's side of the queue.
pub struct FakeDevice {
    pub queue: Dma,
    pub pool: Dma,
    pub size: u16,
    /// Heads that were taken from the available ring and are not yet returned.
    pub taken: Vec<u16>,
    /// Whether the driver may rely on what this device does.
    pub honest: bool,
    pub last_available: u16,
    pub used: u16,
    pub descriptors: usize,
    pub available: usize,
    pub used_ring: usize,
    pub keep: Vec<Memory>,
}

impl FakeDevice {
    pub fn new(
        queue: Dma,
        pool: Dma,
        size: u16,
        addresses: atoll_virtio_blk::QueueAddresses,
    ) -> Self {
        let place = |address: u64| (address - DMA_PHYSICAL) as usize;
        FakeDevice {
            queue,
            pool,
            size,
            taken: Vec::new(),
            honest: true,
            last_available: 0,
            used: 0,
            descriptors: place(addresses.descriptors),
            available: place(addresses.available),
            used_ring: place(addresses.used),
            keep: Vec::new(),
        }
    }

    /// Takes all heads that the driver has made available; tells how many.
    pub fn take(&mut self) -> usize {
        let index = self.queue.load16(self.available + 2);
        fence(Ordering::Acquire);
        let new = index.wrapping_sub(self.last_available);
        assert!(new <= self.size, "more available than the queue holds");
        for _ in 0..new {
            let entry = usize::from(self.last_available % self.size);
            let head = self.queue.load16(self.available + 4 + 2 * entry);
            let twice = self.taken.contains(&head);
            assert!(!(twice && self.honest), "head {head} made available twice");
            self.taken.push(head);
            self.last_available = self.last_available.wrapping_add(1);
        }
        new.into()
    }

    fn descriptor(&self, index: u16) -> (u64, u32, u16, u16) {
        let at = self.descriptors + 16 * usize::from(index);
        (
            self.queue.load64(at),
            self.queue.load32(at + 8),
            self.queue.load16(at + 12),
            self.queue.load16(at + 14),
        )
    }

    /// Serves the request at `taken[n]` as the specification says, with `status`.
    pub fn serve(&mut self, n: usize, status: u8) {
        let head = self.taken.remove(n);
        let (header, length, flags, next) = self.descriptor(head);
        assert_eq!((length, flags), (16, 1), "header");
        let header = (header - DMA_PHYSICAL) as usize;
        assert_eq!(self.queue.load32(header), 0, "a read");
        let sector = self.queue.load64(header + 8);
        let (address, length, flags, next) = self.descriptor(next);
        assert_eq!(flags, 3, "data");
        assert_eq!(length % 512, 0);
        assert!(sector < CAPACITY && u64::from(length / 512) <= CAPACITY - sector);
        if status == 0 {
            let start = (address - POOL_PHYSICAL) as usize;
            for offset in (0..length as usize).step_by(8) {
                let word = sector_word(sector + offset as u64 / 512);
                self.pool.store64(start + offset, word);
            }
        }
        let (place, one, flags, _) = self.descriptor(next);
        assert_eq!((one, flags), (1, 2), "status");
        self.queue.store8((place - DMA_PHYSICAL) as usize, status);
        self.put_used(head.into(), length + 1);
    }

    /// Writes a used entry, true or not.
    pub fn put_used(&mut self, id: u32, length: u32) {
        let entry = self.used_ring + 4 + 8 * usize::from(self.used % self.size);
        self.queue.store32(entry, id);
        self.queue.store32(entry + 4, length);
        self.used = self.used.wrapping_add(1);
        fence(Ordering::Release);
        self.queue.store16(self.used_ring + 2, self.used);
    }

    pub fn serve_all(&mut self) -> usize {
        self.take();
        let count = self.taken.len();
        for _ in 0..count {
            self.serve(0, 0);
        }
        count
    }

    pub fn wants_interrupt(&self) -> bool {
        self.queue.load16(self.available) & 1 == 0
    }

    /// Asks the driver for notifications, or for none.
    pub fn set_notifications(&self, wanted: bool) {
        self.queue.store16(self.used_ring, (!wanted).into());
    }
}

/// Counts what the driver does to its device.
#[derive(Clone, Default)]
pub struct Line {
    pub notified: Rc<Cell<usize>>,
    pub stopped: Rc<Cell<usize>>,
    /// What the driver has views of.
    pub keep: Vec<Memory>,
}

impl Device for Line {
    fn notify(&mut self) {
        self.notified.set(self.notified.get() + 1);
    }

    fn stop(&mut self) -> Result<(), DriverError> {
        self.stopped.set(self.stopped.get() + 1);
        Ok(())
    }
}

/// A driver, its device and what is between them.
pub struct Bench {
    pub driver: Driver<Line>,
    pub device: Rc<RefCell<FakeDevice>>,
    pub line: Line,
    pub pool: Memory,
    pub memory: Memory,
}

pub fn pools() -> &'static [Pool] {
    const FIRST: Pool = Pool {
        base: POOL_PHYSICAL,
        blocks: POOL_BLOCKS,
        process: 0,
        service: NONE,
        cluster: 0,
    };
    const SECOND: Pool = Pool {
        base: POOL_PHYSICAL + 40 * BLOCK_SIZE as u64,
        blocks: 4,
        process: NONE,
        service: 0,
        ..FIRST
    };
    &[FIRST, SECOND]
}

pub fn bench(limit: u16) -> Bench {
    let memory = Memory::new(DMA_SIZE, DMA_PHYSICAL);
    let pool = Memory::new(POOL_BLOCKS as usize * BLOCK_SIZE, POOL_PHYSICAL);
    let queue = Queue::new(memory.dma(), limit).unwrap();
    let mut device = FakeDevice::new(memory.dma(), pool.dma(), queue.size(), queue.addresses());
    device.keep = vec![memory.clone(), pool.clone()];
    let line = Line {
        keep: device.keep.clone(),
        ..Line::default()
    };
    Bench {
        driver: Driver::new(line.clone(), queue, pools(), CAPACITY),
        device: Rc::new(RefCell::new(device)),
        line,
        pool,
        memory,
    }
}

/// The generation of the client that makes the request of a tag: another one with each.
pub fn generation_of(tag: u64) -> u32 {
    tag as u32 ^ 0xA5A5_0000
}

/// A read of sectors into a block of pool 0.
pub fn read(tag: u64, block: u32, sector: u64, sectors: u32) -> Syscall {
    let pool = 0;
    Syscall {
        tag,
        block,
        generation: generation_of(tag),
        ..ReadSectors {
            sector,
            sectors,
            pool,
        }
        .encode()
    }
}

/// The status of a completion, which has to be what every completion of a request of [`read`] is.
pub fn status(completion: &Completion) -> Status {
    let status = Status::from_raw(completion.status);
    assert_eq!(completion.generation, generation_of(completion.tag));
    let [sectors, capacity] = completion.result;
    assert_eq!(capacity, CAPACITY, "told with every completion");
    let transferred = if status == Status::Done { 1..=8 } else { 0..=0 };
    assert!(transferred.contains(&sectors), "{completion:?}");
    assert_eq!(completion.block == NO_BLOCK, status == Status::BadBlock);
    assert_eq!((completion.padding, completion.reserved), (0, [0; 2]));
    status
}

/// All completions that there are.
pub fn completions(driver: &mut Driver<Line>) -> impl Iterator<Item = Completion> {
    std::iter::from_fn(|| driver.collect())
}

/// The tags and statuses of all completions that there are.
pub fn answers(driver: &mut Driver<Line>) -> Vec<(u64, Status)> {
    completions(driver)
        .map(|completion| (completion.tag, status(&completion)))
        .collect()
}

/// A small generator of numbers, so that a failure is repeatable.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
