//! The files that keep serial lines.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::locate;
use crate::simulate::report_file::{REPORT, claim_file, same};

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
    /// Starts a log for each instance, in a folder. `input` is what the run reads.
    ///
    /// # Errors
    /// Where one cannot be written, or is the input.
    pub fn create(folder: &Path, names: &[String], input: &File) -> Result<Logs> {
        let logs = names
            .iter()
            .map(|name| {
                let path = folder.join(format!("serial-{name}.log"));
                let file = claim_file(&path, REPORT)?;
                if same(&file, input) {
                    bail!(
                        "the input is {}, where a serial log is to be written; name a report in another folder with --report",
                        locate::shown(&path)
                    );
                }
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
                locate::shown(&log.path)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_name_the_instance_in_every_line() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["io".to_owned(), "compute".to_owned()];
        let mut logs = Logs::create(folder.path(), &names, &tempfile::tempfile().unwrap()).unwrap();
        for number in 0..20 {
            logs.keep(1, &format!("line {number}")).unwrap();
        }
        let last = logs.last_lines(15);
        assert!(last[0].1.is_empty());
        assert_eq!(last[1].1.len(), 15);
        assert_eq!(last[1].1[14], "compute: line 19");
        assert!(last[1].0.ends_with("serial-compute.log"));
    }
}
