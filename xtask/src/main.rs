//! The one command line of Atoll: build, run, test, bench, plan.

#![forbid(unsafe_code)]

mod archive;
mod audit;
mod bench;
mod build;
mod child;
mod cli;
mod copy;
mod disk;
mod event;
mod input;
mod interruption;
mod leftovers;
mod locate;
mod lock;
mod monitor;
mod names;
mod node;
mod output;
mod plan;
mod progress;
mod report;
mod scratch;
mod setup;
mod sim;
mod simulate;
mod step;
mod summary;
mod tail;
mod test;
mod timeline;
mod tools;

use std::process::ExitCode;

use atoll_plan::printable;

fn main() -> ExitCode {
    let code = match cli::run() {
        Ok(code) => code,
        Err(error) if output::is_not_read(&error) => ExitCode::from(output::NOT_READ),
        Err(error) => {
            output::tell(&format!("error: {}\n", printable(&format!("{error:#}"))));
            ExitCode::FAILURE
        }
    };
    if interruption::interrupted() {
        // A program that was ended may have left others behind.
        interruption::clean_up();
        return ExitCode::from(interruption::STATUS);
    }
    scratch::remove();
    code
}
