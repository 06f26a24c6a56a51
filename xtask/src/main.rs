//! The one command line of Atoll: build, run, test, bench, plan.

#![forbid(unsafe_code)]

mod archive;
mod audit;
mod bench;
mod build;
mod child;
mod cli;
mod event;
mod input;
mod locate;
mod lock;
mod monitor;
mod names;
mod plan;
mod progress;
mod report;
mod setup;
mod sim;
mod simulate;
mod step;
mod summary;
mod tail;
mod test;
mod tools;
mod volume;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
