//! What a client may reach: the sectors of its partition.

/// A partition: consecutive sectors of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first one.
    pub first: u64,
    /// How many.
    pub sectors: u64,
}

impl Extent {
    /// The sector of the disk of one of the partition, from which so many are used; `None` where one of them lies outside.
    pub fn place(&self, sector: u64, sectors: u32) -> Option<u64> {
        let end = sector.checked_add(sectors.into())?;
        let place = self.first.checked_add(sector)?;
        (end <= self.sectors).then_some(place)
    }
}
