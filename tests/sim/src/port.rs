//! An actor's side of a channel, used one ring step at a time: between any two of them others act, and the actor may die.

use atoll_abi::message::Message;
use atoll_channel::{Endpoint, SendError, Side};

use crate::simulation::Simulation;
use crate::state::Id;

/// Why an actor did not get on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The ring has no room.
    Full,
    /// The peer broke the ring's protocol.
    Broken,
    /// The actor is dead, or lost its core in the middle: whatever it would still do must not happen.
    Dead,
}

/// One side of a channel.
pub struct Port {
    /// The side itself.
    pub end: Endpoint,
    /// The channel's window.
    pub window: usize,
    side: usize,
    me: Id,
    peer: Id,
}

impl Port {
    /// A side that an actor attached.
    pub fn new(end: Endpoint, window: usize, side: Side, me: Id, peer: Id) -> Port {
        let side = match side {
            Side::First => 0,
            Side::Second => 1,
        };
        Port {
            end,
            window,
            side,
            me,
            peer,
        }
    }

    /// Sends as many messages as there is room for, and rings the peer where it sleeps. `published` is told how many, at
    /// the moment from which on the peer can see them.
    pub fn send(
        &mut self,
        simulation: &Simulation,
        messages: &[Message],
        published: impl FnOnce(usize),
    ) -> Result<usize, Stop> {
        if !simulation.point(self.me) {
            return Err(Stop::Dead);
        }
        let generation = self.end.generation();
        let staged = match self.end.sender.stage(messages) {
            Ok(staged) => staged,
            Err(SendError::Full) => return Err(Stop::Full),
            Err(SendError::Peer(_)) => return Err(Stop::Broken),
        };
        if !simulation.point(self.me) {
            // The dead take nothing back.
            std::mem::forget(staged);
            return Err(Stop::Dead);
        }
        let (count, wake) = staged.publish();
        {
            let state = &mut *simulation.state.borrow_mut();
            state.tally.messages += count as u64;
            state.note(self.me, "publishes", [self.window as u64, messages[0][0]]);
            state
                .links
                .sent(self.window, self.side, generation, &messages[..count]);
        }
        published(count);
        if !simulation.point(self.me) {
            return Err(Stop::Dead);
        }
        if wake.needed() {
            self.end.sender.note_doorbell();
            simulation.state.borrow_mut().ring(self.me, self.peer);
            if !simulation.point(self.me) {
                return Err(Stop::Dead);
            }
        }
        Ok(count)
    }

    /// Takes the next message.
    pub fn receive(&mut self, simulation: &Simulation) -> Result<Option<Message>, Stop> {
        if !simulation.point(self.me) {
            return Err(Stop::Dead);
        }
        let Some(message) = self.end.receiver.peek().map_err(|_| Stop::Broken)? else {
            return Ok(None);
        };
        self.note_received(simulation, &message);
        if !simulation.point(self.me) {
            return Err(Stop::Dead);
        }
        self.end.receiver.advance();
        Ok(Some(message))
    }

    /// Takes messages as long as there are any and they fit: one by one, or in a batch, as the seed will.
    pub fn receive_batch(
        &mut self,
        simulation: &Simulation,
        into: &mut [Message],
    ) -> Result<usize, Stop> {
        if simulation.state.borrow_mut().random.one_in(2) {
            let mut count = 0;
            for message in into.iter_mut() {
                match self.receive(simulation) {
                    Ok(Some(received)) => *message = received,
                    Ok(None) => break,
                    // What came before is good.
                    Err(Stop::Broken) if count > 0 => break,
                    Err(stop) => return Err(stop),
                }
                count += 1;
            }
            return Ok(count);
        }
        if !simulation.point(self.me) {
            return Err(Stop::Dead);
        }
        let count = self.end.receiver.receive_batch(into);
        let count = count.map_err(|_| Stop::Broken)?;
        for message in &into[..count] {
            self.note_received(simulation, message);
        }
        Ok(count)
    }

    /// Rings the peer, whether or not it sleeps.
    pub fn ring(&self, simulation: &Simulation) {
        simulation.state.borrow_mut().ring(self.me, self.peer);
    }

    fn note_received(&self, simulation: &Simulation, message: &Message) {
        let state = &mut *simulation.state.borrow_mut();
        state.note(self.me, "receives", [self.window as u64, message[0]]);
        let (generation, from) = (self.end.generation(), 1 - self.side);
        let found = state.links.received(self.window, from, generation, message);
        if let Err(violation) = found {
            state.violate(violation);
        }
    }

    /// Messages that wait for this side. Those of a sender that is dead do not count: it may have died before it could
    /// ring, and its supervisor will.
    pub fn waiting(&self, simulation: &Simulation) -> usize {
        let state = simulation.state.borrow();
        if !state.status[self.peer].alive {
            return 0;
        }
        let generation = self.end.generation();
        state.links.waiting(self.window, 1 - self.side, generation)
    }
}
