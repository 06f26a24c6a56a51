//! A service as its world sees it: events go in, actions come out.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Message;
use atoll_abi::syscall::{Completion, Syscall};

use crate::client::Loss;

/// Calls that one [`Event::Calls`] brings at most.
pub const BATCH: usize = RING_SLOTS / 2;

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The service starts.
    Start,
    /// Calls were taken from the ring of a client: at most [`Service::room`].
    Calls {
        /// The ring.
        ring: usize,
        /// The calls, in order.
        calls: &'a [Syscall],
    },
    /// The component that the service uses itself, its upstream, answered.
    Completions(&'a [Completion]),
    /// The client's side of a ring is dead, or broke the ring's protocol.
    ClientLost {
        /// The ring.
        ring: usize,
    },
    /// A ring is used again, in a new generation of its channel.
    ClientConnected {
        /// The ring.
        ring: usize,
        /// Generation of the channel.
        generation: u32,
    },
    /// The upstream is dead, or broke the protocol.
    UpstreamLost(Loss),
    /// There is an upstream again.
    UpstreamConnected,
    /// The device that the component drives may have done something.
    Device,
    /// The time that [`Service::due`] named has come.
    Time,
}

/// What the service has done.
pub trait Actions {
    /// Puts completions into a client's ring, with one publication, and wakes the client where it sleeps. There is room for
    /// them, unless the client broke the ring, which is told by [`Event::ClientLost`].
    fn complete(&mut self, ring: usize, completions: &[Completion]);

    /// Sends calls to the upstream, with one publication, and wakes it where it sleeps. There is room for them, unless the
    /// upstream broke the ring, which is told by [`Event::UpstreamLost`].
    fn call(&mut self, calls: &[Message]);

    /// Copies a block of a pool that the service reaches: see `Plan::reached_pools`. A client may write its blocks meanwhile.
    fn read_block(&mut self, pool: u32, index: u32, into: &mut [u8; BLOCK_SIZE]);

    /// Writes a block of a pool that the service reaches.
    fn write_block(&mut self, pool: u32, index: u32, from: &[u8; BLOCK_SIZE]);

    /// Copies bytes of a block, from an offset on; all of them are in the block. Where nothing better is known, through a copy of the
    /// block.
    fn read_bytes(&mut self, pool: u32, index: u32, offset: usize, into: &mut [u8]) {
        let mut block = [0; BLOCK_SIZE];
        self.read_block(pool, index, &mut block);
        if let Some(bytes) = block.get(offset..).and_then(|it| it.get(..into.len())) {
            into.copy_from_slice(bytes);
        }
    }

    /// Writes bytes of a block, from an offset on; all of them are in the block. Where nothing better is known, through a copy of the
    /// block, by which the others become what they were just before.
    fn write_bytes(&mut self, pool: u32, index: u32, offset: usize, from: &[u8]) {
        let mut block = [0; BLOCK_SIZE];
        self.read_block(pool, index, &mut block);
        let bytes = block
            .get_mut(offset..)
            .and_then(|it| it.get_mut(..from.len()));
        if let Some(bytes) = bytes {
            bytes.copy_from_slice(from);
            self.write_block(pool, index, &block);
        }
    }
}

/// A service: a pure state machine that has clients, and may use one other component.
pub trait Service {
    /// Whether it is told the time. Reading the clock takes instructions of every turn.
    const HAS_CLOCK: bool = false;

    /// How many calls may be taken from a ring now, where its ring of completions has so many free slots.
    fn room(&self, ring: usize, free: usize) -> usize;

    /// Whether nothing is under way any more of the calls of the client that was lost on a ring, on none of its rings: only then
    /// may the next client on the ring begin, because until then a device may still write the blocks of the one before.
    fn is_quiet(&self, ring: usize) -> bool;

    /// Whether calls are under way in it. Who keeps nobody else from running looks longer for what is on its way before it
    /// sleeps.
    fn is_busy(&self) -> bool;

    /// Tells what time it is, in nanoseconds since some moment: before each event of a service that has a clock.
    fn set_time(&mut self, now: u64) {
        let _ = now;
    }

    /// When it wants [`Event::Time`], by the time of [`Service::set_time`].
    fn due(&self) -> Option<u64> {
        None
    }

    /// Decides about an event.
    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions);
}
