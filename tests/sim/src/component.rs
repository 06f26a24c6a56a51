//! A service: the real host of a service over real rings, with the main loop of a service on seL4.

use std::rc::{Rc, Weak};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::connection::Provider;
use atoll_abi::plan::Plan;
use atoll_call::Service;
use atoll_channel::Side;
use atoll_service::{Host, Memory};

use crate::port::Port;
use crate::simulation::Simulation;
use crate::state::Id;

/// A service among its rings.
pub struct Component<S> {
    host: Host<S, Port, Pools>,
    me: Id,
    clients: usize,
    started: bool,
    asleep: bool,
    idle: u64,
}

/// The pools that it reaches.
struct Pools {
    world: Weak<Simulation>,
    me: Id,
    /// By their indexes in the plan.
    reached: Vec<u32>,
}

impl Pools {
    /// The world, after others have gone on, for an access to a block of a client that a call has; `None` where there is no
    /// world any more.
    fn before(&self, pool: u32, index: u32, written: bool) -> Option<Rc<Simulation>> {
        assert!(self.reached.contains(&pool), "pool {pool} is not reached");
        let world = self.world.upgrade()?;
        if !world.point(self.me) {
            return None;
        }
        world.check_transfer(pool as usize, index, written);
        Some(world)
    }
}

impl Memory for Pools {
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        if let Some(world) = self.before(pool, index, false) {
            world.pools[pool as usize].read(index, into);
        }
    }

    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]) {
        if let Some(world) = self.before(pool, index, true) {
            world.pools[pool as usize].write(index, 0, from);
        }
    }
}

impl<S: Service> Component<S> {
    /// The service of an index of the plan, which has not started; `again` where one died before.
    pub fn new(
        world: &Simulation,
        index: usize,
        again: bool,
        service: impl FnOnce(&Plan, usize) -> S,
    ) -> Component<S> {
        let port = |number, side| world.connection_port(number, side, again);
        let clients = world.plan.clients_of(Provider::Service(index));
        let clients: Vec<Port> = clients
            .map(|connection| port(connection.number, Side::Second))
            .collect();
        let me = world.service(index);
        let reached = world.plan.reached_pools(index).map(|it| it.pool);
        let pools = Pools {
            world: world.me.clone(),
            me,
            reached: reached.collect(),
        };
        let driver = port(index, Side::First);
        Component {
            me,
            clients: clients.len(),
            host: Host::new(service(&world.plan, index), clients, Some(driver), pools),
            started: false,
            asleep: false,
            idle: 0,
        }
    }

    /// The service itself.
    pub fn service(&self) -> &S {
        self.host.service()
    }

    /// One turn of its main loop.
    pub fn step(&mut self, world: &Simulation) {
        if std::mem::take(&mut self.asleep) {
            self.awake(world);
        }
        if !std::mem::replace(&mut self.started, true) {
            let clients = self.host.links().take(self.clients);
            let generations: Vec<u32> = clients.map(Port::generation).collect();
            self.host.start(generations);
        }
        let worked = self.host.turn();
        if !world.runs(self.me) {
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
        if self.host.may_sleep() && world.runs(self.me) {
            self.asleep = world.state.borrow_mut().sleep(self.me, None);
            if !self.asleep {
                // It was rung meanwhile, and did not even block.
                self.awake(world);
            }
        }
    }

    fn awake(&mut self, world: &Simulation) {
        let badges = world.state.borrow_mut().take_badges(self.me);
        self.host.awake(badges);
    }

    /// What it would do something about, by window.
    pub fn backlog(&self, world: &Simulation) -> Option<(usize, String)> {
        backlog(&self.host, world)
    }
}

/// What a service would do something about, by window: messages that it would take, or news of a peer.
pub fn backlog<S: Service, M: Memory>(
    host: &Host<S, Port, M>,
    world: &Simulation,
) -> Option<(usize, String)> {
    host.links().enumerate().find_map(|(number, port)| {
        let waiting = port.waiting_messages(world);
        let listens = host.listens(number, port.free_slots(world));
        if waiting > 0 && listens {
            return Some((port.window, format!("{waiting} messages")));
        }
        // The next client of a ring waits until nothing of the one before is under way.
        let news = port.has_news(world) && host.service().is_quiet(number);
        news.then(|| (port.window, "news of its peer".to_owned()))
    })
}
