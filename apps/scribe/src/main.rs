//! `scribe`: writes files to the first volume. In each round it makes a new file, writes it, gives it the name of an older one, which
//! it replaces, syncs the volume and prints the round. After each start it reads all files and prints of which rounds they are: none may
//! be older than what was printed, or torn, wherever the power was cut.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use atoll_runtime::{
    BLOCK_SIZE, Block, Blocks, File, Kind, MAX_CALL_BLOCKS, OpenFlags, Status, Volume, exit,
    println,
};
use atoll_scribe::{FILES, ROUNDS, byte, length, name, round_of};

atoll_runtime::entry!(main);

/// Exit statuses.
const WRONG: u64 = 1;
const NOT_WRITTEN: u64 = 2;

/// Where a file is written before it is complete.
const NEW: &str = "/new";

/// A folder that is made and removed in every round.
const FOLDER: &str = "/folder";

/// Bytes of one call.
const CALL_BYTES: u64 = (MAX_CALL_BLOCKS * BLOCK_SIZE) as u64;

fn main() {
    let volume = Volume::first();
    let mut last = 0;
    for file in 0..FILES {
        match check(volume, file) {
            Ok(round) => {
                println!("found {file} {round}");
                last = last.max(round);
            }
            Err(reason) => {
                println!("file {file} is wrong: {reason}");
                exit(WRONG)
            }
        }
    }
    for round in last + 1..=last + ROUNDS {
        if let Err(status) = write(volume, round) {
            println!("round {round} was not written: {status:?}");
            exit(NOT_WRITTEN)
        }
        println!("acknowledged {round}");
    }
    println!(r#"result {{"rounds":{ROUNDS},"last":{}}}"#, last + ROUNDS);
}

/// The round of a file, all of whose bytes are right; 0 where it was never written.
fn check(volume: Volume, number: u64) -> Result<u64, &'static str> {
    let file = match volume.open(name(number)).wait() {
        Ok(file) => file,
        Err(Status::NotFound) => return Ok(0),
        Err(_) => return Err("it cannot be opened"),
    };
    let mut round = None;
    for start in (0..file.length()).step_by(BLOCK_SIZE) {
        let block = file.read(start, BLOCK_SIZE, Block::acquire()).wait();
        let block = block.map_err(|_| "it cannot be read")?;
        let bytes = block.bytes();
        let own = match round {
            Some(round) => round,
            None => round_of(bytes).ok_or("it is too short")?,
        };
        round = Some(own);
        let mut places = (start..).zip(bytes);
        if own % FILES != number || !places.all(|(place, is)| *is == byte(own, place)) {
            return Err("it does not hold what was written");
        }
    }
    let round = round.ok_or("it is empty")?;
    let is_whole = file.length() == length(round);
    file.close().wait().map_err(|_| "it cannot be closed")?;
    match is_whole {
        true => Ok(round),
        false => Err("it is not as long as what was written"),
    }
}

fn write(volume: Volume, round: u64) -> Result<(), Status> {
    match volume.make_folder(FOLDER).wait() {
        // The power was cut before it was removed.
        Ok(()) | Err(Status::Exists) => {}
        Err(status) => return Err(status),
    }
    let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let file = volume.open_with(NEW, flags).wait()?;
    fill(&file, round)?;
    file.close().wait()?;
    volume.rename(NEW, name(round)).wait()?;
    volume.remove(FOLDER).wait()?;
    volume.sync().wait()
}

/// Writes the file of a round, which is longer at first and then cut.
fn fill(file: &File, round: u64) -> Result<(), Status> {
    let all = length(round);
    for start in (0..all).step_by(CALL_BYTES as usize) {
        let bytes = CALL_BYTES.min(all - start) as usize;
        let mut blocks = Blocks::new();
        for first in (start..start + bytes as u64).step_by(BLOCK_SIZE) {
            let mut block = Block::acquire();
            for (place, own) in (first..).zip(block.bytes_mut()) {
                *own = byte(round, place);
            }
            // No more than the blocks of a call.
            let _ = blocks.push(block);
        }
        file.write(start, bytes, blocks).wait()?;
    }
    // Behind its end, in the midst of a block: copied, and then cut off again.
    let mut behind = Block::acquire();
    behind.bytes_mut().fill(0xEE);
    file.write(all + 10, 1000, behind.alone()).wait()?;
    file.truncate(all).wait()?;
    let attributes = file.attributes().wait()?;
    match (attributes.kind, attributes.length) == (Kind::File, all) {
        true => Ok(()),
        false => Err(Status::Malformed),
    }
}
