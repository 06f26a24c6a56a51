//! `disk-bench`: counts instructions and kernel entries of transfers, of a file and of a partition as it is.
//!
//! Its plan has services and driver count what they do (`measured = true`), makes it an operator, so that it can read what they
//! tell, and names the file service `files` before the blocks service `raw`. Counts are instructions where the machine counts
//! those.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod counts;
mod transfers;

use atoll_abi::benchmark::{TRANSFER_SHAPES, TransferShape};
use atoll_runtime::{Status, become_mcp, connect, exit, println};

use transfers::{Case, Operation, Others, Target, finish};

atoll_runtime::entry!(main);

/// Exit status where something could not be measured.
const FAILED: u64 = 2;

fn main() {
    if let Err(status) = run() {
        println!("not measured: {status:?}; look at the logs of services and driver");
        exit(FAILED)
    }
}

fn run() -> Result<(), Status> {
    let file = finish(finish(connect("files"))?.open("input"))?;
    let partition = finish(finish(connect("raw"))?.partition())?;
    finish(become_mcp())?;
    for target in [Target::File(file), Target::Raw(partition)] {
        for operation in [Operation::Read, Operation::Write] {
            for shape in TRANSFER_SHAPES {
                let TransferShape {
                    order,
                    blocks,
                    depth,
                    bytes,
                } = shape;
                let case = Case {
                    target,
                    operation,
                    order,
                    blocks,
                    depth,
                    bytes,
                };
                // Once for what is read or allocated the first time.
                let first = Case {
                    bytes: bytes / 8,
                    ..case
                };
                transfers::run(&first, Others::default)?;
                counts::measure(&case)?;
            }
        }
    }
    Ok(())
}
