//! `ledger`: several uthreads log records on a partition of their process's own, and print which are on stable storage. After each
//! start it replays the log, checks every record, and prints how many there are: none that was acknowledged may be missing,
//! wherever the power was cut.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;

use atoll_ledger::record::{Counts, Record, WRITERS, replay};
use atoll_runtime::log::{Error, Log, LogError, Refusal};
use atoll_runtime::{
    Monitor, Partition, become_mcp, connect, exit, max_vcores, println, request_vcores, spawn,
};

atoll_runtime::entry!(main);

/// Exit statuses.
const NO_PARTITION: u64 = 1;
const NO_LOG: u64 = 2;
const WRONG: u64 = 3;
const NOT_WRITTEN: u64 = 4;

/// Records that each writer appends in one life of the program.
const RECORDS: u64 = 150;

/// The log is written anew when less than this is left.
const LEAST_LEFT: u64 = 128 << 10;

struct Ledger {
    log: Log,
    /// Records that were appended, of each writer.
    counts: Monitor<Counts>,
}

fn main() {
    let service = connect("log")
        .wait()
        .or_else(|_| connect("other-log").wait());
    let partition = service.and_then(|service| service.partition().wait());
    let partition = match partition {
        Ok(partition) => partition,
        Err(status) => {
            println!("cannot use the service `log`: {status:?}; the disk must have its partition");
            exit(NO_PARTITION)
        }
    };
    let ledger = match open(partition) {
        Ok(ledger) => Arc::new(ledger),
        Err(error) => {
            println!("cannot open the log: {error}");
            exit(NO_LOG)
        }
    };
    let counts = ledger.counts.with(|counts| *counts);
    println!(
        "replayed {} {} {} {}",
        counts[0], counts[1], counts[2], counts[3]
    );
    let granted = become_mcp()
        .wait()
        .and_then(|()| request_vcores(max_vcores()).wait());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let ledger = ledger.clone();
            spawn(move || write(&ledger, writer))
        })
        .collect();
    let results: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
    if let Some(refusal) = results.into_iter().find_map(Result::err) {
        println!("a record was not written: {refusal:?}; look at the log of the driver");
        exit(NOT_WRITTEN)
    }
    let counts = ledger.counts.with(|counts| *counts);
    let records: u64 = counts.iter().sum();
    println!(
        r#"result {{"records":{records},"vcores":{}}}"#,
        granted.unwrap_or(1)
    );
}

/// Opens the log and checks what it holds; makes it where the partition was never written.
fn open(partition: Partition) -> Result<Ledger, LogError> {
    match read(partition) {
        Err(LogError::Log(Error::Blank)) => {
            // Another number each time that a machine makes a log.
            Log::format(partition, atoll_runtime::guest::timestamp())?;
            read(partition)
        }
        other => other,
    }
}

fn read(partition: Partition) -> Result<Ledger, LogError> {
    let mut counts = [0; WRITERS];
    let mut first = true;
    let log = Log::open(partition, |bytes| {
        if let Err(reason) = replay(&mut counts, first, bytes) {
            println!("the log is wrong: {reason}, behind {counts:?}");
            exit(WRONG)
        }
        first = false;
    })?;
    Ok(Ledger {
        log,
        counts: Monitor::new(counts),
    })
}

/// Appends records, and prints each when it is on stable storage.
fn write(ledger: &Ledger, writer: usize) -> Result<(), Refusal> {
    for _ in 0..RECORDS {
        let (number, position) = loop {
            // In the order of their numbers.
            let appended = ledger.counts.with(|counts| {
                let number = counts[writer] + 1;
                let position = ledger
                    .log
                    .append(&Record::Entry { writer, number }.encode())?;
                counts[writer] = number;
                Ok((number, position))
            });
            match appended {
                Err(Refusal::Full) => make_room(ledger)?,
                other => break other?,
            }
        };
        ledger.log.sync(position)?;
        println!("acknowledged {writer} {number}");
        if ledger.log.left() < LEAST_LEFT {
            make_room(ledger)?;
        }
    }
    Ok(())
}

/// Writes the log anew, where no other uthread does.
fn make_room(ledger: &Ledger) -> Result<(), Refusal> {
    let begun = ledger.counts.with(|counts| {
        // With the lock, so that nothing is appended meanwhile.
        Ok((ledger.log.compact()?, *counts))
    });
    let (mut compaction, counts) = match begun {
        Ok(begun) => begun,
        Err(Refusal::Compacting) => {
            atoll_runtime::yield_now();
            return Ok(());
        }
        Err(refusal) => return Err(refusal),
    };
    compaction.append(&Record::Snapshot(counts).encode())?;
    compaction.commit()
}
