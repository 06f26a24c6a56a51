//! The device's side of the queue.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use atoll_abi::block::SECTOR_SIZE;
use atoll_test_virtio::{DeviceQueue, Memory};
use atoll_virtio::{Device, QueueAddresses, VirtioError};
use atoll_virtio_blk::Operation;

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

/// The device: its queue, and what is on it.
pub struct FakeDevice {
    rings: DeviceQueue,
    /// What is on it.
    pub store: Store,
    /// Sectors that it has.
    pub capacity: u64,
}

impl Deref for FakeDevice {
    type Target = DeviceQueue;

    fn deref(&self) -> &DeviceQueue {
        &self.rings
    }
}

impl DerefMut for FakeDevice {
    fn deref_mut(&mut self) -> &mut DeviceQueue {
        &mut self.rings
    }
}

impl FakeDevice {
    /// A device with the queue that is in a memory.
    pub fn new(memory: &Memory, size: u16, addresses: QueueAddresses, capacity: u64) -> FakeDevice {
        FakeDevice {
            rings: DeviceQueue::new(memory, size, addresses),
            store: Store::numbered(),
            capacity,
        }
    }

    /// Takes the request at `taken[n]`, which has to be as sections 2.7 and 5.2.6 say.
    pub fn begin(&mut self, n: usize) -> Job {
        let head = self.taken.remove(n);
        let chain = self.chain(head);
        let (first, rest) = chain.split_first().expect("a chain has a descriptor");
        let (last, data) = rest.split_last().expect("a request has a status");
        assert_eq!((first.length, first.is_written), (16, false), "header");
        assert_eq!((last.length, last.is_written), (1, true), "status");
        let header = first.address;
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
        for part in data {
            match operation {
                Operation::Discard | Operation::Zero => {
                    let whole = (part.length, part.is_written, sector);
                    assert_eq!(whole, (16, false, 0), "range");
                    let range = self.place(part.address);
                    sector = self.queue.load64(range);
                    sectors = u64::from(self.queue.load32(range + 8));
                    assert_eq!(self.queue.load32(range + 12), 0, "flags of a range");
                }
                Operation::Flush => panic!("a flush has no data"),
                Operation::Read | Operation::Write => {
                    assert_eq!(part.is_written, operation == Operation::Read, "data");
                    let length = u64::from(part.length);
                    assert!(length > 0 && length.is_multiple_of(SECTOR_SIZE as u64));
                    let within = (0..length).step_by(SECTOR_SIZE);
                    places.extend(within.map(|offset| part.address + offset));
                    sectors = places.len() as u64;
                }
            }
        }
        let status = self.place(last.address);
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
                match self.memory.contains(place) {
                    true => self.memory.write(place, &bytes),
                    false => target.write(place, &bytes),
                }
            }
            Operation::Write => {
                let place = job.places[job.done as usize];
                let bytes = match self.memory.contains(place) {
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

    /// Serves everything that there is, in order; how much.
    pub fn serve_all(&mut self, target: &mut impl Target) -> usize {
        self.take();
        let count = self.taken.len();
        for _ in 0..count {
            self.serve(0, 0, target);
        }
        count
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
