//! The Multiboot 0.6.96 structures that the loader reads from the firmware's side and writes for each kernel.

use atoll_abi::plan::MAX_CLUSTERS;
use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::extent::Extent;
use crate::refusal::{Refusal, Table};

/// In `eax` when a Multiboot loader enters a kernel.
pub const BOOTLOADER_MAGIC: u32 = 0x2BAD_B002;

/// Most modules: the plan, and a kernel and a root task for each instance.
pub const MAX_MODULES: usize = 1 + 2 * MAX_CLUSTERS;

bitflags! {
    /// Which fields of an [`Information`] are valid.
    #[derive(Clone, Copy)]
    struct Valid: u32 {
        /// `mem_lower` and `mem_upper`.
        const MEMORY = 1 << 0;
        /// `cmdline`.
        const COMMAND_LINE = 1 << 2;
        /// `mods_*`.
        const MODULES = 1 << 3;
        /// `mmap_*`.
        const MEMORY_MAP = 1 << 6;
        const _ = !0;
    }
}

/// Kind of a [`MemoryRegion`] that is ordinary memory.
pub(crate) const USABLE: u32 = 1;

/// The information structure, up to the last field that is used here. A field can be read only where the flags say that
/// it is valid.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Information {
    /// Which fields are valid.
    flags: u32,
    /// KiB of memory below 1 MiB.
    memory_lower: u32,
    /// KiB of memory above 1 MiB.
    memory_upper: u32,
    /// Unused.
    boot_device: u32,
    /// Address of the command line, ended by zero.
    command_line: u32,
    /// Number of modules.
    module_count: u32,
    /// Address of the [`Module`]s.
    modules: u32,
    /// Unused.
    symbols: [u32; 4],
    /// Bytes of the memory map.
    memory_map_length: u32,
    /// Address of the [`MemoryRegion`]s.
    memory_map: u32,
    /// Unused: drives, tables and graphics.
    rest: [u32; 16],
}

impl Information {
    /// Where the structure lies whose address a Multiboot loader passed.
    ///
    /// # Errors
    /// Where the loader cannot read it.
    pub fn extent(address: u32) -> Result<Extent, Refusal> {
        readable(Table::Information, address, size_of::<Information>() as u64)
    }

    fn has(&self, fields: Valid) -> bool {
        Valid::from_bits_retain(self.flags).contains(fields)
    }

    /// Where the list of [`Module`]s lies: one at least, [`MAX_MODULES`] at most.
    ///
    /// # Errors
    /// Where there are none or too many, the flags do not say that there are any, or the loader cannot read the list.
    pub fn modules(&self) -> Result<Extent, Refusal> {
        let count = self.module_count;
        if !self.has(Valid::MODULES) || count == 0 {
            return Err(Refusal::NoModules);
        }
        if count as usize > MAX_MODULES {
            return Err(Refusal::ManyModules { count });
        }
        let size = u64::from(count) * size_of::<Module>() as u64;
        readable(Table::Modules, self.modules, size)
    }

    /// Where the memory map lies.
    ///
    /// # Errors
    /// Where it is empty, the flags do not say that there is one, or the loader cannot read it.
    pub fn memory_map(&self) -> Result<Extent, Refusal> {
        if !self.has(Valid::MEMORY_MAP) || self.memory_map_length == 0 {
            return Err(Refusal::NoMemoryMap);
        }
        let size = u64::from(self.memory_map_length);
        readable(Table::MemoryMap, self.memory_map, size)
    }

    /// What a kernel is told that has this much memory and one module; the rest of the arguments are addresses.
    pub(crate) fn for_kernel(
        memory: Extent,
        command_line: u32,
        module: u32,
        memory_map: u32,
    ) -> Information {
        let valid = Valid::MEMORY | Valid::COMMAND_LINE | Valid::MODULES | Valid::MEMORY_MAP;
        Information {
            flags: valid.bits(),
            memory_lower: 640,
            memory_upper: (memory.size() >> 10) as u32,
            command_line,
            module_count: 1,
            modules: module,
            memory_map_length: size_of::<MemoryRegion>() as u32,
            memory_map,
            ..Information::default()
        }
    }
}

