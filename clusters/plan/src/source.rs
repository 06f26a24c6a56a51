//! The file of a plan: read once, and no more of it than a plan has.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::diagnostics::{Diagnostics, PlanErrors};
use crate::error::ErrorKind;

/// Most bytes of a plan's text.
pub const MAX_BYTES: u64 = 1 << 20;

/// Reads the text of a plan. Messages name the file by `label`.
///
/// # Errors
/// Where it is no file that can be read, is too long, or is not UTF-8.
pub fn read(path: impl AsRef<Path>, label: &str) -> Result<String, PlanErrors> {
    let failed = |text: &str, at, kind| {
        let mut diagnostics = Diagnostics::new(label, text);
        diagnostics.report(at, kind);
        diagnostics.take()
    };
    let bytes = bytes(path.as_ref()).map_err(|kind| failed("", 0, *kind))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let readable = String::from_utf8_lossy(&error.as_bytes()[..offset]).into_owned();
        failed(&readable, offset, ErrorKind::NotUtf8 { offset })
    })
}

/// The programs of a project that a process may run, by name: the folders of `apps` that hold a package.
pub fn images(project: &Path) -> Vec<String> {
    let folders = fs::read_dir(project.join("apps")).into_iter().flatten();
    let packages = folders
        .flatten()
        .filter(|folder| folder.path().join("Cargo.toml").is_file());
    let mut names: Vec<_> = packages
        .filter_map(|folder| folder.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn bytes(path: &Path) -> Result<Vec<u8>, Box<ErrorKind>> {
    let unreadable = |error: io::Error| {
        Box::new(ErrorKind::Unreadable {
            reason: error.to_string(),
        })
    };
    // Asked before the file is opened: to open a pipe that has no writer would never end.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Box::new(ErrorKind::Directory {}));
    }
    if !metadata.is_file() {
        return Err(Box::new(ErrorKind::NotAFile {}));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    match read.map_err(unreadable)? as u64 {
        0..=MAX_BYTES => Ok(bytes),
        _ => Err(Box::new(ErrorKind::TooLong { most: MAX_BYTES })),
    }
}
