//! An actor's side of a channel, used one ring step at a time: between any two of them others act, and the actor may die.
//! What an actor does after its death, or while it has no core, has no effect.

use std::mem;
use std::rc::{Rc, Weak};

use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::Completion;
use atoll_channel::{Endpoint, Link, LinkError, SendError, Side};

use crate::simulation::Simulation;
use crate::state::Id;

/// How the peer is woken.
#[derive(Clone, Copy)]
pub enum PeerDoorbell {
    /// By its notification, with this badge.
    Notification(u64),
    /// By the server of the actor's own cluster, which is told of this connection.
    Server(usize),
}

/// One side of a channel.
pub struct Port {
    world: Weak<Simulation>,
    end: Endpoint,
    /// The channel's window.
    pub window: usize,
    side: usize,
    me: Id,
    peer: Id,
    doorbell: PeerDoorbell,
    /// What it sends may find no place, and that is its own fault.
    careless: bool,
}

impl Port {
    /// A side that the first of two actors attached.
    pub fn new(
        world: &Simulation,
        end: Endpoint,
        window: usize,
        side: Side,
        [me, peer]: [Id; 2],
        doorbell: PeerDoorbell,
    ) -> Port {
        Port {
            world: world.me.clone(),
            end,
            window,
            side: match side {
                Side::First => 0,
                Side::Second => 1,
            },
            me,
            peer,
            doorbell,
            careless: false,
        }
    }

    /// The same side, of an actor that sends without regard to credits.
    pub fn careless(self) -> Port {
        Port {
            careless: true,
            ..self
        }
    }

    /// The generation of the channel.
    pub fn generation(&self) -> u32 {
        self.end.generation()
    }

    /// A point between two steps; the simulation, where the actor still runs.
    fn enter(&self) -> Option<Rc<Simulation>> {
        let world = self.world.upgrade()?;
        world.point(self.me).then_some(world)
    }

    fn ring(&self, world: &Simulation) {
        match self.doorbell {
            PeerDoorbell::Notification(badge) => {
                world.state.borrow_mut().ring(self.me, self.peer, badge)
            }
            PeerDoorbell::Server(connection) => {
                world.request_wake(self.me, connection);
                if world.point(self.me) {
                    let server = world.server(world.cluster_of(self.me));
                    world.state.borrow_mut().ring(self.me, server, 0);
                }
            }
        }
    }

    fn names(&self) -> (usize, [Id; 2]) {
        (self.window, [self.me, self.peer])
    }

    fn note_sent(&self, world: &Simulation, messages: &[Message]) {
        let state = &mut *world.state.borrow_mut();
        state.tally.messages += messages.len() as u64;
        let first = messages.first().map_or(0, |message| message[0]);
        state.note(self.me, "publishes", [self.window as u64, first]);
        let generation = self.end.generation();
        state
            .links
            .sent(self.window, self.side, generation, messages);
        if self.side == 1 && world.is_honest_client(self.window) {
            for completion in messages.iter().map(Completion::from_message) {
                let known = state.flights.answered(self.window, generation, &completion);
                if !known && !state.links.is_hostile(self.window) {
                    let name = world.name(self.me);
                    state.violate(format!(
                        "exactly once: {name} answers what no call in flight has: {completion:?}"
                    ));
                }
            }
        }
    }

    fn note_received(&self, world: &Simulation, message: &Message) {
        let state = &mut *world.state.borrow_mut();
        state.note(self.me, "receives", [self.window as u64, message[0]]);
        let (generation, from) = (self.end.generation(), 1 - self.side);
        let found = state.links.received(self.window, from, generation, message);
        if let Err(violation) = found {
            state.violate(violation);
        }
    }

    /// Takes messages one by one, with points between looking at each and freeing its slot.
    fn receive_slowly(
        &mut self,
        world: &Simulation,
        into: &mut [Message],
    ) -> Result<usize, LinkError> {
        let mut count = 0;
        for place in into {
            if count > 0 && !world.point(self.me) {
                break;
            }
            match self.end.receiver.peek() {
                Ok(Some(message)) => *place = message,
                Ok(None) => break,
                // What came before is good.
                Err(_) if count > 0 => break,
                Err(_) => return Err(broken(world, self.names())),
            }
            if !world.point(self.me) {
                break;
            }
            self.note_received(world, place);
            self.end.receiver.advance();
            count += 1;
        }
        Ok(count)
    }

