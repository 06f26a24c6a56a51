//! Ranges of physical addresses.

use core::fmt;

/// Where the memory ends that the entry code maps one to one.
pub const MAPPED_END: u64 = 1 << 32;
/// Where the memory begins that the loader uses: the first page has address 0, to which there are no references.
const FIRST_USED: u64 = 0x1000;

/// At least one byte of physical memory: the addresses from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    start: u64,
    end: u64,
}

/// A write or a read does not lie within the memory that it was meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfExtent;

impl Extent {
    /// `size` bytes from `start` on; `None` where that is no byte, or more than there are addresses.
    pub const fn new(start: u64, size: u64) -> Option<Extent> {
        match start.checked_add(size) {
            Some(end) => Extent::between(start, end),
            None => None,
        }
    }

    /// The bytes from `start` up to `end`; `None` where there are none.
    pub const fn between(start: u64, end: u64) -> Option<Extent> {
        if start < end {
            Some(Extent { start, end })
        } else {
            None
        }
    }

    /// Address of the first byte.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Address after the last byte.
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Bytes.
    pub const fn size(self) -> u64 {
        self.end - self.start
    }

    /// Whether all of `inner` lies within.
    pub const fn contains(self, inner: Extent) -> bool {
        self.start <= inner.start && inner.end <= self.end
    }

    /// Whether the two have a byte in common.
    pub const fn overlaps(self, other: Extent) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether the loader can have references to all of it.
    pub const fn is_mapped(self) -> bool {
        self.start >= FIRST_USED && self.end <= MAPPED_END
    }

    /// The `size` bytes at `address`, which must lie within; `Ok(None)` where `size` is 0.
    ///
    /// # Errors
    /// Where a byte of them lies outside.
    pub fn part(self, address: u64, size: u64) -> Result<Option<Extent>, OutOfExtent> {
        if size == 0 {
            return Ok(None);
        }
        match Extent::new(address, size) {
            Some(part) if self.contains(part) => Ok(Some(part)),
            _ => Err(OutOfExtent),
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}-{:#x}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_has_a_first_and_a_last_byte() {
        assert_eq!(Extent::new(0x1000, 0), None);
        assert_eq!(Extent::new(u64::MAX, 2), None);
        assert_eq!(Extent::between(2, 1), None);
        let extent = Extent::new(0x1000, 0x20).unwrap();
        assert_eq!(
            (extent.start(), extent.end(), extent.size()),
            (0x1000, 0x1020, 0x20)
        );
    }

    #[test]
    fn extents_that_only_touch_do_not_overlap() {
        let [low, high] = [0x1000, 0x2000].map(|start| Extent::new(start, 0x1000).unwrap());
        assert!(!low.overlaps(high) && !high.overlaps(low));
        let middle = Extent::new(0x1fff, 2).unwrap();
        assert!(low.overlaps(middle) && middle.overlaps(high));
        let both = Extent::new(0x1000, 0x2000).unwrap();
        assert!(both.overlaps(middle) && middle.overlaps(both));
        assert!(both.contains(low) && both.contains(middle) && !low.contains(both));
    }

    #[test]
    fn a_part_lies_within() {
        let extent = Extent::new(0x1000, 0x1000).unwrap();
        assert_eq!(extent.part(0x1000, 0x1000), Ok(Some(extent)));
        assert_eq!(extent.part(0x5000, 0), Ok(None));
        assert_eq!(extent.part(0xfff, 1), Err(OutOfExtent));
        assert_eq!(extent.part(0x1fff, 2), Err(OutOfExtent));
        assert_eq!(extent.part(0x1000, u64::MAX), Err(OutOfExtent));
    }

    #[test]
    fn the_loader_has_no_reference_to_address_zero_or_beyond_its_page_tables() {
        let mapped = |start, end| Extent::between(start, end).unwrap().is_mapped();
        assert!(mapped(0x1000, 1 << 32));
        assert!(!mapped(0, 1 << 20));
        assert!(!mapped(0x1000, (1 << 32) + 1));
    }
}
