//! Compares copying with descriptors of blocks, on the host.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use atoll_bench::{copies, pin};
use clap::Parser;

/// Compare passing bytes by copying with passing a descriptor of their blocks.
#[derive(Parser)]
struct Options {
    /// Where to write all figures, as JSON.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// Measure just enough to see that everything works; the figures mean nothing.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (repeats, chunks) = if options.quick { (1, 8) } else { (9, 96) };
    let report = copies::run(pin::two_cores()?, repeats, chunks);
    print!("{}", copies::table(&report));
    let text = serde_json::to_string_pretty(&report)?;
    let path = options.report;
    fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
