//! What a call asks of the device, and how calls become requests.

use atoll_abi::block::{BlockList, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::syscall::Status;
use atoll_call::CallId;
use atoll_virtio::{Device, Segment};

use super::DiskService;
use crate::queue::{MOST_SEGMENTS, Operation, Request};

/// A call that waits for the device, or that the device has.
#[derive(Clone, Copy)]
pub(super) struct Job {
    pub(super) operation: Operation,
    /// First sector on the disk.
    sector: u64,
    pub(super) sectors: u32,
    /// Sectors that the device has done or has, of an operation that may take several requests.
    done: u32,
    /// Its blocks, and the place of their pool.
    pub(super) blocks: Option<(usize, BlockList)>,
    /// It failed as a part of a request with others, and is to be tried alone: it may be another one that cannot be done.
    alone: bool,
    /// The next call of the same request.
    next: Option<CallId>,
}

impl Job {
    pub(super) fn flush() -> Job {
        Job::range(Operation::Flush, 0, 0)
    }

    pub(super) fn range(operation: Operation, sector: u64, sectors: u32) -> Job {
        Job {
            operation,
            sector,
            sectors,
            done: 0,
            blocks: None,
            alone: false,
            next: None,
        }
    }

    pub(super) fn transfer(
        operation: Operation,
        sector: u64,
        sectors: u32,
        pool: usize,
        blocks: BlockList,
    ) -> Job {
        Job {
            blocks: Some((pool, blocks)),
            ..Job::range(operation, sector, sectors)
        }
    }

    /// Whether another job can be done by the same request, behind this one.
    fn is_followed_by(&self, other: &Job) -> bool {
        let transfers = matches!(self.operation, Operation::Read | Operation::Write);
        // Where this one fills its last block only in part, the other one's data would not be where the device puts it.
        let whole = u64::from(self.sectors).is_multiple_of(SECTORS_PER_BLOCK);
        let behind = self.sector + u64::from(self.sectors) == other.sector;
        transfers && self.operation == other.operation && whole && behind && !other.alone
    }
}

/// The memory of a request.
struct Data {
    segments: [Segment; MOST_SEGMENTS],
    count: usize,
}

impl Data {
    fn new() -> Data {
        Data {
            segments: [Segment::default(); MOST_SEGMENTS],
            count: 0,
        }
    }

    /// Adds memory; `false` where it takes one more segment than there may be. Neighbours become one segment.
    fn add(&mut self, segment: Segment, most: usize) -> bool {
        let last = self
            .count
            .checked_sub(1)
            .and_then(|last| self.segments.get_mut(last));
        if let Some(last) = last
            && last.address + u64::from(last.length) == segment.address
        {
            last.length += segment.length;
            return true;
        }
        let place = self
            .segments
            .get_mut(self.count)
            .filter(|_| self.count < most);
        let Some(place) = place else {
            return false;
        };
        *place = segment;
        self.count += 1;
        true
    }

    /// What there is now, for [`Data::reset`]: how many segments, and how long the last one is.
    fn mark(&self) -> (usize, u32) {
        let last = self.as_slice().last();
        (self.count, last.map_or(0, |last| last.length))
    }

    /// What was added since a mark is no more of it.
    fn reset(&mut self, (count, length): (usize, u32)) {
        self.count = count;
        let last = count.checked_sub(1);
        if let Some(last) = last.and_then(|last| self.segments.get_mut(last)) {
            last.length = length;
        }
    }

    fn as_slice(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or_default()
    }
}

impl<D: Device> DiskService<D> {
    /// Takes in what the device has done.
    pub(super) fn collect(&mut self) {
        while let Some(finished) = self.disk.collect() {
            let first = self.chains.get_mut(finished.chain).and_then(Option::take);
            let Some(first) = first else { continue };
            self.finished(first, finished.success);
        }
    }

    /// A request is over that the device had for a call, and for those that follow it.
    fn finished(&mut self, first: CallId, success: bool) {
        let single = self
            .calls
            .parked(first)
            .is_some_and(|job| job.next.is_none());
        let mut next = Some(first);
        let mut again = 0;
        while let Some(id) = next {
            let lost = self.calls.ring_of(id).is_none();
            let Some(job) = self.calls.parked(id) else {
                return;
            };
            next = job.next.take();
            let rest = job.sectors - job.done;
            match success {
                _ if lost => self.answer(id, Status::PeerLost),
                true if rest > 0 => self.waiting.push_front(id),
                true => self.answer(id, Status::Done),
                false if single || self.disk.failure().is_some() => {
                    self.answer(id, Status::DeviceError);
                }
                false => {
                    job.alone = true;
                    job.done = 0;
                    self.waiting.insert(again, id);
                    again += 1;
                }
            }
        }
    }

    /// Gives the device what waits for it, as far as it can take it.
    pub(super) fn stage(&mut self) {
        if self.disk.failure().is_some() {
            while let Some(id) = self.waiting.pop_front() {
                self.answer(id, Status::DeviceError);
            }
            return;
        }
        while let Some(&first) = self.waiting.front() {
            let Some(job) = self.calls.parked(first).copied() else {
                self.waiting.pop_front();
                continue;
            };
            let chain = match job.blocks {
                Some(_) => self.stage_transfers(job),
                None => self.stage_range(first, job),
            };
            let Some(chain) = chain else { break };
            if let Some(place) = self.chains.get_mut(chain) {
                *place = Some(first);
            }
        }
        self.disk.publish();
    }

    /// One request for the first call that waits, and for those behind it that go on where it ends. Its chain; `None` where
    /// the queue has no room.
    fn stage_transfers(&mut self, job: Job) -> Option<usize> {
        let most = self.disk.room().filter(|most| *most > 0)?;
        let mut data = Data::new();
        let mut sectors = self.add_blocks(&job, &mut data, most);
        let whole = job.done + sectors == job.sectors;
        if !whole && self.disk.in_flight() > 0 {
            // When the device has nothing there is more room; what does not fit even then is done in pieces.
            return None;
        }
        let mut staged = 1;
        let mut last_job = job;
        while let Some(&id) = self.waiting.get(staged).filter(|_| whole && !job.alone) {
            let Some(next) = self.calls.parked(id).copied() else {
                break;
            };
            if !last_job.is_followed_by(&next) {
                break;
            }
            let before = data.mark();
            if self.add_blocks(&next, &mut data, most) != next.sectors {
                data.reset(before);
                break;
            }
            sectors += next.sectors;
            last_job = next;
            staged += 1;
        }
        let chain = self.disk.stage(&Request {
            operation: job.operation,
            sector: job.sector + u64::from(job.done),
            sectors,
            data: data.as_slice(),
        })?;
        let mut next = None;
        for id in self.waiting.drain(..staged).rev() {
            if let Some(job) = self.calls.parked(id) {
                job.done = if whole {
                    job.sectors
                } else {
                    job.done + sectors
                };
                job.next = next.replace(id);
            }
        }
        Some(chain)
    }

    /// Adds the memory of what is left of a transfer, as far as there is room for it; how many sectors that are.
    fn add_blocks(&self, job: &Job, data: &mut Data, most: usize) -> u32 {
        let Some((pool, blocks)) = &job.blocks else {
            return 0;
        };
        let sectors_per_block = (SECTORS_PER_BLOCK as u32) << blocks.order();
        let mut added = 0;
        // What is done is of whole blocks.
        let rest = blocks
            .as_slice()
            .iter()
            .skip((job.done / sectors_per_block) as usize);
        for &block in rest {
            let sectors = (job.sectors - job.done - added).min(sectors_per_block);
            let Some(segment) = self.pools.segment(*pool, block).filter(|_| sectors > 0) else {
                break;
            };
            let length = sectors * SECTOR_SIZE as u32;
            if !data.add(Segment { length, ..segment }, most) {
                break;
            }
            added += sectors;
        }
        added
    }

    /// The next request of an operation without blocks: a flush, or one on so many sectors as one request may have.
    fn stage_range(&mut self, id: CallId, job: Job) -> Option<usize> {
        let abilities = self.disk.abilities();
        let spare = self.disk.spare();
        let rest = job.sectors - job.done;
        let sector = job.sector + u64::from(job.done);
        let mut zeroes = Data::new();
        let (operation, sectors) = match job.operation {
            Operation::Discard => (Operation::Discard, rest.min(abilities.discard)),
            Operation::Zero if abilities.zero > 0 => (Operation::Zero, rest.min(abilities.zero)),
            // One that cannot is given a page of zeroes, as often as there may be segments.
            Operation::Zero => {
                let most = self.disk.room().filter(|most| *most > 0)?;
                let page = spare.length / SECTOR_SIZE as u32;
                let sectors = rest.min(page.saturating_mul(most as u32));
                let mut left = sectors;
                while let Some(place) = zeroes.segments.get_mut(zeroes.count)
                    && left > 0
                {
                    let part = left.min(page);
                    *place = Segment {
                        length: part * SECTOR_SIZE as u32,
                        ..spare
                    };
                    zeroes.count += 1;
                    left -= part;
                }
                (Operation::Write, sectors)
            }
            other => (other, 0),
        };
        let chain = self.disk.stage(&Request {
            operation,
            sector,
            sectors,
            data: zeroes.as_slice(),
        })?;
        if let Some(job) = self.calls.parked(id) {
            job.done += sectors;
        }
        self.waiting.pop_front();
        Some(chain)
    }
}
