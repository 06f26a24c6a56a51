//! The disk as the coroutine sees it: it answers at once, because the coroutine is suspended meanwhile.

mod device;
mod io;
mod overlay;

use alloc::boxed::Box;
use alloc::vec;
use core::cell::{Cell, RefCell};

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::disk::Properties;
use atoll_abi::syscall::Status;
use corosensei::Yielder;

use crate::cache::BlockCache;
use crate::system::{Input, Suspended};
pub(crate) use device::{Device, PLACEHOLDER};
pub use io::Io;
use io::is_journal_superblock;
pub(crate) use io::{Action, Request};
use overlay::Overlay;

/// Bytes of the largest transfer.
pub const MOST_TRANSFER: usize = 32 << 10;

/// Calls of the crate to its disk for one operation. More of them come from a volume that leads in circles.
const CALLS: u64 = 64 << 10;

/// Further calls for each mebibyte of the disk: the largest operations free all of its blocks, one by one.
const CALLS_PER_MEBIBYTE: u64 = 4 << 10;

const SECTORS_PER_MEBIBYTE: u64 = (1 << 20) / SECTOR_SIZE as u64;

/// The disk. All of it changes behind shared references, because the crate owns one of them and the volume another.
pub(crate) struct Disk<'y> {
    yielder: &'y Yielder<Input, Suspended>,
    sectors: u64,
    properties: Properties,
    cache: RefCell<BlockCache>,
    /// Blocks that are written to memory only, because the disk is read-only.
    overlay: RefCell<Overlay>,
    /// The buffer of the next transfer.
    buffer: Cell<Box<[u8]>>,
    /// Whether something was written since the last flush.
    unflushed: Cell<bool>,
    /// Why the first transfer failed that did, or the bound that was reached.
    failure: Cell<Option<Status>>,
    /// A write of metadata failed. What the crate thinks is on the disk is not, so no more is written.
    broken: Cell<bool>,
    /// The owner wants the coroutine to end.
    stopped: Cell<bool>,
    /// Calls that the operation may still make.
    calls: Cell<u64>,
    /// Where in the caller's data the placeholder stands for.
    source: Cell<u32>,
    /// Bytes of the placeholder that were replaced by the caller's data.
    transferred: Cell<u64>,
}

