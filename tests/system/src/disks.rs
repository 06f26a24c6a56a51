//! Disks that are not as usual.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::context::{Ended, expect_pass};
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// A log on a partition.
const LEDGER: &str = "tests/system/plans/ledger.toml";

/// Sizes of inputs that are no multiple of a block of 4 KiB, of one of 512 bytes, or of neither.
const SIZES: [usize; 5] = [1, 511, 513, 4097, 1_048_577];

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "disk-several",
            "two disks of two kernels, one of them of two services, are used by three processes at once",
            several,
        ),
        Test::new(
            "disk-4k",
            "files of any size are read from a disk of blocks of 4 KiB that cannot be written",
            blocks_of_4_kib,
        ),
        Test::new(
            "disk-read-only",
            "a log on a disk that cannot be written is refused, and all else goes on",
            read_only,
        ),
        Test::new(
            "disk-large",
            "a partition that begins behind 3 TiB is written and read",
            large,
        ),
        Test::new(
            "disk-backup-table",
            "where the partition table is damaged, its backup is used",
            backup_table,
        ),
        Test::new(
            "disk-no-table",
            "a disk without partitions is told, and what needs one ends with its reason",
            no_table,
        ),
        Test::new(
            "disk-hangs",
            "a device that does not answer in its time is reset, and the calls that it had end",
            hangs,
        ),
    ]
}

fn several(context: &Context) -> TestResult {
    let folder = context.folder("disk-several")?;
    let input = inputs::write(&folder, &inputs::random(4 << 20))?;
    let plan = "tests/system/plans/disks.toml";
    let report = context.run_well(plan, &input, &folder)?;
    inputs::check_digest(&report, &input, false)?;
    let log = fs::read_to_string(folder.join("serial-compute.log"))?;
    for process in ["ledger", "other-ledger"] {
        let all = format!("[{process}] result {{\"records\":600,");
        check!(
            log.contains(&all),
            "{process} did not write all records:\n{log}"
        );
    }
    Ok(())
}

fn blocks_of_4_kib(context: &Context) -> TestResult {
    let folder = context.folder("disk-4k")?;
    for size in SIZES {
        let input = inputs::write(&folder, &inputs::random(size))?;
        let plan = "tests/system/plans/disk-4k.toml";
        let report = context.run_well(plan, &input, &folder)?;
        inputs::check_digest(&report, &input, false)?;
    }
    Ok(())
}

fn read_only(context: &Context) -> TestResult {
    let folder = context.folder("disk-read-only")?;
    let input = inputs::write(&folder, b"none\n")?;
    let plan = "tests/system/plans/read-only.toml";
    let (ended, report) = context.run(plan, &input, &folder, &[])?;
    check!(
        report["verdict"] == "fail",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    told(
        &folder,
        "cannot open the log: the partition was not written (ReadOnly)",
    )
    .map(drop)
}

fn large(context: &Context) -> TestResult {
    let folder = context.folder("disk-large")?;
    let partitions = ["first=empty:3TiB", "log=empty:2MiB"];
    let disk = make(context, &folder, &partitions)?;
    let (ended, report) = run_with(context, &folder, &disk)?;
    fs::remove_file(&disk)?;
    expect_pass(&ended, &report)
}

fn backup_table(context: &Context) -> TestResult {
    let folder = context.folder("disk-backup-table")?;
    let disk = make(context, &folder, &["log=empty:2MiB"])?;
    // The name of the partition, in the third block.
    let file = OpenOptions::new().write(true).open(&disk)?;
    file.write_all_at(b"x", 2 * 512 + 56)?;
    let (ended, report) = run_with(context, &folder, &disk)?;
    expect_pass(&ended, &report)?;
    told(&folder, "the backup partition table is used").map(drop)
}

fn no_table(context: &Context) -> TestResult {
    let folder = context.folder("disk-no-table")?;
    let disk = folder.join("disk.img");
    fs::write(&disk, vec![0; 8 << 20])?;
    let (ended, report) = run_with(context, &folder, &disk)?;
    check!(
        report["verdict"] == "fail",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    told(&folder, "has no GUID partition table")?;
    told(&folder, "cannot use the service `log`: NoService").map(drop)
}

fn hangs(context: &Context) -> TestResult {
    let folder = context.folder("disk-hangs")?;
    let input = inputs::write(&folder, b"none\n")?;
    let plan = "tests/system/plans/device-hangs.toml";
    // A byte in a second: no write is done before the machine is ended.
    let slow = ["--drive", "throttling.bps-write=1"];
    let (ended, report) = context.run(plan, &input, &folder, &slow)?;
    check!(
        report["verdict"] == "fail",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    let log = told(&folder, "the device has not answered a request in its time")?;
    check!(
        log.contains(r#""event":"restarted","who":"driver:disk0""#),
        "its driver was not started again:\n{log}"
    );
    told(
        &folder,
        "cannot open the log: the partition was not written",
    )
    .map(drop)
}

/// A disk with partitions.
fn make(context: &Context, folder: &Path, partitions: &[&str]) -> Result<PathBuf, Failure> {
    let disk = folder.join("disk.img");
    let mut command = context.xtask();
    command.arg("disk").arg("--out").arg(&disk);
    for partition in partitions {
        command.args(["--partition", partition]);
    }
    let made = context.call(command, folder)?;
    check!(made.status.success(), "no disk was made: {}", made.shown());
    Ok(disk)
}

fn run_with(context: &Context, folder: &Path, disk: &Path) -> Result<(Ended, Value), Failure> {
    let input = inputs::write(folder, b"none\n")?;
    let disk = disk.display().to_string();
    context.run(LEDGER, &input, folder, &["--disk", &disk])
}

/// What the clusters have printed. Fails unless one of them has printed a text.
fn told(folder: &Path, text: &str) -> Result<String, Failure> {
    let logs = ["io", "compute"].map(|cluster| {
        fs::read_to_string(folder.join(format!("serial-{cluster}.log"))).unwrap_or_default()
    });
    check!(
        logs.iter().any(|log| log.contains(text)),
        "{text:?} was not printed:\n{}",
        logs.concat()
    );
    Ok(logs.concat())
}
