//! The page of memory with what a kernel is told when it is entered.

use core::fmt::Write;

use atoll_abi::plan::kernel_port;
use heapless::String;
use zerocopy::IntoBytes;

use crate::extent::Extent;
use crate::multiboot::{Information, MemoryRegion, Module};

/// Bytes of the page that are used; the others are zero.
pub const USED: usize = 0x400 + size_of::<MemoryRegion>();

const COMMAND_LINE_AT: usize = 0x200;
const COMMAND_LINE_SIZE: usize = 0x80;
/// A command line, which at least one zero of the page ends.
type CommandLine = String<{ COMMAND_LINE_SIZE - 1 }>;
const MODULE_AT: usize = 0x300;
const MEMORY_MAP_AT: usize = 0x400;

const _: () = assert!(size_of::<Information>() <= COMMAND_LINE_AT);
const _: () = assert!(COMMAND_LINE_AT + COMMAND_LINE_SIZE <= MODULE_AT);
const _: () = assert!(MODULE_AT + size_of::<Module>() <= MEMORY_MAP_AT);

/// The page for the kernel of the instance `index`, for the page's address `address`. The page begins with the
/// [`Information`].
pub fn build(index: usize, address: u32, memory: Extent, root_task: Extent) -> [u8; USED] {
    let mut page = [0; USED];
    let [command_line, module_address, memory_map] =
        [COMMAND_LINE_AT, MODULE_AT, MEMORY_MAP_AT].map(|offset| address + offset as u32);
    let information = Information::for_kernel(memory, command_line, module_address, memory_map);
    let module = Module {
        start: root_task.start() as u32,
        end: root_task.end() as u32,
        name: command_line,
        reserved: 0,
    };
    let mut line = CommandLine::new();
    let port = kernel_port(index);
    // It fits: the test has the largest port.
    let _ = write!(line, "console_port={port:#x} debug_port={port:#x}");
    let map = MemoryRegion::usable(memory.start(), memory.size());
    put(&mut page, 0, information.as_bytes());
    put(&mut page, COMMAND_LINE_AT, line.as_bytes());
    put(&mut page, MODULE_AT, module.as_bytes());
    put(&mut page, MEMORY_MAP_AT, map.as_bytes());
    page
}

fn put(page: &mut [u8; USED], at: usize, bytes: &[u8]) {
    page[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use zerocopy::FromBytes;

    use super::*;
    use crate::memory_map::MemoryMap;

    #[test]
    fn a_kernel_is_told_of_its_memory_and_its_root_task() {
        let memory = Extent::new(0x200_0000, 0x600_0000).unwrap();
        let root_task = Extent::new(0x300_0000, 0x1234).unwrap();
        let page = build(1, 0xB000, memory, root_task);
        let at = |extent: Extent| {
            let start = (extent.start() - 0xB000) as usize;
            &page[start..start + extent.size() as usize]
        };
        let (information, _) = Information::read_from_prefix(&page).unwrap();
        let module = Module::read_from_bytes(at(information.modules().unwrap())).unwrap();
        assert_eq!(module.extent(0), Ok(root_task));
        let map = MemoryMap::parse(at(information.memory_map().unwrap())).unwrap();
        assert!(map.holds(memory));
        assert!(!map.holds(Extent::between(memory.start(), memory.end() + 1).unwrap()));
    }

    #[test]
    fn a_command_line_is_whole_and_ends() {
        let memory = Extent::new(0x200_0000, 0x600_0000).unwrap();
        // The last one: each instance has a serial port of its own.
        let page = build(3, 0x1_1000, memory, memory);
        let line = &page[COMMAND_LINE_AT..COMMAND_LINE_AT + COMMAND_LINE_SIZE];
        let expected = b"console_port=0x318 debug_port=0x318\0";
        assert_eq!(&line[..expected.len()], expected);
        let mut short = CommandLine::new();
        assert!(short.write_str("x").is_ok());
        let long = [b'x'; COMMAND_LINE_SIZE - 1];
        assert!(
            short
                .write_str(core::str::from_utf8(&long).unwrap())
                .is_err()
        );
    }
}
