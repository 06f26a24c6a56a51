//! The device's side of the queue.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{Ordering, fence};

use atoll_abi::block::SECTOR_SIZE;
use atoll_virtio::{Device, Dma, QueueAddresses, VirtioError};
use atoll_virtio_blk::Operation;

use crate::memory::Memory;
use crate::store::{Sector, Store};

/// Memory that the device reads and writes for a transfer, by physical address.
pub trait Target {
    /// Writes bytes.
    fn write(&mut self, address: u64, bytes: &Sector);
    /// Reads bytes.
    fn read(&self, address: u64) -> Sector;
}

impl Target for Memory {
    fn write(&mut self, address: u64, bytes: &Sector) {
        let dma = self.dma();
        let start = (address - dma.physical(0)) as usize;
        for (index, word) in bytes.chunks_exact(8).enumerate() {
            let word = u64::from_le_bytes(word.try_into().expect("8 bytes"));
            dma.store64(start + 8 * index, word);
        }
    }

    fn read(&self, address: u64) -> Sector {
        let dma = self.dma();
        let start = (address - dma.physical(0)) as usize;
        let mut bytes = [0; SECTOR_SIZE];
        for (index, word) in bytes.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&dma.load64(start + 8 * index).to_le_bytes());
        }
        bytes
    }
}

/// A request that the device has taken.
#[derive(Clone, Debug)]
pub struct Job {
    /// The head of its chain.
    pub head: u16,
    /// What it asks.
    pub operation: Operation,
    /// Its first sector.
    pub sector: u64,
    /// How many; 0 of a flush.
    pub sectors: u64,
    /// Where each sector's data is, of a read or write.
    places: Vec<u64>,
    /// Sectors that were transferred.
    pub done: u64,
    status: usize,
}

impl Job {
    /// Bytes that the device has written into memory when all is done.
    fn written(&self) -> u32 {
        match self.operation {
            Operation::Read => self.done as u32 * SECTOR_SIZE as u32 + 1,
            _ => 1,
        }
    }

    /// Where the data of each sector is, of a read or write.
    pub fn places(&self) -> &[u64] {
        &self.places
    }

    /// Whether nothing is left to be transferred.
    pub fn is_done(&self) -> bool {
        self.done == self.sectors
    }
}

/// The device.
pub struct FakeDevice {
    /// The memory of the queue.
    pub queue: Dma,
    /// Keeps it.
    pub memory: Memory,
    /// What is on it.
    pub store: Store,
    /// Sectors that it has.
    pub capacity: u64,
    size: u16,
    /// Heads that were taken from the available ring and are not yet returned.
    pub taken: Vec<u16>,
    /// Whether the driver may rely on what this device does.
    pub honest: bool,
    last_available: u16,
    /// Its used index.
    pub used: u16,
    descriptors: usize,
    available: usize,
    /// Where the used ring is in the queue's memory.
    pub used_ring: usize,
}

