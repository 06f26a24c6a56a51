//! Follows a file that grows.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use crate::locate;

use anyhow::{Context, Result};

/// Bytes of one line; what is longer is cut into several.
const MAX_LINE: usize = 64 << 10;

/// Follows a file that another process writes.
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    partial: Vec<u8>,
    /// Bytes seen so far.
    pub bytes: u64,
}

impl Tail {
    /// A file that need not exist yet.
    pub fn new(path: PathBuf) -> Tail {
        Tail {
            path,
            file: None,
            partial: Vec::new(),
            bytes: 0,
        }
    }

    /// The whole lines that came since the last call, at most about a MiB of them, without carriage returns.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn lines(&mut self) -> Result<Vec<String>> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else {
            return Ok(Vec::new());
        };
        let before = self.partial.len();
        file.take(1 << 20)
            .read_to_end(&mut self.partial)
            .with_context(|| format!("cannot read {}", locate::shown(&self.path)))?;
        self.bytes += (self.partial.len() - before) as u64;
        let mut lines = Vec::new();
        let mut rest = self.partial.as_slice();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            lines.push(text(&rest[..end]));
            rest = &rest[end + 1..];
        }
        while rest.len() > MAX_LINE {
            lines.push(text(&rest[..MAX_LINE]));
            rest = &rest[MAX_LINE..];
        }
        self.partial = rest.to_vec();
        Ok(lines)
    }

    /// What came after the last line's end.
    pub fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.partial);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|&c| c != '\r').collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serial");
        let mut tail = Tail::new(path.clone());
        assert_eq!(tail.lines().unwrap(), [""; 0]);
        let mut writer = File::create(path).unwrap();
        writer.write_all(b"one\r\ntw").unwrap();
        assert_eq!(tail.lines().unwrap(), ["one"]);
        assert_eq!(tail.lines().unwrap(), [""; 0]);
        writer.write_all(b"o\nthree\n\xff").unwrap();
        assert_eq!(tail.lines().unwrap(), ["two", "three"]);
        assert_eq!(tail.rest().as_deref(), Some("\u{fffd}"));
        assert_eq!(tail.rest(), None);
        assert_eq!(tail.bytes, 16);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serial");
        fs::write(&path, vec![b'x'; MAX_LINE + 1]).unwrap();
        let mut tail = Tail::new(path);
        assert_eq!(tail.lines().unwrap().len(), 1);
        assert_eq!(tail.rest().as_deref(), Some("x"));
    }
}
