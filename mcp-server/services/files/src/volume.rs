//! The volume: its table of files, once its header has been read.

use alloc::boxed::Box;

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::name::Name;
use atoll_abi::syscall::Status;
use atoll_abi::volume::{VolumeFile, VolumeHeader};

/// The volume.
pub(crate) enum Volume {
    /// Its header is being read; calls wait.
    Loading,
    /// It can be used.
    Ready(Box<VolumeHeader>),
    /// Its header could not be read or is none; every call ends so.
    Failed(Status),
}

/// What a read has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadPlan {
    /// Nothing: it ends at once with no bytes.
    Nothing,
    /// Transfer these sectors, of which so many bytes are the file's.
    Transfer {
        sector: u64,
        sectors: u32,
        bytes: u32,
    },
}

impl Volume {
    /// The volume of a header, as it was read from a device of `capacity` sectors.
    pub(crate) fn of(header: &[u8], capacity: u64) -> Volume {
        match VolumeHeader::parse(header, capacity / SECTORS_PER_BLOCK) {
            Ok(header) => Volume::Ready(Box::new(header)),
            Err(_) => Volume::Failed(Status::NoService),
        }
    }

    /// The file of a name.
    pub(crate) fn find(&self, name: Name) -> Result<VolumeFile, Status> {
        match self {
            Volume::Loading => Err(Status::NoService),
            Volume::Failed(status) => Err(*status),
            Volume::Ready(header) => header
                .files()
                .iter()
                .find(|file| file.name == name)
                .copied()
                .ok_or(Status::NotFound),
        }
    }
}

impl ReadPlan {
    /// What a read of a file's bytes has to do.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where it does not begin with a block, or wants more than one.
    pub(crate) fn of(file: &VolumeFile, offset: u64, wanted: u64) -> Result<ReadPlan, Status> {
        if !offset.is_multiple_of(BLOCK_SIZE as u64) || wanted > BLOCK_SIZE as u64 {
            return Err(Status::InvalidArgument);
        }
        let bytes = wanted.min(file.length.saturating_sub(offset)) as u32;
        if bytes == 0 {
            return Ok(ReadPlan::Nothing);
        }
        Ok(ReadPlan::Transfer {
            // No overflow: the header was accepted, so the file's last block is a block of the device.
            sector: file.first_block * SECTORS_PER_BLOCK + offset / SECTOR_SIZE as u64,
            sectors: bytes.div_ceil(SECTOR_SIZE as u32),
            bytes,
        })
    }
}