impl<'y> Disk<'y> {
    pub(crate) fn new(
        yielder: &'y Yielder<Input, Suspended>,
        sectors: u64,
        properties: Properties,
        cached_blocks: usize,
        overlay_blocks: usize,
    ) -> Disk<'y> {
        Disk {
            yielder,
            sectors,
            properties,
            cache: RefCell::new(BlockCache::new(cached_blocks)),
            overlay: RefCell::new(Overlay::new(overlay_blocks)),
            buffer: Cell::new(vec![0; MOST_TRANSFER].into_boxed_slice()),
            unflushed: Cell::new(false),
            failure: Cell::new(None),
            broken: Cell::new(false),
            stopped: Cell::new(false),
            calls: Cell::new(0),
            source: Cell::new(0),
            transferred: Cell::new(0),
        }
    }

    pub(crate) fn sectors(&self) -> u64 {
        self.sectors
    }

    pub(crate) fn properties(&self) -> Properties {
        self.properties
    }

    /// An operation begins.
    pub(crate) fn begin(&self) {
        self.failure.set(None);
        // A disk may say that it has any number of sectors.
        let mebibytes = self.sectors / SECTORS_PER_MEBIBYTE;
        let further = CALLS_PER_MEBIBYTE.saturating_mul(mebibytes);
        self.calls.set(CALLS.saturating_add(further));
    }

    /// Why a transfer of the operation failed.
    pub(crate) fn failure(&self) -> Option<Status> {
        self.failure.get()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// From now on the placeholder stands for the caller's data from an offset on.
    pub(crate) fn begin_transfer(&self, offset: u32) {
        self.source.set(offset);
        self.transferred.set(0);
    }

    /// Bytes of the caller's data that were written since.
    pub(crate) fn transferred(&self) -> u64 {
        self.transferred.get()
    }

    fn fail(&self, status: Status) -> Status {
        if self.failure.get().is_none() {
            self.failure.set(Some(status));
        }
        status
    }

    /// Counts a call of the crate, and checks that it stays on the disk.
    fn call(&self, sector: u64, bytes: usize) -> Result<(), Status> {
        let left = self.calls.get();
        if left == 0 {
            return Err(self.fail(Status::Corrupt));
        }
        self.calls.set(left - 1);
        let end = sector.checked_add((bytes / SECTOR_SIZE) as u64);
        match bytes.is_multiple_of(SECTOR_SIZE) && end.is_some_and(|end| end <= self.sectors) {
            true => Ok(()),
            false => Err(self.fail(Status::Corrupt)),
        }
    }

    /// Has the owner carry a transfer out. The buffer comes back with what was read.
    fn exchange(&self, action: Action, sector: u64, bytes: usize) -> Result<(), Status> {
        if self.stopped.get() {
            return Err(Status::Cancelled);
        }
        // What the caller's data was to replace is there as before, and the crate knows that it is.
        let loses = matches!(action, Action::Write | Action::Flush);
        if action != Action::Read && self.broken.get() {
            return Err(self.fail(Status::DeviceError));
        }
        let request = Request {
            action,
            sector,
            sectors: (bytes / SECTOR_SIZE) as u32,
            buffer: self.buffer.take(),
        };
        let result = match self.yielder.suspend(Suspended::Io(request)) {
            Input::Completed(buffer, result) => {
                self.buffer.set(buffer);
                result
            }
            Input::Start | Input::Operation(_) | Input::Stop => {
                self.stopped.set(true);
                return Err(Status::Cancelled);
            }
        };
        if let Err(status) = result {
            self.broken.set(self.broken.get() || loses);
            return Err(self.fail(status));
        }
        Ok(())
    }

    /// Reads sectors that are not held, at most [`MOST_TRANSFER`] bytes.
    fn fetch(&self, sector: u64, bytes: &mut [u8]) -> Result<(), Status> {
        self.exchange(Action::Read, sector, bytes.len())?;
        let buffer = self.buffer.take();
        if let Some(read) = buffer.get(..bytes.len()) {
            bytes.copy_from_slice(read);
        }
        self.buffer.set(buffer);
        Ok(())
    }

    /// Reads data of files: it is not kept.
    pub(crate) fn read_data(&self, sector: u64, bytes: &mut [u8]) -> Result<(), Status> {
        self.call(sector, bytes.len())?;
        for (index, part) in bytes.chunks_mut(MOST_TRANSFER).enumerate() {
            let first = sector + (index * MOST_TRANSFER / SECTOR_SIZE) as u64;
            self.fetch(first, part)?;
        }
        Ok(())
    }

    /// Reads metadata, which is kept where it is one block.
    pub(crate) fn read(&self, sector: u64, bytes: &mut [u8]) -> Result<(), Status> {
        self.call(sector, bytes.len())?;
        let is_large = bytes.len() > BLOCK_SIZE && self.overlay.borrow().is_empty();
        let mut sector = sector;
        let mut rest = bytes;
        while !rest.is_empty() {
            let behind = (sector % SECTORS_PER_BLOCK) as usize * SECTOR_SIZE;
            let most = match is_large {
                true => MOST_TRANSFER,
                false => BLOCK_SIZE - behind,
            };
            let (part, further) = rest.split_at_mut(most.min(rest.len()));
            match is_large {
                true => self.fetch(sector, part)?,
                false => self.read_block(sector / SECTORS_PER_BLOCK, behind, part)?,
            }
            sector += (part.len() / SECTOR_SIZE) as u64;
            rest = further;
        }
        Ok(())
    }

    /// Reads a part of a block.
    fn read_block(&self, block: u64, behind: usize, part: &mut [u8]) -> Result<(), Status> {
        let copy = |bytes: &[u8], part: &mut [u8]| {
            for (to, from) in part.iter_mut().zip(bytes.iter().skip(behind)) {
                *to = *from;
            }
        };
        if let Some(bytes) = self.overlay.borrow().get(block) {
            copy(bytes, part);
            return Ok(());
        }
        if let Some(bytes) = self.cache.borrow_mut().get(block) {
            copy(bytes, part);
            return Ok(());
        }
        let first = block * SECTORS_PER_BLOCK;
        let sectors = SECTORS_PER_BLOCK.min(self.sectors - first) as usize;
        self.exchange(Action::Read, first, sectors * SECTOR_SIZE)?;
        let buffer = self.buffer.take();
        let read = buffer.get(..sectors * SECTOR_SIZE).unwrap_or_default();
        self.cache.borrow_mut().insert(block, read);
        copy(read, part);
        self.buffer.set(buffer);
        Ok(())
    }

    /// Writes sectors.
    pub(crate) fn write(&self, sector: u64, bytes: &[u8]) -> Result<(), Status> {
        self.call(sector, bytes.len())?;
        if self.properties.read_only {
            return self.write_overlay(sector, bytes);
        }
        if is_journal_superblock(bytes) {
            // It says that what the journal holds is not needed any more. While a volume is recovered, the crate does not wait
            // until that is on the disk.
            self.flush()?;
        }
        for (index, part) in bytes.chunks(MOST_TRANSFER).enumerate() {
            let first = sector + (index * MOST_TRANSFER / SECTOR_SIZE) as u64;
            let mut buffer = self.buffer.take();
            if let Some(written) = buffer.get_mut(..part.len()) {
                written.copy_from_slice(part);
            }
            self.buffer.set(buffer);
            self.unflushed.set(true);
            let result = self.exchange(Action::Write, first, part.len());
            let mut cache = self.cache.borrow_mut();
            match result {
                Ok(()) => cache.update(first, part),
                Err(_) => cache.forget(first, (part.len() / SECTOR_SIZE) as u64),
            }
            result?;
        }
        Ok(())
    }

    /// Writes sectors from the caller's data.
    pub(crate) fn transfer(&self, sector: u64, offset: u32, bytes: usize) -> Result<(), Status> {
        self.call(sector, bytes)?;
        let mut done = 0;
        while done < bytes {
            let part = MOST_TRANSFER.min(bytes - done);
            let first = sector + (done / SECTOR_SIZE) as u64;
            self.unflushed.set(true);
            let action = Action::Transfer {
                offset: offset + done as u32,
            };
            let result = self.exchange(action, first, part);
            let sectors = (part / SECTOR_SIZE) as u64;
            self.cache.borrow_mut().forget(first, sectors);
            result?;
            done += part;
        }
        Ok(())
    }

    /// The owner may have written data itself since the last flush.
    pub(crate) fn note_written(&self) {
        self.unflushed.set(!self.properties.read_only);
    }

    /// Flushes, where something was written since the last time.
    pub(crate) fn flush(&self) -> Result<(), Status> {
        let skips = cfg!(feature = "planted-early-sync");
        if self.unflushed.get() && self.properties.caches && !skips {
            self.exchange(Action::Flush, 0, 0)?;
        }
        self.unflushed.set(false);
        Ok(())
    }
}
