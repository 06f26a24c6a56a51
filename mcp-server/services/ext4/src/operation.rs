//! What can be asked of a file system, and what it answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::file::{Kind, OpenFlags};
use rsext4::{DirectoryEntryType, InodeInfo};

use crate::Run;

/// An operation that was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub(crate) u64);

/// A file or folder of the volume: the number of its inode. It stays its own while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub(crate) u32);

impl FileId {
    /// The number of the inode.
    pub fn inode(self) -> u32 {
        self.0
    }
}

/// What a folder's entry says that something is.
pub(crate) fn kind_of(kind: DirectoryEntryType) -> Kind {
    match kind {
        DirectoryEntryType::Unknown => Kind::Unknown,
        DirectoryEntryType::RegularFile => Kind::File,
        DirectoryEntryType::Directory => Kind::Folder,
        DirectoryEntryType::CharacterDevice => Kind::CharacterDevice,
        DirectoryEntryType::BlockDevice => Kind::BlockDevice,
        DirectoryEntryType::Fifo => Kind::Pipe,
        DirectoryEntryType::Socket => Kind::Socket,
        DirectoryEntryType::Symlink => Kind::Link,
    }
}

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Which one it is.
    pub file: FileId,
    /// What it is.
    pub kind: Kind,
    /// Its length in bytes.
    pub size: u64,
    /// Names that it has.
    pub names: u16,
    /// When it was last modified, in seconds since 1970.
    pub modified: u32,
}

impl From<&InodeInfo> for Attributes {
    fn from(inode: &InodeInfo) -> Attributes {
        Attributes {
            file: FileId(inode.number.raw()),
            kind: kind_of(inode.file_type()),
            size: inode.size,
            names: inode.links,
            modified: inode.mtime,
        }
    }
}

/// Where the listing of a folder goes on. A cursor is valid for the folder that it is from; after the folder has changed it
/// may be [`InvalidArgument`](atoll_abi::syscall::Status::InvalidArgument), and the listing begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub [u64; 2]);

impl Cursor {
    /// The beginning of a folder.
    pub const START: Cursor = Cursor([0, 0]);
    /// The end of every folder.
    pub const END: Cursor = Cursor([0, 3 << 32]);
}

/// What can be asked for. A path is read from the volume's root, whether it begins with a slash or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Opens a file or folder: [`Outcome::Opened`]. It stays open until it was closed as often as it was opened.
    Open {
        /// Its path. Symbolic links are followed.
        path: Box<[u8]>,
        /// How. To truncate what was opened is an operation of its own.
        flags: OpenFlags,
    },
    /// Closes what was opened: [`Outcome::Done`]. What was removed goes with the last close.
    Close {
        /// Something open.
        file: FileId,
    },
    /// Tells what something open is: [`Outcome::Attributes`].
    Stat {
        /// Something open.
        file: FileId,
    },
    /// Lists entries of a folder: [`Outcome::Listed`].
    List {
        /// An open folder.
        folder: FileId,
        /// Where to go on.
        cursor: Cursor,
        /// Bytes that there is room for, at least [`SMALLEST_LIST`](crate::SMALLEST_LIST).
        bytes: u32,
    },
    /// Tells where the data of a file is: [`Outcome::Runs`]. The runs are valid until the next operation that truncates,
    /// closes or writes this file is submitted, so the owner lets its transfers end before. It may read the data there, and write
    /// over whole blocks of it.
    Map {
        /// An open file.
        file: FileId,
        /// The first byte: a multiple of the sector size.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Writes the caller's data, which the owner transfers straight from where it is when it is [asked](crate::Io::Transfer)
    /// to: [`Outcome::Done`].
    Write {
        /// An open file.
        file: FileId,
        /// Where to write: a multiple of the volume's block size.
        offset: u64,
        /// How many bytes, at most [`MOST_WRITE`](crate::MOST_WRITE): whole blocks of the volume, or up to the end of the
        /// file or beyond. The last block is transferred as a whole, and zeroed behind the end then.
        bytes: u32,
    },
    /// Writes bytes that are copied: [`Outcome::Done`].
    WriteBytes {
        /// An open file.
        file: FileId,
        /// Where to write.
        offset: u64,
        /// The bytes, at most [`MOST_WRITE`](crate::MOST_WRITE).
        bytes: Box<[u8]>,
    },
    /// Sets the length of a file: [`Outcome::Done`].
    Truncate {
        /// An open file.
        file: FileId,
        /// Its length.
        size: u64,
    },
    /// Renames: [`Outcome::Done`]. Replaces a file by a file, and an empty folder by a folder.
    Rename {
        /// The path that it has. A symbolic link is renamed itself.
        from: Box<[u8]>,
        /// The path that it gets.
        to: Box<[u8]>,
    },
    /// Removes the name of a file or an empty folder: [`Outcome::Done`]. Where it is open it lives on until it is closed.
    Remove {
        /// Its path. A symbolic link is removed itself.
        path: Box<[u8]>,
    },
    /// Makes a folder: [`Outcome::Done`].
    MakeFolder {
        /// Its path.
        path: Box<[u8]>,
    },
    /// When it is answered, everything that was done before survives a power cut, and what the owner had written over data of
    /// files: [`Outcome::Done`].
    Sync,
    /// Tells how much room there is: [`Outcome::Space`].
    Space,
}

impl Operation {
    /// Whether it may change the volume.
    pub fn changes(&self) -> bool {
        match self {
            Operation::Open { flags, .. } => flags.contains(OpenFlags::CREATE),
            Operation::Write { .. }
            | Operation::WriteBytes { .. }
            | Operation::Truncate { .. }
            | Operation::Rename { .. }
            | Operation::Remove { .. }
            | Operation::MakeFolder { .. } => true,
            Operation::Close { .. }
            | Operation::Stat { .. }
            | Operation::List { .. }
            | Operation::Map { .. }
            | Operation::Sync
            | Operation::Space => false,
        }
    }
}

/// How much room there is on a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes of a block.
    pub block_size: u32,
    /// Blocks.
    pub blocks: u64,
    /// Blocks that are free.
    pub free_blocks: u64,
    /// Files and folders that there can be.
    pub inodes: u32,
    /// Files and folders that can be added.
    pub free_inodes: u32,
}

/// What an operation led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it says.
    Done,
    /// What was opened.
    Opened(Attributes),
    /// What was asked for.
    Attributes(Attributes),
    /// A [`ListHeader`](crate::ListHeader) and the entries behind it.
    Listed(Box<[u8]>),
    /// Where the data is, in order, from the offset on. They hold fewer bytes than asked for where the file ends, and where
    /// there are more than [`MOST_RUNS`](crate::MOST_RUNS).
    Runs(Vec<Run>),
    /// How much room there is.
    Space(Space),
}
