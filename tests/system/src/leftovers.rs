//! Finds processes that a run left behind.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::{TestResult, check};

/// Time that the system gets to remove what was killed.
const PATIENCE: Duration = Duration::from_secs(3);

/// Process numbers and command lines of everything that runs with a path among its arguments.
pub fn processes_with(path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(&path) {
            found.push(format!("{} {command}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

/// As [`processes_with`], of everything that has a folder in its environment as the one for its temporary files, or one in it.
pub fn processes_of(temporary: &Path) -> Vec<String> {
    let variable = format!("TMPDIR={}", temporary.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|it| it.starts_with(variable.as_bytes())) {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            found.push(format!("{} {command}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

/// Fails if a process with a path among its arguments stays.
pub fn check_none(path: &Path) -> TestResult {
    let started = Instant::now();
    loop {
        let left = processes_with(path);
        if left.is_empty() {
            return Ok(());
        }
        check!(
            started.elapsed() < PATIENCE,
            "processes were left behind:\n{}",
            left.join("\n")
        );
        thread::sleep(Duration::from_millis(50));
    }
}
