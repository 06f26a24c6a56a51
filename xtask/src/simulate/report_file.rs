//! The file that keeps a report.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::locate;
use crate::lock;

/// Bytes at the beginning of a file by which a report is known.
const HEAD: u64 = MARK.len() as u64;

/// A report's file, held by this run alone.
pub struct ReportFile {
    path: PathBuf,
    file: File,
    /// There was no such file before, and nothing has been written to it.
    is_new: bool,
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        if self.is_new {
            // A run that was refused leaves no file behind.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl ReportFile {
    /// Takes the file, so that a report that cannot be written is noticed before anything runs. What is in it stays until the
    /// report is [written](ReportFile::write).
    ///
    /// # Errors
    /// Where it cannot be written, or another run holds it.
    fn claim(path: &Path, option: &str) -> Result<ReportFile> {
        let shown = locate::shown(path);
        // Asked before the file is opened: to open a pipe that nobody reads would never end.
        if let Ok(metadata) = fs::metadata(path) {
            let kind = metadata.file_type();
            if kind.is_dir() {
                bail!("the report cannot be written to {shown}, a directory; name a file");
            }
            if kind.is_fifo() || kind.is_socket() {
                bail!("the report cannot be written to {shown}, a pipe; name a file");
            }
        }
        // A link that leads nowhere is the user's.
        let is_new = fs::symlink_metadata(path).is_err();
        let folder = locate::folder_of(path);
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", locate::shown(folder)))?;
        let file = claim_file(path, option)?;
        Ok(ReportFile {
            path: path.to_path_buf(),
            file,
            is_new,
        })
    }

    /// As [`ReportFile::claim`], of the file that a user names, or by default of one of this name in the project's output.
    ///
    /// # Errors
    /// Also where the file that the user names holds something else than a report.
    pub fn named(path: Option<&Path>, default: &str) -> Result<ReportFile> {
        let Some(path) = path else {
            return ReportFile::claim(&locate::output().join(default), REPORT);
        };
        ReportFile::of_user(path, REPORT)
    }

    /// As [`ReportFile::named`], of the file that a user names for a timeline.
    ///
    /// # Errors
    /// As for [`ReportFile::named`].
    pub fn of_timeline(path: &Path) -> Result<ReportFile> {
        ReportFile::of_user(path, TIMELINE)
    }

    /// The file that a user names with an option.
    fn of_user(path: &Path, option: &str) -> Result<ReportFile> {
        let path = locate::absolute(path)?;
        let report = ReportFile::claim(&path, option)?;
        if !may_be_overwritten(&path) {
            bail!(
                "{} is no report, and would be overwritten; remove it, or name another file with {option}",
                locate::shown(&path)
            );
        }
        Ok(report)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is this file.
    pub fn is(&self, file: &File) -> bool {
        same(&self.file, file)
    }

    /// The folder of what is kept beside it: its own, or the usual one where it is no file, and so in no folder of the user's.
    pub fn folder(&self) -> PathBuf {
        match self.path.is_file() {
            true => locate::folder_of(&self.path).to_path_buf(),
            false => locate::output(),
        }
    }

    /// Writes the report.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&mut self, report: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(report).context("the report cannot be encoded")?;
        self.write_text(&(text + "\n"))
    }

    /// Writes a report that is text already: an object, each field on a line of its own.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_text(&mut self, text: &str) -> Result<()> {
        let fields = text.strip_prefix("{\n").context("a report is an object")?;
        let text = format!("{MARK}{VERSION},\n{fields}");
        self.is_new = false;
        // Fails for what is no regular file, where there is nothing to cut off either.
        let _ = self.file.set_len(0);
        let _ = self.file.seek(SeekFrom::Start(0));
        self.file.write_all(text.as_bytes()).with_context(|| {
            format!(
                "cannot write the report {}; is the disk full?",
                locate::shown(&self.path)
            )
        })
    }
}

/// Whether a file is a report, is empty, or keeps nothing.
fn may_be_overwritten(path: &Path) -> bool {
    if !path.is_file() {
        return true;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    let is_report = head == MARK.as_bytes() || head.starts_with(EARLIER_MARK.as_bytes());
    read.is_ok() && (head.is_empty() || is_report)
}

/// What every report begins with: its first key, which nothing else has.
const MARK: &str = "{\n  \"atoll_report\": ";

/// What the report of a run begins with that an earlier version of this program has written.
const EARLIER_MARK: &str = "{\n  \"verdict\": \"";

const _: () = assert!(EARLIER_MARK.len() <= MARK.len());

/// The options that name such files.
pub const REPORT: &str = "--report";
const TIMELINE: &str = "--trace";

/// Version of the reports.
const VERSION: u32 = 1;

/// Opens a file for writing and locks it.
///
/// # Errors
/// Where it cannot be written, or another run holds it.
pub fn claim_file(path: &Path, option: &str) -> Result<File> {
    let shown = locate::shown(path);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| {
            format!("cannot write {shown}; name another file with {option}, in a folder that you may write to")
        })?;
    if !lock::take(&file, path)? {
        bail!(
            "{shown} is in use by another run; wait for it, or name another file with {option}, in another folder"
        );
    }
    Ok(file)
}

/// Whether two files are the same one.
pub fn same(one: &File, other: &File) -> bool {
    let identity = |file: &File| {
        let metadata = file.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    identity(one).is_some_and(|identity_of_one| identity(other) == Some(identity_of_one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(path: &Path) -> String {
        format!("{:#}", ReportFile::named(Some(path), "").err().unwrap())
    }

    #[test]
    fn a_report_in_use_or_out_of_reach_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/report.json");
        let _first = ReportFile::claim(&path, REPORT).unwrap();
        assert!(refusal(&path).contains("is in use by another run"));
        assert!(refusal(Path::new("/proc/none/report.json")).contains("cannot make the folder"));
        assert!(refusal(Path::new("/proc/report.json")).contains("cannot write /proc/report.json"));
        assert!(refusal(folder.path()).contains("a directory; name a file"));
    }

    #[test]
    fn only_a_report_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        for content in [
            &b"{\n  \"method\": \"POST\"\n}"[..],
            b"text",
            b"\xff\xfe",
            b"[machine]\n",
        ] {
            fs::write(&path, content).unwrap();
            assert!(refusal(&path).contains("is no report, and would be overwritten"));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            let mut report = ReportFile::named(Some(&path), "").unwrap();
            report.write(&json!({"problem": "ä".repeat(100)})).unwrap();
        }
        let written: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(written["atoll_report"], VERSION);
        drop(ReportFile::named(Some(Path::new("/dev/null")), "").unwrap());
    }
}