impl FakeDevice {
    /// A device with the queue that is in a memory.
    pub fn new(memory: &Memory, size: u16, addresses: QueueAddresses, capacity: u64) -> FakeDevice {
        let queue = memory.dma();
        let place = |address: u64| (address - queue.physical(0)) as usize;
        FakeDevice {
            descriptors: place(addresses.descriptors),
            available: place(addresses.available),
            used_ring: place(addresses.used),
            queue,
            memory: memory.clone(),
            store: Store::numbered(),
            capacity,
            size,
            taken: Vec::new(),
            honest: true,
            last_available: 0,
            used: 0,
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

    fn place(&self, address: u64) -> usize {
        (address - self.queue.physical(0)) as usize
    }

    /// Whether memory is that of the queue: the driver's own page is there.
    fn is_of_queue(&self, address: u64) -> bool {
        (self.queue.physical(0)..self.memory.end()).contains(&address)
    }

    /// Takes the request at `taken[n]`, which has to be as sections 2.7 and 5.2.6 say.
    pub fn begin(&mut self, n: usize) -> Job {
        const NEXT: u16 = 1;
        const WRITES: u16 = 2;
        let head = self.taken.remove(n);
        let (header, length, flags, mut next) = self.descriptor(head);
        assert_eq!((length, flags), (16, NEXT), "header");
        let header = self.place(header);
        let operation = match self.queue.load32(header) {
            0 => Operation::Read,
            1 => Operation::Write,
            4 => Operation::Flush,
            11 => Operation::Discard,
            13 => Operation::Zero,
            other => panic!("{other} is no operation"),
        };
        let mut sector = self.queue.load64(header + 8);
        let (mut places, mut sectors) = (Vec::new(), 0);
        let status = loop {
            let (address, length, flags, behind) = self.descriptor(next);
            next = behind;
            if flags & NEXT == 0 {
                assert_eq!((length, flags), (1, WRITES), "status");
                break self.place(address);
            }
            match operation {
                Operation::Discard | Operation::Zero => {
                    assert_eq!((length, flags, sector), (16, NEXT, 0), "range");
                    let range = self.place(address);
                    sector = self.queue.load64(range);
                    sectors = u64::from(self.queue.load32(range + 8));
                    assert_eq!(self.queue.load32(range + 12), 0, "flags of a range");
                }
                Operation::Flush => panic!("a flush has no data"),
                Operation::Read | Operation::Write => {
                    let writes = if operation == Operation::Read {
                        WRITES
                    } else {
                        0
                    };
                    assert_eq!(flags, NEXT | writes, "data");
                    assert!(length > 0 && length.is_multiple_of(SECTOR_SIZE as u32));
                    let within = (0..u64::from(length)).step_by(SECTOR_SIZE);
                    places.extend(within.map(|offset| address + offset));
                    sectors = places.len() as u64;
                }
            }
        };
        assert!(
            sector <= self.capacity && sectors <= self.capacity - sector,
            "beyond the disk"
        );
        Job {
            head,
            operation,
            sector,
            sectors,
            places,
            done: 0,
            status,
        }
    }

    /// Does the next sector of a request, or the whole of one that has none.
    pub fn step(&mut self, job: &mut Job, target: &mut impl Target) {
        let sector = job.sector + job.done;
        match job.operation {
            Operation::Flush => return self.store.flush(),
            Operation::Read => {
                let bytes = self.store.read(sector);
                let place = job.places[job.done as usize];
                match self.is_of_queue(place) {
                    true => self.memory.write(place, &bytes),
                    false => target.write(place, &bytes),
                }
            }
            Operation::Write => {
                let place = job.places[job.done as usize];
                let bytes = match self.is_of_queue(place) {
                    true => self.memory.read(place),
                    false => target.read(place),
                };
                self.store.write(sector, bytes);
            }
            Operation::Zero => self.store.write(sector, [0; SECTOR_SIZE]),
            Operation::Discard => {}
        }
        job.done += 1;
    }

    /// Gives a request back, with a status: 0 where it was done.
    pub fn finish(&mut self, job: &Job, status: u8) {
        self.queue.store8(job.status, status);
        self.put_used(job.head.into(), job.written());
    }

    /// Serves the request at `taken[n]`, with a status; nothing is done where that is not 0.
    pub fn serve(&mut self, n: usize, status: u8, target: &mut impl Target) -> Job {
        let mut job = self.begin(n);
        if status == 0 {
            self.step(&mut job, target);
            while !job.is_done() {
                self.step(&mut job, target);
            }
        }
        self.finish(&job, status);
        job
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

    /// Serves everything that there is, in order; how much.
    pub fn serve_all(&mut self, target: &mut impl Target) -> usize {
        self.take();
        let count = self.taken.len();
        for _ in 0..count {
            self.serve(0, 0, target);
        }
        count
    }

    /// Whether the driver wants to be interrupted.
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
    /// Notifications.
    pub notified: Rc<Cell<usize>>,
    /// How often it was stopped.
    pub stopped: Rc<Cell<usize>>,
    /// What the driver has views of.
    pub keep: Vec<Memory>,
}

impl Device for Line {
    fn notify(&mut self, _queue: u16) {
        self.notified.set(self.notified.get() + 1);
    }

    fn stop(&mut self) -> Result<(), VirtioError> {
        self.stopped.set(self.stopped.get() + 1);
        Ok(())
    }
}
