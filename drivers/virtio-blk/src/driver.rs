//! Requests in flight: checked before the device sees them, answered exactly once.

use atoll_abi::block::{
    BLOCK_SIZE, BlockOperation, BlockReply, BlockRequest, BlockStatus, SECTOR_SIZE,
    SECTORS_PER_BLOCK,
};
use atoll_abi::plan::{MAX_POOLS, Pool};

use crate::queue::MOST_CHAINS;
use crate::{DriverError, Queue, Transfer};

/// What the driver asks of its device beside the queue's memory.
pub trait Device {
    /// Tells the device that its queue has new chains.
    fn notify(&mut self);
    /// Makes the device stop all use of memory.
    fn stop(&mut self) -> Result<(), DriverError>;
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submission {
    /// The device will have it after the next [`Driver::publish`].
    Accepted,
    /// It is answered already.
    Answered(BlockReply),
    /// The queue is full; submit it again after a [`Driver::collect`].
    Full,
}

/// A started device and the requests that it has.
#[derive(Debug)]
pub struct Driver<D> {
    device: D,
    queue: Queue,
    pools: [Option<Pool>; MAX_POOLS],
    capacity: u64,
    /// The tag of each chain's request.
    tags: [u64; MOST_CHAINS],
    failure: Option<DriverError>,
}

impl<D: Device> Driver<D> {
    /// A driver for a started device of `capacity` sectors that may read into `pools`.
    pub fn new(device: D, queue: Queue, pools: &[Pool], capacity: u64) -> Self {
        let mut own = [None; MAX_POOLS];
        for (place, pool) in own.iter_mut().zip(pools) {
            *place = Some(*pool);
        }
        Driver {
            device,
            queue,
            pools: own,
            capacity,
            tags: [0; MOST_CHAINS],
            failure: None,
        }
    }

    /// Sectors of the device.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Why the device was stopped, if it was.
    pub fn failure(&self) -> Option<DriverError> {
        self.failure
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Whether a valid request would be refused with [`Submission::Full`].
    pub fn is_full(&self) -> bool {
        self.failure.is_none() && self.queue.free() == 0
    }

    /// Checks a request and prepares it for the device.
    pub fn submit(&mut self, request: &BlockRequest) -> Submission {
        let Some(transfer) = self.check(request) else {
            return Submission::Answered(self.reply(request.tag, BlockStatus::Invalid));
        };
        if self.failure.is_some() {
            return Submission::Answered(self.reply(request.tag, BlockStatus::DeviceError));
        }
        match self.queue.stage(transfer) {
            Some(chain) => {
                self.tags[chain] = request.tag;
                Submission::Accepted
            }
            None => Submission::Full,
        }
    }

    /// Hands all accepted requests to the device, with at most one notification.
    pub fn publish(&mut self) {
        if self.queue.publish() {
            self.device.notify();
        }
    }

    /// The next reply. Once the device has broken the protocol it is stopped, and each request that it had is answered
    /// [`BlockStatus::DeviceError`].
    pub fn collect(&mut self) -> Option<BlockReply> {
        if self.failure.is_none() {
            match self.queue.collect() {
                Ok(None) => return None,
                Ok(Some(done)) => {
                    let status = if done.success {
                        BlockStatus::Done
                    } else {
                        BlockStatus::DeviceError
                    };
                    return Some(self.reply(self.tags[done.chain], status));
                }
                Err(error) => self.stop(error),
            }
        }
        let chain = self.queue.abandon()?;
        Some(self.reply(self.tags[chain], BlockStatus::DeviceError))
    }

    /// Stops the device for good, and says why.
    pub fn stop(&mut self, error: DriverError) {
        if self.failure.is_none() {
            self.failure = Some(error);
            // Blocks go back to their owners after this, so the device must be quiet first. A reset that is not
            // confirmed is no reason to keep them: the function is no bus master any more.
            let _ = self.device.stop();
        }
    }

    /// Whether [`Driver::collect`] has something.
    pub fn has_replies(&self) -> bool {
        match self.failure {
            None => self.queue.has_used(),
            Some(_) => self.queue.has_chains(),
        }
    }

    /// Asks for an interrupt with the next finished request, or for none; see [`Queue::set_interrupts`].
    pub fn set_interrupts(&mut self, wanted: bool) {
        self.queue.set_interrupts(wanted);
    }

    /// The transfer that a request asks for, or `None` where any part of it does not exist.
    fn check(&self, request: &BlockRequest) -> Option<Transfer> {
        BlockOperation::from_raw(request.operation)?;
        let pool = (*self.pools.get(usize::try_from(request.pool).ok()?)?)?;
        let sectors = u64::from(request.sectors);
        let end = request.sector.checked_add(sectors)?;
        if request.block >= pool.blocks
            || !(1..=SECTORS_PER_BLOCK).contains(&sectors)
            || end > self.capacity
        {
            return None;
        }
        Some(Transfer {
            sector: request.sector,
            address: pool.base + u64::from(request.block) * BLOCK_SIZE as u64,
            length: request.sectors * SECTOR_SIZE as u32,
        })
    }

    fn reply(&self, tag: u64, status: BlockStatus) -> BlockReply {
        BlockReply {
            tag,
            status: status as u32,
            padding: 0,
            capacity: self.capacity,
            reserved: [0; 4],
        }
    }
}
