//! The file service: the volume's table and the files that are open.

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::name::Name;
use atoll_abi::plan::MAX_PROCESSES;
use atoll_abi::syscall::Status;
use atoll_abi::volume::{VolumeFile, VolumeHeader};

use crate::handles::Handles;
use crate::tenant::HANDLES_PER_PROCESS;

/// Files that can be open at once: what all processes of a plan may have.
const OPEN_FILES: usize = MAX_PROCESSES * HANDLES_PER_PROCESS;

/// Who has a file open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// A process of this cluster.
    Process(u8),
    /// The cluster at the other end of a channel.
    Channel(u8),
}

#[derive(Clone, Copy, Debug)]
struct OpenFile {
    client: Client,
    file: VolumeFile,
}

/// Whether files can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// The cluster has no block device.
    Absent,
    /// Its header is being read; file calls wait.
    Loading,
    Ready,
    /// Its header could not be read or is none; every file call ends so.
    Failed(Status),
}

/// What a read has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadPlan {
    /// Nothing: it ends at once with no bytes.
    Nothing,
    /// Read this many bytes from this sector on.
    Sectors { sector: u64, bytes: u32 },
}

pub(crate) struct Files {
    pub volume: Volume,
    table: Option<VolumeHeader>,
    open: Handles<OpenFile, OPEN_FILES>,
}

impl Files {
    pub(crate) const fn new() -> Files {
        Files {
            volume: Volume::Absent,
            table: None,
            open: Handles::new(),
        }
    }

    /// Takes the volume's header, as it was read from a device of `capacity` sectors.
    pub(crate) fn load(&mut self, header: &[u8], capacity: u64) {
        match VolumeHeader::parse(header, capacity / SECTORS_PER_BLOCK) {
            Ok(header) => {
                self.table = Some(header);
                self.volume = Volume::Ready;
            }
            Err(_) => self.volume = Volume::Failed(Status::NoService),
        }
    }

    /// How many files are open.
    pub(crate) fn open_count(&self) -> usize {
        self.open.count()
    }

    /// Opens a file: its handle and its length.
    pub(crate) fn open(
        &mut self,
        client: Client,
        limit: usize,
        name: [u64; 4],
    ) -> Result<[u64; 2], Status> {
        let name = Name::from_words(name).ok_or(Status::InvalidArgument)?;
        let files = self.table.as_ref().map_or(&[][..], VolumeHeader::files);
        let file = *files
            .iter()
            .find(|file| file.name == name)
            .ok_or(Status::NotFound)?;
        let clients = self.open.values().filter(|open| open.client == client);
        if clients.count() >= limit {
            return Err(Status::Busy);
        }
        let handle = self
            .open
            .insert(OpenFile { client, file })
            .ok_or(Status::Busy)?;
        Ok([u64::from(handle.to_raw()), file.length])
    }

    /// The length of an open file.
    pub(crate) fn length(&self, client: Client, handle: u32) -> Result<u64, Status> {
        Ok(self.file(client, handle)?.length)
    }

    pub(crate) fn close(&mut self, client: Client, handle: u32) -> Result<(), Status> {
        self.file(client, handle)?;
        self.open.remove(handle).ok_or(Status::BadHandle)?;
        Ok(())
    }

    pub(crate) fn close_all(&mut self, client: Client) {
        self.open.retain(|open| open.client != client);
    }

    /// Which sectors a read needs.
    pub(crate) fn plan_read(
        &self,
        client: Client,
        handle: u32,
        offset: u64,
        wanted: u64,
    ) -> Result<ReadPlan, Status> {
        let file = self.file(client, handle)?;
        check_range(offset, wanted)?;
        let bytes = wanted.min(file.length.saturating_sub(offset));
        if bytes == 0 {
            return Ok(ReadPlan::Nothing);
        }
        // No overflow: the header was accepted, so the file's last block is a block of the device.
        let sector = file.first_block * SECTORS_PER_BLOCK + offset / SECTOR_SIZE as u64;
        Ok(ReadPlan::Sectors {
            sector,
            bytes: bytes as u32,
        })
    }

    fn file(&self, client: Client, handle: u32) -> Result<VolumeFile, Status> {
        self.open
            .get(handle)
            .filter(|open| open.client == client)
            .map(|open| open.file)
            .ok_or(Status::BadHandle)
    }
}

/// Checks the arguments of a read.
pub(crate) fn check_range(offset: u64, wanted: u64) -> Result<(), Status> {
    if offset.is_multiple_of(BLOCK_SIZE as u64) && wanted <= BLOCK_SIZE as u64 {
        Ok(())
    } else {
        Err(Status::InvalidArgument)
    }
}
