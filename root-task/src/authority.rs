//! What the root task holds and hands out: slots, memory, device memory, I/O ports, and the book that is kept of it.

mod own_pages;

use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::layout::{LARGE_PAGE_SIZE, PAGE_SIZE};
use atoll_abi::plan::{HPET_BASE, Instance};
use atoll_root_task::audit::Holdings;
use sel4::init_thread::{Slot, slot};
use sel4::{CapRights, ObjectBlueprint, ObjectBlueprintX86, cap, cap_type};

use crate::address_space::AddressSpace;
use crate::device_memory::DeviceMemory;

/// Who holds what the root task itself has.
pub const ROOT_TASK: &str = "root-task";

/// All authority of one instance.
pub struct Authority {
    slots: core::ops::Range<usize>,
    memory: Vec<Memory>,
    device_memory: DeviceMemory,
    own_space: Option<AddressSpace>,
    /// Every frame, by runs of slots.
    frames: Vec<Frames>,
    holders: Vec<String>,
    /// Holder and address of each large page.
    large_pages: Vec<(String, u64)>,
    ports: Vec<(u16, u16, String)>,
    rest: Vec<(u64, u64)>,
    /// The page of the HPET's registers, once a component has it.
    hpet: Option<cap::Granule>,
    /// An empty slot for a copy of the moment.
    spare: Option<Slot<cap_type::Granule>>,
}

/// Pages in consecutive slots: what is kept of them does not grow with their number.
#[derive(Clone, Copy)]
pub struct PageRun {
    first: cap::Granule,
    count: u64,
}

impl PageRun {
    /// Each page.
    pub fn pages(self) -> impl Iterator<Item = cap::Granule> {
        (self.first.bits()..self.first.bits() + self.count).map(cap::Granule::from_bits)
    }
}

/// Frames in consecutive slots that have one holder: what is kept of them does not grow with their number.
struct Frames {
    first: u32,
    count: u32,
    /// The place of the holder in the list of them.
    holder: u32,
}

/// An untyped of ordinary memory, handed out from its start.
struct Memory {
    untyped: cap::Untyped,
    next: u64,
    end: u64,
}

impl Memory {
    /// Where the kernel would make an object of this size, where one still fits.
    fn place(&self, size_bits: usize) -> Option<u64> {
        let at = self.next.next_multiple_of(1 << size_bits);
        (at + (1 << size_bits) <= self.end).then_some(at)
    }
}

impl Authority {
    /// Takes what the kernel gives its first program.
    pub fn new(boot_info: &sel4::BootInfo) -> Authority {
        let mut memory = Vec::new();
        let mut rest = Vec::new();
        let mut device_memory = DeviceMemory::default();
        for (slot, untyped) in boot_info.untypeds() {
            if untyped.is_device() {
                device_memory.add(slot, untyped.paddr() as u64, untyped.size_bits());
            } else {
                rest.push((untyped.paddr() as u64, 1 << untyped.size_bits()));
                memory.push(Memory {
                    untyped: slot.cap(),
                    next: untyped.paddr() as u64,
                    end: (untyped.paddr() + (1 << untyped.size_bits())) as u64,
                });
            }
        }
        memory.sort_by_key(|memory| memory.end - memory.next);
        let mut authority = Authority {
            slots: boot_info.empty(),
            memory,
            device_memory,
            own_space: Some(AddressSpace::own()),
            frames: Vec::new(),
            holders: Vec::new(),
            large_pages: Vec::new(),
            ports: Vec::new(),
            rest,
            hpet: None,
            spare: None,
        };
        for slot in boot_info.slots::<cap_type::Granule>(boot_info.user_image_frames()) {
            authority.note(slot.cap(), ROOT_TASK);
        }
        authority
    }

    /// Enters a frame into the book.
    fn note(&mut self, frame: cap::Granule, holder: &str) {
        let known = self.holders.iter().rposition(|known| known == holder);
        let place = known.unwrap_or_else(|| {
            self.holders.push(holder.into());
            self.holders.len() - 1
        });
        let (slot, holder) = (frame.bits() as u32, place as u32);
        match self.frames.last_mut() {
            Some(last) if last.holder == holder && last.first + last.count == slot => {
                last.count += 1;
            }
            _ => self.frames.push(Frames {
                first: slot,
                count: 1,
                holder,
            }),
        }
    }

    /// An empty slot.
    pub fn slot<T: sel4::CapType>(&mut self) -> Slot<T> {
        let index = self
            .slots
            .next()
            .expect("the root CNode has a slot left (KernelRootCNodeSizeBits)");
        Slot::from_index(index)
    }

    /// Makes an object from ordinary memory.
    pub fn make<T: sel4::CapType>(&mut self, blueprint: ObjectBlueprint) -> sel4::Cap<T> {
        let slot = self.slot::<T>();
        let root = slot::CNODE.cap().absolute_cptr_for_self();
        let bits = blueprint.physical_size_bits();
        for memory in &mut self.memory {
            if let Some(at) = memory.place(bits) {
                memory
                    .untyped
                    .untyped_retype(&blueprint, &root, slot.index(), 1)
                    .expect("the object fits the untyped");
                memory.next = at + (1 << bits);
                return slot.cap();
            }
        }
        panic!("the cluster's memory is used up; give it more in the plan");
    }

    /// Makes an endpoint.
    pub fn endpoint(&mut self) -> cap::Endpoint {
        self.make(ObjectBlueprint::Endpoint)
    }

    /// Makes a notification.
    pub fn notification(&mut self) -> cap::Notification {
        self.make(ObjectBlueprint::Notification)
    }

