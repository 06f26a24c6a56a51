//! Listing folders.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::file::{Entry, ListHeader, SMALLEST_LIST, pack_entry};
use atoll_abi::syscall::Status;
use rsext4::{DirectoryCursor, DirectoryEntry};
use zerocopy::IntoBytes;

use crate::operation::kind_of;
use crate::status::status_of;
use crate::volume::Volume;
use crate::{Cursor, FileId};

/// Entries that are read at a time.
const BATCH: usize = 64;

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
    let (header, name, padding) = pack_entry(&Entry {
        inode: entry.inode.raw(),
        kind: kind_of(entry.file_type) as u8,
        name: &entry.name,
    });
    let has_room = packed.len() + header.len() + name.len() + padding.len() <= most;
    if has_room {
        for piece in [&header, name, padding] {
            packed.extend_from_slice(piece);
        }
    }
    has_room
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
