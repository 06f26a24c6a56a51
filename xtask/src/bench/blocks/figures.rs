//! Figures beside their targets.

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::Measured;

/// Bytes of a block.
pub const BLOCK: u64 = 4 << 10;

/// Bytes of a MiB.
pub const MEBIBYTE: u64 = 1 << 20;

/// Calls under way at once, where there are many.
const BUSY: u64 = 32;

/// Blocks of the largest call.
const MOST_BLOCKS: u64 = 8;

/// Instructions that a sequential read of a file may take, as a multiple of those of the driver's own loop.
const OVER_LOOP: f64 = 1.3;

/// A figure. One without a target has no verdict.
#[derive(Serialize)]
pub struct Figure {
    pub figure: String,
    pub target: Option<f64>,
    pub measured: f64,
    pub verdict: &'static str,
}

impl Figure {
    fn new(figure: String, measured: f64, target: Option<f64>) -> Figure {
        Figure {
            figure,
            target,
            measured,
            verdict: match target {
                None => "no target",
                Some(target) if measured <= target => "met",
                Some(_) => "missed",
            },
        }
    }
}

/// The driver's own loop of the same transfers.
pub fn control<'a>(all: &'a [Measured], of: &Measured) -> Result<&'a Measured> {
    let mut loops = all.iter().filter(|it| it.kind == "loop");
    loops.find(|it| it.matches(of)).ok_or_else(|| {
        anyhow!(
            "the driver measured no loop of {}s of {} blocks, {} at once",
            of.operation,
            of.blocks,
            of.depth
        )
    })
}

/// The figures of a boot.
pub fn figures(all: &[Measured]) -> Result<Vec<Figure>> {
    let find = |kind: &str, operation: &str| {
        let mut found = all.iter();
        let found = found.find(|it| {
            it.kind == kind
                && it.operation == operation
                && (it.blocks, it.depth) == (MOST_BLOCKS, BUSY)
        });
        found.ok_or_else(|| anyhow!("no {operation} of kind {kind} was measured"))
    };
    let mut figures = Vec::new();
    for (kind, operation, target) in [
        ("file", "read", Some(OVER_LOOP)),
        ("file", "write", None),
        ("raw", "read", None),
        ("raw", "write", None),
    ] {
        let own = find(kind, operation)?;
        let control = control(all, own)?;
        let ratio = own.instructions() as f64 / own.bytes as f64 * control.bytes as f64
            / control.driver as f64;
        let mebibytes = own.bytes / MEBIBYTE;
        let name =
            format!("instructions, {kind} {operation} of {mebibytes} MiB / the driver's own loop");
        figures.push(Figure::new(name, ratio, target));
    }
    let transfers = || all.iter().filter(|it| it.kind != "loop");
    let copied = transfers().map(|it| it.copied).sum::<u64>();
    let name = "bytes copied by a processor, all transfers".to_owned();
    figures.push(Figure::new(name, copied as f64, Some(0.0)));
    let busy = transfers().filter(|it| it.depth == BUSY);
    for it in busy {
        let name = format!(
            "kernel entries per call, {} {}, {} blocks, {} at once",
            it.kind, it.operation, it.blocks, it.depth
        );
        figures.push(Figure::new(
            name,
            it.entries() as f64 / it.calls(),
            Some(0.0),
        ));
    }
    Ok(figures)
}
