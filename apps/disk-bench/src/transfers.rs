//! Transfers of one kind, one behind another.

use alloc::collections::VecDeque;
use core::future::Future;
use core::hint::spin_loop;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use atoll_runtime::guest::timestamp;
use atoll_runtime::{
    BLOCK_SIZE, Block, Blocks, File, Partition, Runtime, Status, Transfer, kernel_entries,
    yield_now,
};

/// What is read and written.
#[derive(Clone, Copy)]
pub enum Target {
    /// A file.
    File(File),
    /// A partition as it is.
    Raw(Partition),
}

/// What is done with it.
#[derive(Clone, Copy)]
pub enum Operation {
    /// Reads.
    Read,
    /// Writes what is there already.
    Write,
}

/// Transfers of one kind.
#[derive(Clone, Copy)]
pub struct Case {
    pub target: Target,
    pub operation: Operation,
    /// Order of the blocks.
    pub order: u32,
    /// Blocks of one call.
    pub blocks: usize,
    /// Calls under way at once.
    pub depth: usize,
    /// Bytes in all: whole calls.
    pub bytes: u64,
}

impl Case {
    /// Bytes of one call.
    fn call_bytes(&self) -> u64 {
        ((self.blocks * BLOCK_SIZE) as u64) << self.order
    }
}

/// What the process had to do for transfers.
pub struct Spent {
    /// Ticks of rounds in which it submitted a call or took in an answer, without those of others.
    pub worked: u64,
    /// Ticks in all.
    pub elapsed: u64,
    /// Kernel entries of everybody while as many calls were under way as there are to be at once: from the end of the first calls until
    /// the last call was made.
    pub busy_entries: u64,
}

/// What others have done so far.
#[derive(Clone, Copy, Default)]
pub struct Others {
    /// Ticks that they have worked.
    pub worked: u64,
    /// Their kernel entries.
    pub entries: u64,
}

/// Makes the transfers, and looks for their answers until they are there. `others` is what services and driver have done
/// so far: an interrupt of the device has the machine go on with another core in the midst of a round.
pub fn run(case: &Case, others: impl Fn() -> Others) -> Result<Spent, Status> {
    let calls = case.bytes / case.call_bytes();
    let mut under_way = VecDeque::with_capacity(case.depth);
    let (mut next, mut done) = (0, 0);
    let begin = timestamp();
    let mut worked = 0;
    // Kernel entries when the first calls had ended, and when the last one was made.
    let (mut first, mut last) = (None, 0);
    while done < calls {
        let outstanding = Runtime::current().outstanding();
        let of_others = others().worked;
        let start = timestamp();
        let before = (next, done);
        // The loop of the vcore takes answers in on the way.
        yield_now();
        while let Some(transfer) = under_way.front_mut() {
            match poll(transfer) {
                Poll::Pending => break,
                // Its blocks go back to the pool.
                Poll::Ready(blocks) => drop(blocks?),
            }
            under_way.pop_front();
            done += 1;
        }
        while under_way.len() < case.depth && next < calls {
            under_way.push_back(submit(case, next)?);
            next += 1;
        }
        let spent = timestamp() - start;
        if before != (next, done) || Runtime::current().outstanding() != outstanding {
            worked += spent.saturating_sub(others().worked - of_others);
        }
        if next < calls {
            last = others().entries + kernel_entries();
            if first.is_none() && done >= case.depth as u64 {
                first = Some(last);
            }
        }
        spin_loop();
    }
    Ok(Spent {
        worked,
        elapsed: timestamp() - begin,
        busy_entries: first.map_or(0, |first| last - first),
    })
}

/// Waits without blocking. Where all cores of a machine that counts instructions are idle, its clock goes on to the next tick at
/// once, and a device that the host has not served by then would be late.
pub fn finish<F: Future + Unpin>(mut future: F) -> F::Output {
    loop {
        if let Poll::Ready(output) = poll(&mut future) {
            return output;
        }
        yield_now();
        spin_loop();
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn submit(case: &Case, call: u64) -> Result<Transfer, Status> {
    let mut blocks = Blocks::new();
    for _ in 0..case.blocks {
        let block = match case.order {
            0 => Some(Block::acquire()),
            order => Block::try_acquire_large(order),
        };
        // No more than the blocks of a call.
        let _ = blocks.push(block.ok_or(Status::Busy)?);
    }
    let offset = call * case.call_bytes();
    let (first, length) = (offset / BLOCK_SIZE as u64, case.call_bytes() as usize);
    Ok(match (case.target, case.operation) {
        (Target::File(file), Operation::Read) => file.read_blocks(offset, length, blocks),
        (Target::File(file), Operation::Write) => file.write(offset, length, blocks),
        (Target::Raw(partition), Operation::Read) => partition.read(first, blocks),
        (Target::Raw(partition), Operation::Write) => partition.write(first, blocks),
    })
}
