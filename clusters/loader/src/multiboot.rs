//! The Multiboot 0.6.96 structures that the loader reads from the firmware's side and writes for each kernel.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// In `eax` when a Multiboot loader enters a kernel.
pub const BOOTLOADER_MAGIC: u32 = 0x2BAD_B002;

/// `flags`: the fields `mem_lower` and `mem_upper` are valid.
pub const FLAG_MEMORY: u32 = 1 << 0;
/// `flags`: the field `cmdline` is valid.
pub const FLAG_COMMAND_LINE: u32 = 1 << 2;
/// `flags`: the fields `mods_*` are valid.
pub const FLAG_MODULES: u32 = 1 << 3;
/// `flags`: the fields `mmap_*` are valid.
pub const FLAG_MEMORY_MAP: u32 = 1 << 6;

/// The information structure, up to the last field that is used here.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Information {
    /// Which fields are valid.
    pub flags: u32,
    /// KiB of memory below 1 MiB.
    pub memory_lower: u32,
    /// KiB of memory above 1 MiB.
    pub memory_upper: u32,
    /// Unused.
    pub boot_device: u32,
    /// Address of the command line, ended by zero.
    pub command_line: u32,
    /// Number of modules.
    pub module_count: u32,
    /// Address of the [`Module`]s.
    pub modules: u32,
    /// Unused.
    pub symbols: [u32; 4],
    /// Bytes of the memory map.
    pub memory_map_length: u32,
    /// Address of the [`MemoryRegion`]s.
    pub memory_map: u32,
    /// Unused: drives, tables and graphics.
    pub rest: [u32; 16],
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
            size: 20,
            base,
            length,
            kind: 1,
        }
    }
}

/// Whether one usable region of a memory map holds `[start, end)` whole.
pub fn holds(map: &[u8], start: u64, end: u64) -> bool {
    let mut rest = map;
    while let Ok((region, _)) = MemoryRegion::read_from_prefix(rest) {
        let (base, length, kind) = (region.base, region.length, region.kind);
        if kind == 1 && base <= start && base.checked_add(length).is_some_and(|top| top >= end) {
            return true;
        }
        let Some(next) = rest.get(region.size as usize + 4..) else {
            break;
        };
        rest = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_must_lie_in_one_usable_region() {
        let mut hole = MemoryRegion::usable(0x20_0000, 0x10_0000);
        hole.kind = 2;
        let map = [
            MemoryRegion::usable(0x10_0000, 0x10_0000),
            hole,
            MemoryRegion::usable(0x30_0000, 0x10_0000),
        ];
        assert!(holds(map.as_bytes(), 0x10_0000, 0x20_0000));
        assert!(holds(map.as_bytes(), 0x38_0000, 0x40_0000));
        assert!(!holds(map.as_bytes(), 0x20_0000, 0x28_0000));
        assert!(!holds(map.as_bytes(), 0x10_0000, 0x40_0000));
        assert!(!holds(&[], 0, 1));
    }

    #[test]
    fn a_map_with_a_wild_size_ends_the_walk() {
        let mut wild = MemoryRegion::usable(0, 1);
        wild.size = u32::MAX;
        assert!(!holds(wild.as_bytes(), 4, 5));
    }
}
