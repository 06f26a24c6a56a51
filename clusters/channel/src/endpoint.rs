//! One side of a channel.

use crate::memory::Shared;
use crate::receiver::Receiver;
use crate::sender::Sender;

/// Which side of a channel one is. [`Side::First`] sends on ring 0 and receives on ring 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Sends on ring 0.
    First,
    /// Sends on ring 1.
    Second,
}

/// One side of a channel: the producer's end of one ring and the consumer's end of the other.
pub struct Endpoint {
    /// Sends to the peer.
    pub sender: Sender,
    /// Receives from the peer.
    pub receiver: Receiver,
}

impl Endpoint {
    fn new(rings: [Shared; 2], side: Side) -> Endpoint {
        let [zero, one] = rings;
        let (outgoing, incoming) = match side {
            Side::First => (zero, one),
            Side::Second => (one, zero),
        };
        Endpoint {
            sender: Sender::new(outgoing),
            receiver: Receiver::new(incoming),
        }
    }

    /// Attaches one side to the window of a channel.
    ///
    /// # Safety
    /// `window` points to [`atoll_abi::layout::RING_WINDOW_SIZE`] bytes, aligned to a page, that were zero before either
    /// side first attached, that stay mapped for as long as the endpoint lives, and that this address space uses as a
    /// channel's window only. Each side is attached at most once in the life of a window.
    #[cfg(not(loom))]
    pub unsafe fn attach(window: *mut u8, side: Side) -> Endpoint {
        // SAFETY: the caller promises a whole window; a ring is one half of it.
        let rings = unsafe {
            [
                Shared::new(window),
                Shared::new(window.add(crate::window::RING)),
            ]
        };
        Endpoint::new(rings, side)
    }

    /// Both sides of a channel on loom's heap.
    #[cfg(loom)]
    pub fn pair() -> (Endpoint, Endpoint) {
        let (zero, one) = (Shared::new(), Shared::new());
        (
            Endpoint::new([zero.clone(), one.clone()], Side::First),
            Endpoint::new([zero, one], Side::Second),
        )
    }
}
