//! `restart`: components are stopped under load, again and again, and those who use them account for every call.
//!
//! What a process does is its name: `operator` stops each kind of component in turn, in its own kernel instance; `victim` is a
//! process that is stopped with them; `client` and `neighbour`, of another cluster and of the same one, read a file over and
//! over while that happens; `holder` has a service stand still, and sees each call end by its deadline; `strander` stops
//! its server while that is to end `stranded`, and `stopper` only stops that one. `hanger` has components hang in their start;
//! `late` hangs in its own in its first life, and `stuck` in each one. `sleeper` sleeps on a vcore that it has given back, and stops its
//! server.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod account;
mod load;
mod operator;
mod sleeper;

use atoll_runtime::guest::{procinfo, started};
use atoll_runtime::{exit, println};

atoll_runtime::entry!(starting main);

/// Exit status where something is wrong.
const WRONG: u64 = 2;

fn main() {
    let information = procinfo();
    match (information.name.as_str(), information.generation) {
        ("stuck", _) | ("late", 1) => operator::hang(),
        _ => started(),
    }
    match information.name.as_str() {
        "operator" => operator::stop_everything(),
        "wearer" => operator::wear_out(),
        "hanger" => operator::have_starts_hang(),
        "late" => println!(r#"result {{"generation":{}}}"#, information.generation),
        "holder" => operator::hold_service(),
        "strander" => operator::strand_a_process(),
        "stranded" => operator::sleep_until_stopped(),
        "sleeper" => sleeper::sleep_through_a_restart(),
        "stopper" => operator::stop_a_process(),
        "victim" => load::be_stopped(),
        "client" | "neighbour" => load::read_until_it_has_been_calm(),
        name => wrong(format_args!("there is no part `{name}`")),
    }
}

/// Ends the process with what went wrong.
fn wrong(what: core::fmt::Arguments<'_>) -> ! {
    println!("wrong: {what}");
    exit(WRONG)
}