fn readable(table: Table, address: u32, size: u64) -> Result<Extent, Refusal> {
    Extent::new(u64::from(address), size)
        .filter(|extent| extent.is_mapped())
        .ok_or(Refusal::UnreachableTable(table))
}

/// A file that was loaded together with the kernel.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Module {
    /// Address of its first byte.
    pub start: u32,
    /// Address after its last byte.
    pub end: u32,
    /// Address of its command line.
    pub name: u32,
    /// Zero.
    pub reserved: u32,
}

impl Module {
    /// Where the module lies; `index` is its place in the list.
    ///
    /// # Errors
    /// Where it has no bytes.
    pub fn extent(&self, index: usize) -> Result<Extent, Refusal> {
        Extent::between(self.start.into(), self.end.into())
            .ok_or(Refusal::EmptyModule { module: index })
    }
}

/// One region of the memory map.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub struct MemoryRegion {
    /// Bytes of this structure that follow this field.
    pub size: u32,
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub length: u64,
    /// 1 where the region is ordinary memory.
    pub kind: u32,
}

impl MemoryRegion {
    /// A region of ordinary memory.
    pub fn usable(base: u64, length: u64) -> MemoryRegion {
        MemoryRegion {
            size: (size_of::<MemoryRegion>() - size_of::<u32>()) as u32,
            base,
            length,
            kind: USABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a Multiboot loader passes it.
    fn information() -> Information {
        Information {
            flags: (Valid::MODULES | Valid::MEMORY_MAP).bits(),
            module_count: 3,
            modules: 0x10_0000,
            memory_map_length: 72,
            memory_map: 0x9000,
            ..Information::default()
        }
    }

    fn extent(start: u64, size: u64) -> Extent {
        Extent::new(start, size).unwrap()
    }

    #[test]
    fn a_field_is_read_where_its_flag_is_set() {
        let good = information();
        assert_eq!(good.modules(), Ok(extent(0x10_0000, 48)));
        assert_eq!(good.memory_map(), Ok(extent(0x9000, 72)));
        let mut without_modules = good;
        without_modules.flags = (!Valid::MODULES).bits();
        assert_eq!(without_modules.modules(), Err(Refusal::NoModules));
        assert_eq!(without_modules.memory_map(), good.memory_map());
        let mut without_map = good;
        without_map.flags = (!Valid::MEMORY_MAP).bits();
        assert_eq!(without_map.memory_map(), Err(Refusal::NoMemoryMap));
        assert_eq!(without_map.modules(), good.modules());
    }

    #[test]
    fn a_count_of_modules_is_checked() {
        let mut information = information();
        information.module_count = 0;
        assert_eq!(information.modules(), Err(Refusal::NoModules));
        for count in [MAX_MODULES as u32 + 1, u32::MAX] {
            information.module_count = count;
            assert_eq!(information.modules(), Err(Refusal::ManyModules { count }));
        }
        information.module_count = MAX_MODULES as u32;
        assert!(information.modules().is_ok());
    }

    #[test]
    fn a_table_must_be_within_reach() {
        let mut information = information();
        information.memory_map_length = 0;
        assert_eq!(information.memory_map(), Err(Refusal::NoMemoryMap));
        information.memory_map_length = u32::MAX;
        assert_eq!(
            information.memory_map(),
            Err(Refusal::UnreachableTable(Table::MemoryMap))
        );
        for modules in [0, u32::MAX - 46] {
            information.modules = modules;
            assert_eq!(
                information.modules(),
                Err(Refusal::UnreachableTable(Table::Modules))
            );
        }
        assert!(Information::extent(0x9500).is_ok());
        assert!(Information::extent(u32::MAX - 8).is_err());
    }

    #[test]
    fn a_module_has_bytes() {
        let module = |start, end| {
            let (name, reserved) = (0, 0);
            Module {
                start,
                end,
                name,
                reserved,
            }
            .extent(2)
        };
        assert_eq!(module(0x20_0000, 0x20_0004), Ok(extent(0x20_0000, 4)));
        for (start, end) in [(0x20_0000, 0x20_0000), (0x20_0000, 0x1f_0000)] {
            assert_eq!(module(start, end), Err(Refusal::EmptyModule { module: 2 }));
        }
    }
}
