//! Runs the simulator.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use clap::value_parser;

use crate::child::{OnDeath, Running};
use crate::locate;
use crate::step;
use crate::tools::SearchPath;

/// What to simulate.
#[derive(Args)]
pub struct Options {
    /// How many seeds to run [default: 1000, or 1 where --seed is given].
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Run only this scenario; `list` lists them.
    #[arg(long, value_name = "X")]
    scenario: Option<String>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
    /// Threads [default: one for each core].
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

impl Options {
    /// The same options for the simulator itself.
    fn arguments(&self) -> Vec<String> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let values = [
            ("--seeds", number(self.seeds)),
            ("--seed", number(self.seed)),
            ("--scenario", self.scenario.clone()),
            ("--threads", number(self.threads.map(u64::from))),
        ];
        let mut arguments: Vec<String> = values
            .into_iter()
            .filter_map(|(name, value)| Some([name.to_owned(), value?]))
            .flatten()
            .collect();
        if self.json {
            arguments.push("--json".to_owned());
        }
        arguments
    }
}

/// Builds the simulator with optimization and assertions, and runs it. Its exit status is this one's.
///
/// # Errors
/// Where Cargo cannot be run.
pub fn run(options: &Options) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO")
        .map(Into::into)
        .or_else(|| SearchPath::of_environment().find("cargo"))
        .unwrap_or_else(|| "cargo".into());
    let mut command = step::command(&cargo);
    command
        .current_dir(locate::root())
        .args(["run", "--quiet", "--profile", "sim"])
        .args(["--package", "atoll-sim", "--bin", "sim", "--"])
        .args(options.arguments());
    let status =
        Running::start(command, "cargo; is Rust installed?", OnDeath::Terminate)?.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_passed_on() {
        let options = Options {
            seeds: Some(3),
            seed: None,
            scenario: Some("script".to_owned()),
            json: true,
            threads: Some(1),
        };
        assert_eq!(
            options.arguments().join(" "),
            "--seeds 3 --scenario script --threads 1 --json"
        );
    }
}