    /// Messages that wait for this side. Those of a sender that is dead do not count: it may have died before it could
    /// ring, and its supervisor will. Nor do those of one that runs: it may be about to ring. Nor do those of one that sends without regard to credits: it is not served before it
    /// takes its completions, and does not ring then.
    pub fn waiting_messages(&self, world: &Simulation) -> usize {
        let state = world.state.borrow();
        let peer = &state.status[self.peer];
        if !peer.alive || world.may_ring(&state, self.peer) || world.floods(self.peer) {
            return 0;
        }
        let generation = self.end.generation();
        state.links.waiting(self.window, 1 - self.side, generation)
    }

    /// Free slots of the ring on which this side sends, without looking at it.
    pub fn free_slots(&self, world: &Simulation) -> usize {
        let generation = self.end.generation();
        let state = world.state.borrow();
        let sent = state.links.waiting(self.window, self.side, generation);
        atoll_channel::CAPACITY.saturating_sub(sent)
    }

    /// Whether there is something to learn about an honest peer.
    pub fn has_news(&self, world: &Simulation) -> bool {
        let state = world.state.borrow();
        let exempt = state.links.is_hostile(self.window) || world.may_ring(&state, self.peer);
        !exempt && self.end.receiver.peer_changed()
    }
}

/// An honest peer never breaks a ring.
fn broken(world: &Simulation, (window, [me, peer]): (usize, [Id; 2])) -> LinkError {
    if !world.state.borrow().links.is_hostile(window) {
        let (name, peer) = (world.name(me), world.name(peer));
        world.violate(format!("honesty: {name} found the ring of {peer} broken"));
    }
    LinkError::Broken
}

impl Link for Port {
    fn receive(&mut self, into: &mut [Message]) -> Result<usize, LinkError> {
        let Some(world) = self.enter() else {
            return Ok(0);
        };
        if world.state.borrow_mut().random.one_in(2) {
            return self.receive_slowly(&world, into);
        }
        let received = self.end.receiver.receive_batch(into);
        let count = received.map_err(|_| broken(&world, self.names()))?;
        for message in &into[..count] {
            self.note_received(&world, message);
        }
        Ok(count)
    }

    fn send(&mut self, messages: &[Message]) -> Result<usize, LinkError> {
        let Some(world) = self.enter() else {
            return Ok(messages.len());
        };
        let me = self.me;
        let excused = self.careless || world.state.borrow().links.is_hostile(self.window);
        let no_place = || {
            if !excused {
                let name = world.name(me);
                world.violate(format!(
                    "credits: a message of {name} finds no place in its ring"
                ));
            }
        };
        let names = self.names();
        let staged = match self.end.sender.stage(messages) {
            Ok(staged) => staged,
            Err(SendError::Full) => {
                no_place();
                return Err(LinkError::Full);
            }
            Err(SendError::Peer(_)) => return Err(broken(&world, names)),
        };
        if !world.point(self.me) {
            // The dead take nothing back.
            mem::forget(staged);
            return Ok(messages.len());
        }
        let (count, wake) = staged.publish();
        self.note_sent(&world, &messages[..count]);
        if count < messages.len() {
            no_place();
        }
        if world.point(self.me) && wake.needed() {
            self.end.sender.note_doorbell();
            self.ring(&world);
            world.point(self.me);
        }
        Ok(count)
    }

    fn free(&mut self) -> usize {
        let entered = self.enter();
        entered.map_or(0, |_| self.end.sender.free().unwrap_or(0))
    }

    fn waiting(&mut self) -> bool {
        self.enter().is_some() && self.end.receiver.waiting()
    }

    fn arm(&mut self) -> bool {
        let Some(world) = self.enter() else {
            return true;
        };
        let armed = self.end.receiver.arm().unwrap_or(false);
        world.point(self.me);
        armed
    }

    fn disarm(&mut self) {
        if self.world.upgrade().is_some_and(|it| it.runs(self.me)) {
            self.end.receiver.disarm();
        }
    }

    fn peer_changed(&self) -> bool {
        let runs = self.world.upgrade().is_some_and(|it| it.runs(self.me));
        runs && self.end.receiver.peer_changed()
    }

    fn peer_dead(&self) -> bool {
        self.end.receiver.peer_dead()
    }

    fn reattach(&mut self) -> Option<u32> {
        let world = self.enter()?;
        if !self.end.reattach() {
            return None;
        }
        if world.point(self.me) {
            self.ring(&world);
        }
        Some(self.end.generation())
    }

    fn close(&mut self) {
        if let Some(world) = self.enter() {
            self.end.close();
            self.ring(&world);
        }
    }
}
