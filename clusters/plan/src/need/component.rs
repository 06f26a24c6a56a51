//! What a component takes: an address space, a capability space, threads.

use std::collections::{BTreeMap, BTreeSet};

use atoll_abi::frame::FRAME_SIZE;
use atoll_abi::layout::{self, COMPONENT_HEAP_SIZE, PAGE_SIZE, STACK_SIZE, TLS_PAGES, slot};

use super::amount::{Amount, RUN_RECORD, STRUCTURE_RECORD, THREAD_RECORD};

/// Pages that a program may take, beside a heap in its image, where it is not among [`LARGE_PROGRAMS`].
const IMAGE_PAGES: u64 = 128;
/// Programs that may take more: a file system, TCP, all commands of Redis, or HTTP, is in them.
const LARGE_PROGRAMS: [(&str, u64); 4] =
    [("files", 256), ("sockets", 256), ("kv", 320), ("web", 320)];
/// The program of every server.
pub(super) const SERVER_PROGRAM: &str = "mcp-server";
/// Programs that have a heap in their image.
const ARENA_PROGRAMS: [&str; 3] = [SERVER_PROGRAM, "virtio-blk", "virtio-net"];
/// Where programs are linked.
const IMAGE_BASE: usize = 0x40_0000;
/// Address bits below the entries of each level of an address space.
const LEVELS: [u32; 3] = [39, 30, PAGE_TABLE];
/// The level whose structure maps small pages, in place of which there may be a large page.
const PAGE_TABLE: u32 = 21;
/// Bytes of a thread's object.
const THREAD_SIZE: u64 = 2048;
/// Bytes of a capability.
const SLOT_SIZE: u64 = 32;
/// Most pages of a device's registers: its configuration, and six areas of 16 pages.
const REGISTER_PAGES: u64 = 1 + 6 * 16;
/// Most untypeds on the way to one of the areas of a device's registers.
const WAY_TO_REGISTERS: u64 = 64;
const PAGE: u64 = PAGE_SIZE as u64;

/// Pages that the program of a name may take at most, beside a heap in its image.
pub(super) fn program_pages(image: &str) -> u64 {
    let large = LARGE_PROGRAMS.iter().find(|(name, _)| *name == image);
    large.map_or(IMAGE_PAGES, |(_, pages)| *pages)
}

/// Pages that the program of a name may take at most; the build refuses larger ones.
pub fn image_pages(image: &str) -> u64 {
    let heap_pages = match ARENA_PROGRAMS.contains(&image) {
        true => COMPONENT_HEAP_SIZE as u64 / PAGE,
        false => 0,
    };
    program_pages(image) + heap_pages
}

/// Whose something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    RootTask,
    Server(usize),
    Service(usize),
    Driver(usize),
    Process(usize),
}

/// What one component takes.
#[derive(Default)]
pub(super) struct Component {
    pub(super) amount: Amount,
    structures: BTreeSet<(u32, usize)>,
}

impl Component {
    /// Pages are mapped from an address on: the paging structures that this takes.
    pub(super) fn touch(&mut self, address: usize, pages: u64) {
        let end = address + (pages * PAGE) as usize;
        for level in LEVELS {
            let entries = address >> level..=(end - 1) >> level;
            for entry in entries.filter(|_| pages > 0) {
                self.structure(level, entry);
            }
        }
    }

    fn structure(&mut self, level: u32, entry: usize) {
        if self.structures.insert((level, entry)) {
            self.amount.slots += 1;
            self.amount.bytes += PAGE;
            self.amount.records += STRUCTURE_RECORD;
        }
    }

    /// Fresh pages.
    pub(super) fn fresh(&mut self, address: usize, pages: u64) {
        self.share(address, pages);
        self.amount.bytes += pages * PAGE;
    }

    /// Further capabilities to pages that there are.
    pub(super) fn shared(&mut self, pages: u64) {
        self.amount.slots += pages;
        self.amount.records += RUN_RECORD;
    }

    /// Further capabilities to pages that there are, mapped.
    pub(super) fn share(&mut self, address: usize, pages: u64) {
        self.shared(pages);
        self.touch(address, pages);
    }

    /// Frames of its own, which lie at multiples of their size.
    pub(super) fn frames(&mut self, count: u32) {
        if count > 0 {
            self.amount.slots += u64::from(count);
            self.amount.records += u64::from(count) * RUN_RECORD;
            self.amount.bytes += (u64::from(count) + 1) * FRAME_SIZE as u64;
        }
    }

    /// A large page can be mapped at an address: the paging structures that this takes.
    pub(super) fn touch_large(&mut self, address: usize) {
        for level in LEVELS.into_iter().filter(|level| *level != PAGE_TABLE) {
            self.structure(level, address >> level);
        }
    }

    pub(super) fn cspace(&mut self, slots: u64) {
        self.amount.slots += 1;
        self.amount.bytes += SLOT_SIZE << slot::bits(slots);
    }

    pub(super) fn notification(&mut self) {
        self.amount.slots += 1;
        self.amount.bytes += SLOT_SIZE;
    }

    pub(super) fn thread(&mut self, number: usize) {
        self.amount.slots += 1;
        self.amount.bytes += THREAD_SIZE;
        self.amount.records += THREAD_RECORD;
        self.fresh(layout::ipc_buffer(number), 1);
        self.fresh(layout::stack_base(number), (STACK_SIZE / PAGE_SIZE) as u64);
        self.fresh(layout::tls(number), TLS_PAGES as u64);
    }

    /// The registers of its device.
    pub(super) fn registers(&mut self) {
        self.amount.slots += 7 * WAY_TO_REGISTERS;
        self.share(layout::DEVICE_CONFIGURATION, 1);
        for bar in 0..6 {
            let address = layout::DEVICE_BARS + bar * layout::DEVICE_BAR_STRIDE;
            self.share(address, REGISTER_PAGES / 6);
        }
    }
}

/// What all components of an instance take.
#[derive(Default)]
pub(super) struct Components {
    components: BTreeMap<Holder, Component>,
}

impl Components {
    /// What a component has taken.
    pub(super) fn of(&mut self, holder: Holder) -> &mut Component {
        self.components.entry(holder).or_default()
    }

    /// A component with its program and nothing else.
    pub(super) fn start(&mut self, holder: Holder, image: &str) -> &mut Component {
        let component = self.of(holder);
        // The root of its address space.
        component.amount.slots += 1;
        component.amount.bytes += PAGE;
        component.amount.records += THREAD_RECORD;
        component.fresh(IMAGE_BASE, image_pages(image));
        component
    }

    /// How much each component takes.
    pub(super) fn amounts(&self) -> impl Iterator<Item = (Holder, Amount)> {
        let components = self.components.iter();
        components.map(|(holder, component)| (*holder, component.amount))
    }
}
