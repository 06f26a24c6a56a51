//! The driver as a service: what its clients ask for, and what the device is asked for.

mod extent;
mod job;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use core::fmt;

use atoll_abi::block::BlockList;
use atoll_abi::interface::{DiskCall, request};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, Answers, BATCH, CallId, Event, Service, ServiceEnd};
use atoll_driver::{DeviceService, LostClients, Pools};
use atoll_virtio::{Device, MOST_DESCRIPTORS, VirtioError};

use crate::Disk;
use crate::queue::Operation;
use job::Job;

pub use extent::Extent;

/// Calls that can be under way at once, of all clients.
pub const CALLS: usize = 256;

/// A disk, and the services that have partitions of it.
///
/// A client is named by its slot among the device's, and reaches the sectors of its own partition alone, with blocks of its own
/// and of its clients alone. A client that is lost is *quiet* when the device has none of its calls any more:
/// [`DeviceService::take_quiet`] tells.
pub struct DiskService<D> {
    disk: Disk<D>,
    /// By slot of the client: its partition, `None` where the disk has none of that name.
    extents: Box<[Option<Extent>]>,
    lost: LostClients,
    pools: Pools,
    calls: ServiceEnd<Job>,
    /// Calls that the device has not, in order.
    waiting: VecDeque<CallId>,
    /// For each chain that the device has, the first of its calls.
    chains: Box<[Option<CallId>]>,
    answers: Answers,
}

impl<D: Device> DiskService<D> {
    /// The driver of a plan's device. `extents` are the partitions of its clients, by slot; `None` where the disk has no such
    /// partition.
    pub fn new(
        plan: &Plan,
        device: usize,
        mut disk: Disk<D>,
        extents: impl IntoIterator<Item = Option<Extent>>,
    ) -> Self {
        let extents = extents.into_iter().chain(core::iter::repeat(None));
        let services = plan.services_of_device(device).zip(extents);
        let extents: Box<[Option<Extent>]> = services.map(|(_, extent)| extent).collect();
        // What it reads as zeroes.
        disk.queue_mut().clear_spare();
        DiskService {
            disk,
            pools: Pools::new(plan, device),
            calls: ServiceEnd::new(0..extents.len(), CALLS),
            extents,
            lost: LostClients::default(),
            waiting: VecDeque::with_capacity(CALLS),
            chains: vec![None; MOST_DESCRIPTORS].into_boxed_slice(),
            answers: Answers::default(),
        }
    }

    /// The disk.
    pub fn disk(&self) -> &Disk<D> {
        &self.disk
    }

    /// Stops the device.
    pub fn stop(&mut self, error: VirtioError) {
        self.disk.stop(error);
    }

    /// Calls that have not been answered.
    pub fn under_way(&self) -> usize {
        self.calls.live()
    }

    /// Blocks that calls have.
    pub fn blocks_taken(&self) -> usize {
        self.pools.taken()
    }

    fn take_calls(&mut self, ring: usize, calls: &[Syscall], actions: &mut impl Actions) {
        for syscall in calls {
            let answer = self.accept(ring, syscall);
            self.answers.add(syscall, answer);
        }
        self.answers.send(ring, actions);
    }

    /// Checks a call and has it wait for the device; its results where it needs none.
    ///
    /// # Errors
    /// The status that it ends with.
    fn accept(&mut self, ring: usize, syscall: &Syscall) -> Result<Option<[u64; 2]>, Status> {
        let call = DiskCall::decode(syscall)?;
        let extent = self.extents.get(ring).ok_or(Status::NotAllowed)?;
        let extent = extent.ok_or(Status::NoService);
        let job = match call {
            DiskCall::DescribeDisk(_) => {
                let properties = self.disk.abilities().properties;
                return Ok(Some([extent?.sectors, properties.to_raw()]));
            }
            DiskCall::FlushDisk(_) => {
                extent?;
                Job::flush()
            }
            DiskCall::ReadSectors(request::ReadSectors {
                sector,
                sectors,
                pool,
            }) => self.transfer(ring, syscall, (Operation::Read, sector, sectors), pool)?,
            DiskCall::WriteSectors(request::WriteSectors {
                sector,
                sectors,
                pool,
            }) => self.transfer(ring, syscall, (Operation::Write, sector, sectors), pool)?,
            DiskCall::ZeroSectors(request::ZeroSectors { sector, sectors }) => {
                let sector = self.check(ring, Operation::Zero, sector, sectors)?;
                Job::range(Operation::Zero, sector, sectors)
            }
            DiskCall::DiscardSectors(request::DiscardSectors { sector, sectors }) => {
                let sector = self.check(ring, Operation::Discard, sector, sectors)?;
                Job::range(Operation::Discard, sector, sectors)
            }
        };
        if self.disk.failure().is_some() {
            self.give_back(&job);
            return Err(Status::DeviceError);
        }
        let abilities = self.disk.abilities();
        let nothing_to_do = match job.operation {
            // A device that keeps nothing in memory has nothing to flush.
            Operation::Flush => {
                !abilities.properties.caches || cfg!(feature = "planted-early-flush")
            }
            // What was said not to be needed may stay.
            Operation::Discard => abilities.discard == 0,
            _ => false,
        };
        if nothing_to_do {
            return Ok(Some([job.sectors.into(), 0]));
        }
        match self.calls.park(ring, syscall, job) {
            Some(id) => {
                self.waiting.push_back(id);
                Ok(None)
            }
            None => {
                self.give_back(&job);
                Err(Status::Busy)
            }
        }
    }

