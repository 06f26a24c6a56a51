//! What folders and files need of a file system that is to hold them.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Add;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use rustix::fs::{Access, access};

use crate::input::Input;
use crate::progress::Progress;
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

/// Files between two notes of how many there are.
const FILES_PER_NOTE: u64 = 4096;

/// Finds a folder; returns its canonical path.
///
/// # Errors
/// Where there is none.
pub fn find(folder: &Path) -> Result<PathBuf> {
    let shown = locate::shown(folder);
    let found = fs::canonicalize(folder)
        .with_context(|| format!("cannot read {shown}; name a folder that exists"))?;
    if !found.is_dir() {
        bail!("{shown} is not a folder; name one, or the file as a file");
    }
    Ok(found)
}

/// Finds out whether a file system can be made of a folder; returns its canonical path.
///
/// # Errors
/// Where there is none, something in it cannot be read, or the user asked to stop.
pub fn check(folder: &Path, progress: &mut Progress) -> Result<PathBuf> {
    let found = find(folder)?;
    Census::of_folder(&found, progress)?;
    Ok(found)
}

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
    pub fn of_folder(folder: &Path, progress: &mut Progress) -> Result<Census> {
        let shown = locate::shown(folder);
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
                if census.inodes.is_multiple_of(FILES_PER_NOTE) {
                    progress.note(&format!("looking at {shown}: {} files", census.inodes));
                }
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
    /// Where it cannot be read, or has another length by now.
    pub fn of_file(input: &Input) -> Result<Census> {
        let unreadable = || format!("cannot read {}", locate::shown(&input.path));
        let metadata = input.file.metadata().with_context(unreadable)?;
        // The length of some files says nothing of their content.
        let beyond = input.file.read_at(&mut [0], input.length);
        if metadata.len() != input.length || beyond.with_context(unreadable)? > 0 {
            return Err(changed(&input.path));
        }
        let mut hasher = DefaultHasher::new();
        stamp(&metadata).hash(&mut hasher);
        Ok(Census {
            inodes: 1,
            blocks: stored_blocks(&input.file, input.length),
            fingerprint: hasher.finish(),
        })
    }
}

impl Add for Census {
    type Output = Census;

    fn add(self, other: Census) -> Census {
        let mut hasher = DefaultHasher::new();
        [self.fingerprint, other.fingerprint].hash(&mut hasher);
        Census {
            inodes: self.inodes + other.inodes,
            blocks: self.blocks + other.blocks,
            fingerprint: hasher.finish(),
        }
    }
}

/// That something is not what it was.
pub fn changed(path: &Path) -> Error {
    anyhow!(
        "{} changed while it was read; try again when nothing writes to it",
        locate::shown(path)
    )
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
    if !metadata.is_file() {
        return Ok(0);
    }
    let unreadable = || {
        let shown = locate::shown(path);
        format!("cannot read {shown}; make it readable, or name a folder without it")
    };
    // What takes as much as its length has no holes worth looking for.
    if metadata.blocks() * 512 >= length {
        access(path, Access::READ_OK).with_context(unreadable)?;
        return Ok(length.div_ceil(BLOCK));
    }
    let file = File::open(path).with_context(unreadable)?;
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
