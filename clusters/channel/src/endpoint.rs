//! One side of a channel.

use atoll_timeline::Tap;

use crate::generation::{self, Generation};
use crate::memory::{Header, Shared};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::sync::{Ordering, fence};
use crate::telemetry::Work;

/// Which side of a channel one is. [`Side::First`] sends on ring 0 and receives on ring 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Sends on ring 0.
    First,
    /// Sends on ring 1.
    Second,
}

impl Side {
    /// The rings of a channel as one that this side sends on and one that it receives on.
    fn orient<T>(self, [zero, one]: [T; 2]) -> (T, T) {
        match self {
            Side::First => (zero, one),
            Side::Second => (one, zero),
        }
    }
}

/// One side of a channel: the producer's end of one ring and the consumer's end of the other.
pub struct Endpoint {
    /// Sends to the peer.
    pub sender: Sender,
    /// Receives from the peer.
    pub receiver: Receiver,
    outgoing: Shared,
    incoming: Shared,
}

impl Endpoint {
    fn new(rings: [Shared; 2], side: Side) -> Endpoint {
        let (outgoing, incoming) = side.orient(rings);
        let own = incarnation(&outgoing.header);
        let peer = incarnation(&incoming.header);
        let generation = Generation::of(own, peer);
        let receiver = Receiver::new(incoming.clone(), generation, peer);
        receiver.begin();
        Endpoint {
            sender: Sender::new(outgoing.clone(), generation),
            receiver,
            outgoing,
            incoming,
        }
    }

    /// Attaches one side to the window of a channel.
    ///
    /// # Safety
    /// `window` points to [`atoll_abi::layout::RING_WINDOW_SIZE`] bytes, aligned to a page, that were zero before either
    /// side first attached, that stay mapped for as long as the endpoint lives, and that this address space uses as a
    /// channel's window only. Each side is attached at most once at a time.
    #[cfg(not(loom))]
    pub unsafe fn attach(window: *mut u8, side: Side) -> Endpoint {
        // SAFETY: the caller promises a whole window.
        Endpoint::new(unsafe { rings(window) }, side)
    }

    /// Attaches a new incarnation of a side that died: whatever the dead one wrote, or still writes, is refused from now
    /// on. The peer learns of it by [`Receiver::peer_changed`], for which its doorbell has to be rung once, whether or not
    /// it sleeps: nothing of the new generation wakes it before it has begun it.
    ///
    /// # Safety
    /// As for [`Endpoint::attach`]. The dead incarnation was stopped: nothing that it wrote reaches memory any more.
    #[cfg(not(loom))]
    pub unsafe fn attach_again(window: *mut u8, side: Side) -> Endpoint {
        // SAFETY: the caller promises a whole window.
        Endpoint::come_back(unsafe { rings(window) }, side)
    }

    /// Attaches a side as a new incarnation where it is dead, as its supervisor says before it starts it again, and as the
    /// first one where it has never died.
    ///
    /// # Safety
    /// As for [`Endpoint::attach_again`].
    #[cfg(not(loom))]
    pub unsafe fn attach_next(window: *mut u8, side: Side) -> Endpoint {
        // SAFETY: the caller promises a whole window.
        let rings = unsafe { rings(window) };
        let (outgoing, _) = side.orient([&rings[0], &rings[1]]);
        if generation::alive(incarnation(&outgoing.header)) {
            Endpoint::new(rings, side)
        } else {
            Endpoint::come_back(rings, side)
        }
    }

    #[cfg(not(loom))]
    fn come_back(rings: [Shared; 2], side: Side) -> Endpoint {
        let (outgoing, _) = side.orient([&rings[0], &rings[1]]);
        let number = generation::next(incarnation(&outgoing.header));
        set_incarnation(&outgoing.header, number);
        // The number is seen before anything that the new incarnation writes, and where both sides come back at once one
        // of them sees the other's: else both could take a sum of old and new for the generation.
        fence(Ordering::SeqCst);
        Endpoint::new(rings, side)
    }

    /// Both sides of a channel on loom's heap.
    #[cfg(loom)]
    pub fn pair() -> (Endpoint, Endpoint) {
        let rings = [Shared::new(), Shared::new()];
        (
            Endpoint::new(rings.clone(), Side::First),
            Endpoint::new(rings, Side::Second),
        )
    }

    /// Has what is sent and taken from now on noted for a timeline, and doorbells.
    pub fn note_with(&mut self, tap: Tap) {
        self.sender.tap = tap;
        self.receiver.tap = tap;
    }

    /// The channel's generation: it grows whenever one of its sides dies or comes back.
    pub fn generation(&self) -> u32 {
        self.sender.generation().number()
    }

    /// Begins anew with the peer as it is now, both rings empty. What was under way has to be ended by the caller: no
    /// answer to it will come. Tells whether both sides are alive; where one is dead, the generation is one in which
    /// neither side sends, until [`Receiver::peer_changed`] says that the peer is back.
    pub fn reattach(&mut self) -> bool {
        let own = incarnation(&self.outgoing.header);
        let peer = incarnation(&self.incoming.header);
        let generation = Generation::of(own, peer);
        self.sender.reattach(generation);
        self.receiver.reattach(generation, peer);
        generation::alive(own) && generation::alive(peer)
    }

    /// Whether the peer has begun the channel's present generation: everything that it did before was for an earlier one.
    pub fn peer_has_begun(&self) -> bool {
        self.sender.peer_has_begun()
    }

