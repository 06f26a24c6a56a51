//! The system lists a volume that was made of a folder, and hashes its files: all must be as the host has them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::context::{expect_pass, read_report};
use crate::inputs::random;
use crate::{Context, Failure, TestResult, check};

const PLAN: &str = "tests/system/plans/survey.toml";

/// Sizes about those of sectors, blocks, calls and runs.
const SIZES: [usize; 12] = [
    0,
    1,
    511,
    512,
    513,
    4095,
    4096,
    4097,
    32_768,
    32_769,
    1_048_577,
    24 << 20,
];

/// Files in one folder.
const MANY: usize = 1000;

/// A folder with everything that is unusual.
pub fn folder(context: &Context) -> TestResult {
    let folder = context.folder("volume-survey")?;
    let tree = folder.join("tree");
    fs::create_dir(&tree)?;
    for size in SIZES {
        fs::write(tree.join(format!("of-{size}")), random(size))?;
    }
    let many = tree.join("many");
    fs::create_dir(&many)?;
    for index in 0..MANY {
        fs::write(many.join(format!("{index:x}")), format!("{index}\n"))?;
    }
    // A path of more bytes than a message has place for, and of nearly as many as a path may have.
    let deep: PathBuf = (0..15)
        .map(|level| format!("{level}-{}", "d".repeat(190)))
        .collect();
    fs::create_dir_all(tree.join(&deep))?;
    fs::write(tree.join(deep).join("bottom"), b"deep")?;
    for name in [
        &b" "[..],
        b"\xff\xfe",
        b"\\",
        "ünïcödé".as_bytes(),
        &[b'n'; 255],
    ] {
        fs::write(tree.join(OsStr::from_bytes(name)), name)?;
    }
    holes(&tree.join("holes"), 8 << 20, 37)?;
    fs::create_dir(tree.join("nothing"))?;
    compare(context, &folder, &tree)
}

/// A file of 1 GiB, of which every fourth MiB is data.
pub fn large(context: &Context) -> TestResult {
    let folder = context.folder("volume-large")?;
    let tree = folder.join("tree");
    fs::create_dir(&tree)?;
    holes(&tree.join("large"), 1 << 30, 1024)?;
    // An emulated processor hashes some MiB in a second.
    compare_with(context, &folder, &tree, &["--time-limit", "3600"])
}

/// A file of so many bytes, which is a hole but for a quarter of it, in so many pieces.
fn holes(path: &Path, bytes: u64, pieces: u64) -> Result<(), Failure> {
    let file = File::create(path)?;
    file.set_len(bytes)?;
    let piece = bytes / pieces;
    for index in 0..pieces {
        file.write_all_at(&random((piece / 4) as usize), index * piece)?;
    }
    Ok(())
}

/// Runs the program on a volume made of a folder, and compares what it says with what is there.
fn compare(context: &Context, folder: &Path, tree: &Path) -> TestResult {
    compare_with(context, folder, tree, &[])
}

/// As [`compare`], with further options of the run.
fn compare_with(context: &Context, folder: &Path, tree: &Path, options: &[&str]) -> TestResult {
    let report = folder.join("report.json");
    let mut command = context.xtask();
    command
        .args(["run", "--plan", PLAN, "--disk-from"])
        .arg(tree)
        .arg("--report")
        .arg(&report)
        .args(options);
    let ended = context.call(command, folder)?;
    expect_pass(&ended, &read_report(&report, &ended)?)?;
    let mut expected = BTreeSet::new();
    describe(tree, tree, &mut expected)?;
    // Both are made for every volume.
    expected.insert(format!("folder {}", shown(tree, &tree.join("lost+found"))));
    let log = fs::read(folder.join("serial-compute.log"))?;
    let log = String::from_utf8_lossy(&log);
    let told: BTreeSet<String> = log
        .lines()
        .filter_map(|line| line.split_once("[survey] "))
        .map(|(_, text)| text.to_owned())
        .filter(|text| text.starts_with("file ") || text.starts_with("folder "))
        .filter(|text| !text.ends_with(" /input"))
        .collect();
    let missing: Vec<_> = expected.difference(&told).take(5).collect();
    let invented: Vec<_> = told.difference(&expected).take(5).collect();
    check!(
        missing.is_empty() && invented.is_empty(),
        "of {} files and folders the system does not have {missing:#?}, and has {invented:#?}",
        expected.len()
    );
    fs::remove_dir_all(tree)?;
    Ok(())
}

/// What the program must print of a folder.
fn describe(root: &Path, folder: &Path, into: &mut BTreeSet<String>) -> io::Result<()> {
    into.insert(format!("folder {}", shown(root, folder)));
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            describe(root, &path, into)?;
            continue;
        }
        let (digest, length) = hash(&mut File::open(&path)?)?;
        into.insert(format!("file {digest} {length} {}", shown(root, &path)));
    }
    Ok(())
}

/// The SHA-256 of a file, and its length.
fn hash(file: &mut File) -> io::Result<(String, u64)> {
    let (mut sha, mut length) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                sha.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
    Ok((hex(&sha.finalize()), length))
}

/// Bytes of a path that the program shows.
const SHOWN: usize = 16;

/// A path in the volume as the program tells it: its SHA-256, and its last bytes, in which everything but printable ASCII is escaped.
fn shown(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let bytes = [b"/", inside.as_os_str().as_bytes()].concat();
    let end = &bytes[bytes.len().saturating_sub(SHOWN)..];
    let escaped = end.iter().map(|byte| match byte {
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("\\x{other:02x}"),
    });
    let escaped: String = escaped.collect();
    format!("{} {escaped}", hex(&Sha256::digest(&bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
