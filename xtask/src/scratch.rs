//! The one folder for temporary files of this program and of all programs that it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::locate;

use anyhow::{Context, Result};
use tempfile::TempDir;

static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Prefix of the folder's name.
const PREFIX: &str = "atoll-";

fn with<R>(work: impl FnOnce(&mut Option<PathBuf>) -> R) -> R {
    work(
        &mut FOLDER
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()),
    )
}

/// Makes the folder.
///
/// # Errors
/// Where it cannot be made.
pub fn make() -> Result<()> {
    let made = in_temporary_files()?;
    with(|folder| *folder = Some(made.keep()));
    Ok(())
}

fn in_temporary_files() -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix(PREFIX).tempdir();
    made.with_context(|| {
        format!(
            "cannot write to the folder for temporary files, {}; set TMPDIR to one that you may write to",
            locate::shown(std::env::temp_dir())
        )
    })
}

/// A new folder in it, which is removed when it is dropped.
///
/// # Errors
/// Where it cannot be made.
pub fn subfolder() -> Result<TempDir> {
    match existing() {
        Some(folder) => TempDir::new_in(&folder)
            .with_context(|| format!("cannot write to {}", locate::shown(&folder))),
        None => in_temporary_files(),
    }
}

/// The folder, where it was made.
pub fn existing() -> Option<PathBuf> {
    with(|known| known.clone())
}

/// Removes the folder and everything in it.
pub fn remove() {
    if let Some(folder) = with(Option::take) {
        // What cannot be removed is left to the system, which empties the folder that this one is in.
        let _ = fs::remove_dir_all(folder);
    }
}

/// Whether a value of the environment names the folder or something in it.
pub fn names(value: &[u8], folder: &Path) -> bool {
    let folder = folder.as_os_str().as_encoded_bytes();
    let rest = value.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
