//! Requests in flight: checked before the device sees them, answered exactly once.

use atoll_abi::block::{BLOCK_SIZE, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::interface::{BlocksCall, request};
use atoll_abi::plan::Pool;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};

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
    Answered(Completion),
    /// The queue is full; submit it again after a [`Driver::collect`].
    Full,
}

/// A started device and the requests that it has.
#[derive(Debug)]
pub struct Driver<D> {
    device: D,
    queue: Queue,
    /// Those of the plan, which stays mapped.
    pools: &'static [Pool],
    capacity: u64,
    /// The completion of each chain's request, for when the device has done it.
    completions: [Completion; MOST_CHAINS],
    failure: Option<DriverError>,
}

impl<D: Device> Driver<D> {
    /// A driver for a started device of `capacity` sectors that may read into `pools`.
    pub fn new(device: D, queue: Queue, pools: &'static [Pool], capacity: u64) -> Self {
        Driver {
            device,
            queue,
            pools,
            capacity,
            completions: [Completion::of(&Syscall::EMPTY, Status::Done, [0; 2]); MOST_CHAINS],
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

    /// Requests that were accepted and for which [`Driver::collect`] has not given the completion.
    pub fn in_flight(&self) -> usize {
        self.queue.in_flight()
    }

    /// Checks a request and prepares it for the device.
    pub fn submit(&mut self, syscall: &Syscall) -> Submission {
        let (transfer, sectors) = match self.check(syscall) {
            Ok(checked) => checked,
            Err(status) => {
                let mut completion = Completion::of(syscall, status, [0, self.capacity]);
                if status == Status::BadBlock {
                    // The client has no such block that it could be given back.
                    completion.block = NO_BLOCK;
                }
                return Submission::Answered(completion);
            }
        };
        let completion = Completion::of(syscall, Status::Done, [sectors, self.capacity]);
        if self.failure.is_some() {
            return Submission::Answered(failed(completion));
        }
        match self.queue.stage(transfer) {
            Some(chain) => {
                self.completions[chain] = completion;
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

    /// The next completion. Once the device has broken the protocol it is stopped, and each request that it had is
    /// answered [`Status::DeviceError`].
    pub fn collect(&mut self) -> Option<Completion> {
        if self.failure.is_none() {
            match self.queue.collect() {
                Ok(None) => return None,
                Ok(Some(finished)) => {
                    let completion = self.completions[finished.chain];
                    return Some(if finished.success {
                        completion
                    } else {
                        failed(completion)
                    });
                }
                Err(error) => self.stop(error),
            }
        }
        let chain = self.queue.abandon()?;
        Some(failed(self.completions[chain]))
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
    pub fn has_completions(&self) -> bool {
        match self.failure {
            None => self.queue.has_used(),
            Some(_) => self.queue.in_flight() > 0,
        }
    }

    /// Asks for an interrupt with the next finished request, or for none; see [`Queue::set_interrupts`].
    pub fn set_interrupts(&mut self, wanted: bool) {
        self.queue.set_interrupts(wanted);
    }

    /// The transfer that a request asks for and how many sectors it has, or the status of a request any part of which
    /// does not exist. The block is checked first, because every other status gives it back.
    fn check(&self, syscall: &Syscall) -> Result<(Transfer, u64), Status> {
        let BlocksCall::ReadSectors(request::ReadSectors {
            sector,
            sectors,
            pool,
        }) = BlocksCall::decode(syscall)?;
        let pool = usize::try_from(pool)
            .ok()
            .and_then(|pool| self.pools.get(pool))
            .filter(|pool| syscall.block < pool.blocks)
            .ok_or(Status::BadBlock)?;
        let count = u64::from(sectors);
        let within = sector
            .checked_add(count)
            .is_some_and(|end| end <= self.capacity);
        if !within || !(1..=SECTORS_PER_BLOCK).contains(&count) {
            return Err(Status::InvalidArgument);
        }
        let transfer = Transfer {
            sector,
            address: pool.base + u64::from(syscall.block) * BLOCK_SIZE as u64,
            length: sectors * SECTOR_SIZE as u32,
        };
        Ok((transfer, count))
    }
}

/// The completion of the same request where the device did not do it. What it wrote is not known, so nothing counts.
fn failed(mut completion: Completion) -> Completion {
    completion.status = Status::DeviceError as u32;
    completion.result[0] = 0;
    completion
}
