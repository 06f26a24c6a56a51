//! A service: the real host of a service over real rings, with the main loop of a service on seL4.

use std::rc::Weak;

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
    host: Host<S, Port, Pool>,
    me: Id,
    clients: usize,
    started: bool,
    asleep: bool,
    idle: u64,
}

/// Its own pool of blocks.
struct Pool {
    world: Weak<Simulation>,
    me: Id,
    index: usize,
}

impl Memory for Pool {
    fn read_block(&mut self, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        let Some(world) = self.world.upgrade() else {
            return;
        };
        world.point(self.me);
        world.pools[self.index].read(index, into);
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
        let pool = Pool {
            world: world.me.clone(),
            me,
            index: world.scenario.all_processes() + index,
        };
        let driver = port(index, Side::First);
        Component {
            me,
            clients: clients.len(),
            host: Host::new(service(&world.plan, index), clients, Some(driver), pool),
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
