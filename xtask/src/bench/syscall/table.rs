//! The table that a person sees: counts of each plan, parts of a call, figures and ratios.

use super::Report;

pub fn table(report: &Report) -> String {
    let mut lines = vec![format!(
        "{:<9} {:<13} {:<7} {:>6} {:>14} {:>17}",
        "plan", "kind", "what", "batch", "instructions", "kernel entries"
    )];
    for plan in &report.plans {
        for it in plan.measured.iter().filter(|it| it.kind != "part") {
            lines.push(format!(
                "{:<9} {:<13} {:<7} {:>6} {:>14.1} {:>17.4}",
                plan.plan,
                it.kind,
                it.what,
                it.batch,
                it.each(),
                it.entries_each()
            ));
        }
        lines.push(format!(
            "{:<9} counts of {} boots differ by at most {:.4} %",
            plan.plan,
            report.runs,
            100.0 * plan.spread
        ));
    }
    for split in &report.splits {
        lines.push(String::new());
        lines.push(format!("where the instructions go: {}", split.call));
        for (each, text) in &split.parts {
            lines.push(format!("{each:>9.1}  {text}"));
        }
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<68} {:>7} {:>8} {:>9}  verdict",
        "figure", "target", "stretch", "measured"
    ));
    for it in &report.figures {
        lines.push(format!(
            "{:<68} {:>7.0} {:>8.0} {:>9.2}  {}",
            it.figure, it.target, it.stretch, it.measured, it.verdict
        ));
    }
    for it in &report.ratios {
        lines.push(format!(
            "{:<68} {:>7} {:>8} {:>9.4}  no target",
            it.figure, "", "", it.measured
        ));
    }
    lines.join("\n") + "\n"
}
