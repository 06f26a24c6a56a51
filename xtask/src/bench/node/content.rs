//! The files that both machines serve.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Their names and sizes.
pub const FILES: [(&str, u64); 2] = [("1k", 1 << 10), ("1m", 1 << 20)];

/// Name and bytes of each file, which no program can make smaller.
pub fn files() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    FILES.into_iter().map(|(name, bytes)| {
        let mut state = bytes | 1;
        let content = (0..bytes).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        (name, content.collect())
    })
}

/// Writes them in a folder.
///
/// # Errors
/// Where they cannot be written.
pub fn write(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).context("cannot make a temporary folder")?;
    for (name, bytes) in files() {
        fs::write(folder.join(name), bytes).context("cannot write a temporary file")?;
    }
    Ok(())
}
