//! Makes the image of a disk: a GUID partition table, and partitions with what they are to hold.
//!
//! Equal inputs give equal images: everything that tools choose by chance or by the clock is derived from names, or fixed. What
//! is a hole in an input is one in the image.

mod ext4;
mod folder;
mod gpt;
mod identity;
mod output;
mod size;
mod tool;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use atoll_abi::name::Name;

use crate::copy::{self, Source};
use crate::input::Input;
use crate::locate;
use crate::progress::Progress;
use crate::tools::Tools;

use ext4::FileSystem;
use output::Output;

pub use folder::check as check_folder;
pub use gpt::MOST_PARTITIONS;

/// Bytes to which partitions are aligned, as is usual; the two tables have as many at the ends of the disk.
pub const ALIGNMENT: u64 = 1 << 20;

/// What is on a disk.
#[derive(Debug)]
pub struct DiskPlan {
    /// Bytes of a logical block: 512 or 4096.
    pub block_size: u32,
    /// The partitions, in their order on the disk.
    pub partitions: Vec<PartitionSource>,
}

/// A partition, and what is to be in it.
#[derive(Debug)]
pub struct PartitionSource {
    /// The name by which it is found: 1 to 32 printable ASCII characters, no blanks.
    pub name: String,
    /// What it holds.
    pub contents: Contents,
}

/// What a partition holds.
#[derive(Debug)]
pub enum Contents {
    /// Zeros.
    Empty {
        /// How many; the partition has whole blocks.
        bytes: u64,
    },
    /// The bytes of a file; zeros fill the last block.
    Image(PathBuf),
    /// An ext4 file system. It belongs to root, and all times in it are the same.
    FileSystem {
        /// What is in it.
        tree: Tree,
        /// What it is for.
        usage: Usage,
    },
}

/// What is in a file system.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The folder whose content is in it; its root is empty where there is none.
    pub folder: Option<PathBuf>,
    /// A file that is in its root beside that.
    pub file: Option<RootFile>,
}

/// A file in the root of a file system.
#[derive(Clone, Debug)]
pub struct RootFile {
    /// Its name there.
    pub name: OsString,
    /// Its content.
    pub input: Rc<Input>,
}

/// What a file system is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// It is written: so it has a journal, and room for more than its content.
    pub written: bool,
    /// Bytes that it has at least; where it is written and this is 0, it has 16 MiB beside its content.
    pub least_bytes: u64,
}

/// Where a partition is, in bytes.
#[derive(Clone, Debug)]
struct Placed {
    name: Name,
    first: u64,
    bytes: u64,
}

/// Makes the image of a disk. A file of that name is replaced once the image is complete.
///
/// # Errors
/// Where the plan cannot be carried out, a source cannot be read or changes while it is, the image cannot be written, or the
/// user asked to stop.
pub fn make(path: &Path, plan: &DiskPlan, tools: &Tools, progress: &mut Progress) -> Result<()> {
    let names = check(plan)?;
    let output = Output::create(path)?;
    for partition in &plan.partitions {
        check_apart(&output, &partition.contents)
            .with_context(|| format!("partition {}", partition.name))?;
    }
    let mut placed = Vec::new();
    let mut next = ALIGNMENT;
    for (partition, name) in plan.partitions.iter().zip(names) {
        let mut place = Place {
            output: &output,
            offset: next,
            name,
            tools,
            progress,
        };
        let bytes = place
            .fill(&partition.contents)
            .with_context(|| format!("partition {name}"))?;
        let bytes = round_up(bytes, u64::from(plan.block_size))?;
        placed.push(Placed {
            name,
            first: next,
            bytes,
        });
        next = round_up(next.saturating_add(bytes), ALIGNMENT)?;
    }
    let length = round_up(next.saturating_add(1), ALIGNMENT)?;
    output.set_length(length)?;
    gpt::write(output.file(), plan.block_size, length, &placed)
        .with_context(|| output.cannot_be_written())?;
    output.complete()
}

fn check(plan: &DiskPlan) -> Result<Vec<Name>> {
    if !matches!(plan.block_size, 512 | 4096) {
        bail!(
            "a disk cannot have blocks of {} bytes; choose 512 or 4096",
            plan.block_size
        );
    }
    if plan.partitions.len() > MOST_PARTITIONS {
        bail!(
            "a disk has at most {MOST_PARTITIONS} partitions, not {}; leave some out",
            plan.partitions.len()
        );
    }
    let mut names = Vec::new();
    for PartitionSource { name: text, .. } in &plan.partitions {
        let name = Name::new(text).with_context(|| {
            format!("{text:?} cannot name a partition: use 1 to 32 printable ASCII characters, no blanks")
        })?;
        if names.contains(&name) {
            bail!("two partitions are named {name}; give one of them another name");
        }
        names.push(name);
    }
    Ok(names)
}

/// Refuses an image that would replace or become part of what it is made of.
fn check_apart(output: &Output, contents: &Contents) -> Result<()> {
    let is_source = match contents {
        Contents::Empty { .. } => false,
        Contents::Image(path) => output.replaces(path),
        Contents::FileSystem { tree, .. } => {
            let folder = tree.folder.as_ref();
            let folder = folder.and_then(|path| fs::canonicalize(path).ok());
            let file = tree.file.as_ref();
            folder.is_some_and(|folder| output.is_in(&folder))
                || file.is_some_and(|file| output.replaces(&file.input.path))
        }
    };
    if is_source {
        bail!(
            "{} is, or is in, what the disk is made of; write the disk to another place",
            output.shown()
        );
    }
    Ok(())
}

fn round_up(bytes: u64, unit: u64) -> Result<u64> {
    bytes
        .checked_next_multiple_of(unit)
        .filter(|bytes| *bytes <= i64::MAX as u64)
        .context("the disk would be larger than a file can be; make its partitions smaller")
}

/// Where a partition is written.
struct Place<'a> {
    output: &'a Output,
    offset: u64,
    name: Name,
    tools: &'a Tools,
    progress: &'a mut Progress,
}

impl Place<'_> {
    /// Writes what the partition holds; returns its bytes.
    fn fill(&mut self, contents: &Contents) -> Result<u64> {
        match contents {
            Contents::Empty { bytes: 0 } => bail!("it would have no bytes; give it some"),
            Contents::Empty { bytes } => Ok(*bytes),
            Contents::Image(path) => self.copy(path),
            Contents::FileSystem { tree, usage } => FileSystem::new(self)?.make(tree, *usage),
        }
    }

    fn copy(&mut self, path: &Path) -> Result<u64> {
        let input = Input::open(Some(path))?;
        let name = locate::shown(path);
        if input.length == 0 {
            bail!("{name} is empty; name a file with content");
        }
        let source = Source {
            file: &input.file,
            length: input.length,
            name: &name,
        };
        copy::copy(&source, self.output.file(), self.offset, self.progress)?;
        Ok(input.length)
    }
}

#[cfg(test)]
pub mod tests;
