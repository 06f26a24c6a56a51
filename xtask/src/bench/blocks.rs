//! What transfers of files and partitions cost in QEMU, in instructions and kernel entries, beside the driver's own loop; what frames
//! that are remapped cost there; and what copying and remapping cost beside a descriptor, on the host.

mod figures;
mod frames;
mod table;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::bench::{Common, boots, program};
use crate::cli::BootOptions;
use crate::{locate, output, scratch};
use figures::{Figure, figures};
use frames::Frames;
use table::table;

/// The plan, from the project's root.
const PLAN: &str = "tests/bench/plans/blocks.toml";

/// Bytes of the file that is read and written.
const FILE_BYTES: usize = 64 << 20;

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// How often to boot; figures are of the first boot, and the spread over all is told.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// What the program `disk-bench`, or the driver of its loops, says of transfers of one kind. Counts of instructions are of what
/// each has done; looks that found nothing are in `elapsed` alone.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct Measured {
    /// `file` or `raw`, or `loop`: of the driver.
    kind: String,
    /// `read` or `write`.
    operation: String,
    /// Blocks of one call.
    blocks: u64,
    /// Their order.
    #[serde(default)]
    order: u32,
    /// Calls under way at once.
    depth: u64,
    bytes: u64,
    /// Instructions of all cores of the machine, from the first call to the last answer.
    elapsed: u64,
    /// Instructions of the driver.
    driver: u64,
    /// Requests of the device, of a loop.
    #[serde(default)]
    requests: u64,
    /// Instructions of the process.
    #[serde(default)]
    client: u64,
    /// Instructions of the file service or of the blocks service.
    #[serde(default)]
    service: u64,
    #[serde(default)]
    client_entries: u64,
    #[serde(default)]
    service_entries: u64,
    #[serde(default)]
    driver_entries: u64,
    /// Kernel entries of all while as many calls were under way as there are to be at once: without those at the beginning, when
    /// everybody is woken, and at the end.
    #[serde(default)]
    busy_entries: u64,
    /// Bytes of the process's blocks that a processor copied.
    #[serde(default)]
    copied: u64,
}

impl Measured {
    /// A count for each so many bytes.
    fn per(&self, count: u64, bytes: u64) -> f64 {
        count as f64 * bytes as f64 / self.bytes as f64
    }

    /// Instructions of all that have a part.
    fn instructions(&self) -> u64 {
        self.client + self.service + self.driver
    }

    /// Kernel entries of all that have a part.
    fn entries(&self) -> u64 {
        self.client_entries + self.service_entries + self.driver_entries
    }

    /// Whether both are of transfers of one kind.
    fn matches(&self, other: &Measured) -> bool {
        let key = |it: &Measured| (it.operation.clone(), it.blocks, it.order, it.depth);
        key(self) == key(other)
    }
}

#[derive(Serialize)]
struct Report {
    runs: u32,
    measured: Vec<Measured>,
    /// The largest difference of an instruction count between two boots, as a part of the count.
    spread: f64,
    figures: Vec<Figure>,
    /// Copying and remapping beside descriptors, on the host.
    copies: Value,
    /// Frames that go to another process, beside copying, by instruction.
    frames: Frames,
}

/// Measures, prints a table, and writes the report; reports and serial logs of the machines go beside it.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut file = options.common.claim_report("blocks.json")?;
    // Printed by itself.
    let copies = program::run("bench-copies", &[])?;
    let copies = serde_json::from_str(&copies).context("its figures cannot be read")?;
    let frames = frames::measure(&file.folder())?;
    let boots = measure(&file.folder(), options.runs)?;
    let spread = spread(&boots);
    let measured = boots.into_iter().next().unwrap_or_default();
    let report = Report {
        runs: options.runs,
        figures: figures(&measured)?,
        measured,
        spread,
        copies,
        frames,
    };
    file.write(&report)?;
    output::print(&table(&report))?;
    let report = serde_json::to_value(&report).context("cannot encode the report")?;
    Ok(options.common.judge(&report))
}

/// Boots the plan, so many times.
fn measure(folder: &Path, runs: u32) -> Result<Vec<Vec<Measured>>> {
    let scratch = scratch::subfolder()?;
    let input = input(scratch.path())?;
    let boot = BootOptions {
        input: Some(input.path().to_path_buf()),
        report: Some(folder.join("blocks-boot.json")),
        ..BootOptions::default()
    };
    boots::measure(&locate::root().join(PLAN), boot, runs)
}

/// The file that is read and written. No block of it is a hole, which would be read from no disk.
fn input(folder: &Path) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder).context("cannot make a temporary file")?;
    let bytes: Vec<u8> = (0..1 << 20).map(|place| place as u8 | 1).collect();
    for _ in 0..FILE_BYTES / bytes.len() {
        file.write_all(&bytes)
            .context("cannot write a temporary file of 64 MiB")?;
    }
    Ok(file)
}

/// The largest difference of a count between two boots, as a part of the count.
fn spread(boots: &[Vec<Measured>]) -> f64 {
    let Some((first, others)) = boots.split_first() else {
        return 0.0;
    };
    let pairs = others.iter().flat_map(|other| first.iter().zip(other));
    pairs
        .map(|(one, other)| {
            let count = one.instructions().max(1);
            count.abs_diff(other.instructions()) as f64 / count as f64
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests;
