//! The file service: the real host of a service over real rings, with the main loop of a service on seL4.

use std::rc::Weak;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::connection::Provider;
use atoll_call::Service;
use atoll_channel::Side;
use atoll_files::FileService;
use atoll_service::{Host, Memory};

use crate::port::Port;
use crate::simulation::Simulation;

/// The file service.
pub struct Files {
    host: Host<FileService, Port, Pool>,
    started: bool,
    asleep: bool,
    idle: u64,
}

/// Its own pool of blocks.
struct Pool(Weak<Simulation>);

impl Memory for Pool {
    fn read_block(&mut self, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        let Some(world) = self.0.upgrade() else {
            return;
        };
        world.point(world.service());
        world.pools[world.scenario.all_processes()].read(index, into);
    }
}

impl Files {
    /// A service that has not started; `again` where one died before.
    pub fn new(world: &Simulation, again: bool) -> Files {
        let port = |number, side| world.connection_port(number, side, again);
        let clients = world.plan.clients_of(Provider::Service(0));
        let clients = clients.map(|connection| port(connection.number, Side::Second));
        let service = FileService::new(&world.plan, 0);
        let driver = port(0, Side::First);
        Files {
            host: Host::new(service, clients, Some(driver), Pool(world.me.clone())),
            started: false,
            asleep: false,
            idle: 0,
        }
    }

    /// The service itself.
    pub fn service(&self) -> &FileService {
        self.host.service()
    }

    /// Its sides of the connections to its clients, by slot.
    pub fn clients(&self, world: &Simulation) -> impl Iterator<Item = &Port> {
        self.host.links().take(world.connections.len() - 1)
    }

    /// One turn of its main loop.
    pub fn step(&mut self, world: &Simulation) {
        let me = world.service();
        if std::mem::take(&mut self.asleep) {
            self.awake(world);
        }
        if !std::mem::replace(&mut self.started, true) {
            let generations = self.clients(world).map(Port::generation);
            let generations: Vec<u32> = generations.collect();
            self.host.start(generations);
        }
        let worked = self.host.turn();
        if !world.runs(me) {
            return;
        }
        if worked {
            self.idle = 0;
            return;
        }
        self.idle += 1;
        if self.idle < world.state.borrow_mut().random.below(4) {
            return;
        }
        self.idle = 0;
        if self.host.may_sleep() && world.runs(me) {
            self.asleep = world.state.borrow_mut().sleep(me, None);
            if !self.asleep {
                // It was rung meanwhile, and did not even block.
                self.awake(world);
            }
        }
    }

    fn awake(&mut self, world: &Simulation) {
        let badges = world.state.borrow_mut().take_badges(world.service());
        self.host.awake(badges);
    }

    /// What it would do something about, by window: messages that it would take, or news of a peer.
    pub fn backlog(&self, world: &Simulation) -> Option<(usize, String)> {
        self.host.links().enumerate().find_map(|(number, port)| {
            let waiting = port.waiting_messages(world);
            let listens = self.host.listens(number, port.free_slots(world));
            if waiting > 0 && listens {
                return Some((port.window, format!("{waiting} messages")));
            }
            // The next client of a ring waits until nothing of the one before is under way.
            let news = port.has_news(world) && self.host.service().is_quiet(number);
            news.then(|| (port.window, "news of its peer".to_owned()))
        })
    }
}
