//! The block driver: the real one, as a service over real rings and with a queue in memory that the disk shares, with the main
//! loop of the driver on seL4.

use std::rc::Weak;

use atoll_abi::connection::Provider;
use atoll_abi::disk::Properties;
use atoll_abi::layout::{DMA_PAGES, PAGE_SIZE};
use atoll_channel::Side;
use atoll_driver::DeviceService;
use atoll_service::{Host, NoMemory};
use atoll_test_disk as device;
use atoll_virtio::{Device, VirtioError};
use atoll_virtio_blk::{Abilities, Disk, DiskService, Queue};

use crate::component::backlog;
use crate::machine::{disk_sectors, partition};
use crate::port::Port;
use crate::simulation::Simulation;

/// Descriptors of the queue: few, so that it is full now and then.
const DESCRIPTORS: u16 = 64;
/// Most segments of the data of one request.
const SEGMENTS: usize = 16;
/// Physical address of the driver's memory.
const DMA: u64 = 0x8000_0000;
const SECTOR_SIZE: u32 = 512;

/// The driver of the disk, in cluster 0.
pub struct Driver {
    host: Host<DiskService<Registers>, Port, NoMemory>,
    started: bool,
    asleep: bool,
}

/// The registers of the disk.
struct Registers {
    world: Weak<Simulation>,
    /// The driver has views of it.
    _memory: device::Memory,
}

impl Device for Registers {
    fn notify(&mut self, _queue: u16) {
        if let Some(world) = self.world.upgrade()
            && world.point(world.driver())
        {
            world.notify_disk();
        }
    }

    fn stop(&mut self) -> Result<(), VirtioError> {
        if let Some(world) = self.world.upgrade() {
            world.reset_disk();
        }
        Ok(())
    }
}

impl Driver {
    /// A driver that has set its disk up, which was reset before; `again` where another one died.
    pub fn new(world: &Simulation, again: bool) -> Driver {
        let memory = device::Memory::new(DMA_PAGES * PAGE_SIZE, DMA);
        let queue = Queue::new(memory.dma(), DESCRIPTORS).expect("memory for a queue");
        let capacity = disk_sectors();
        let disk = device::FakeDevice::new(&memory, queue.size(), queue.addresses(), capacity);
        world.disk.borrow_mut().set_up(disk);
        let abilities = Abilities {
            sectors: capacity,
            properties: Properties {
                block_size: SECTOR_SIZE,
                read_only: false,
                caches: true,
            },
            segments: SEGMENTS,
            zero: 16,
            discard: 0,
        };
        let registers = Registers {
            world: world.me.clone(),
            _memory: memory,
        };
        let extents = (0..world.scenario.services()).map(|service| Some(partition(service)));
        let disk = Disk::new(registers, queue, abilities);
        let service = DiskService::new(&world.plan, 0, disk, extents);
        let clients = world.plan.clients_of(Provider::Driver(0));
        let clients =
            clients.map(|connection| world.connection_port(connection.number, Side::Second, again));
        Driver {
            host: Host::new(service, clients, None, NoMemory),
            started: false,
            asleep: false,
        }
    }

    /// One turn of its main loop.
    pub fn step(&mut self, world: &Simulation) {
        let me = world.driver();
        if std::mem::take(&mut self.asleep) {
            self.awake(world);
        }
        if !std::mem::replace(&mut self.started, true) {
            self.host.start([]);
            self.host.service_mut().set_interrupts(false);
        }
        let finished = self.host.service().has_finished();
        if finished {
            self.host.device();
        }
        let worked = self.host.turn() || finished;
        while world.runs(me)
            && let Some(slot) = self.host.service_mut().take_quiet()
        {
            // A service has the slot of its index, because all use this disk.
            world.service_quiet(slot);
        }
        if worked || !world.runs(me) {
            return;
        }
        self.host.service_mut().set_interrupts(true);
        if self.host.may_sleep() && !self.host.service().has_finished() && world.runs(me) {
            self.asleep = world.state.borrow_mut().sleep(me, None);
        }
        if !self.asleep {
            self.awake(world);
        }
    }

    fn awake(&mut self, world: &Simulation) {
        self.host.service_mut().set_interrupts(false);
        let badges = world.state.borrow_mut().take_badges(world.driver());
        self.host.awake(badges);
    }

    /// The driver as a service.
    pub fn service(&self) -> &DiskService<impl Device> {
        self.host.service()
    }

    /// What it would do something about, by window; what the disk has finished is told with the first one.
    pub fn backlog(&self, world: &Simulation) -> Option<(usize, String)> {
        let finished = self.host.service().has_finished();
        let finished = finished.then(|| (0, "a finished request".to_owned()));
        finished.or_else(|| backlog(&self.host, world))
    }
}
