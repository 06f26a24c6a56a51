//! The machine of a plan.

use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::plan::KernelMode;
use atoll_abi::timeline::MAX_WINDOW;

use super::MAX_MACHINE_CORES;
use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::layout::MAX_MACHINE_MEMORY;
use crate::size;
use crate::table::{Located, Table, boolean, bytes, choice, integer};
use crate::written::Plan;

/// Reads `[machine]`.
pub(super) fn machine(table: &Table<'_>, plan: &mut Plan, diagnostics: &mut Diagnostics<'_>) {
    let known = ["cores", "memory", "kernel-mode", "measured", "timeline"];
    table.only(&known, diagnostics);
    let what = "`cores` of the machine";
    let range = (1, MAX_MACHINE_CORES);
    plan.cores = table
        .required("cores", diagnostics)
        .and_then(|value| integer("cores", what, range, value, diagnostics))
        .unwrap_or(Located::new(MAX_MACHINE_CORES, table.at));
    plan.memory = table
        .required("memory", diagnostics)
        .and_then(|value| bytes("memory", value, diagnostics))
        .unwrap_or(Located::new(MAX_MACHINE_MEMORY, table.at));
    let modes = [
        ("per-cluster", KernelMode::PerCluster),
        ("shared", KernelMode::Shared),
    ];
    plan.mode = table
        .required("kernel-mode", diagnostics)
        .and_then(|value| choice("kernel-mode", &modes, value, diagnostics))
        .unwrap_or(KernelMode::PerCluster);
    plan.measured = table
        .optional("measured")
        .and_then(|value| boolean("measured", value, diagnostics))
        .unwrap_or(false);
    plan.timeline = table
        .optional("timeline")
        .and_then(|value| bytes("timeline", value, diagnostics))
        .map_or(0, |size| window(size, diagnostics));
}

/// Bytes of each window of the timeline: whole pages, and as many as its place in an address space has; 0 where it cannot be.
fn window(Located { value: size, at }: Located<u64>, diagnostics: &mut Diagnostics<'_>) -> u64 {
    let what = "`timeline` of the machine".to_owned();
    let page = PAGE_SIZE as u64;
    if size == 0 || !size.is_multiple_of(page) {
        let (size, unit) = (size::show(size), size::show(page));
        diagnostics.report(at, ErrorKind::Unaligned { what, size, unit });
        return 0;
    }
    if size > MAX_WINDOW {
        diagnostics.report(
            at,
            ErrorKind::OutOfRange {
                what,
                value: size::show(size),
                low: size::show(page),
                high: size::show(MAX_WINDOW),
            },
        );
        return 0;
    }
    size
}
