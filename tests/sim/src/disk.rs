//! The disk: requests end out of order, fail half-way, and each sector is transferred by itself.

use atoll_abi::layout::service_badge;
use atoll_test_disk::{FakeDevice, Job, Sector, Store, Target};
use atoll_virtio_blk::Operation;

use crate::event::Signal;
use crate::faults;
use crate::machine::{place_of, sector};
use crate::simulation::Simulation;

/// A request that the disk does.
struct Transfer {
    /// Which of the requests of this run it is.
    number: u64,
    job: Job,
    /// Sectors after which it fails.
    fails_after: Option<u64>,
}

/// The disk.
pub struct Disk {
    /// What is on it, while it has no driver.
    store: Option<Store>,
    /// It with the queue that the driver set up.
    device: Option<FakeDevice>,
    transfers: Vec<Transfer>,
    numbers: u64,
    /// Sectors that were written and not counted.
    written: u64,
    /// When it can be used. One that takes long lets calls pile up.
    ready: u64,
    /// A failure may kill the driver.
    may_kill: bool,
}

impl Disk {
    /// A disk with what is on it; `None` where it was never written.
    pub fn new(store: Option<Store>) -> Disk {
        Disk {
            store: Some(store.unwrap_or_else(|| Store::new(sector))),
            written: 0,
            device: None,
            transfers: Vec::new(),
            numbers: 0,
            ready: 0,
            may_kill: false,
        }
    }

    /// How it is in this run.
    pub fn prepare(&mut self, ready: u64, may_kill: bool) {
        (self.ready, self.may_kill) = (ready, may_kill);
    }

    /// A driver has set it up.
    pub fn set_up(&mut self, device: FakeDevice) {
        let store = self.take_store();
        let mut device = device;
        device.store = store;
        self.device = Some(device);
    }

    /// What is on it, which is taken out of it.
    pub fn take_store(&mut self) -> Store {
        let used = self.device.take().map(|device| device.store);
        used.or_else(|| self.store.take())
            .unwrap_or_else(|| Store::new(sector))
    }

    /// Drops what is under way: nothing is transferred any more.
    fn reset(&mut self) {
        self.store = Some(self.take_store());
        self.transfers.clear();
    }

    /// Takes a transfer on to its end, or by one sector. Tells whether it is at its end, and whether it failed.
    fn step(&mut self, number: u64, bus: &mut Bus<'_>) -> Option<(bool, bool)> {
        let device = self.device.as_mut()?;
        let own = |it: &Transfer| it.number == number;
        let index = self.transfers.iter().position(own)?;
        let transfer = &mut self.transfers[index];
        let failed = transfer.fails_after == Some(transfer.job.done);
        if !failed && (!transfer.job.is_done() || transfer.job.sectors == 0) {
            device.step(&mut transfer.job, bus);
            if transfer.job.sectors > 0 {
                self.written += u64::from(transfer.job.operation != Operation::Read);
                return Some((false, false));
            }
        }
        let transfer = self.transfers.swap_remove(index);
        device.finish(&transfer.job, failed.into());
        Some((true, failed))
    }
}

/// How the disk reaches the pools.
struct Bus<'a>(&'a Simulation);

impl Target for Bus<'_> {
    fn write(&mut self, address: u64, bytes: &Sector) {
        let world = self.0;
        let Some((pool, block, offset)) = world.place_of(address) else {
            return;
        };
        world.check_transfer(pool, block, true);
        world.pools[pool].write(block, offset, bytes);
    }

    fn read(&self, address: u64) -> Sector {
        let world = self.0;
        let Some((pool, block, offset)) = world.place_of(address) else {
            return [0; size_of::<Sector>()];
        };
        world.check_transfer(pool, block, false);
        world.pools[pool].read_sector(block, offset)
    }
}

impl Simulation {
    /// Decides how the disk is in this run.
    pub fn prepare_disk(&self) {
        let state = &mut *self.state.borrow_mut();
        let may_kill = self.scenario.device_fails && state.random.one_in(2);
        let slow = self.scenario.flooding_process;
        let ready = if slow { state.random.below(150_000) } else { 0 };
        self.disk.borrow_mut().prepare(ready, may_kill);
    }

