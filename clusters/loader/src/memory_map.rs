//! The Multiboot memory map: which physical memory is ordinary memory.

use zerocopy::FromBytes;

use crate::extent::Extent;
use crate::multiboot::{MemoryRegion, USABLE};
use crate::refusal::Refusal;

/// Most entries of a memory map, as many as the firmware interface (INT 15h, function E820h) is commonly read for.
pub const MAX_ENTRIES: usize = 128;

/// A copy of the memory map, so that the loader may overwrite the memory that it was read from.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    /// Extents, and whether they are ordinary memory.
    entries: [Option<(Extent, bool)>; MAX_ENTRIES],
}

impl MemoryMap {
    /// Reads a memory map as a Multiboot loader passes it.
    ///
    /// # Errors
    /// Where an entry is cut short, is too small to be one, or is one more than there is place for.
    pub fn parse(bytes: &[u8]) -> Result<MemoryMap, Refusal> {
        let mut entries = [None; MAX_ENTRIES];
        let mut slots = entries.iter_mut();
        let mut rest = bytes;
        while !rest.is_empty() {
            let damaged = Refusal::DamagedMemoryMap {
                offset: bytes.len() - rest.len(),
            };
            let (entry, _) = MemoryRegion::read_from_prefix(rest).map_err(|_| damaged)?;
            // The size field does not count itself. One smaller than the fields would not lead to the next entry.
            let step = entry.size as usize + size_of::<u32>();
            if step < size_of::<MemoryRegion>() {
                return Err(damaged);
            }
            rest = rest.get(step..).ok_or(damaged)?;
            let slot = slots.next().ok_or(Refusal::LongMemoryMap)?;
            let (base, length, usable) = (entry.base, entry.length, entry.kind == USABLE);
            // Memory that has no end is not believed; what is reserved without end is.
            let end = match base.checked_add(length) {
                Some(end) => end,
                None if usable => continue,
                None => u64::MAX,
            };
            *slot = Extent::between(base, end).map(|extent| (extent, usable));
        }
        Ok(MemoryMap { entries })
    }

    /// Whether one entry of ordinary memory holds the extent whole and no other kind of entry overlaps it.
    pub fn holds(&self, extent: Extent) -> bool {
        let entries = || self.entries.iter().flatten();
        entries().any(|(entry, usable)| *usable && entry.contains(extent))
            && !entries().any(|(entry, usable)| !usable && entry.overlaps(extent))
    }

    /// Bytes of ordinary memory from an address on.
    pub fn beyond(&self, address: u64) -> u64 {
        let usable = self.entries.iter().flatten().filter(|(_, usable)| *usable);
        let bytes = usable.map(|(entry, _)| entry.end().saturating_sub(entry.start().max(address)));
        bytes.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;

    fn region(base: u64, length: u64, kind: u32) -> MemoryRegion {
        let mut region = MemoryRegion::usable(base, length);
        region.kind = kind;
        region
    }

    fn extent(start: u64, end: u64) -> Extent {
        Extent::between(start, end).unwrap()
    }

    #[test]
    fn an_extent_must_lie_in_one_usable_entry() {
        let map = [
            region(0x10_0000, 0x10_0000, USABLE),
            region(0x20_0000, 0x10_0000, 2),
            region(0x30_0000, 0x10_0000, USABLE),
        ];
        let map = MemoryMap::parse(map.as_bytes()).unwrap();
        assert!(map.holds(extent(0x10_0000, 0x20_0000)));
        assert!(map.holds(extent(0x38_0000, 0x40_0000)));
        assert!(!map.holds(extent(0x20_0000, 0x28_0000)));
        assert!(!map.holds(extent(0x10_0000, 0x40_0000)));
        assert!(!map.holds(extent(0x3f_ffff, 0x40_0001)));
        let beyond = [0, 0x18_0000, 0x30_0000, 0x40_0000].map(|address| map.beyond(address));
        assert_eq!(beyond, [0x20_0000, 0x18_0000, 0x10_0000, 0]);
        assert!(!MemoryMap::parse(&[]).unwrap().holds(extent(0, 1)));
    }

    #[test]
    fn where_entries_overlap_the_reserved_one_counts() {
        let map = [
            region(0x10_0000, 0x30_0000, USABLE),
            region(0x20_0000, 0x1000, 2),
        ];
        let map = MemoryMap::parse(map.as_bytes()).unwrap();
        assert!(map.holds(extent(0x10_0000, 0x20_0000)));
        assert!(!map.holds(extent(0x1f_ffff, 0x20_0001)));
        assert!(!map.holds(extent(0x10_0000, 0x40_0000)));
    }

    #[test]
    fn an_entry_without_end_is_reserved_or_nothing() {
        let map = [
            region(0x1000, u64::MAX, USABLE),
            region(0x3000, 0x4000, USABLE),
            region(0x5000, u64::MAX, 2),
        ];
        let map = MemoryMap::parse(map.as_bytes()).unwrap();
        assert!(!map.holds(extent(0x1000, 0x2000)));
        assert!(map.holds(extent(0x3000, 0x5000)));
        assert!(!map.holds(extent(0x6000, 0x7000)));
    }

    #[test]
    fn an_entry_of_a_wrong_size_is_refused() {
        let good = region(0x10_0000, 0x10_0000, USABLE);
        // 0 and 16 would lead into the middle of an entry, the largest beyond the map.
        for size in [0, 16, 19, 21, u32::MAX - 3, u32::MAX] {
            let mut wrong = good;
            wrong.size = size;
            assert_eq!(
                MemoryMap::parse([good, wrong].as_bytes()).err(),
                Some(Refusal::DamagedMemoryMap { offset: 24 }),
                "{size}"
            );
        }
    }

    #[test]
    fn a_larger_entry_leads_to_the_next_one() {
        let mut bytes = [0; 28 + 24];
        let mut larger = region(0x10_0000, 0x10_0000, USABLE);
        larger.size = 24;
        bytes[..24].copy_from_slice(larger.as_bytes());
        bytes[28..].copy_from_slice(region(0x30_0000, 0x10_0000, USABLE).as_bytes());
        let map = MemoryMap::parse(&bytes).unwrap();
        assert!(map.holds(extent(0x30_0000, 0x40_0000)));
    }

    #[test]
    fn a_map_that_is_cut_short_is_refused() {
        let map = [region(0x10_0000, 0x10_0000, USABLE); 2];
        for length in [1, 23] {
            assert_eq!(
                MemoryMap::parse(&map.as_bytes()[..length]).err(),
                Some(Refusal::DamagedMemoryMap { offset: 0 })
            );
        }
        assert_eq!(
            MemoryMap::parse(&map.as_bytes()[..47]).err(),
            Some(Refusal::DamagedMemoryMap { offset: 24 })
        );
    }

    #[test]
    fn a_map_has_a_most_of_entries() {
        let map = [region(0x10_0000, 0x10_0000, USABLE); MAX_ENTRIES + 1];
        assert!(MemoryMap::parse(map[1..].as_bytes()).is_ok());
        assert_eq!(
            MemoryMap::parse(map.as_bytes()).err(),
            Some(Refusal::LongMemoryMap)
        );
    }
}
