//! Where the project and its files are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the project: the folder that Cargo says, else the nearest one above the working folder or this program
/// that looks like it, else the one that this program was built from.
pub fn root() -> PathBuf {
    let looks_right =
        |folder: &&Path| folder.join("sel4-config").is_dir() && folder.join("clusters").is_dir();
    let near = |path: PathBuf| path.ancestors().find(looks_right).map(Path::to_path_buf);
    env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .and_then(near)
        .or_else(|| env::current_dir().ok().and_then(near))
        .or_else(|| env::current_exe().ok().and_then(near))
        .unwrap_or_else(|| {
            let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
            built_from.parent().unwrap_or(built_from).to_path_buf()
        })
}

/// Folder of everything that this program writes.
pub fn output() -> PathBuf {
    root().join("target/atoll")
}

/// A path that does not depend on the working folder.
///
/// # Errors
/// Where the working folder is gone.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot resolve {}", shown(path)))
}

/// The folder of a file; the working folder for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A path for a message: in one line, and not at any length.
pub fn shown(path: impl AsRef<Path>) -> String {
    atoll_plan::shown(&path.as_ref().to_string_lossy()).to_string()
}
