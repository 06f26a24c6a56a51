//! Peers that lie: they write anything anywhere in what they may write, and send messages that look right and are not; or
//! they make calls without regard to credits.

use std::collections::VecDeque;

use atoll_abi::block::BlockList;
use atoll_abi::file::{OpenFlags, Path};
use atoll_abi::interface::{Request, request};
use atoll_abi::layout::RING_WINDOW_SIZE;
use atoll_abi::message::{Message, Payload};
use atoll_abi::plan::MAX_CONNECTIONS;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::{Link, Side, window};
use atoll_scenarios::script;

use crate::machine::LOG_BLOCKS;
use crate::memory::WORDS;
use crate::port::Port;
use crate::random::Random;
use crate::simulation::Simulation;
use crate::state::Id;

/// An actor that lies.
pub struct Liar {
    ports: Vec<Port>,
    kind: Kind,
    /// Messages that it got or sent, to be sent again.
    seen: VecDeque<Message>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The server of a cluster: it has no rings to lie on, only wake words.
    Server(usize),
    Service,
    Driver,
    /// A vcore of a process: it has wake requests too.
    Vcore(usize),
    /// A vcore that lends the same blocks in several calls.
    Lender,
    /// A vcore that makes calls and takes hardly any completions.
    Flood,
}

impl Liar {
    fn new(kind: Kind, ports: Vec<Port>) -> Liar {
        Liar {
            ports,
            kind,
            seen: VecDeque::new(),
        }
    }

    /// The server of a cluster. It serves none of its own processes.
    pub fn server(cluster: usize) -> Liar {
        Liar::new(Kind::Server(cluster), Vec::new())
    }

    /// The file service. It lies to its clients, not to its driver.
    pub fn service(world: &Simulation) -> Liar {
        let clients = world.clients_of(0);
        let ports = clients.map(|it| world.connection_port(it.number, Side::Second, false));
        Liar::new(Kind::Service, ports.collect())
    }

    /// The block driver.
    pub fn driver(world: &Simulation) -> Liar {
        let port = world.connection_port(0, Side::Second, false);
        Liar::new(Kind::Driver, vec![port])
    }

    /// A vcore.
    pub fn vcore(world: &Simulation, process: usize, vcore: usize) -> Liar {
        let number = world.connection_of(process, vcore);
        let files = world.connection_port(number, Side::First, false);
        let server = world.server_port(process, vcore, Side::First, false);
        if world.scenario.lends_twice {
            return Liar::new(Kind::Lender, vec![files.careless()]);
        }
        if world.scenario.flooding_process {
            return Liar::new(Kind::Flood, vec![server.careless(), files.careless()]);
        }
        Liar::new(Kind::Vcore(process), vec![server, files])
    }

    /// One lie, or none. It never sleeps in the fault phase: no actor can rely on its doorbell.
    pub fn step(&mut self, world: &Simulation, me: Id) {
        if world.state.borrow().calm {
            world.state.borrow_mut().sleep(me, None);
            return;
        }
        world.state.borrow_mut().tally.faults += 1;
        match self.kind {
            Kind::Server(cluster) => lie_about_wake_ups(world, cluster, me),
            Kind::Flood => self.flood(world, me),
            Kind::Lender => self.lend(world),
            Kind::Vcore(process) if world.state.borrow_mut().random.one_in(16) => {
                let number = garbage_connection(world);
                world.requests_of(process).attach().set(number);
                let server = world.server(world.cluster_of(me));
                world.state.borrow_mut().ring(me, server, 0);
            }
            Kind::Vcore(_) | Kind::Service | Kind::Driver => self.lie(world),
        }
    }

    fn lie(&mut self, world: &Simulation) {
        let (which, action) = {
            let random = &mut world.state.borrow_mut().random;
            (random.index(self.ports.len()), random.below(24))
        };
        let port = &mut self.ports[which];
        match action {
            0 => {
                let random = &mut world.state.borrow_mut().random;
                let (word, value) = (field(random), random.garbage());
                world.windows[port.window].poke(word, value);
            }
            1 if matches!(self.kind, Kind::Service) => {
                *port = world.connection_port(port.window, Side::Second, true);
            }
            1 => port.close(),
            2..12 => {
                let mut batch = [[0; 7]; 8];
                let count = port.receive(&mut batch).unwrap_or(0);
                self.seen.extend(&batch[..count]);
                let excess = self.seen.len().saturating_sub(16);
                self.seen.drain(..excess);
                if self.ports[which].peer_changed() {
                    self.ports[which].reattach();
                }
            }
            _ => {
                let message = self.invent(world);
                let _ = self.ports[which].send(&[message]);
            }
        }
    }

