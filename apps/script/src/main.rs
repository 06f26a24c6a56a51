//! `script`: makes the calls of `atoll_scenarios::script` as they are written there, and compares how they end.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

use atoll_runtime::guest::procinfo;
use atoll_runtime::{exit, println, raw_call};
use atoll_scenarios::script::{EXIT_STATUS, Runner, SCRIPT};

atoll_runtime::entry!(main);

/// Exit status where a call ended otherwise than it must.
const WRONG: u64 = 2;

fn main() {
    // The plan has the process of the cluster with the files first, as the script does.
    let mut runner = Runner::new(procinfo().process as usize);
    let mut calls = 0;
    while let Some(syscall) = runner.next(calls) {
        #[allow(unsafe_code)]
        // SAFETY: this process never acquires a block.
        let end = unsafe { raw_call(syscall) };
        runner.ended(&end);
        calls += 1;
    }
    match runner.verdict() {
        Ok(()) => {
            println!(r#"result {{"calls":{calls},"as_expected":true}}"#);
            exit(EXIT_STATUS)
        }
        Err(difference) => {
            println!(
                "{difference:?}, where {:?} is expected",
                SCRIPT.get(difference.step)
            );
            exit(WRONG)
        }
    }
}
