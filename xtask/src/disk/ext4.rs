//! Makes ext4 file systems with e2fsprogs, in place and without being root.
//!
//! `mke2fs -d` copies a folder, and with it owners and times of access, which are not the same in the next run; `debugfs` sets
//! them afterwards. A file beside it is written by `debugfs` itself, which reads it where it is: mke2fs would want a folder
//! with a copy of it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{locate, scratch};

use super::folder::{BLOCK, Census, changed, find};
use super::size::{JOURNAL_BLOCKS, Size};
use super::tool::TIME;
use super::{Place, RootFile, Tree, Usage, identity, round_up};

/// Features of the file systems. The file service mounts them with the crate `rsext4`, and tests also read them with the crate
/// `ext4-view`, which wants `filetype` and refuses `meta_bg`, `inline_data`, `ea_inode`, `large_dir`, `mmp`, and what it does
/// not know.
///
/// No `resize_inode`: they do not grow.
const FEATURES: &str = "none,filetype,extent,64bit,flex_bg,metadata_csum,sparse_super,large_file,huge_file,dir_index,\
     dir_nlink,extra_isize,ext_attr";

/// The feature of those that are written.
const JOURNAL: &str = "has_journal";

/// Settings that stand in for those of the host, so that all hosts make the same. Every kind of file system is named
/// that mke2fs chooses by size.
const SETTINGS: &str = "[defaults]\n\tblocksize = 4096\n\tinode_size = 256\n[fs_types]\n\
     \text4 = {\n\t\tinode_size = 256\n\t}\n\tfloppy = {\n\t\tinode_size = 256\n\t}\n\
     \tsmall = {\n\t\tinode_size = 256\n\t}\n\tbig = {\n\t\tinode_size = 256\n\t}\n\
     \thuge = {\n\t\tinode_size = 256\n\t}\n";

/// The root directory, and the first inode that is not reserved.
const ROOT: u64 = 2;
const FIRST_INODE: u64 = 11;

/// How often a file system is made where it turns out too small.
const ATTEMPTS: u32 = 4;

/// What e2fsprogs say where a file system is too small.
const TOO_SMALL: [&str; 5] = [
    "Filesystem too small for a journal",
    "Total journal size too big for filesystem",
    "Could not allocate block in ext2 filesystem",
    "Could not allocate inode in ext2 filesystem",
    "Not enough space to build proposed filesystem",
];

/// Bytes of a name.
const LONGEST_NAME: usize = 255;

/// A file system that is made in a place of an image.
pub struct FileSystem<'a, 'b> {
    place: &'a mut Place<'b>,
    scratch: TempDir,
}

impl<'a, 'b> FileSystem<'a, 'b> {
    /// Prepares one.
    ///
    /// # Errors
    /// Where temporary files cannot be written.
    pub fn new(place: &'a mut Place<'b>) -> Result<FileSystem<'a, 'b>> {
        let scratch = scratch::subfolder()?;
        let fs = FileSystem { place, scratch };
        fs::write(fs.settings(), SETTINGS).context("cannot write a temporary file")?;
        Ok(fs)
    }

    fn settings(&self) -> PathBuf {
        self.scratch.path().join("mke2fs.conf")
    }

    /// Makes one; returns its bytes.
    ///
    /// # Errors
    /// Where a name cannot be one, what it is made of cannot be read or changes meanwhile, or it cannot be written.
    pub fn make(&mut self, tree: &Tree, usage: Usage) -> Result<u64> {
        let mut tree = tree.clone();
        if let Some(folder) = &mut tree.folder {
            *folder = find(folder)?;
        }
        check_name(&tree)?;
        let [folder, file] = self.count(&tree)?;
        let bytes = self.make_of(Size::of(&(folder + file), usage), &tree, usage)?;
        let [folder_now, file_now] = self.count(&tree)?;
        match (&tree.folder, &tree.file) {
            (Some(path), _) if folder_now != folder => Err(changed(path)),
            (_, Some(RootFile { input, .. })) if file_now != file => Err(changed(&input.path)),
            _ => Ok(bytes),
        }
    }

    /// Looks at the folder and the file.
    fn count(&mut self, tree: &Tree) -> Result<[Census; 2]> {
        let folder = match &tree.folder {
            Some(folder) => Census::of_folder(folder, self.place.progress)?,
            None => Census::default(),
        };
        let file = match &tree.file {
            Some(file) => Census::of_file(&file.input)?,
            None => Census::default(),
        };
        Ok([folder, file])
    }

    fn make_of(&mut self, mut size: Size, tree: &Tree, usage: Usage) -> Result<u64> {
        for _ in 0..ATTEMPTS {
            let (output, offset) = (self.place.output, self.place.offset);
            let end = round_up(offset.saturating_add(size.bytes()), BLOCK)?;
            // What an earlier attempt has written is gone.
            output.set_length(offset)?;
            output.set_length(end)?;
            if self.attempt(size, tree, usage)? {
                self.set_owners_and_times()?;
                return Ok(size.bytes());
            }
            size = size.grown();
        }
        bail!(
            "its content did not fit into {ATTEMPTS} file systems, each larger than the one before; \
             make an image of it by other means and name that"
        )
    }

