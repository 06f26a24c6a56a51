//! The disk as the crate wants it.

use atoll_abi::block::SECTOR_SIZE;
use rsext4::{
    BlockIo, DeviceCapabilities, DeviceGeometry, Ext4Error, Ext4Result, SectorId, WriteFlags,
};

use super::{Disk, MOST_TRANSFER};

/// Stands for data that the caller has. The crate passes data of whole blocks on without a look at it, so where it writes a part
/// of this, the same part of the caller's data is transferred instead.
pub(crate) static PLACEHOLDER: [u8; MOST_TRANSFER] = [0; MOST_TRANSFER];

/// A disk that the crate owns.
pub(crate) struct Device<'d>(pub(crate) &'d Disk<'d>);

impl Device<'_> {
    /// The first sector of a block of the disk.
    fn sector(&self, block: SectorId) -> u64 {
        let sectors = self.0.properties().sectors_per_block();
        block.raw().saturating_mul(u64::from(sectors))
    }
}

/// Where in the placeholder something begins that is a part of it.
fn place_in_placeholder(bytes: &[u8]) -> Option<usize> {
    let range = PLACEHOLDER.as_ptr_range();
    let start = bytes.as_ptr().addr();
    let place = start.checked_sub(range.start.addr())?;
    (place + bytes.len() <= PLACEHOLDER.len()).then_some(place)
}

impl BlockIo for Device<'_> {
    fn write(&mut self, buffer: &[u8], sector: SectorId, _: u32) -> Ext4Result<()> {
        let first = self.sector(sector);
        let result = match place_in_placeholder(buffer) {
            Some(place) => {
                let offset = self.0.source.get() + place as u32;
                let transferred = self.0.transferred.get() + buffer.len() as u64;
                self.0.transferred.set(transferred);
                self.0.transfer(first, offset, buffer.len())
            }
            None => self.0.write(first, buffer),
        };
        result.map_err(|_| Ext4Error::io())
    }

    fn read(&mut self, buffer: &mut [u8], sector: SectorId, _: u32) -> Ext4Result<()> {
        let first = self.sector(sector);
        self.0.read(first, buffer).map_err(|_| Ext4Error::io())
    }

    fn write_with_flags(
        &mut self,
        buffer: &[u8],
        sector: SectorId,
        count: u32,
        flags: WriteFlags,
    ) -> Ext4Result<()> {
        match flags.contains(WriteFlags::FUA) {
            true => Err(Ext4Error::unsupported()),
            false => self.write(buffer, sector, count),
        }
    }

    fn geometry(&self) -> DeviceGeometry {
        let size = self.0.properties().block_size;
        let bytes = self.0.sectors().saturating_mul(SECTOR_SIZE as u64);
        DeviceGeometry::new(size, bytes / u64::from(size))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities {
            // A read-only disk is recovered to memory.
            read_only: false,
            flush: true,
            ..DeviceCapabilities::default()
        }
    }

    fn flush(&mut self) -> Ext4Result<()> {
        self.0.flush().map_err(|_| Ext4Error::io())
    }
}