    /// The job of a transfer, which has its blocks.
    fn transfer(
        &mut self,
        ring: usize,
        syscall: &Syscall,
        (operation, sector, sectors): (Operation, u64, u32),
        pool: u32,
    ) -> Result<Job, Status> {
        // The blocks first, because every other status gives them back.
        let blocks = BlockList::from_call(syscall)?;
        let pool = self.pools.of(pool, ring, &blocks)?;
        let sector = self.check(ring, operation, sector, sectors)?;
        if u64::from(sectors) > blocks.bytes() as u64 / atoll_abi::block::SECTOR_SIZE as u64 {
            return Err(Status::InvalidArgument);
        }
        self.pools.take(pool, &blocks)?;
        Ok(Job::transfer(operation, sector, sectors, pool, blocks))
    }

    /// The sector of the disk of a sector of a client's partition, from which an operation uses so many.
    fn check(
        &self,
        ring: usize,
        operation: Operation,
        sector: u64,
        sectors: u32,
    ) -> Result<u64, Status> {
        let extent = self.extents.get(ring).copied().flatten();
        let extent = extent.ok_or(Status::NoService)?;
        let properties = self.disk.abilities().properties;
        if properties.read_only && operation != Operation::Read {
            return Err(Status::ReadOnly);
        }
        let unit = u64::from(properties.sectors_per_block());
        let whole = sector.is_multiple_of(unit) && u64::from(sectors).is_multiple_of(unit);
        extent
            .place(sector, sectors)
            .filter(|_| whole && sectors > 0)
            .ok_or(Status::InvalidArgument)
    }

    /// Nothing uses the blocks of a job any more.
    fn give_back(&mut self, job: &Job) {
        if let Some((pool, blocks)) = &job.blocks {
            self.pools.give_back(*pool, blocks);
        }
    }

    /// Answers a call, which is over.
    fn answer(&mut self, id: CallId, status: Status) {
        let sectors = self.calls.parked(id).map_or(0, |job| job.sectors);
        let result = match status {
            Status::Done => [sectors.into(), 0],
            _ => [0; 2],
        };
        if let Some(job) = self.calls.answer(id, status, result, true) {
            self.give_back(&job);
        }
    }

    /// A client is lost: forgets its calls that the device has not.
    fn on_client_lost(&mut self, ring: usize) {
        let mut next = self.calls.next_parked(ring, None);
        while let Some(id) = next {
            next = self.calls.next_parked(ring, Some(id));
            if let Some(place) = self.waiting.iter().position(|waiting| *waiting == id) {
                self.waiting.remove(place);
                self.answer(id, Status::PeerLost);
            }
        }
        self.calls.on_ring_lost(ring);
        self.lost.add(ring);
    }

    /// Takes in what the device has done, gives it what waits, and answers.
    fn act(&mut self, actions: &mut impl Actions) {
        self.collect();
        self.stage();
        self.calls.send_all(actions);
    }
}

/// Whether no call of a client is under way, which has one ring.
fn is_quiet(calls: &ServiceEnd<Job>, ring: usize) -> bool {
    calls.of_client(ring) == 0 || cfg!(feature = "planted-stale-life")
}

impl<D: Device> Service for DiskService<D> {
    fn room(&self, ring: usize, free: usize) -> usize {
        self.calls.room(ring, free).min(BATCH)
    }

    fn is_quiet(&self, ring: usize) -> bool {
        is_quiet(&self.calls, ring)
    }

    fn is_busy(&self) -> bool {
        self.calls.live() > 0
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Calls { ring, calls } => self.take_calls(ring, calls, actions),
            Event::ClientLost { ring } => self.on_client_lost(ring),
            Event::ClientConnected { ring, .. } => self.lost.remove(ring),
            // It uses no other component.
            Event::Start
            | Event::Device
            | Event::Time
            | Event::Completions(_)
            | Event::UpstreamLost(_)
            | Event::UpstreamConnected => {}
        }
        self.act(actions);
    }
}

impl<D: Device> DeviceService for DiskService<D> {
    fn has_finished(&self) -> bool {
        self.disk.has_finished()
    }

    fn set_interrupts(&mut self, wanted: bool) {
        self.disk.set_interrupts(wanted);
    }

    fn take_quiet(&mut self) -> Option<usize> {
        let calls = &self.calls;
        self.lost.take(|slot| is_quiet(calls, slot))
    }

    fn failure(&self) -> Option<impl fmt::Display> {
        self.disk.failure()
    }

    fn awaited(&self) -> Option<u64> {
        let queue = self.disk.queue();
        (queue.in_flight() > 0).then(|| queue.count())
    }

    fn has_of_the_first(&self, count: u64) -> bool {
        self.disk.queue().has_of_the_first(count)
    }
}
