//! `survey`: lists every folder of the first volume, and prints the SHA-256, length and path of each file, so that a host can compare
//! them with what it has. A line holds no long path, so each path is told by its SHA-256 and its last bytes.
//!
//! Files are read by several calls of several blocks each, which are under way together.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use atoll_runtime::{
    BLOCK_SIZE, Block, Blocks, File, Kind, MAX_CALL_BLOCKS, OpenFlags, Status, Transfer, Volume,
    exit, list, println,
};
use sha2::{Digest, Sha256};

atoll_runtime::entry!(main);

/// Exit status where something could not be read.
const NOT_READ: u64 = 1;

/// Calls under way at once.
const CALLS: usize = 4;

/// Bytes of a file after which it is said how far it was read: a long one must not look as if nothing happened.
const TOLD: u64 = 32 << 20;

/// Bytes of one call.
const CALL_BYTES: u64 = (MAX_CALL_BLOCKS * BLOCK_SIZE) as u64;

#[derive(Default)]
struct Found {
    files: u64,
    folders: u64,
    bytes: u64,
}

fn main() {
    let mut found = Found::default();
    // Folders that were not listed, so that no recursion meets the end of the stack.
    let mut folders: Vec<Vec<u8>> = Vec::from([Vec::from(b"/")]);
    while let Some(path) = folders.pop() {
        if let Err(status) = visit(&path, &mut folders, &mut found) {
            println!("{} cannot be read: {status:?}", Shown(&path));
            exit(NOT_READ)
        }
    }
    match Volume::first().space().wait() {
        Ok([blocks, free]) => println!("space {free} of {blocks} blocks of 4 KiB are free"),
        Err(status) => {
            println!("how much space there is cannot be told: {status:?}");
            exit(NOT_READ)
        }
    }
    let Found {
        files,
        folders,
        bytes,
    } = found;
    println!(r#"result {{"files":{files},"folders":{folders},"bytes":{bytes}}}"#);
}

/// Prints what a folder has, and adds its folders to those that are to be visited.
fn visit(path: &[u8], folders: &mut Vec<Vec<u8>>, found: &mut Found) -> Result<(), Status> {
    let volume = Volume::first();
    let folder = volume.open_with(path, OpenFlags::FOLDER).wait()?;
    let mut files = Vec::new();
    list(&folder, |listing| {
        for (name, kind) in listing.entries() {
            let mut inside = Vec::from(path);
            if !inside.ends_with(b"/") {
                inside.push(b'/');
            }
            inside.extend_from_slice(name);
            match kind {
                Kind::Folder => folders.push(inside),
                Kind::File => files.push(inside),
                other => println!("other {other:?} {}", Shown(&inside)),
            }
        }
        Ok(())
    })?;
    folder.close().wait()?;
    found.folders += 1;
    println!("folder {} {}", Hex(&Sha256::digest(path)), Shown(path));
    for path in files {
        let file = volume.open(&path).wait()?;
        let digest = hash(&file)?;
        println!(
            "file {} {} {} {}",
            Hex(&digest),
            file.length(),
            Hex(&Sha256::digest(&path)),
            Shown(&path)
        );
        file.close().wait()?;
        found.files += 1;
        found.bytes += file.length();
    }
    Ok(())
}

/// Reads a file from its beginning to its end.
fn hash(file: &File) -> Result<[u8; 32], Status> {
    let mut sha = Sha256::new();
    let mut under_way: VecDeque<Transfer> = VecDeque::new();
    let mut offset = 0;
    let mut hashed = 0;
    loop {
        while under_way.len() < CALLS && offset < file.length() {
            let length = CALL_BYTES.min(file.length() - offset) as usize;
            let Some(blocks) = blocks_for(length, under_way.is_empty()) else {
                break;
            };
            under_way.push_back(file.read_blocks(offset, length, blocks));
            offset += length as u64;
        }
        let Some(transfer) = under_way.pop_front() else {
            break;
        };
        let before = hashed;
        for block in transfer.wait()? {
            sha.update(block.bytes());
            hashed += block.bytes().len() as u64;
        }
        if before / TOLD != hashed / TOLD {
            println!(
                "read {} of {} MiB of a file",
                hashed >> 20,
                file.length() >> 20
            );
        }
    }
    match hashed == file.length() {
        true => Ok(sha.finalize().into()),
        false => Err(Status::Malformed),
    }
}

/// Blocks for so many bytes; `None` where there are too few now and the caller need not wait.
fn blocks_for(length: usize, waits: bool) -> Option<Blocks> {
    let mut blocks = Blocks::new();
    for _ in 0..length.div_ceil(BLOCK_SIZE) {
        let block = match waits {
            true => Block::acquire(),
            false => Block::try_acquire()?,
        };
        blocks.push(block).ok()?;
    }
    Some(blocks)
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Bytes of a path that are shown.
const SHOWN: usize = 16;

/// The end of a path, in which everything but printable ASCII is escaped.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = &self.0[self.0.len().saturating_sub(SHOWN)..];
        end.iter().try_for_each(|byte| match byte {
            b'\\' => formatter.write_str("\\\\"),
            b' '..=b'~' => formatter.write_char(char::from(*byte)),
            other => write!(formatter, "\\x{other:02x}"),
        })
    }
}
