//! The file that the machine's disk will hold: found unusable before anything is built.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::locate;

/// The text that ships with the project.
const DEFAULT: &str = "xtask/assets/default-input.txt";

/// A readable file of a known length.
#[derive(Debug)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// Its content.
    pub file: File,
    /// Its length in bytes.
    pub length: u64,
}

impl Input {
    /// Opens a file, by default the text that ships with the project.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn open(path: Option<&Path>) -> Result<Input> {
        let path = match path {
            Some(path) => path.to_path_buf(),
            None => locate::root().join(DEFAULT),
        };
        let shown = locate::shown(&path);
        let unreadable =
            || format!("cannot read {shown}; name a file that exists and that you may read");
        // Asked before the file is opened: to open a pipe that has no writer would never end.
        let metadata = fs::metadata(&path).with_context(unreadable)?;
        if metadata.is_dir() {
            bail!("{shown} is a directory; name a file");
        }
        if !metadata.is_file() {
            bail!("{shown} is not a regular file; copy what it holds into one and name that");
        }
        let file = File::open(&path).with_context(unreadable)?;
        let metadata = file.metadata().with_context(unreadable)?;
        Ok(Input {
            path,
            file,
            length: metadata.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        format!("{:#}", Input::open(Some(path)).unwrap_err())
    }

    #[test]
    fn what_is_no_file_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refusal(folder.path()).contains("is a directory; name a file"));
        assert!(refusal(&folder.path().join("none")).contains("name a file that exists"));
        assert!(refusal(Path::new("/dev/null")).contains("is not a regular file"));
    }

    #[test]
    fn the_default_is_a_text_of_some_length() {
        let input = Input::open(None).unwrap();
        assert!((20_000..40_000).contains(&input.length), "{}", input.length);
    }
}
