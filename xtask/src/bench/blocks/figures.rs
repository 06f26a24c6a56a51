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

/// The largest order of blocks that is measured.
const MOST_ORDER: u32 = 9;

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
            "the driver measured no loop of {}s of {} blocks of order {}, {} at once",
            of.operation,
            of.blocks,
            of.order,
            of.depth
        )
    })
}

/// The instructions of transfers, as a multiple of those of a loop.
fn over(own: &Measured, control: &Measured) -> f64 {
    own.per(own.instructions(), MEBIBYTE) / control.per(control.driver, MEBIBYTE)
}

/// The figures of a boot. Transfers of large blocks are held against two loops: that of the same transfers, which are few, and that of
/// transfers of as many pages as a call may name one by one.
pub fn figures(all: &[Measured]) -> Result<Vec<Figure>> {
    let find = |kind: &str, operation: &str, shape: (u32, u64), depth: Option<u64>| {
        let mut found = all.iter();
        let found = found.rfind(|it| {
            it.kind == kind
                && it.operation == operation
                && (it.order, it.blocks) == shape
                && depth.is_none_or(|depth| it.depth == depth)
        });
        found.ok_or_else(|| anyhow!("no {operation} of kind {kind} was measured"))
    };
    let mut figures = Vec::new();
    for (kind, operation) in [
        ("file", "read"),
        ("file", "write"),
        ("raw", "read"),
        ("raw", "write"),
    ] {
        let target = ((kind, operation) == ("file", "read")).then_some(OVER_LOOP);
        let (small, large) = ((0, MOST_BLOCKS), (MOST_ORDER, 1));
        let pages = find("loop", operation, small, Some(BUSY))?;
        for (shape, depth, name) in [(small, Some(BUSY), "32 KiB"), (large, None, "2 MiB")] {
            let own = find(kind, operation, shape, depth)?;
            let mebibytes = own.bytes / MEBIBYTE;
            let what = format!("{kind} {operation} of {mebibytes} MiB in calls of {name}");
            let same = over(own, control(all, own)?);
            let name = format!("{what} / loop of the same transfers");
            figures.push(Figure::new(name, same, target));
            if shape == large {
                let name = format!("{what} / loop of 8 pages, 32 at once");
                figures.push(Figure::new(name, over(own, pages), target));
            }
        }
    }
    let transfers = || all.iter().filter(|it| it.kind != "loop");
    let copied = transfers().map(|it| it.copied).sum::<u64>();
    let name = "bytes copied by a processor, all transfers".to_owned();
    figures.push(Figure::new(name, copied as f64, Some(0.0)));
    let busy = transfers().filter(|it| it.depth == BUSY);
    for it in busy {
        let name = format!(
            "kernel entries while busy, {} {}, {} blocks of order {}, {} at once",
            it.kind, it.operation, it.blocks, it.order, it.depth
        );
        figures.push(Figure::new(name, it.busy_entries as f64, Some(0.0)));
    }
    Ok(figures)
}
