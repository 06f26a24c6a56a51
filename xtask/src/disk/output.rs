//! The file of an image: it has another name until it is complete.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

use crate::locate;

/// Prefix of the other name: one that tools take for nothing but a name.
const PREFIX: &str = ".atoll-disk-";

/// An image that is being made; it is removed where it does not become complete.
pub struct Output {
    path: PathBuf,
    file: NamedTempFile,
}

impl Output {
    /// Starts an image.
    ///
    /// # Errors
    /// Where there is something at the path that is no regular file, or the folder cannot be written.
    pub fn create(path: &Path) -> Result<Output> {
        // What a link leads to is replaced, and not the link.
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(_) => locate::absolute(path)?,
        };
        let shown = locate::shown(&path);
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            bail!("{shown} is not a regular file and cannot become a disk; name another file");
        }
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(locate::folder_of(&path))
            .with_context(|| {
                format!("cannot write the disk {shown}; is its folder there and writable?")
            })?;
        Ok(Output { path, file })
    }

    /// The image.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// The folder in which it is made.
    pub fn folder(&self) -> &Path {
        locate::folder_of(&self.path)
    }

    /// Its name in the folder, until it is complete.
    pub fn name(&self) -> &Path {
        self.file
            .path()
            .file_name()
            .map_or(self.file.path(), Path::new)
    }

    /// What a person calls it.
    pub fn shown(&self) -> String {
        locate::shown(&self.path)
    }

    /// What is said where it cannot be written.
    pub fn cannot_be_written(&self) -> String {
        format!("cannot write the disk {}; is the disk full?", self.shown())
    }

    /// Whether it will replace a file.
    pub fn replaces(&self, path: &Path) -> bool {
        let [own, other] = [&self.path, path].map(fs::metadata);
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        own.is_ok_and(|own| other.is_ok_and(|other| id(own) == id(other)))
    }

    /// Whether it is in a folder, whose path is canonical, or in one below it.
    pub fn is_in(&self, folder: &Path) -> bool {
        fs::canonicalize(self.folder()).is_ok_and(|own| own.starts_with(folder))
    }

    /// Sets its length; what is new are zeros.
    ///
    /// # Errors
    /// Where it cannot be so long.
    pub fn set_length(&self, bytes: u64) -> Result<()> {
        self.file()
            .set_len(bytes)
            .with_context(|| self.cannot_be_written())
    }

    /// Bytes of the host's disk that it takes.
    pub fn stored_bytes(&self) -> u64 {
        self.file()
            .metadata()
            .map_or(0, |metadata| metadata.blocks() * 512)
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// Where that cannot be done.
    pub fn complete(self) -> Result<()> {
        let failed = format!(
            "cannot give the disk its name, {}; is its folder still writable?",
            self.shown()
        );
        self.file.persist(&self.path).context(failed)?;
        Ok(())
    }
}