    /// Pool, block and offset of an address that the disk was given.
    fn place_of(&self, address: u64) -> Option<(usize, u32, usize)> {
        let place = place_of(address).filter(|(pool, ..)| *pool < self.pools.len());
        if place.is_none() {
            self.violate(format!(
                "blocks: the disk is given the address {address:#x}"
            ));
        }
        place
    }

    /// The driver tells the disk of new requests.
    pub fn notify_disk(&self) {
        let state = &mut *self.state.borrow_mut();
        state.note(self.driver(), "notifies the disk", [0; 2]);
        let delay = state.random.below(200);
        state.signal(delay, Signal::Doorbell(self.device(), 0));
    }

    /// Resets the disk: nothing is transferred any more.
    pub fn reset_disk(&self) {
        self.disk.borrow_mut().reset();
        let state = &mut *self.state.borrow_mut();
        state.note(self.device(), "is reset", [0; 2]);
    }

    /// One step of the disk: takes new requests, and moves one of them on.
    pub fn step_disk(&self) {
        let me = self.device();
        if self.state.borrow().now < self.disk.borrow().ready {
            return;
        }
        self.take_requests();
        let chosen = {
            let transfers = &self.disk.borrow().transfers;
            let state = &mut *self.state.borrow_mut();
            if transfers.is_empty() {
                state.sleep(me, None);
                return;
            }
            let index = state.random.index(transfers.len());
            transfers[index].number
        };
        let steps = 1 + self.state.borrow_mut().random.below(8);
        for _ in 0..steps {
            // Without the borrow of a step no other one is met: the driver may reset the disk at the point.
            let step = self.disk.borrow_mut().step(chosen, &mut Bus(self));
            let written = std::mem::take(&mut self.disk.borrow_mut().written);
            self.state.borrow_mut().has_written(written);
            match step {
                None => return,
                Some((true, failed)) => return self.interrupt(failed),
                Some((false, _)) => {}
            }
            if !self.point(me) {
                return;
            }
        }
    }

    fn take_requests(&self) {
        let disk = &mut *self.disk.borrow_mut();
        let Some(device) = &mut disk.device else {
            return;
        };
        device.take();
        while !device.taken.is_empty() {
            let job = device.begin(0);
            let blocks =
                |job: &Job| -> Vec<u64> { job.places().iter().map(|place| place / 4096).collect() };
            let own = blocks(&job);
            let has = |it: &&Transfer| blocks(&it.job).iter().any(|block| own.contains(block));
            let twice = disk.transfers.iter().find(has);
            let place = twice.and_then(|_| place_of(job.places()[0]));
            if let Some((pool, block, _)) = place {
                self.violate(format!(
                    "blocks: a request of the disk has block {block} of pool {pool} or one behind it, which another request has"
                ));
            }
            let state = &mut *self.state.borrow_mut();
            let fails = self.scenario.device_fails && !state.calm && state.random.one_in(6);
            disk.numbers += 1;
            disk.transfers.push(Transfer {
                number: disk.numbers,
                fails_after: fails.then(|| state.random.below(job.sectors.max(1))),
                job,
            });
        }
    }

    /// A request is over.
    fn interrupt(&self, failed: bool) {
        let (may_kill, wanted) = {
            let disk = self.disk.borrow();
            let device = disk.device.as_ref();
            (disk.may_kill, device.is_some_and(|it| it.wants_interrupt()))
        };
        let state = &mut *self.state.borrow_mut();
        if failed {
            state.tally.faults += 1;
            if may_kill && state.random.one_in(4) {
                return faults::kill(self, state, self.driver());
            }
        }
        if wanted {
            let delay = 20 + state.random.below(200);
            state.signal(
                delay,
                Signal::Doorbell(self.driver(), service_badge::DEVICE),
            );
        }
    }

    /// What a disk that sleeps would do something about.
    pub fn disk_backlog(&self) -> Option<String> {
        let count = self.disk.borrow().transfers.len();
        (count > 0).then(|| format!("{count} requests"))
    }
}
