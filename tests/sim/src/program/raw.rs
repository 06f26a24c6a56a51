//! A process that uses a partition without a log: each of its uthreads writes blocks of its own, flushes, and reads them.

use std::sync::Arc;
use std::time::Duration;

use atoll_abi::syscall::Status;
use atoll_runtime::{Block, JoinHandle, Partition, Runtime, sleep};

use super::log::{OPENINGS, use_all_vcores};
use super::{Program, number, spawn};
use crate::gate;
use crate::machine::LOG_BLOCKS;
use crate::random::Random;
use crate::raw::fill;

/// Uthreads, each of which has every so manieth block.
const WORKERS: u64 = 3;

/// The first uthread of the process.
pub fn main(program: &Arc<Program>) {
    use_all_vcores();
    for _ in 0..OPENINGS {
        // What was written before is in no device's hand when all blocks are back.
        program.check_all_came_back();
        if let Some(partition) = super::log::partition() {
            let workers = (0..WORKERS).map(|worker| {
                let (program, random) = (program.clone(), Random::new(number()));
                spawn(Runtime::current(), program.process, move || {
                    if let Err(status) = work(&program, partition, worker, random) {
                        gate::outside(|world| world.check_log_failure(status));
                    }
                })
            });
            let workers: Vec<JoinHandle<()>> = workers.collect();
            workers.into_iter().for_each(JoinHandle::join);
            break;
        }
        let _ = sleep(Duration::from_micros(20)).wait();
    }
    program.check_all_came_back();
    program.exit();
}

/// Looks at all blocks of a worker, then writes some of them.
fn work(
    program: &Program,
    partition: Partition,
    worker: u64,
    mut random: Random,
) -> Result<(), Status> {
    for block in (worker..LOG_BLOCKS).step_by(WORKERS as usize) {
        read(partition, block)?;
    }
    let own = LOG_BLOCKS / WORKERS;
    while program.takes_one() {
        let block = worker + WORKERS * random.below(own);
        match random.below(8) {
            0 | 1 => flush(partition)?,
            2 => read(partition, block)?,
            _ => write(partition, block)?,
        }
    }
    flush(partition)
}

fn read(partition: Partition, block: u64) -> Result<(), Status> {
    let read = partition.read(block, Block::acquire().alone()).wait();
    let blocks = read?;
    for read in &blocks {
        gate::outside(|world| world.check_block(block, read.bytes()));
    }
    Ok(())
}

fn write(partition: Partition, block: u64) -> Result<(), Status> {
    let mut from = Block::acquire();
    let ticket = gate::outside(|world| world.state.borrow_mut().raw.begin(block));
    fill(ticket, from.bytes_mut());
    let written = partition.write(block, from.alone()).wait();
    written?;
    gate::outside(|world| world.state.borrow_mut().raw.answered(block));
    Ok(())
}

fn flush(partition: Partition) -> Result<(), Status> {
    let then = gate::outside(|world| world.state.borrow().raw.flush());
    partition.flush().wait()?;
    gate::outside(|world| world.state.borrow_mut().raw.flushed(&then));
    Ok(())
}
