//! The device's side of a queue.

use std::sync::atomic::{Ordering, fence};

use atoll_virtio::{Dma, QueueAddresses};

use crate::Memory;

const NEXT: u16 = 1;
const WRITES: u16 = 2;

/// A descriptor, section 2.7.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Physical address of its memory.
    pub address: u64,
    /// Bytes of it.
    pub length: u32,
    /// The device writes it; otherwise it reads it.
    pub is_written: bool,
    /// The descriptor that follows, if any.
    pub next: Option<u16>,
}

/// A queue.
pub struct DeviceQueue {
    /// The memory of the queue.
    pub queue: Dma,
    /// Keeps it.
    pub memory: Memory,
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

impl DeviceQueue {
    /// A queue that is in a memory.
    pub fn new(memory: &Memory, size: u16, addresses: QueueAddresses) -> DeviceQueue {
        let queue = memory.dma();
        let place = |address: u64| (address - queue.physical(0)) as usize;
        DeviceQueue {
            descriptors: place(addresses.descriptors),
            available: place(addresses.available),
            used_ring: place(addresses.used),
            queue,
            memory: memory.clone(),
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

    /// A descriptor.
    pub fn descriptor(&self, index: u16) -> Descriptor {
        let at = self.descriptors + 16 * usize::from(index);
        let flags = self.queue.load16(at + 12);
        assert_eq!(flags & !(NEXT | WRITES), 0, "flags of a descriptor");
        Descriptor {
            address: self.queue.load64(at),
            length: self.queue.load32(at + 8),
            is_written: flags & WRITES != 0,
            next: (flags & NEXT != 0).then(|| self.queue.load16(at + 14)),
        }
    }

    /// The descriptors of a chain: those that are read before those that are written (section 2.7.4.2).
    pub fn chain(&self, head: u16) -> Vec<Descriptor> {
        let mut chain = vec![self.descriptor(head)];
        while let Some(next) = chain.last().and_then(|last| last.next) {
            chain.push(self.descriptor(next));
            assert!(chain.len() <= self.size.into(), "a chain without end");
        }
        assert!(chain.is_sorted_by_key(|it| it.is_written), "{chain:?}");
        chain
    }

    /// Where an address is in the queue's memory.
    pub fn place(&self, address: u64) -> usize {
        (address - self.queue.physical(0)) as usize
    }

    /// Writes a used entry, true or not.
    pub fn put_used(&mut self, id: u32, length: u32) {
        self.fill_used(id, length);
        self.publish_used();
    }

    /// Writes a used entry that the driver does not see yet.
    pub fn fill_used(&mut self, id: u32, length: u32) {
        let entry = self.used_ring + 4 + 8 * usize::from(self.used % self.size);
        self.queue.store32(entry, id);
        self.queue.store32(entry + 4, length);
        self.used = self.used.wrapping_add(1);
    }

    /// Lets the driver see the used entries.
    pub fn publish_used(&mut self) {
        fence(Ordering::Release);
        self.queue.store16(self.used_ring + 2, self.used);
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
