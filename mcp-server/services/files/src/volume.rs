//! The volume: its table of files, once its header has been read.

use alloc::boxed::Box;

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::disk::Properties;
use atoll_abi::name::Name;
use atoll_abi::syscall::Status;
use atoll_abi::volume::{VolumeFile, VolumeHeader};
use atoll_call::Answer;

/// The volume of a partition.
pub(crate) struct Volume {
    /// Sectors of the partition.
    sectors: u64,
    /// Sectors of a block of its disk, of which every transfer has whole ones.
    unit: u32,
    state: State,
}

enum State {
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
    /// A volume of which nothing is known yet.
    pub(crate) fn new() -> Volume {
        Volume {
            sectors: 0,
            unit: 1,
            state: State::Loading,
        }
    }

    pub(crate) fn is_loading(&self) -> bool {
        matches!(self.state, State::Loading)
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    /// It cannot be used: every call ends so.
    pub(crate) fn fail(&mut self, status: Status) {
        self.state = State::Failed(status);
    }

    /// Takes what the driver says of the partition.
    ///
    /// # Errors
    /// How that call ended, or [`Status::Malformed`] where the answer makes no sense.
    pub(crate) fn describe(&mut self, answer: &Answer) -> Result<(), Status> {
        if answer.status != Status::Done {
            return Err(answer.status);
        }
        let [sectors, properties] = answer.result;
        self.sectors = sectors;
        self.unit = Properties::from_raw(properties)?.sectors_per_block();
        Ok(())
    }

    /// Takes its header, as it was read.
    pub(crate) fn load(&mut self, header: &[u8]) {
        self.state = match VolumeHeader::parse(header, self.sectors / SECTORS_PER_BLOCK) {
            Ok(header) => State::Ready(Box::new(header)),
            Err(_) => State::Failed(Status::NoService),
        };
    }

    /// The file of a name.
    pub(crate) fn find(&self, name: Name) -> Result<VolumeFile, Status> {
        match &self.state {
            State::Loading => Err(Status::NoService),
            State::Failed(status) => Err(*status),
            State::Ready(header) => header
                .files()
                .iter()
                .find(|file| file.name == name)
                .copied()
                .ok_or(Status::NotFound),
        }
    }

    /// What a read of a file's bytes has to do.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where it does not begin with a block.
    pub(crate) fn read_plan(
        &self,
        file: &VolumeFile,
        offset: u64,
        wanted: u64,
    ) -> Result<ReadPlan, Status> {
        if !offset.is_multiple_of(BLOCK_SIZE as u64) {
            return Err(Status::InvalidArgument);
        }
        let bytes = wanted.min(file.length.saturating_sub(offset)) as u32;
        if bytes == 0 {
            return Ok(ReadPlan::Nothing);
        }
        Ok(ReadPlan::Transfer {
            // No overflow: the header was accepted, so the file's last block is a block of the device.
            sector: file.first_block * SECTORS_PER_BLOCK + offset / SECTOR_SIZE as u64,
            // The blocks of the call hold them: their size is a multiple of that of the disk's blocks.
            sectors: bytes
                .div_ceil(SECTOR_SIZE as u32)
                .next_multiple_of(self.unit),
            bytes,
        })
    }
}
