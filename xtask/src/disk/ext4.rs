//! Makes ext4 file systems with e2fsprogs, in place and without being root.
//!
//! `mke2fs -d` copies a folder, and with it owners and times of access, which are not the same in the next run; `debugfs` sets
//! them afterwards. A single file is written by `debugfs` itself, which reads it where it is: mke2fs would want a folder
//! with a copy of it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::input::Input;
use crate::{locate, scratch};

use super::folder::Census;
use super::size::Size;
use super::tool::TIME;
use super::{Place, identity};

/// Features of the file systems. Tests read them with the crate `ext4-view`, which wants `filetype` and refuses `meta_bg`, `inline_data`, `ea_inode`, `large_dir`, `mmp`, and what it does not know.
///
/// No journal: nothing writes to them, and it would be 4 MiB and more of zeros. No `resize_inode`: they do not grow.
const FEATURES: &str = "none,filetype,extent,64bit,flex_bg,metadata_csum,sparse_super,large_file,huge_file,dir_index,\
     dir_nlink,extra_isize,ext_attr";

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
const TOO_SMALL: [&str; 3] = [
    "Could not allocate block in ext2 filesystem",
    "Could not allocate inode in ext2 filesystem",
    "Not enough space to build proposed filesystem",
];

/// Bytes of a name.
const LONGEST_NAME: usize = 255;

/// What a file system is made of.
#[derive(Clone, Copy)]
enum Content<'a> {
    Folder(&'a Path),
    File(&'a OsStr, &'a Input),
}

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

    /// Makes one of a folder; returns its bytes.
    ///
    /// # Errors
    /// Where the folder cannot be read or changes meanwhile, or the file system cannot be written.
    pub fn of_folder(&mut self, folder: &Path) -> Result<u64> {
        let shown = locate::shown(folder);
        let folder = fs::canonicalize(folder)
            .with_context(|| format!("cannot read {shown}; name a folder that exists"))?;
        if !folder.is_dir() {
            bail!("{shown} is not a folder; name one, or the file as a file");
        }
        let census = Census::of_folder(&folder)?;
        let bytes = self.make(Size::of(&census), Content::Folder(&folder))?;
        if Census::of_folder(&folder)? != census {
            bail!("{shown} changed while it was read; try again when nothing writes to it");
        }
        Ok(bytes)
    }

    /// Makes one of a file; returns its bytes.
    ///
    /// # Errors
    /// Where the name cannot be one, the file changes meanwhile, or the file system cannot be written.
    pub fn of_file(&mut self, name: &OsStr, input: &Input) -> Result<u64> {
        let bytes = name.as_bytes();
        if !(1..=LONGEST_NAME).contains(&bytes.len())
            || matches!(bytes, b"." | b".." | b"lost+found")
            || bytes.iter().any(|byte| matches!(byte, 0 | b'/'))
        {
            bail!(
                "{name:?} cannot name a file in a folder; use 1 to {LONGEST_NAME} bytes without a slash"
            );
        }
        let census = Census::of_file(&input.file)?;
        let bytes = self.make(Size::of(&census), Content::File(name, input))?;
        if Census::of_file(&input.file)? != census {
            bail!(
                "{} changed while it was read; try again when nothing writes to it",
                locate::shown(&input.path)
            );
        }
        Ok(bytes)
    }

    fn make(&mut self, mut size: Size, content: Content<'_>) -> Result<u64> {
        for _ in 0..ATTEMPTS {
            let (output, offset) = (self.place.output, self.place.offset);
            // What an earlier attempt has written is gone.
            output.set_length(offset)?;
            output.set_length(offset + size.bytes())?;
            if self.attempt(size, content)? {
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
    fn attempt(&mut self, size: Size, content: Content<'_>) -> Result<bool> {
        let name = self.place.name;
        let id = |purpose| identity::of(purpose, [name.as_str()]);
        let mut command = self.place.command("mke2fs");
        command
            .env("MKE2FS_CONFIG", self.settings())
            .args([
                "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0",
            ])
            .args(["-O", FEATURES, "-N", &size.inodes.to_string()])
            .args(["-U", &id("file system").to_string()])
            .arg("-E")
            .arg(format!(
                "offset={},hash_seed={},root_owner=0:0,nodiscard,lazy_itable_init=0,no_copy_xattrs",
                self.place.offset,
                id("hash seed")
            ));
        if let Content::Folder(folder) = content {
            command.arg("-d").arg(folder);
        }
        command
            .arg(self.place.output.name())
            .arg(size.blocks.to_string());
        let (success, said) = self.place.run(command, "mke2fs")?;
        if !success {
            return too_small("mke2fs", &said);
        }
        match content {
            Content::Folder(_) => Ok(true),
            Content::File(name, input) => self.write_file(name, input),
        }
    }

    /// Whether a file fits.
    fn write_file(&mut self, name: &OsStr, input: &Input) -> Result<bool> {
        let mut request = b"write /dev/stdin \"".to_vec();
        for byte in name.as_bytes() {
            request.push(*byte);
            if *byte == b'"' {
                request.push(b'"');
            }
        }
        request.push(b'"');
        let mut command = self.debugfs("-R", &OsString::from_vec(request));
        let file = input.file.try_clone().context("cannot share a file")?;
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

/// That it is too small, or what else went wrong.
fn too_small(program: &str, said: &str) -> Result<bool> {
    if TOO_SMALL.iter().any(|sign| said.contains(sign)) {
        return Ok(false);
    }
    bail!("{program} failed: {said}; correct what it names, and see that the disk is not full")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::{Made, tools};
    use crate::disk::{Name, Output};
    use crate::progress::Progress;

    #[test]
    fn one_that_is_too_small_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        fs::create_dir(&content).unwrap();
        for index in 0..100 {
            fs::write(content.join(index.to_string()), vec![1; 30_000]).unwrap();
        }
        let output = Output::create(&folder.path().join("disk")).unwrap();
        let mut place = Place {
            output: &output,
            offset: 1 << 20,
            name: Name::new("n").unwrap(),
            tools: &tools(),
            progress: &mut Progress::new(),
        };
        let mut file_system = FileSystem::new(&mut place).unwrap();
        let small = Size {
            blocks: 512,
            inodes: 16,
        };
        let made = file_system.make(small, Content::Folder(&content)).unwrap();
        assert_eq!(made, small.grown().grown().grown().bytes());
        let tiny = Size {
            blocks: 8,
            inodes: 8,
        };
        let error = file_system.make(tiny, Content::Folder(&content));
        let text = error.unwrap_err().to_string();
        assert!(text.contains("did not fit into 4 file systems"), "{text}");
        // The one before is gone from the file.
        let made = file_system.make(small, Content::Folder(&content)).unwrap();
        assert_eq!(output.file().metadata().unwrap().len(), (1 << 20) + made);
        let path = folder.path().join("disk");
        output.complete().unwrap();
        Made::check_file_system(&path, 1 << 20);
    }
}
