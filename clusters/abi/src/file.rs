//! Files and folders as calls name and describe them: how to open, what something is, and listings.

mod listing;
mod path;

use bitflags::bitflags;

use crate::syscall::Status;

pub use listing::{ENTRY_ALIGNMENT, Entry, ListHeader, SMALLEST_LIST, entries, pack_entry};
pub use path::{Path, SHORT_PATH};

/// Bytes of the longest name.
pub const LONGEST_NAME: usize = 255;

/// Bytes of the longest path. It fits a block.
pub const LONGEST_PATH: usize = 4096;

bitflags! {
    /// How to open, as [`Open`](crate::interface::request::Open) carries it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Makes an empty file where there is nothing of that name.
        const CREATE = 1;
        /// With `CREATE`: there must be nothing of that name.
        const EXCLUSIVE = 1 << 1;
        /// Makes the file empty.
        const TRUNCATE = 1 << 2;
        /// It must be a folder.
        const FOLDER = 1 << 3;
    }
}

impl OpenFlags {
    /// What a client sent.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where a bit has no meaning.
    pub fn from_raw(raw: u32) -> Result<OpenFlags, Status> {
        OpenFlags::from_bits(raw).ok_or(Status::InvalidArgument)
    }
}

/// What something is that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The folder does not say it.
    Unknown = 0,
    /// A regular file.
    File = 1,
    /// A folder.
    Folder = 2,
    /// A character device.
    CharacterDevice = 3,
    /// A block device.
    BlockDevice = 4,
    /// A named pipe.
    Pipe = 5,
    /// A socket.
    Socket = 6,
    /// A symbolic link.
    Link = 7,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Unknown,
        Kind::File,
        Kind::Folder,
        Kind::CharacterDevice,
        Kind::BlockDevice,
        Kind::Pipe,
        Kind::Socket,
        Kind::Link,
    ];

    /// The kind that a peer named; `None` where there is no such kind.
    pub fn from_raw(raw: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == raw)
    }
}

/// What is known of something open, as the results of [`Stat`](crate::interface::request::Stat).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Its length in bytes.
    pub length: u64,
    /// What it is.
    pub kind: Kind,
    /// When it was last modified, in seconds since 1970.
    pub modified: u32,
}

impl Attributes {
    /// As results.
    pub fn to_raw(self) -> [u64; 2] {
        [
            self.length,
            u64::from(self.modified) << u32::BITS | self.kind as u64,
        ]
    }

    /// What a peer sent.
    ///
    /// # Errors
    /// [`Status::Malformed`] where nothing is so.
    pub fn from_raw([length, rest]: [u64; 2]) -> Result<Attributes, Status> {
        let kind = u8::try_from(rest as u32).ok().and_then(Kind::from_raw);
        Ok(Attributes {
            length,
            kind: kind.ok_or(Status::Malformed)?,
            modified: (rest >> u32::BITS) as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_survive_results() {
        for kind in Kind::ALL {
            let attributes = Attributes {
                length: u64::MAX - 1,
                kind,
                modified: 0x1234_5678,
            };
            assert_eq!(Attributes::from_raw(attributes.to_raw()), Ok(attributes));
        }
        for rest in [8, 256, 1 << 31] {
            assert_eq!(Attributes::from_raw([0, rest]), Err(Status::Malformed));
        }
    }

    #[test]
    fn a_flag_without_meaning_is_refused() {
        assert_eq!(OpenFlags::from_raw(0b1111), Ok(OpenFlags::all()));
        assert_eq!(OpenFlags::from_raw(1 << 4), Err(Status::InvalidArgument));
    }
}
