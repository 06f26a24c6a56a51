//! The tools of e2fsprogs, which know better what ext4 is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A tool of e2fsprogs.
///
/// # Panics
/// Where it is missing.
pub fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|it| it.join(name)).find(|it| it.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: install the package e2fsprogs"))
}

/// Runs a tool to its end.
///
/// # Panics
/// Where it cannot be started.
pub fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|why| panic!("{command:?}: {why}"))
}

/// A folder that is gone with this, in memory where the machine has such a folder.
///
/// # Panics
/// Where it cannot be made.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

/// An image of so many mebibytes, with what is in a folder.
///
/// # Panics
/// Where it cannot be made.
pub fn image(mebibytes: usize, options: &[&str], folder: Option<&Path>) -> Vec<u8> {
    let scratch = scratch();
    let path = scratch.path().join("image");
    let mut command = Command::new(tool("mke2fs"));
    command.args(["-q", "-F", "-t", "ext4", "-E", "root_owner=0:0"]);
    command.args(options);
    if let Some(folder) = folder {
        command.arg("-d").arg(folder);
    }
    command.arg(&path).arg(format!("{mebibytes}M"));
    let output = run(&mut command);
    assert!(output.status.success(), "{command:?}: {output:?}");
    std::fs::read(&path).unwrap()
}

/// Whether an image is clean, and what the checker says.
///
/// # Panics
/// Where it cannot be checked.
pub fn check(image: &[u8], repairs: bool) -> (bool, String) {
    let scratch = scratch();
    let path = scratch.path().join("image");
    std::fs::write(&path, image).unwrap();
    check_file(&path, repairs)
}

/// The same of an image in a file.
///
/// # Panics
/// Where it cannot be checked.
pub fn check_file(path: &Path, repairs: bool) -> (bool, String) {
    let mode = if repairs { "-fy" } else { "-fn" };
    let output = run(Command::new(tool("e2fsck")).arg(mode).arg(path));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code() == Some(0), text)
}

/// An image after its journal was recovered.
///
/// # Errors
/// What the checker finds wrong with it, before or after that.
///
/// # Panics
/// Where it cannot be checked.
pub fn recovered(image: &[u8]) -> Result<Vec<u8>, String> {
    let scratch = scratch();
    let path = scratch.path().join("image");
    std::fs::write(&path, image).unwrap();
    let (_, text) = check_file(&path, true);
    let wrong = what_is_wrong(&text);
    if !wrong.is_empty() {
        return Err(format!("{wrong:#?}\n{text}"));
    }
    match check_file(&path, false) {
        (true, _) => Ok(std::fs::read(&path).unwrap()),
        (false, text) => Err(text),
    }
}

/// What a checker found that recovery of the journal does not mend.
pub fn what_is_wrong(text: &str) -> Vec<&str> {
    let expected = |line: &str| {
        line.is_empty()
            || line.starts_with("Pass ")
            || line.contains("recovering journal")
            // The first mount commits that recovery is needed before the superblock says so.
            || line.contains("flag is clear, but journal has data")
            || line.starts_with("Run journal anyway?")
            || line.contains("FILE SYSTEM WAS MODIFIED")
            || line.contains(" files (")
            || line.starts_with("e2fsck ")
            || line.starts_with("Setting free")
            // An extent tree that could be smaller is right.
            || line.contains("could be narrower")
            || line.contains("could be shorter")
            || line == "Optimize? yes"
            || line == "Fix? yes"
    };
    text.lines()
        .map(str::trim)
        .filter(|line| !expected(line))
        .collect()
}

/// What a file of an image holds, as debugfs reads it, which does not look into the journal.
///
/// # Panics
/// Where there is no such file.
pub fn dump(image: &[u8], path: &str) -> Vec<u8> {
    let scratch = scratch();
    let file = scratch.path().join("image");
    std::fs::write(&file, image).unwrap();
    let out = scratch.path().join("out");
    let request = format!("dump {path} {}", out.display());
    let output = run(Command::new(tool("debugfs"))
        .arg("-R")
        .arg(request)
        .arg(&file));
    std::fs::read(&out).unwrap_or_else(|why| panic!("{path}: {why}: {output:?}"))
}
