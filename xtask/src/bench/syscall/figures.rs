//! What the counts mean: figures beside their targets, ratios to calls through the kernel, and the parts of a call.

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::{Measured, PlanFigures};

/// Calls of one publication, where there are many.
pub const BATCH: u64 = 32;

/// Instructions that a call may take, client and server together, and ought to: plan, operation, calls of one publication,
/// what is called, target, stretch target.
const TARGETS: [(&str, &str, u64, &str, f64, f64); 5] = [
    ("apart", "vcores", 1, "own server", 1900.0, 1200.0),
    ("apart", "vcores", BATCH, "own server", 300.0, 200.0),
    (
        "apart",
        "stat",
        1,
        "file service of another kernel",
        2400.0,
        1500.0,
    ),
    (
        "apart",
        "stat",
        BATCH,
        "file service of another kernel",
        450.0,
        300.0,
    ),
    (
        "together",
        "vcores",
        BATCH,
        "own server on the same core",
        450.0,
        300.0,
    ),
];

/// The parts of a call that its client can measure, as `syscall-bench` calls them, and what they are. Either end's part
/// includes its halves of the two rings, which `cargo xtask bench channel` counts alone.
pub const PARTS: [(&str, &str); 4] = [
    ("submit", "client end: stage the call, put it into the ring"),
    (
        "arrive",
        "client end: take the completion out of the ring, match it",
    ),
    ("fetch", "client end: fetch the answer, decode it"),
    ("switch", "uthread switch: out, a look at all rings, in"),
];

/// Callees of synchronous calls, and where they are.
const CALLEES: [(&str, &str); 2] = [("near", "on one core"), ("far", "across cores")];

/// A figure that has a target.
#[derive(Serialize)]
pub struct Figure {
    pub figure: String,
    pub target: f64,
    pub stretch: f64,
    pub measured: f64,
    pub verdict: &'static str,
}

/// A figure that has none.
#[derive(Serialize)]
pub struct Ratio {
    pub figure: String,
    pub measured: f64,
}

/// Where the instructions of a call go.
#[derive(Serialize)]
pub struct Split {
    pub call: String,
    /// Instructions for each call, and of what.
    pub parts: Vec<(f64, &'static str)>,
}

fn find<'a>(plan: &'a PlanFigures, what: &str, batch: u64) -> Result<&'a Measured> {
    let mut measured = plan.measured.iter();
    measured
        .find(|it| it.what == what && it.batch == batch)
        .ok_or_else(|| anyhow!("plan {} did not measure {what} at {batch}", plan.plan))
}

fn plan_of<'a>(plans: &'a [PlanFigures], end: &str) -> Result<&'a PlanFigures> {
    let found = plans.iter().find(|it| it.plan == end);
    found.ok_or_else(|| anyhow!("plan {end} was not measured"))
}

/// The figures that have targets.
pub fn figures(plans: &[PlanFigures]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (plan, what, batch, name, target, stretch) in TARGETS {
        let measured = find(plan_of(plans, plan)?, what, batch)?.each();
        let name = format!("instructions per call, {name}, batch {batch}");
        figures.push(figure(name, measured, target, stretch));
    }
    let apart = plan_of(plans, "apart")?;
    for batch in [1, BATCH] {
        let entries = find(apart, "vcores", batch)?.entries_each();
        let name = format!("kernel entries per call while the peer is awake, batch {batch}");
        figures.push(figure(name, entries, 0.0, 0.0));
    }
    Ok(figures)
}

/// Asynchronous calls beside those through the kernel.
pub fn ratios(plans: &[PlanFigures]) -> Result<Vec<Ratio>> {
    let mut ratios = Vec::new();
    for plan in plans {
        let asynchronous = find(plan, "vcores", BATCH)?.each();
        for (callee, place) in CALLEES {
            if let Ok(call) = find(plan, callee, 1) {
                ratios.push(Ratio {
                    figure: format!(
                        "instructions, batch {BATCH}, / Call+ReplyRecv {place}, {}",
                        plan.plan
                    ),
                    measured: asynchronous / call.each(),
                });
            }
        }
    }
    Ok(ratios)
}

/// Where the instructions of a call go: the parts that its client measured, and the rest, which is the service's. The switch
/// is one for each batch.
pub fn splits(plans: &[PlanFigures]) -> Result<Vec<Split>> {
    let apart = plan_of(plans, "apart")?;
    let callees = [
        ("vcores", "own server"),
        ("stat", "file service of another kernel"),
    ];
    let split = |(what, name): (&str, &str), batch: u64| {
        let mut parts = Vec::new();
        for (part, text) in PARTS {
            parts.push((find(apart, &format!("{what}-{part}"), batch)?.each(), text));
        }
        let known: f64 = parts.iter().map(|(each, _)| each).sum();
        let rest = find(apart, what, batch)?.each() - known;
        parts.push((
            rest,
            "the rest: service end, looks that find nothing, on both sides",
        ));
        Ok(Split {
            call: format!("{name}, batch {batch}"),
            parts,
        })
    };
    let each = |batch| callees.map(|callee| split(callee, batch));
    [1, BATCH].into_iter().flat_map(each).collect()
}

fn figure(figure: String, measured: f64, target: f64, stretch: f64) -> Figure {
    Figure {
        figure,
        target,
        stretch,
        measured,
        verdict: match measured {
            _ if measured <= stretch => "stretch",
            _ if measured <= target => "met",
            _ => "missed",
        },
    }
}