    /// Another capability to a notification, which signals with a badge.
    pub fn badged(&mut self, notification: cap::Notification, badge: u64) -> cap::Notification {
        let slot = self.slot::<cap_type::Notification>();
        let source = slot::CNODE.cap().absolute_cptr(notification);
        slot.absolute_cptr()
            .mint(&source, CapRights::write_only(), badge)
            .expect("the slot is empty");
        slot.cap()
    }

    /// Makes a page of ordinary memory for a holder.
    pub fn page(&mut self, holder: &str) -> cap::Granule {
        let frame = self.make(ObjectBlueprintX86::_4k.into());
        self.note(frame, holder);
        frame
    }

    /// Makes a large page of ordinary memory for a holder.
    pub fn large_page(&mut self, holder: &str) -> cap::LargePage {
        let frame: cap::LargePage = self.make(ObjectBlueprintX86::LargePage.into());
        let address = frame.frame_get_address().expect("a frame has an address");
        self.large_pages.push((holder.into(), address as u64));
        frame
    }

    /// Makes pages of ordinary memory that are physically contiguous, and tells the address of the first.
    pub fn contiguous_pages(&mut self, count: usize, holder: &str) -> (Vec<cap::Granule>, u64) {
        let size_bits = (count * PAGE_SIZE).next_power_of_two().ilog2() as usize;
        let untyped: cap::Untyped = self.make(ObjectBlueprint::Untyped { size_bits });
        let root = slot::CNODE.cap().absolute_cptr_for_self();
        let mut pages = Vec::new();
        for _ in 0..count {
            let slot = self.slot::<cap_type::Granule>();
            let made =
                untyped.untyped_retype(&ObjectBlueprintX86::_4k.into(), &root, slot.index(), 1);
            made.expect("the untyped was made for these pages");
            self.note(slot.cap(), holder);
            pages.push(slot.cap());
        }
        let address = pages[0]
            .frame_get_address()
            .expect("a frame has an address");
        (pages, address as u64)
    }

    /// Makes a page of device memory, or of memory that belongs to no instance, for a holder.
    pub fn device_page(&mut self, address: u64, holder: &str) -> cap::Granule {
        let frame = self.device_frame(address);
        self.note(frame, holder);
        frame
    }

    /// Makes neighbouring pages of memory that belongs to no instance, one at least, for a holder.
    pub fn device_pages(&mut self, address: u64, count: u64, holder: &str) -> PageRun {
        let first = self.device_page(address, holder);
        for index in 1..count {
            let page = self.device_page(address + index * PAGE_SIZE as u64, holder);
            // Nothing lies between it and the one before it, so that no other slot was filled on the way.
            assert_eq!(page.bits(), first.bits() + index);
        }
        PageRun { first, count }
    }

    /// The page of the HPET's registers, for any number of holders.
    pub fn hpet_page(&mut self, holder: &str) -> cap::Granule {
        match self.hpet {
            Some(page) => self.share(page, holder),
            None => {
                let page = self.device_page(HPET_BASE, holder);
                self.hpet = Some(page);
                page
            }
        }
    }

    fn device_frame(&mut self, address: u64) -> cap::Granule {
        let slots = &mut self.slots;
        let next = || {
            slots
                .next()
                .expect("the root CNode has a slot left (KernelRootCNodeSizeBits)")
        };
        self.device_memory.page(address, next)
    }

    /// Another capability to a page, for another holder.
    pub fn share(&mut self, page: cap::Granule, holder: &str) -> cap::Granule {
        let slot = self.slot::<cap_type::Granule>();
        let source = slot::CNODE.cap().absolute_cptr(page);
        slot.absolute_cptr()
            .copy(&source, CapRights::all())
            .expect("the slot is empty");
        self.note(slot.cap(), holder);
        slot.cap()
    }

    /// Makes a capability to a range of I/O ports, both ends included.
    pub fn io_ports(&mut self, first: u16, last: u16, holder: &str) -> cap::IOPort {
        let slot = self.slot::<cap_type::IOPort>();
        let control = slot::IO_PORT_CONTROL.cap();
        control
            .ioport_control_issue(first, last, &slot.absolute_cptr())
            .expect("the ports are free");
        self.ports.push((first, last, holder.into()));
        slot.cap()
    }

    /// Drops all authority that only start-up needs, and lists what is still held. What is left can map the pages that the
    /// root task has, and nothing else.
    pub fn drop_boot_authority(&mut self, instance: &Instance) -> Holdings {
        let mut gone = core::mem::take(&mut self.device_memory).slots();
        gone.push(slot::IO_PORT_CONTROL.index());
        gone.push(slot::IRQ_CONTROL.index());
        gone.push(slot::ASID_CONTROL.index());
        gone.push(slot::IO_SPACE.index());
        gone.push(slot::DOMAIN.index());
        for index in gone {
            let slot = Slot::<cap_type::Unspecified>::from_index(index);
            slot.absolute_cptr()
                .delete()
                .expect("the slot can be emptied");
        }
        let mut holdings = Holdings::default();
        for frames in &self.frames {
            for slot in frames.first..frames.first + frames.count {
                let frame = cap::Granule::from_bits(u64::from(slot));
                let address = frame.frame_get_address().expect("a frame has an address") as u64;
                let holder = &self.holders[frames.holder as usize];
                holdings.frame(holder, address, PAGE_SIZE as u64);
            }
        }
        for (holder, address) in self.large_pages.drain(..) {
            holdings.frame(&holder, address, LARGE_PAGE_SIZE as u64);
        }
        for (address, size) in self.rest.drain(..) {
            let inside = address >= instance.memory_base
                && address + size <= instance.memory_base + instance.memory_size;
            holdings.untyped.push((address, address + size, !inside));
        }
        holdings.ports = core::mem::take(&mut self.ports);
        holdings.merge();
        holdings
    }
}
