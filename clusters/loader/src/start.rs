//! Starts the kernel instances, one after another.

use core::fmt::Write;

use atoll_abi::boot::{READY, READY_PAGE};
use atoll_abi::plan::{Instance, MAX_CLUSTERS, Plan, kernel_port};
use atoll_loader::acpi::Madt;
use atoll_loader::image;
use atoll_loader::multiboot::{
    FLAG_COMMAND_LINE, FLAG_MEMORY, FLAG_MEMORY_MAP, FLAG_MODULES, Information, MemoryRegion,
    Module,
};
use zerocopy::{FromZeros, IntoBytes};

use crate::hpet::Clock;
use crate::serial::event;
use crate::{apic, arch, memory, module_bytes, refuse};

/// Where a root task's image is put within its instance's memory: beyond the kernel, which wants it there before it
/// loads it to its final place.
const ROOT_TASK_OFFSET: u64 = 16 << 20;

/// How long an instance may take until its root task says that it is ready.
const READY_MILLISECONDS: u32 = 60_000;

/// Where the boot information for an instance is put: after the loader's trampoline and the ready words, a page for each.
const INFORMATION_PAGE: u64 = 0xA000;

const COMMAND_LINE_AT: u64 = 0x200;
const MODULE_AT: u64 = 0x300;
const MEMORY_MAP_AT: u64 = 0x400;

/// Starts every instance; the boot processor's is the last, and this processor goes with it.
pub fn all(plan: &Plan, images: &[Module], madt: &mut Madt<'_>, clock: &Clock) -> ! {
    let boot_processor = apic::own_identifier();
    let mut last = None;
    for (index, instance) in plan.instances().iter().enumerate() {
        let [kernel, root_task] = [&images[2 * index], &images[2 * index + 1]];
        let entry = load(index, instance, kernel, root_task);
        if instance.cores().contains(&boot_processor) {
            last = Some((index, instance, entry));
            continue;
        }
        madt.show_only(instance.cores());
        start_elsewhere(index, instance, entry, clock);
    }
    let Some((index, instance, entry)) = last else {
        refuse(format_args!(
            "no instance has the boot processor, core {boot_processor}; give it to a cluster"
        ));
    };
    madt.show_only(instance.cores());
    announce(index, instance);
    arch::enter_kernel(entry, information_address(index) as u32)
}

fn start_elsewhere(index: usize, instance: &Instance, entry: u32, clock: &Clock) {
    announce(index, instance);
    let Some(&core) = instance.cores().first() else {
        refuse(format_args!("instance {index} has no cores"));
    };
    let page = arch::prepare_trampoline(entry, information_address(index) as u32);
    apic::start_core(core, page, clock);
    let word = READY_PAGE + 4 * index as u64;
    // SAFETY: the page of ready words is mapped; the root task writes the word with one store.
    let ready = || unsafe { (word as *const u32).read_volatile() } == READY;
    if !clock.wait(READY_MILLISECONDS, ready) {
        refuse(format_args!(
            "instance {index} did not come up within {} s; its own serial log says how far it got",
            READY_MILLISECONDS / 1000
        ));
    }
    event(format_args!(
        r#""event":"loader","stage":"instance ready","instance":{index}"#
    ));
}

fn announce(index: usize, instance: &Instance) {
    event(format_args!(
        r#""event":"loader","stage":"starting","instance":{index},"cores":{},"base":{}"#,
        instance.core_count, instance.memory_base
    ));
}

fn information_address(index: usize) -> u64 {
    const { assert!(INFORMATION_PAGE + (MAX_CLUSTERS as u64) * 4096 < 0x8_0000) };
    INFORMATION_PAGE + 4096 * index as u64
}

/// Puts an instance's kernel and root task in its memory and writes what its kernel is told; the kernel's entry point.
fn load(index: usize, instance: &Instance, kernel: &Module, root_task: &Module) -> u32 {
    let (base, size) = (instance.memory_base, instance.memory_size);
    let mut kernel_end = base;
    let loaded = image::load(module_bytes(kernel), base, size, |segment| {
        memory::place(segment.address, segment.bytes);
        let file_end = segment.address + segment.bytes.len() as u64;
        memory::clear(file_end, segment.memory_size - segment.bytes.len() as u64);
        kernel_end = kernel_end.max(segment.address + segment.memory_size);
    });
    let entry = match loaded {
        Ok(entry) => entry,
        Err(error) => refuse(format_args!(
            "the kernel of instance {index} cannot be loaded: {error:?}"
        )),
    };
    let bytes = module_bytes(root_task);
    let start = base + ROOT_TASK_OFFSET;
    // The kernel loads the image behind the file and needs as much again.
    if start < kernel_end || start + 3 * bytes.len() as u64 > base + size {
        refuse(format_args!(
            "instance {index} has {} MiB of memory, too little for its kernel and its root task; give its cluster more",
            size >> 20
        ));
    }
    memory::place(start, bytes);
    let page = information_address(index);
    memory::clear(page, 4096);
    let mut command_line = CommandLine::default();
    let port = kernel_port(index);
    let _ = write!(command_line, "console_port={port:#x} debug_port={port:#x}");
    memory::place(page + COMMAND_LINE_AT, &command_line.bytes);
    let module = Module {
        start: start as u32,
        end: (start + bytes.len() as u64) as u32,
        name: (page + COMMAND_LINE_AT) as u32,
        reserved: 0,
    };
    memory::place(page + MODULE_AT, module.as_bytes());
    let map = MemoryRegion::usable(base, size);
    memory::place(page + MEMORY_MAP_AT, map.as_bytes());
    let mut information = Information::new_zeroed();
    information.flags = FLAG_MEMORY | FLAG_COMMAND_LINE | FLAG_MODULES | FLAG_MEMORY_MAP;
    information.memory_lower = 640;
    information.memory_upper = (size >> 10) as u32;
    information.command_line = (page + COMMAND_LINE_AT) as u32;
    information.module_count = 1;
    information.modules = (page + MODULE_AT) as u32;
    information.memory_map_length = size_of::<MemoryRegion>() as u32;
    information.memory_map = (page + MEMORY_MAP_AT) as u32;
    memory::place(page, information.as_bytes());
    entry
}

/// Text of bounded length, ended by at least one zero.
struct CommandLine {
    bytes: [u8; 128],
    length: usize,
}

impl Default for CommandLine {
    fn default() -> CommandLine {
        CommandLine {
            bytes: [0; 128],
            length: 0,
        }
    }
}

impl Write for CommandLine {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.length + text.len();
        if end >= self.bytes.len() {
            return Err(core::fmt::Error);
        }
        self.bytes[self.length..end].copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
