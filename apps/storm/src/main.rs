//! `storm`: makes a million syscalls that a service of another cluster serves, many at a time, and accounts for every one.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use atoll_runtime::{File, become_mcp, exit, max_vcores, open, println, request_vcores, spawn};

atoll_runtime::entry!(main);

/// Exit statuses.
const NO_FILE: u64 = 1;
const WRONG: u64 = 2;

/// Calls in all.
const CALLS: usize = 1_000_000;

/// Calls that one uthread has under way at once: a quarter of its vcore's credits.
const BATCH: usize = 16;

/// Uthreads on each vcore.
const PER_VCORE: usize = 2;

/// Calls of one uthread between two lines of progress.
const PROGRESS: usize = 10_000;

#[derive(Clone, Copy, Default)]
struct Account {
    made: usize,
    done: usize,
    wrong: usize,
}

fn main() {
    let file = match open("input").wait() {
        Ok(file) => file,
        Err(status) => {
            println!("cannot open `input`: {status:?}; the volume must hold a file of that name");
            exit(NO_FILE)
        }
    };
    let granted = become_mcp()
        .wait()
        .and_then(|()| request_vcores(max_vcores()).wait())
        .unwrap_or(1);
    let uthreads = PER_VCORE * granted;
    let callers: Vec<_> = (0..uthreads)
        .map(|number| {
            let calls = CALLS / uthreads + usize::from(number < CALLS % uthreads);
            spawn(move || call(file, calls))
        })
        .collect();
    let mut total = Account::default();
    for caller in callers {
        let part = caller.join();
        total.made += part.made;
        total.done += part.done;
        total.wrong += part.wrong;
    }
    println!(
        r#"result {{"calls":{},"completed":{},"wrong":{},"vcores":{granted},"uthreads":{uthreads}}}"#,
        total.made, total.done, total.wrong
    );
    let _ = file.close().wait();
    if total.done != CALLS || total.wrong != 0 {
        exit(WRONG)
    }
}

/// Makes calls in batches, and compares each answer with what it must be.
fn call(file: File, calls: usize) -> Account {
    let mut account = Account::default();
    while account.made < calls {
        let count = BATCH.min(calls - account.made);
        let replies: Vec<_> = (0..count).map(|_| file.stat()).collect();
        account.made += count;
        for reply in replies {
            match reply.wait() {
                Ok(length) if length == file.length() => account.done += 1,
                _ => account.wrong += 1,
            }
        }
        if account.made / PROGRESS != (account.made - count) / PROGRESS {
            println!("progress {} of {calls} calls", account.made);
        }
    }
    account
}
