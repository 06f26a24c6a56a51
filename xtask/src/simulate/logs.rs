//! The files that keep serial lines and the report.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};

use crate::locate;
use crate::report::Report;

/// The serial logs of all instances.
pub struct Logs {
    logs: Vec<Log>,
}

struct Log {
    name: String,
    path: PathBuf,
    file: File,
}

impl Logs {
    /// Starts a log for each instance.
    ///
    /// # Errors
    /// Where one cannot be written.
    pub fn create(folder: &Path, names: &[String]) -> Result<Logs> {
        let logs = names
            .iter()
            .map(|name| {
                let path = folder.join(format!("serial-{name}.log"));
                let file = claim(&path)?;
                // Fails for what is no regular file, where there is nothing to cut off either.
                let _ = file.set_len(0);
                Ok(Log {
                    name: name.clone(),
                    path,
                    file,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Logs { logs })
    }

    /// Keeps a line of an instance and returns it as it is kept.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&mut self, instance: usize, line: &str) -> Result<String> {
        let log = &mut self.logs[instance];
        let line = format!("{}: {line}", log.name);
        writeln!(log.file, "{line}").with_context(|| {
            format!(
                "cannot write the serial log {}; is the disk full?",
                log.path.display()
            )
        })?;
        Ok(line)
    }

    /// The last lines of each log.
    pub fn last_lines(&self, count: usize) -> Vec<(PathBuf, Vec<String>)> {
        let read = |log: &Log| {
            let text = fs::read_to_string(&log.path).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let first = lines.len().saturating_sub(count);
            (log.path.clone(), lines[first..].to_vec())
        };
        self.logs.iter().map(read).collect()
    }
}

/// The report's file, held by this run alone.
pub struct ReportFile {
    path: PathBuf,
    file: File,
}

impl ReportFile {
    /// Takes the file, so that a report that cannot be written is noticed before anything runs.
    ///
    /// # Errors
    /// Where it cannot be written, or another run holds it.
    pub fn claim(path: &Path) -> Result<ReportFile> {
        let folder = locate::folder_of(path);
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(ReportFile {
            path: path.to_path_buf(),
            file: claim(path)?,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        locate::folder_of(&self.path)
    }

    /// Writes the report.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&mut self, report: &Report) -> Result<()> {
        let mut text =
            serde_json::to_string_pretty(report).context("the report cannot be encoded")?;
        text.push('\n');
        // Fails for what is no regular file, where there is nothing to cut off either.
        let _ = self.file.set_len(0);
        let _ = self.file.seek(SeekFrom::Start(0));
        self.file.write_all(text.as_bytes()).with_context(|| {
            format!(
                "cannot write the report {}; is the disk full?",
                self.path.display()
            )
        })
    }
}

/// Opens a file for writing and locks it.
fn claim(path: &Path) -> Result<File> {
    let shown = path.display();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| {
            format!("cannot write {shown}; name another file with --report, in a folder that you may write to")
        })?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => bail!(
            "{shown} is in use by another run; wait for it, or name another file with --report, in another folder"
        ),
        Err(error) => Err(error).with_context(|| format!("cannot lock {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_name_the_instance_in_every_line() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["io".to_owned(), "compute".to_owned()];
        let mut logs = Logs::create(folder.path(), &names).unwrap();
        for number in 0..20 {
            logs.keep(1, &format!("line {number}")).unwrap();
        }
        let last = logs.last_lines(15);
        assert!(last[0].1.is_empty());
        assert_eq!(last[1].1.len(), 15);
        assert_eq!(last[1].1[14], "compute: line 19");
        assert!(last[1].0.ends_with("serial-compute.log"));
    }

    #[test]
    fn a_report_in_use_or_out_of_reach_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/report.json");
        let _first = ReportFile::claim(&path).unwrap();
        let text = |path: &Path| format!("{:#}", ReportFile::claim(path).err().unwrap());
        assert!(text(&path).contains("is in use by another run"));
        assert!(text(Path::new("/proc/none/report.json")).contains("cannot make the folder"));
        assert!(text(Path::new("/proc/report.json")).contains("cannot write /proc/report.json"));
    }
}
