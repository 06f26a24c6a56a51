//! Processes that have a file, a partition and connections, and run a splice.

use std::sync::{Arc, Mutex};

use atoll_runtime::splice::{Broken, End, Moved};
use atoll_runtime::{File, Runtime, connect, open, yield_now};

use super::partition::Partition;
use super::streams::Streams;
use super::{Command, Control, Manners, Report, Setup, run_with};

/// Bytes of which no two neighbouring blocks are the same.
pub fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251 + at / 4096) as u8).collect()
}

/// A process with a file, a partition of so many blocks and connections.
pub fn setup(blocks: u32, file: Vec<u8>, partition: &Partition, streams: &Streams) -> Setup {
    Setup {
        partition: Some(partition.clone()),
        streams: Some(streams.clone()),
        ..Setup::new(1, blocks, file, Manners::Honest)
    }
}

/// Runs a splice in a process of its own; its end, and the process's.
pub fn splice_in(
    setup: Setup,
    run: impl FnOnce(&'static Control) -> Result<Moved, Broken> + Send + 'static,
) -> (Result<Moved, Broken>, Report) {
    let result = Arc::new(Mutex::new(None));
    let told = result.clone();
    let report = run_with(setup, move |control| {
        let ended = run(control);
        control.order(Command::ReleaseAll);
        while Runtime::current().outstanding() > 0 {
            yield_now();
        }
        *told.lock().unwrap() = Some(ended);
    });
    let result = result.lock().unwrap().take();
    (result.expect("the process ended"), report)
}

pub fn file() -> File {
    open("input").wait().unwrap()
}

pub fn partition() -> atoll_runtime::Partition {
    connect("more").wait().unwrap().partition().wait().unwrap()
}

pub fn on(partition: &Partition, first: usize, length: usize) -> Vec<u8> {
    let blocks = partition.state().blocks[first..].concat();
    blocks[..length].to_vec()
}

/// A splice of all that is whole, with no copy beside.
pub fn whole(bytes: usize, copied: usize, end: End) -> Result<Moved, Broken> {
    Ok(Moved {
        bytes: bytes as u64,
        copied: copied as u64,
        kept: None,
        end,
    })
}
