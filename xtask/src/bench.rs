//! Benchmarks: figures beside their targets.

mod blocks;
mod boots;
mod channel;
mod node;
mod program;
mod syscall;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::output;
use crate::simulate::ReportFile;

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// Compare the channel with the floor of this machine and with other channels, on the host.
    ///
    /// Prints a table of figures, each with its target. Takes about two minutes, and two cores that have little else to
    /// do.
    Channel(channel::Options),
    /// Count instructions and kernel entries of syscalls in QEMU.
    ///
    /// Boots the plans of `tests/bench/plans` on a machine that counts instructions, and sets asynchronous calls beside
    /// `seL4_Call` with `seL4_ReplyRecv` in the same image. Repeated runs give the same figures.
    Syscall(syscall::Options),
    /// Count instructions, copies and kernel entries of reads and writes in QEMU.
    ///
    /// Boots a plan of `tests/bench/plans` on a machine that counts instructions, and sets reads and writes of a file and of a
    /// partition beside a loop of the same transfers in the driver of the same image.
    Blocks(blocks::Options),
    /// Compare the node with a Linux guest in the same QEMU machine, with Redis and nginx, by requests that both answer.
    ///
    /// The guest is made of Debian's packages, which apt downloads once (about 45 MB); nothing is installed. The machines take
    /// turns, and figures are ratios. Takes about seven minutes, and two cores that have little else to do.
    Node(node::Options),
}

/// What every benchmark is told.
#[derive(Args)]
struct Common {
    /// Where to write all figures, as JSON [default: in target/atoll/bench].
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Exit with status 1 where a target was missed: for scripts. Otherwise a figure that was measured is a success.
    #[arg(long)]
    require_targets: bool,
}

impl Bench {
    /// Measures, and prints a table.
    ///
    /// # Errors
    /// Where nothing could be measured.
    pub fn run(&self) -> Result<ExitCode> {
        match self {
            Bench::Channel(options) => channel::run(options),
            Bench::Syscall(options) => syscall::run(options),
            Bench::Blocks(options) => blocks::run(options),
            Bench::Node(options) => node::run(options),
        }
    }
}

impl Common {
    /// Takes the report's file, by default one of this name.
    fn claim_report(&self, name: &str) -> Result<ReportFile> {
        ReportFile::named(self.report.as_deref(), &format!("bench/{name}"))
    }

    /// The exit status of a benchmark, by its report.
    fn judge(&self, report: &Value) -> ExitCode {
        let missed = missed(report);
        if !self.require_targets || missed == 0 {
            return ExitCode::SUCCESS;
        }
        output::tell(&format!("error: {missed} targets were missed\n"));
        ExitCode::FAILURE
    }
}

/// How many figures of a report missed their target, or could not be measured.
fn missed(report: &Value) -> usize {
    match report {
        Value::Array(values) => values.iter().map(missed).sum(),
        Value::Object(fields) => {
            let verdict = fields.get("verdict").and_then(Value::as_str);
            let own = matches!(verdict, Some("missed" | "unmeasured"));
            usize::from(own) + fields.values().map(missed).sum::<usize>()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_missed_is_a_failure_only_where_that_was_asked_for() {
        let report = json!({
            "figures": [{"verdict": "met"}, {"verdict": "missed", "figure": "missed"}],
            "rows": {"all": [{"verdict": "stretch"}, {"verdict": "unmeasured"}, {"verdict": "scale"}]},
        });
        assert_eq!(missed(&report), 2);
        let common = |require_targets| Common {
            report: None,
            require_targets,
        };
        assert_eq!(common(false).judge(&report), ExitCode::SUCCESS);
        assert_eq!(common(true).judge(&report), ExitCode::FAILURE);
        assert_eq!(common(true).judge(&json!([])), ExitCode::SUCCESS);
    }
}
