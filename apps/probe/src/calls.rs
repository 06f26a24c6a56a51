//! Calls that are wrong, each of which ends with what is wrong about it, and calls at the edges that are right.

use atoll_abi::block::BLOCK_SIZE;
use atoll_runtime::{Block, File, Runtime, Status, become_mcp, open, println, request_vcores};

use crate::{check, wrong};

/// Runs the probe. The input must not be empty.
pub fn probe() {
    let file = open("input").wait().unwrap_or_else(|_| wrong("no input"));
    let length = file.length();
    let blocks = length.div_ceil(BLOCK_SIZE as u64);
    let end = blocks * BLOCK_SIZE as u64;

    check(
        open("nothing").wait() == Err(Status::NotFound),
        "a file that is not there",
    );
    check(
        open("").wait() == Err(Status::InvalidArgument),
        "a name that is none",
    );
    check(file.stat().wait() == Ok(length), "a length");
    check(
        read(file, 1) == Err(Status::InvalidArgument),
        "an offset inside a block",
    );
    check(
        read(file, u64::MAX - 4095) == Ok(0),
        "an offset near the end of all numbers",
    );
    check(read(file, end) == Ok(0), "an offset at the end");
    let last = length - (blocks - 1) * BLOCK_SIZE as u64;
    check(
        read(file, end - BLOCK_SIZE as u64) == Ok(last as usize),
        "the last block",
    );

    let other = open("input")
        .wait()
        .unwrap_or_else(|_| wrong("a second handle"));
    check(other.close().wait().is_ok(), "closing a file");
    check(
        other.close().wait() == Err(Status::BadHandle),
        "closing it again",
    );
    check(
        read(other, 0) == Err(Status::BadHandle),
        "reading a closed file",
    );
    check(
        other.stat().wait() == Err(Status::BadHandle),
        "the length of a closed file",
    );

    check(
        request_vcores(1).wait() == Err(Status::NotAllowed),
        "vcores for a single-core process",
    );
    check(become_mcp().wait().is_ok(), "becoming a many-core process");
    let before = Runtime::current().routes();
    check(
        become_mcp().wait().is_ok(),
        "becoming a many-core process twice",
    );
    let after = Runtime::current().routes();
    check(
        after == [before[0] + 1, before[1], before[2], before[3]],
        "what the runtime knows leaves the process",
    );
    check(file.close().wait().is_ok(), "closing the input");
    let [_, server, local, remote] = Runtime::current().routes();
    check(
        server == after[1] && local == after[2] + 1 && remote == 0,
        "files of its own cluster are served by another one than their service",
    );
    println!(r#"result {{"calls":20}}"#);
}

fn read(file: File, offset: u64) -> Result<usize, Status> {
    match file.read(offset, BLOCK_SIZE, Block::acquire()).wait() {
        Ok(block) => Ok(block.bytes().len()),
        Err(error) => Err(error.status),
    }
}
