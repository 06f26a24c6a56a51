//! The table that a person sees.

use super::figures::{BLOCK, MEBIBYTE, control};
use super::{Measured, Report};

/// A line of counts, each for so many bytes.
fn line(all: &[Measured], it: &Measured, bytes: u64) -> String {
    let count = |count| it.per(count, bytes);
    let over = match control(all, it) {
        Ok(control) if it.kind != "loop" => {
            let own = it.per(it.instructions(), bytes);
            format!("{:.2}", own / control.per(control.driver, bytes))
        }
        _ => String::new(),
    };
    format!(
        "{:<5} {:<6} {:>6} {:>6} {:>6} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>7} {:>9.3} {:>10.0}",
        it.kind,
        it.operation,
        it.blocks,
        it.order,
        it.depth,
        count(it.client),
        count(it.service),
        count(it.driver),
        count(it.instructions()),
        over,
        count(it.entries()),
        count(it.elapsed - it.instructions().min(it.elapsed)),
    )
}

pub fn table(report: &Report) -> String {
    let all = &report.measured;
    let mut lines = report.frames.lines();
    lines.push(String::new());
    for (name, bytes) in [("4 KiB", BLOCK), ("MiB", MEBIBYTE)] {
        lines.push(format!("for each {name}: instructions of what was done"));
        lines.push(format!(
            "{:<5} {:<6} {:>6} {:>6} {:>6} {:>10} {:>10} {:>10} {:>10} {:>7} {:>9} {:>10}",
            "what",
            "",
            "blocks",
            "order",
            "depth",
            "process",
            "service",
            "driver",
            "all",
            "/ loop",
            "entries",
            "the rest"
        ));
        lines.extend(all.iter().map(|it| line(all, it, bytes)));
        lines.push(String::new());
    }
    lines.push(
        "loop: the driver alone. The rest: the kernel where it enters no component's work, and looks in vain while the device, which the"
            .to_owned(),
    );
    lines.push("host runs by its own clock, has the data; it differs between runs.".to_owned());
    lines.push(format!(
        "counts of {} boots differ by at most {:.2} %",
        report.runs,
        100.0 * report.spread
    ));
    lines.push(String::new());
    lines.push(format!(
        "{:<72} {:>7} {:>9}  verdict",
        "figure", "target", "measured"
    ));
    for it in &report.figures {
        let target = it.target.map(|it| format!("{it:.1}")).unwrap_or_default();
        lines.push(format!(
            "{:<72} {:>7} {:>9.3}  {}",
            it.figure, target, it.measured, it.verdict
        ));
    }
    lines.join("\n") + "\n"
}
