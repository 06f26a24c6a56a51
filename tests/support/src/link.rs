//! A link over queues, of which a test plays the peer.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;

use atoll_abi::message::{Message, Payload};
use atoll_channel::{CAPACITY, Link, LinkError};

/// The state of a [`FakeLink`].
#[derive(Default)]
pub struct Rings {
    /// What the peer sent.
    pub incoming: VecDeque<Message>,
    /// What was sent to the peer.
    pub outgoing: VecDeque<Message>,
    /// The peer broke the protocol.
    pub broken: bool,
    /// The peer died, or came back: alive or not, and the channel's generation.
    pub changed: Option<(bool, u32)>,
    /// The peer was dead when this generation of the channel began.
    pub dead: bool,
    /// The link's side is about to sleep.
    pub armed: bool,
    /// How often was looked whether something is to be received.
    pub looks: usize,
    /// The link's side gave the channel up.
    pub closed: bool,
}

/// A link whose peer is a test. Clones are the same link.
#[derive(Clone, Default)]
pub struct FakeLink(Rc<RefCell<Rings>>);

impl FakeLink {
    /// The link's state.
    pub fn rings(&self) -> RefMut<'_, Rings> {
        self.0.borrow_mut()
    }

    /// The peer sends a message.
    pub fn send_to_it(&self, message: &impl Payload) {
        self.rings().incoming.push_back(message.to_message());
    }

    /// The peer takes a message.
    pub fn take<T: Payload>(&self) -> Option<T> {
        let message = self.rings().outgoing.pop_front()?;
        Some(T::from_message(&message))
    }
}

impl Link for FakeLink {
    fn receive(&mut self, into: &mut [Message]) -> Result<usize, LinkError> {
        let mut rings = self.rings();
        if rings.broken {
            return Err(LinkError::Broken);
        }
        let count = into.len().min(rings.incoming.len());
        for (place, message) in into.iter_mut().zip(rings.incoming.drain(..count)) {
            *place = message;
        }
        Ok(count)
    }

    fn send(&mut self, messages: &[Message]) -> Result<usize, LinkError> {
        let mut rings = self.rings();
        if rings.broken {
            return Err(LinkError::Broken);
        }
        let count = messages.len().min(CAPACITY - rings.outgoing.len());
        if count == 0 {
            return Err(LinkError::Full);
        }
        rings.outgoing.extend(&messages[..count]);
        Ok(count)
    }

    fn free(&mut self) -> usize {
        CAPACITY - self.rings().outgoing.len()
    }

    fn waiting(&mut self) -> bool {
        let mut rings = self.rings();
        rings.looks += 1;
        rings.broken || !rings.incoming.is_empty()
    }

    fn arm(&mut self) -> bool {
        let may = !self.waiting() && !self.peer_changed();
        self.rings().armed = may;
        may
    }

    fn disarm(&mut self) {
        self.rings().armed = false;
    }

    fn peer_changed(&self) -> bool {
        self.rings().changed.is_some()
    }

    fn peer_dead(&self) -> bool {
        let rings = self.rings();
        rings.changed.map_or(rings.dead, |(alive, _)| !alive)
    }

    fn reattach(&mut self) -> Option<u32> {
        let mut rings = self.rings();
        let (alive, generation) = rings.changed.take()?;
        rings.dead = !alive;
        rings.incoming.clear();
        rings.outgoing.clear();
        rings.broken = false;
        alive.then_some(generation)
    }

    fn close(&mut self) {
        self.rings().closed = true;
    }
}