    /// Where this side has closed the channel and the peer is another one than then, begins another incarnation of this side;
    /// whether it did. Then the peer's doorbell has to be rung, and the channel begun anew.
    pub fn reopen(&mut self) -> bool {
        let own = incarnation(&self.outgoing.header);
        let again =
            !generation::alive(own) && self.receiver.peer_changed() && !self.receiver.peer_dead();
        if again {
            set_incarnation(&self.outgoing.header, generation::next(own));
            // As in `come_back`.
            fence(Ordering::SeqCst);
        }
        again
    }

    /// Tells what the component of this side has done, on this channel and elsewhere.
    pub fn tell_work(&self, work: &Work) {
        work.tell(&self.outgoing.header.work.0);
    }

    /// What the peer tells that it has done.
    pub fn peer_work(&self) -> Work {
        Work::of(&self.incoming.header.work.0)
    }

    /// Says that this side is dead: it wants no more of a peer that broke the protocol, say.
    pub fn close(&mut self) {
        bury(&self.outgoing.header);
    }
}

/// Says of one side of a channel that it is dead: what its supervisor does when it stopped it. The peer sees it by
/// [`Receiver::peer_changed`] and has to be woken by its doorbell.
///
/// # Safety
/// As for [`Endpoint::attach`], except that the side may be attached: it is dead.
#[cfg(not(loom))]
pub unsafe fn announce_lost(window: *mut u8, side: Side) {
    // SAFETY: the caller promises a whole window.
    let (outgoing, _) = side.orient(unsafe { rings(window) });
    bury(&outgoing.header);
}

/// As [`announce_lost`], by the first page of the ring on which the side sends.
///
/// # Safety
/// `page` points to the first page of a ring, which is mapped writable and used as such only.
#[cfg(not(loom))]
pub unsafe fn announce_lost_on(page: *mut u8) {
    // SAFETY: the caller promises the page; a header is made of atomics only, and every bit pattern is one.
    bury(unsafe { &*page.cast::<Header>() });
}

/// # Safety
/// `window` points to a whole window, as [`Endpoint::attach`] says.
#[cfg(not(loom))]
unsafe fn rings(window: *mut u8) -> [Shared; 2] {
    // SAFETY: the caller promises a whole window; a ring is one half of it.
    unsafe {
        [
            Shared::new(window),
            Shared::new(window.add(crate::window::RING)),
        ]
    }
}

fn incarnation(header: &Header) -> u64 {
    // Acquire: the side that raised the number, or whose supervisor did, has written nothing of an earlier generation
    // after it.
    header.incarnation.0.load(Ordering::Acquire)
}

/// Says of the side that sends on a ring that it is dead.
fn bury(header: &Header) {
    set_incarnation(header, generation::dead(incarnation(header)));
}

fn set_incarnation(header: &Header, number: u64) {
    header.incarnation.0.store(number, Ordering::Release);
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate alloc;

    use alloc::alloc::{Layout, alloc_zeroed, dealloc};

    use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};

    use super::*;
    use crate::CAPACITY_WORD;

    impl Endpoint {
        /// As if so many messages had gone from the other end to this one.
        fn skip(&mut self, from: &mut Endpoint, messages: u64) {
            let (sender, receiver) = (&mut from.sender, &mut self.receiver);
            let stamp = |count| Generation::of(0, 0).stamp(count);
            for number in messages - CAPACITY_WORD..messages {
                let slot = self.incoming.slot(number);
                slot.stamp.store(stamp(number + 1), Ordering::Relaxed);
            }
            let consumed = &self.incoming.header.consumed.0;
            consumed.store(stamp(messages), Ordering::Relaxed);
            sender.skip(messages);
            receiver.skip(messages);
        }
    }

    #[test]
    fn nothing_is_lost_where_the_count_of_a_stamp_comes_round() {
        const ROUND: u64 = 1 << 48;
        let layout = Layout::from_size_align(RING_WINDOW_SIZE, PAGE_SIZE).unwrap();
        for batch in [1, 2, 7, CAPACITY_WORD] {
            // SAFETY: the layout has a size.
            let window = unsafe { alloc_zeroed(layout) };
            around(window, ROUND, batch);
            // SAFETY: allocated with this layout, and both sides are gone.
            unsafe { dealloc(window, layout) };
        }
    }

    /// Sends in batches of this size, or singly, from before the number `round` until after it.
    fn around(window: *mut u8, round: u64, batch: u64) {
        // SAFETY: the window is zeroed and aligned, and is freed when both sides are gone.
        let [mut first, mut second] =
            [Side::First, Side::Second].map(|side| unsafe { Endpoint::attach(window, side) });
        let begin = round - 3 * CAPACITY_WORD - 5;
        second.skip(&mut first, begin);
        let mut next = begin;
        while next < round + 3 * CAPACITY_WORD {
            let messages: [_; CAPACITY_WORD as usize] =
                core::array::from_fn(|message| [next + message as u64; 7]);
            let mut into = [[0; 7]; CAPACITY_WORD as usize];
            let (sent, received) = if batch == 1 {
                let _ = first.sender.send(&messages[0]).unwrap();
                into[0] = second.receiver.receive().unwrap().unwrap();
                (1, 1)
            } else {
                let batch = &messages[..batch as usize];
                drop(first.sender.stage(batch).unwrap());
                assert_eq!(second.receiver.receive(), Ok(None), "it was taken back");
                let sent = first.sender.send_batch(batch).unwrap().0;
                (sent, second.receiver.receive_batch(&mut into).unwrap())
            };
            assert!(sent > 0 && sent == received, "{sent} and {received}");
            assert_eq!(into[..sent], messages[..sent]);
            next += sent as u64;
            assert_eq!([first.sender.sent(), second.receiver.received()], [next; 2]);
        }
        assert_eq!(second.receiver.receive(), Ok(None));
        assert_eq!(first.sender.free(), Ok(CAPACITY_WORD as usize));
    }
}
