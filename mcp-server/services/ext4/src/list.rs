//! Listing folders, and the layout of what is listed.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::syscall::Status;
use rsext4::{DirectoryCursor, DirectoryEntry};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::path::LONGEST_NAME;
use crate::status::status_of;
use crate::volume::Volume;
use crate::{Cursor, FileId, Kind};

/// Entries begin at multiples of so many bytes.
pub const ENTRY_ALIGNMENT: usize = 4;

/// Bytes that hold any entry.
pub const SMALLEST_LIST: u32 =
    (size_of::<ListHeader>() + size_of::<EntryHeader>() + LONGEST_NAME + 1) as u32;

/// Entries that are read at a time.
const BATCH: usize = 64;

/// What a listing begins with. The entries follow: each an inode number, its kind, the length of its name, and the name, with
/// zeroes up to a multiple of [`ENTRY_ALIGNMENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ListHeader {
    /// Where to go on: a [`Cursor`].
    pub next: [u64; 2],
    /// How many entries follow.
    pub entries: u32,
    /// Bytes of them.
    pub bytes: u32,
}

/// What an entry begins with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EntryHeader {
    inode: u32,
    kind: u8,
    length: u8,
    reserved: [u8; 2],
}

/// An entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The number of its inode.
    pub inode: u32,
    /// A [`Kind`].
    pub kind: u8,
    /// Its name.
    pub name: &'a [u8],
}

/// The entries behind a [`ListHeader`], up to the first one that is none.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let (header, behind) = EntryHeader::read_from_prefix(rest).ok()?;
        let (name, _) = behind.split_at_checked(usize::from(header.length))?;
        let padded = name.len().next_multiple_of(ENTRY_ALIGNMENT);
        rest = behind.get(padded..).unwrap_or_default();
        Some(Entry {
            inode: header.inode,
            kind: header.kind,
            name,
        })
    })
}

const LINEAR: u64 = 1;
const TREE: u64 = 2;
const END: u64 = 3;

fn cursor_of(cursor: DirectoryCursor) -> Cursor {
    match cursor {
        DirectoryCursor::Start => Cursor::START,
        DirectoryCursor::Linear { offset } => Cursor([offset, LINEAR << 32]),
        DirectoryCursor::HTree {
            major,
            minor,
            collision,
        } => Cursor([
            u64::from(major) << 32 | u64::from(minor),
            TREE << 32 | u64::from(collision),
        ]),
        DirectoryCursor::End => Cursor::END,
    }
}

/// What a client says is a cursor.
fn position_of(Cursor([place, kind]): Cursor) -> Result<DirectoryCursor, Status> {
    match (kind >> 32, place) {
        (0, 0) if kind == 0 => Ok(DirectoryCursor::Start),
        (LINEAR, offset) if kind as u32 == 0 => Ok(DirectoryCursor::Linear { offset }),
        (TREE, hash) if (hash >> 32) & 1 == 0 => Ok(DirectoryCursor::HTree {
            major: (hash >> 32) as u32,
            minor: hash as u32,
            collision: kind as u32,
        }),
        (END, 0) if kind as u32 == 0 => Ok(DirectoryCursor::End),
        _ => Err(Status::InvalidArgument),
    }
}

impl Volume<'_> {
    pub(crate) fn list(
        &mut self,
        folder: FileId,
        cursor: Cursor,
        bytes: u32,
    ) -> Result<Box<[u8]>, Status> {
        if bytes < SMALLEST_LIST {
            return Err(Status::InvalidArgument);
        }
        let most = (bytes as usize).min(crate::MOST_TRANSFER) - size_of::<ListHeader>();
        let mut position = position_of(cursor)?;
        let inode = self.opened(folder)?;
        if !inode.is_directory() {
            return Err(Status::NotAFolder);
        }
        let reader = self.crate_fs.open_directory_reader(inode.number);
        let mut reader = reader.map_err(status_of)?;
        let mut packed = Vec::new();
        let mut count = 0;
        'full: while position != DirectoryCursor::End {
            let batch = self
                .crate_fs
                .read_directory_with_reader(&mut reader, position, BATCH);
            let batch = batch.map_err(status_of)?;
            if batch.is_empty() {
                position = DirectoryCursor::End;
            }
            for entry in &batch {
                if !matches!(&entry.name[..], b"." | b"..") {
                    if !pack(&mut packed, most, entry) {
                        break 'full;
                    }
                    count += 1;
                }
                position = entry.next_cursor;
            }
        }
        let header = ListHeader {
            next: cursor_of(position).0,
            entries: count,
            bytes: packed.len() as u32,
        };
        Ok([header.as_bytes(), &packed].concat().into_boxed_slice())
    }
}

/// Adds an entry where there is room.
fn pack(packed: &mut Vec<u8>, most: usize, entry: &DirectoryEntry) -> bool {
    let length = entry.name.len().next_multiple_of(ENTRY_ALIGNMENT);
    if packed.len() + size_of::<EntryHeader>() + length > most {
        return false;
    }
    let header = EntryHeader {
        inode: entry.inode.raw(),
        kind: Kind::from(entry.file_type) as u8,
        length: entry.name.len() as u8,
        reserved: [0; 2],
    };
    packed.extend_from_slice(header.as_bytes());
    packed.extend_from_slice(&entry.name);
    packed.resize(packed.len().next_multiple_of(ENTRY_ALIGNMENT), 0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_words() {
        let tree = DirectoryCursor::HTree {
            major: 0xFFFF_FFFE,
            minor: 7,
            collision: u32::MAX,
        };
        let linear = DirectoryCursor::Linear { offset: 4096 };
        for cursor in [DirectoryCursor::Start, linear, tree, DirectoryCursor::End] {
            assert_eq!(position_of(cursor_of(cursor)), Ok(cursor));
        }
        for words in [[1, 0], [0, 1], [1 << 32, 2 << 32], [0, 4 << 32]] {
            let none = position_of(Cursor(words));
            assert_eq!(none, Err(Status::InvalidArgument), "{words:?}");
        }
    }
}
