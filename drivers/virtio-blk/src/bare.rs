//! The bare loop: transfers that the driver makes for itself, without clients and services. It is the control of the benchmark of
//! file services: what the same transfers take that only the queue and the device have a part in.

use alloc::vec::Vec;

use atoll_abi::block::{BLOCK_SIZE, SECTORS_PER_BLOCK};
use atoll_virtio::{Device, MOST_DESCRIPTORS, Segment};

use crate::Disk;
use crate::queue::{MOST_SEGMENTS, Operation, Request};
use crate::service::Extent;

/// Transfers, one behind another from the beginning of a partition on.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    /// [`Operation::Read`] or [`Operation::Write`].
    pub operation: Operation,
    /// Blocks of one transfer, at most [`MOST_SEGMENTS`].
    pub blocks: usize,
    /// Their order.
    pub order: u32,
    /// Transfers under way at once. Those that the device is given together become requests of as many blocks as there may be, as
    /// the driver does it for its clients.
    pub depth: usize,
    /// Bytes in all: whole transfers.
    pub bytes: u64,
}

/// What a loop took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Ticks of rounds that found something to do.
    pub ticks: u64,
    /// Ticks in all.
    pub elapsed: u64,
    /// Requests of the device.
    pub requests: u64,
}

/// Runs a loop on a partition, with the blocks of a pool at a physical address; nothing else uses the disk and the pool meanwhile.
/// `None` where the partition is too short or the device fails.
pub fn run<D: Device>(
    disk: &mut Disk<D>,
    extent: Extent,
    pool: u64,
    work: &Loop,
    clock: impl Fn() -> u64,
) -> Option<Taken> {
    let size = (BLOCK_SIZE as u64) << work.order;
    let sectors = SECTORS_PER_BLOCK << work.order;
    let all = work.bytes / size;
    extent.place(0, u32::try_from(all * sectors).ok()?)?;
    let blocks = (0..(work.blocks * work.depth) as u64).rev();
    let mut free: Vec<u64> = blocks.map(|it| pool + it * size).collect();
    // Nothing is allocated from here on.
    let held = (0..MOST_DESCRIPTORS).map(|_| Vec::with_capacity(MOST_SEGMENTS));
    let mut held: Vec<Vec<u64>> = held.collect();
    let mut segments = Vec::with_capacity(MOST_SEGMENTS);
    let (mut next, mut done) = (0, 0);
    let requests = disk.queue().count();
    let begin = clock();
    let mut ticks = 0;
    while done < all {
        let start = clock();
        let mut worked = false;
        while let Some(finished) = disk.collect() {
            let own = held.get_mut(finished.chain)?;
            if !finished.success {
                return None;
            }
            done += own.len() as u64;
            free.append(own);
            worked = true;
        }
        while next < all {
            let room = disk.room().unwrap_or(0).min(free.len());
            let count = room.min((all - next) as usize) / work.blocks * work.blocks;
            if count == 0 {
                break;
            }
            let own = free.len() - count..;
            segments.clear();
            segments.extend(free.get(own.clone())?.iter().map(|address| Segment {
                address: *address,
                length: size as u32,
            }));
            let chain = disk.stage(&Request {
                operation: work.operation,
                sector: extent.first + next * sectors,
                sectors: (count as u64 * sectors) as u32,
                data: &segments,
            })?;
            held.get_mut(chain)?.extend(free.drain(own));
            next += count as u64;
            worked = true;
        }
        disk.publish();
        if worked {
            ticks += clock() - start;
        } else {
            core::hint::spin_loop();
        }
    }
    Some(Taken {
        ticks,
        elapsed: clock() - begin,
        requests: disk.queue().count() - requests,
    })
}
