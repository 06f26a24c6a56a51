//! `digest`: a many-core process that counts the bytes, lines and words of the file `input`, block by block, on every vcore
//! that it is given, and computes the file's SHA-256.
//!
//! Counting uthreads take the next block each, read it, count it, and pass it on; the first uthread takes the blocks in order,
//! hashes them and gives them back to the pool. Each byte is read from the disk once.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::block::BLOCK_SIZE;
use atoll_runtime::guest::procinfo;
use atoll_runtime::{
    Block, File, Monitor, become_mcp, current_vcore, exit, max_vcores, open, println,
    request_vcores, spawn,
};
use digest::{Count, Total};

atoll_runtime::entry!(main);

/// Exit statuses.
const NO_FILE: u64 = 1;
const NOT_READ: u64 = 2;

/// Counting uthreads for each vcore: while one waits for its block, the other counts.
const READERS_PER_VCORE: usize = 2;

/// Blocks that are read ahead of the hash at most, for which the heap has place.
const AHEAD: u64 = 256;

/// Bytes between two lines of progress.
const PROGRESS: u64 = 8 << 20;

struct Job {
    file: File,
    blocks: u64,
    /// How many blocks may be on their way at once: as many as there are, up to [`AHEAD`].
    window: u64,
    /// The next block that no uthread reads yet.
    next: AtomicU64,
    /// Blocks that are counted and not hashed, by number.
    counted: Monitor<BTreeMap<u64, (Block, Count)>>,
    /// How many blocks are hashed.
    hashed: Monitor<u64>,
    /// The vcores on which a block was counted: a bitmap.
    vcores: AtomicU64,
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
        .and_then(|()| request_vcores(max_vcores()).wait());
    let granted = granted.unwrap_or_else(|status| {
        println!("no more vcores ({status:?}); going on with one");
        1
    });
    let job = Arc::new(Job {
        file,
        blocks: file.length().div_ceil(BLOCK_SIZE as u64),
        window: u64::from(procinfo().pool_blocks).min(AHEAD),
        next: AtomicU64::new(0),
        counted: Monitor::new(BTreeMap::new()),
        hashed: Monitor::new(0),
        vcores: AtomicU64::new(0),
    });
    let readers: Vec<_> = (0..(READERS_PER_VCORE * granted).min(procinfo().uthreads as usize))
        .map(|_| {
            let job = Arc::clone(&job);
            spawn(move || count(&job))
        })
        .collect();
    let uthreads = readers.len() + 1;
    let total = hash(&job);
    for reader in readers {
        reader.join();
    }
    let counted = total.count();
    println!(
        r#"result {{"bytes":{},"lines":{},"words":{},"sha256":"{}","vcores":{granted},"vcores_used":{},"uthreads":{uthreads}}}"#,
        counted.bytes,
        counted.lines,
        counted.words,
        total.finish(),
        job.vcores.load(Ordering::Relaxed).count_ones(),
    );
    let _ = file.close().wait();
}

/// Reads and counts blocks until there are no more.
fn count(job: &Job) {
    loop {
        let number = job.next.fetch_add(1, Ordering::Relaxed);
        if number >= job.blocks {
            return;
        }
        // No further ahead of the hash than there are blocks, so that there is one for the next one to be hashed.
        job.hashed
            .wait_for(|hashed| (number < *hashed + job.window).then_some(()));
        let offset = number * BLOCK_SIZE as u64;
        let wanted = (job.file.length() - offset).min(BLOCK_SIZE as u64) as usize;
        let block = match job.file.read(offset, wanted, Block::acquire()).wait() {
            Ok(block) if block.bytes().len() == wanted => block,
            Ok(block) => {
                println!(
                    "block {number} has {} bytes, not {wanted}",
                    block.bytes().len()
                );
                exit(NOT_READ)
            }
            Err(error) => {
                println!("block {number} cannot be read: {:?}", error.status);
                exit(NOT_READ)
            }
        };
        let counted = Count::of(block.bytes());
        job.vcores.fetch_or(1 << current_vcore(), Ordering::Relaxed);
        job.counted
            .with_notify(|map| map.insert(number, (block, counted)));
    }
}

/// Hashes the blocks in order.
fn hash(job: &Job) -> Total {
    let mut total = Total::default();
    for number in 0..job.blocks {
        let (block, counted) = job.counted.wait_for(|map| map.remove(&number));
        total.add(block.bytes(), counted);
        drop(block);
        job.hashed.with_notify(|hashed| *hashed = number + 1);
        let bytes = total.count().bytes;
        if bytes % PROGRESS == 0 {
            println!(
                "progress {} of {} MiB",
                bytes >> 20,
                job.file.length() >> 20
            );
        }
    }
    total
}
