//! Atoll's own channel over a window on the heap.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::{Endpoint, SendError, Side, Wake, window};

use super::{Candidate, Payload, Receiver, Sender};

/// A window on the heap.
pub struct Window(*mut u8);

// SAFETY: the memory is used through atomics only.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

impl Window {
    fn layout() -> Layout {
        Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).expect("a window is pages")
    }

    /// A window that no side is attached to, and both sides; the sides must be dropped before it.
    pub fn attach() -> (Arc<Window>, Endpoint, Endpoint) {
        // SAFETY: the layout has a size.
        let start = unsafe { alloc_zeroed(Window::layout()) };
        if start.is_null() {
            handle_alloc_error(Window::layout());
        }
        // SAFETY: zeroed, aligned, and freed only when the last owner of the window is gone.
        let (first, second) = unsafe {
            (
                Endpoint::attach(start, Side::First),
                Endpoint::attach(start, Side::Second),
            )
        };
        (Arc::new(Window(start)), first, second)
    }

    /// The word of ring 0 that says whether its consumer sleeps.
    pub fn asleep(&self) -> &AtomicU64 {
        // SAFETY: inside the window and aligned; both sides access it atomically.
        unsafe { AtomicU64::from_ptr(self.0.add(window::ASLEEP).cast()) }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `attach`.
        unsafe { dealloc(self.0, Window::layout()) }
    }
}

/// Atoll's channel, its consumer never asleep.
pub struct Atoll;

/// One end, and the window that it needs. Fields are dropped in this order.
pub struct End<T> {
    end: T,
    _window: Arc<Window>,
}

impl Candidate for Atoll {
    const NAME: &'static str = "atoll";
    type Message = Payload;
    type Sender = End<atoll_channel::Sender>;
    type Receiver = End<atoll_channel::Receiver>;

    fn ring() -> (Self::Sender, Self::Receiver) {
        let (window, first, second) = Window::attach();
        let sender = End {
            end: first.sender,
            _window: Arc::clone(&window),
        };
        let receiver = End {
            end: second.receiver,
            _window: window,
        };
        (sender, receiver)
    }
}

impl Sender<Payload> for End<atoll_channel::Sender> {
    #[inline(always)]
    fn send(&mut self, message: &Payload) -> bool {
        match self.end.send(message) {
            Ok(Wake::NOT_NEEDED) => true,
            Err(SendError::Full) => false,
            Ok(wake) => unexpected(&wake),
            Err(SendError::Peer(fault)) => unexpected(&fault),
        }
    }

    #[inline(always)]
    fn send_batch(&mut self, messages: &[Payload]) -> usize {
        match self.end.send_batch(messages) {
            Ok((count, Wake::NOT_NEEDED)) => count,
            Err(SendError::Full) => 0,
            Ok(wake) => unexpected(&wake),
            Err(SendError::Peer(fault)) => unexpected(&fault),
        }
    }
}

impl Receiver<Payload> for End<atoll_channel::Receiver> {
    #[inline(always)]
    fn receive(&mut self) -> Option<Payload> {
        match self.end.receive() {
            Ok(message) => message,
            Err(fault) => unexpected(&fault),
        }
    }

    #[inline(always)]
    fn receive_batch(&mut self, into: &mut [Payload]) -> usize {
        match self.end.receive_batch(into) {
            Ok(count) => count,
            Err(fault) => unexpected(&fault),
        }
    }
}

#[cold]
fn unexpected(answer: &dyn std::fmt::Debug) -> ! {
    panic!("a peer that never sleeps and keeps the protocol was met with {answer:?}")
}
