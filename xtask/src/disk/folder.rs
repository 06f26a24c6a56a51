//! What a folder needs of a file system that is to hold it.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{copy, interruption, locate};

/// Bytes of a block of the file systems that are made.
pub const BLOCK: u64 = 4096;

/// Bytes of a directory entry beside its name, and to which it is rounded up.
const DIRECTORY_ENTRY: u64 = 8;
const DIRECTORY_ROUNDING: u64 = 4;

/// Bytes of a directory's block that hold entries.
const DIRECTORY_BLOCK: u64 = BLOCK - 12;

/// Bytes of a symbolic link's target that need no block.
const SHORT_LINK: u64 = 59;

/// What was seen in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Inodes, without those that every file system has.
    pub inodes: u64,
    /// Blocks of content and of directories.
    pub blocks: u64,
    /// Differs where a name, a length or a time does.
    fingerprint: u64,
}

impl Census {
    /// Counts all that is in a folder and below it; links are not followed.
    ///
    /// # Errors
    /// Where it cannot be read, or the user asked to stop.
    pub fn of_folder(folder: &Path) -> Result<Census> {
        let mut census = Census::default();
        let mut hasher = DefaultHasher::new();
        let mut linked = HashSet::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let unreadable = || {
                let shown = locate::shown(&folder);
                format!("cannot read {shown}; make it readable, or name a folder without it")
            };
            let mut directory_bytes = 0;
            let entries = fs::read_dir(&folder).with_context(unreadable)?;
            let mut entries = entries
                .collect::<std::io::Result<Vec<_>>>()
                .with_context(unreadable)?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                if interruption::interrupted() {
                    bail!("interrupted");
                }
                let path = entry.path();
                let metadata = entry.metadata().with_context(unreadable)?;
                let name = entry.file_name();
                let name_bytes = name.as_bytes().len() as u64;
                directory_bytes +=
                    (DIRECTORY_ENTRY + name_bytes).next_multiple_of(DIRECTORY_ROUNDING);
                (name, stamp(&metadata)).hash(&mut hasher);
                if metadata.is_dir() {
                    folders.push(path.clone());
                } else if metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
                    continue;
                }
                census.inodes += 1;
                census.blocks += content_blocks(&path, &metadata)?;
            }
            census.blocks += directory_bytes.div_ceil(DIRECTORY_BLOCK).max(1);
        }
        census.fingerprint = hasher.finish();
        Ok(census)
    }

    /// Counts one file as the only one of a folder.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of_file(file: &File) -> Result<Census> {
        let metadata = file.metadata().context("cannot read it")?;
        let mut hasher = DefaultHasher::new();
        stamp(&metadata).hash(&mut hasher);
        Ok(Census {
            inodes: 1,
            blocks: stored_blocks(file, metadata.len()),
            fingerprint: hasher.finish(),
        })
    }
}

/// Differs where a file was written to. Its time of access is no part of it: that changes when the file is read.
fn stamp(metadata: &Metadata) -> impl Hash {
    let time = [
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ];
    (metadata.mode(), metadata.len(), metadata.ino(), time)
}

fn content_blocks(path: &Path, metadata: &Metadata) -> Result<u64> {
    let length = metadata.len();
    if metadata.is_symlink() {
        return Ok(u64::from(length > SHORT_LINK));
    }
    // What takes as much as its length has no holes worth looking for.
    if !metadata.is_file() || metadata.blocks() * 512 >= length {
        return Ok(if metadata.is_file() {
            length.div_ceil(BLOCK)
        } else {
            0
        });
    }
    let file = File::open(path).with_context(|| {
        let shown = locate::shown(path);
        format!("cannot read {shown}; make it readable, or name a folder without it")
    })?;
    Ok(stored_blocks(&file, length))
}

/// Blocks of a file that are no holes, with those of the tree that says where they are.
fn stored_blocks(file: &File, length: u64) -> u64 {
    let (mut blocks, mut next, mut ranges) = (0, 0, 0);
    while let Some(data) = copy::next_data(file, next, length) {
        blocks += data.end.div_ceil(BLOCK) - data.start / BLOCK;
        ranges += 1;
        next = data.end;
    }
    // A block of the tree has 340 ranges, and may be half full.
    blocks + ranges / 170
}
