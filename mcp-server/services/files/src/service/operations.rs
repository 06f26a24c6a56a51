//! What the file system is asked to do for a call.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use atoll_abi::block::{BLOCK_SIZE, MAX_CALL_BLOCKS};
use atoll_abi::file::{OpenFlags, Path};
use atoll_abi::interface::{FilesCall, request};
use atoll_abi::syscall::Status;
use atoll_call::{Actions, CallId};
use atoll_ext4::{Cursor, FileId, MOST_WRITE, Operation};

use super::FileService;
use super::parked::Parked;

/// Bytes of a listing that are told at a time.
const MOST_LISTED: usize = MAX_CALL_BLOCKS * BLOCK_SIZE;

/// Bytes of a file about which the file system is asked at a time where its data is.
pub(super) const MAPPED: u64 = 16 << 20;

impl FileService {
    /// The operation that a call needs next. What it names in blocks of the client is copied, so that the client cannot change it
    /// any more.
    pub(super) fn operation(
        &mut self,
        id: CallId,
        parked: &Parked,
        actions: &mut impl Actions,
    ) -> Result<Operation, Status> {
        Ok(match FilesCall::decode(&parked.syscall)? {
            // What it opened is to be emptied.
            FilesCall::Open(_) if parked.file.is_some() => Operation::Truncate {
                file: self.file_of(parked)?,
                size: 0,
            },
            FilesCall::Open(open) => Operation::Open {
                path: self.path(parked, open.path, actions)?,
                flags: open.flags,
            },
            FilesCall::Read(read) => Operation::Map {
                file: self.file_of(parked)?,
                offset: read.offset,
                bytes: MAPPED,
            },
            FilesCall::Write(write) => self.write(id, parked, write, actions)?,
            FilesCall::List(list) => Operation::List {
                folder: self.file_of(parked)?,
                cursor: Cursor([list.place, list.kind]),
                // It is made in the service's heap.
                bytes: parked.blocks.map_or(0, |it| it.bytes()).min(MOST_LISTED) as u32,
            },
            FilesCall::Truncate(truncate) => Operation::Truncate {
                file: self.file_of(parked)?,
                size: truncate.length,
            },
            FilesCall::Rename(rename) => self.rename(parked, rename, actions)?,
            FilesCall::Remove(remove) => Operation::Remove {
                path: self.path(parked, remove.path, actions)?,
            },
            FilesCall::MakeFolder(make) => Operation::MakeFolder {
                path: self.path(parked, make.path, actions)?,
            },
            FilesCall::Sync(_) => Operation::Sync,
            FilesCall::Space(_) => Operation::Space,
            // They are answered at once.
            FilesCall::Stat(_) | FilesCall::Close(_) => return Err(Status::NotAllowed),
        })
    }

    fn file_of(&self, parked: &Parked) -> Result<FileId, Status> {
        let file = parked.file.and_then(|(key, _)| self.files.get(key));
        file.map(|file| file.id).ok_or(Status::BadHandle)
    }

    /// The path of a call, which is in its block where it has one.
    fn path(
        &mut self,
        parked: &Parked,
        path: Path,
        actions: &mut impl Actions,
    ) -> Result<Box<[u8]>, Status> {
        match parked.blocks {
            Some(_) => self
                .bytes(parked, 0..path.length()?, actions)
                .map(Vec::into_boxed_slice),
            None => Ok(path.bytes().into()),
        }
    }

    /// Two paths, one behind the other in the blocks of the call.
    fn rename(
        &mut self,
        parked: &Parked,
        rename: request::Rename,
        actions: &mut impl Actions,
    ) -> Result<Operation, Status> {
        let [from, to] = [rename.from, rename.to].map(|length| Path::in_block(length as usize));
        let (from, to) = (from.length()?, to.length()?);
        let mut paths = self.bytes(parked, 0..from + to, actions)?;
        let to = paths.split_off(from.min(paths.len()));
        Ok(Operation::Rename {
            from: paths.into_boxed_slice(),
            to: to.into_boxed_slice(),
        })
    }

    /// A range of the data of a call, which begins with a page.
    fn bytes(
        &mut self,
        parked: &Parked,
        range: Range<usize>,
        actions: &mut impl Actions,
    ) -> Result<Vec<u8>, Status> {
        let pool = self.pool_of(parked.client);
        let blocks = parked.blocks.ok_or(Status::BadBlock)?;
        if range.end > blocks.bytes() {
            return Err(Status::InvalidArgument);
        }
        let mut bytes = Vec::with_capacity(range.len());
        let pages = range.start / BLOCK_SIZE..range.end.div_ceil(BLOCK_SIZE);
        for index in blocks.pages_in(pages) {
            let mut block = [0; BLOCK_SIZE];
            actions.read_block(pool, index, &mut block);
            let part = BLOCK_SIZE.min(range.len() - bytes.len());
            bytes.extend(block.iter().take(part));
        }
        Ok(bytes)
    }

    /// The next operation of a write. Whole blocks of a file, and what ends it, are transferred from where they are; other data is
    /// copied.
    fn write(
        &mut self,
        id: CallId,
        parked: &Parked,
        write: request::Write,
        actions: &mut impl Actions,
    ) -> Result<Operation, Status> {
        let file = parked.file.and_then(|(key, _)| self.files.get(key));
        let (file, size) = file
            .map(|file| (file.id, file.length))
            .ok_or(Status::BadHandle)?;
        let end = write
            .offset
            .checked_add(write.length)
            .ok_or(Status::InvalidArgument)?;
        let done = u64::from(parked.done);
        let offset = write.offset + done;
        let stop = end.min(offset.saturating_add(MOST_WRITE.into()));
        let whole = |at: u64| at.is_multiple_of(BLOCK_SIZE as u64);
        if whole(write.offset) && (whole(stop) || stop >= size) {
            return Ok(Operation::Write {
                file,
                offset,
                bytes: (stop - offset) as u32,
            });
        }
        let range = parked.done as usize..(stop - write.offset) as usize;
        let pages = range.len().div_ceil(BLOCK_SIZE);
        let bytes = self.bytes(parked, range, actions)?;
        if let Some(parked) = self.calls.parked(id) {
            // The blocks are read whole.
            parked.copied += (pages * BLOCK_SIZE) as u32;
        }
        Ok(Operation::WriteBytes {
            file,
            offset,
            bytes: bytes.into_boxed_slice(),
        })
    }
}

/// Whether a call opens a file and then empties it.
pub(super) fn truncates(parked: &Parked) -> bool {
    matches!(
        FilesCall::decode(&parked.syscall),
        Ok(FilesCall::Open(open)) if open.flags.contains(OpenFlags::TRUNCATE)
    )
}