    /// Whether the content fits.
    fn attempt(&mut self, size: Size, tree: &Tree, usage: Usage) -> Result<bool> {
        let name = self.place.name;
        let id = |purpose| identity::of(purpose, [name.as_str()]);
        let mut command = self.place.command("mke2fs");
        command
            .env("MKE2FS_CONFIG", self.settings())
            .args([
                "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0",
            ])
            .args(["-N", &size.inodes.to_string()])
            .args(["-U", &id("file system").to_string()])
            // The image has zeros where a journal would be cleared.
            .arg("-E")
            .arg(format!(
                "offset={},hash_seed={},root_owner=0:0,nodiscard,lazy_itable_init=0,lazy_journal_init=1,no_copy_xattrs",
                self.place.offset,
                id("hash seed")
            ));
        match usage.written {
            false => command.args(["-O", FEATURES]),
            true => {
                let mebibytes = (JOURNAL_BLOCKS * BLOCK) >> 20;
                command
                    .args(["-O", &format!("{FEATURES},{JOURNAL}")])
                    .args(["-J", &format!("size={mebibytes}")])
            }
        };
        if let Some(folder) = &tree.folder {
            command.arg("-d").arg(folder);
        }
        command
            .arg(self.place.output.name())
            .arg(size.blocks.to_string());
        let (success, said) = self.place.run(command, "mke2fs")?;
        // It succeeds, without a journal, where there is no room for one.
        if !success || is_too_small(&said) {
            return too_small("mke2fs", &said);
        }
        match &tree.file {
            None => Ok(true),
            Some(file) => self.write_file(file),
        }
    }

    /// Whether a file fits.
    fn write_file(&mut self, file: &RootFile) -> Result<bool> {
        let mut request = b"write /dev/stdin \"".to_vec();
        for byte in file.name.as_bytes() {
            request.push(*byte);
            if *byte == b'"' {
                request.push(b'"');
            }
        }
        request.push(b'"');
        let mut command = self.debugfs("-R", &OsString::from_vec(request));
        let file = file.input.file.try_clone().context("cannot share a file")?;
        command.stdin(Stdio::from(file));
        // It succeeds whatever comes of its requests.
        match self.place.run(command, "debugfs")? {
            (true, said) if said.is_empty() => Ok(true),
            (_, said) => too_small("debugfs", &said),
        }
    }

    fn debugfs(&self, how: &str, what: &OsStr) -> std::process::Command {
        let mut image = self.place.output.name().as_os_str().to_owned();
        image.push(format!("?offset={}", self.place.offset));
        let mut command = self.place.command("debugfs");
        command.args(["-w", how]).arg(what).arg(image);
        command
    }

    /// Makes owners and times those of no user and no run.
    fn set_owners_and_times(&mut self) -> Result<()> {
        let mut requests = format!("sif <{ROOT}> mode 040755\n");
        let inodes = std::iter::once(ROOT).chain(FIRST_INODE..=self.used_inodes()?);
        for inode in inodes {
            for owner in ["uid", "gid"] {
                let _ = writeln!(requests, "sif <{inode}> {owner} 0");
            }
            for time in ["atime", "ctime", "mtime"] {
                let _ = writeln!(requests, "sif <{inode}> {time} @{TIME}");
            }
        }
        let file = self.scratch.path().join("requests");
        fs::write(&file, requests).context("cannot write a temporary file")?;
        let command = self.debugfs("-f", file.as_os_str());
        match self.place.run(command, "debugfs")? {
            (true, said) if said.is_empty() => Ok(()),
            (_, said) => bail!("debugfs failed: {said}; is e2fsprogs 1.47 or newer?"),
        }
    }

    /// Inodes in use: in a new file system the first ones. They are told by the superblock.
    fn used_inodes(&self) -> Result<u64> {
        let number = |place: u64| -> Result<u64> {
            let mut bytes = [0; 4];
            let place = self.place.offset + 1024 + place;
            self.place.output.file().read_exact_at(&mut bytes, place)?;
            Ok(u32::from_le_bytes(bytes).into())
        };
        let used = number(0)?.checked_sub(number(16)?);
        used.context("mke2fs made a file system that contradicts itself; install e2fsprogs again")
    }
}

/// Refuses a file that has no name, or one that another file has.
fn check_name(tree: &Tree) -> Result<()> {
    let Some(RootFile { name, .. }) = &tree.file else {
        return Ok(());
    };
    let bytes = name.as_bytes();
    if !(1..=LONGEST_NAME).contains(&bytes.len())
        || matches!(bytes, b"." | b".." | b"lost+found")
        || bytes.iter().any(|byte| matches!(byte, 0 | b'/'))
    {
        bail!(
            "{name:?} cannot name a file in a folder; use 1 to {LONGEST_NAME} bytes without a slash"
        );
    }
    let same = tree.folder.as_ref().map(|folder| folder.join(name));
    if let Some(same) = same
        && fs::symlink_metadata(&same).is_ok()
    {
        bail!(
            "there is {} already; give one of the two another name",
            locate::shown(&same)
        );
    }
    Ok(())
}

fn is_too_small(said: &str) -> bool {
    TOO_SMALL.iter().any(|sign| said.contains(sign))
}

/// That it is too small, or what else went wrong.
fn too_small(program: &str, said: &str) -> Result<bool> {
    if is_too_small(said) {
        return Ok(false);
    }
    bail!("{program} failed: {said}; correct what it names, and see that the disk is not full")
}

#[cfg(test)]
mod tests;