    /// A message that is nearly right.
    fn invent(&mut self, world: &Simulation) -> Message {
        let random = &mut world.state.borrow_mut().random;
        let mut message = match self.seen.len() {
            0 => [0; 7],
            count => self.seen[random.index(count)],
        };
        match random.below(6) {
            // An answer to what was asked, once or again, right or wrong.
            0 | 1 => {
                let mut answer = Completion::from_message(&message);
                answer.status = random.below(16) as u32;
                answer.result = [random.garbage(), random.garbage()];
                answer.generation = message[5] as u32;
                answer.block = random.below(10) as u32;
                message = answer.to_message();
            }
            // An answer that gives the block back of what was asked.
            2 => {
                let syscall = Syscall::from_message(&message);
                let status = atoll_abi::syscall::Status::Done;
                let results = [random.garbage(), random.garbage()];
                message = Completion::of(&syscall, status, results).to_message();
            }
            // A request for anything.
            3 => {
                let mut syscall = Syscall::from_message(&message);
                syscall.tag = random.garbage();
                syscall.call = random.below(21) as u16;
                syscall.count = random.below(40) as u16;
                syscall.handle = random.garbage() as u32;
                syscall.arguments = std::array::from_fn(|_| random.garbage());
                syscall.block = random.below(10) as u32;
                syscall.generation = random.below(4) as u32;
                message = syscall.to_message();
            }
            4 => message[random.index(7)] = random.garbage(),
            // The same again.
            _ => {}
        }
        message
    }

    /// Lends a block in two calls at once, and takes what is answered.
    fn lend(&mut self, world: &Simulation) {
        let calls = {
            let random = &mut world.state.borrow_mut().random;
            let block = random.below(2) as u32;
            [(); 2].map(|()| {
                let first = random.below(LOG_BLOCKS);
                let call = match random.one_in(2) {
                    true => request::ReadBlocks { first }.encode(),
                    false => request::WriteBlocks { first }.encode(),
                };
                let call = Syscall {
                    tag: random.next(),
                    generation: 1,
                    ..BlockList::one(block).into_call(call)
                };
                call.to_message()
            })
        };
        for port in &mut self.ports {
            let _ = port.send(&calls);
            let _ = port.receive(&mut [[0; 7]; 8]);
            if port.peer_changed() {
                port.reattach();
            }
        }
    }

    /// Makes as many calls as the rings take, valid ones, and takes a completion now and then.
    fn flood(&mut self, world: &Simulation, me: Id) {
        let print = request::Print {
            text: [u64::from_le_bytes(*b"flood!!\n"), 0, 0, 0],
            length: 8,
        };
        let open = request::Open {
            flags: OpenFlags::empty(),
            path: Path::short(script::FILES[0].0.as_bytes()).expect("a short word"),
        };
        // Those that may be open at a time soon are; what has to be on the disk is waited for every time.
        let to_service = match world.state.borrow_mut().random.one_in(4) {
            true => open.encode(),
            false => request::Sync {}.encode(),
        };
        let count = world.scenario.vcores as u64;
        // It wants all its vcores.
        let to_server = match world.state.borrow_mut().random.below(4) {
            0 => request::BecomeMcp {}.encode(),
            1 => request::RequestVcores { count }.encode(),
            _ => print.encode(),
        };
        for (port, call) in self.ports.iter_mut().zip([to_server, to_service]) {
            if !world.runs(me) {
                return;
            }
            let call = Syscall {
                generation: 1,
                ..call
            };
            let _ = port.send(&[call.to_message(); 24]);
            let mut taken = [[0; 7]; 1];
            if world.state.borrow_mut().random.one_in(4) {
                let _ = port.receive(&mut taken);
            }
            if port.peer_changed() {
                port.reattach();
            }
        }
    }
}

/// A server sets any bits in the words that it may write, and rings the server of the files.
fn lie_about_wake_ups(world: &Simulation, cluster: usize, me: Id) {
    let Some((channel, end)) = world.plan.channel_between(cluster as u32, 0) else {
        return;
    };
    let number = garbage_connection(world);
    world.wake_pages[channel][end].attach().set(number);
    let state = &mut *world.state.borrow_mut();
    let neighbour = world.server(0);
    state.ring(me, neighbour, 0);
    // What the others tell it, it takes and forgets.
    world.wake_pages[channel][1 - end].attach().take(|_| {});
}

/// The number of a connection that there is, or of none.
fn garbage_connection(world: &Simulation) -> usize {
    let random = &mut world.state.borrow_mut().random;
    match random.below(3) {
        0 => random.index(MAX_CONNECTIONS),
        _ => random.index(world.connections.len()),
    }
}

/// A word of a window: one that a peer acts on, or any.
fn field(random: &mut Random) -> usize {
    let fields = [
        window::CONSUMED,
        window::ASLEEP,
        window::INCARNATION,
        window::SENT,
        window::SLOTS,
    ];
    let ring = random.index(2) * RING_WINDOW_SIZE / 2;
    match random.below(4) {
        0 => random.index(WORDS),
        1 => (ring + window::SLOTS + random.index(64) * 64) / 8,
        _ => (ring + fields[random.index(fields.len())]) / 8,
    }
}
