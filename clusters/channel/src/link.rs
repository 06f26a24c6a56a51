//! A channel as a component uses it: its side, and the doorbell of the other one.
//!
//! [`Link`] is the seam between a component and the world that runs it. On seL4 and on threads of a host it is an
//! [`EndpointLink`]; the simulator has one of its own, in which others act, or the component dies, between any two steps.

use atoll_abi::message::Message;

use crate::{Doorbell, Endpoint, SendError};

/// Why nothing was received or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// The ring has no room now.
    Full,
    /// The peer broke the protocol of the ring: the channel is not used any more, until it begins anew.
    Broken,
}

/// One side of a channel, and how its peer is woken.
pub trait Link {
    /// Takes as many messages as there are and fit; tells how many.
    ///
    /// # Errors
    /// [`LinkError::Broken`].
    fn receive(&mut self, into: &mut [Message]) -> Result<usize, LinkError>;

    /// Sends as many messages as there is room for, with one publication, and wakes the peer where it sleeps. Tells how
    /// many, at least one.
    ///
    /// # Errors
    /// Nothing was sent.
    fn send(&mut self, messages: &[Message]) -> Result<usize, LinkError>;

    /// How many messages can be sent now; none where the peer broke the ring.
    fn free(&mut self) -> usize;

    /// Whether there is something to receive.
    fn waiting(&mut self) -> bool;

    /// Says that this side is about to sleep. `false` where it must not, because there is something to receive or to learn:
    /// then it is not asleep.
    fn arm(&mut self) -> bool;

    /// Says that this side is awake.
    fn disarm(&mut self);

    /// Whether the peer died or came back since this generation of the channel began.
    fn peer_changed(&self) -> bool;

    /// Whether the peer is dead.
    fn peer_dead(&self) -> bool;

    /// Begins anew with the peer as it is now, where the channel was given up only if the peer is another one than then. Gives
    /// the generation, where both sides are alive, and wakes the peer, which may wait for that.
    fn reattach(&mut self) -> Option<u32>;

    /// Gives the channel up, because the peer broke its protocol, and tells the peer.
    fn close(&mut self);
}

/// An endpoint, and the doorbell of its peer.
pub struct EndpointLink<D> {
    /// The endpoint.
    pub endpoint: Endpoint,
    doorbell: D,
}

impl<D: Doorbell> EndpointLink<D> {
    /// A link of an endpoint whose peer is woken by `doorbell`.
    pub fn new(endpoint: Endpoint, doorbell: D) -> EndpointLink<D> {
        EndpointLink { endpoint, doorbell }
    }

    /// As [`EndpointLink::new`], of an endpoint that has just been attached: where the channel is not in its first generation, its
    /// peer is woken, which may wait to learn that this side [has begun](Endpoint::peer_has_begun).
    pub fn begin(endpoint: Endpoint, doorbell: D) -> EndpointLink<D> {
        let mut link = EndpointLink::new(endpoint, doorbell);
        if link.endpoint.generation() != 0 {
            link.ring();
        }
        link
    }

    /// Wakes the peer, whether or not it sleeps: it learns of a new incarnation of this side by no message.
    pub fn ring(&mut self) {
        self.doorbell.ring();
    }
}

impl<D: Doorbell> Link for EndpointLink<D> {
    #[inline]
    fn receive(&mut self, into: &mut [Message]) -> Result<usize, LinkError> {
        let received = self.endpoint.receiver.receive_batch(into);
        received.map_err(|_| LinkError::Broken)
    }

    #[inline]
    fn send(&mut self, messages: &[Message]) -> Result<usize, LinkError> {
        match self.endpoint.sender.send_batch(messages) {
            Ok((sent, wake)) => {
                self.endpoint.sender.wake(wake, &mut self.doorbell);
                Ok(sent)
            }
            Err(SendError::Full) => Err(LinkError::Full),
            Err(SendError::Peer(_)) => Err(LinkError::Broken),
        }
    }

    #[inline]
    fn free(&mut self) -> usize {
        self.endpoint.sender.free().unwrap_or(0)
    }

    #[inline]
    fn waiting(&mut self) -> bool {
        self.endpoint.receiver.waiting()
    }

    fn arm(&mut self) -> bool {
        // Where the peer broke the ring, it is read once more, which tells.
        self.endpoint.receiver.arm().unwrap_or(false)
    }

    fn disarm(&mut self) {
        self.endpoint.receiver.disarm();
    }

    #[inline]
    fn peer_changed(&self) -> bool {
        self.endpoint.receiver.peer_changed()
    }

    fn peer_dead(&self) -> bool {
        self.endpoint.receiver.peer_dead()
    }

    fn reattach(&mut self) -> Option<u32> {
        self.endpoint.reopen();
        if !self.endpoint.reattach() {
            return None;
        }
        self.doorbell.ring();
        Some(self.endpoint.generation())
    }

    fn close(&mut self) {
        self.endpoint.close();
        self.doorbell.ring();
    }
}
