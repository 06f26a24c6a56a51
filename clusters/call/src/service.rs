//! The service end: what a service keeps of its clients' calls.
//!
//! A client has one or more rings (one for each vcore). A call is answered at once, or *parked* until its answer is known.
//! What is taken from a ring never exceeds the room that there is for its completions, so that every answer finds a place:
//! a client that does not take its completions stops only itself. And it never exceeds the client's share of the table
//! of parked calls, so that a client that floods stops only itself too.

use alloc::boxed::Box;
use alloc::vec;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Completion, Status, Syscall};
use zerocopy::FromZeros;

use crate::event::Actions;

/// Names a parked call while it is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId {
    index: u16,
    generation: u32,
}

impl CallId {
    /// As a number, for who keeps names of calls elsewhere.
    pub fn to_raw(self) -> u64 {
        u64::from(self.index) << u32::BITS | u64::from(self.generation)
    }

    /// The name of a number. Of one that was no name there is no call.
    pub fn from_raw(raw: u64) -> CallId {
        CallId {
            index: u16::try_from(raw >> u32::BITS).unwrap_or(NONE),
            generation: raw as u32,
        }
    }
}

/// Completions that are sent with one publication.
const BATCH: usize = RING_SLOTS / 2;

const NONE: u16 = u16::MAX;
const BITS: usize = u64::BITS as usize;

/// A ring of a client.
#[derive(Clone, Copy)]
struct Ring {
    client: u16,
    /// Calls taken from it that are parked, or answered and not sent.
    parked: u16,
    /// Answers that are not sent: a list through the table, first and last.
    first: u16,
    last: u16,
}

struct Slot<P> {
    generation: u32,
    /// The next free slot, or the next answer of the same ring.
    next: u16,
    /// The ring that it came from; [`NONE`] where that was lost.
    ring: u16,
    /// The client whose share it is of.
    client: u16,
    completion: Completion,
    parked: Option<P>,
}

/// The calls of a service's clients; `P` is what the service keeps of a call that is parked.
pub struct ServiceEnd<P> {
    rings: Box<[Ring]>,
    /// For each client, calls that are parked, or answered and not sent.
    clients: Box<[usize]>,
    slots: Box<[Slot<P>]>,
    /// The first free slot.
    free: u16,
    live: usize,
    /// Slots that one client may use.
    share: usize,
    /// A bit for each ring that has answers.
    answered: Box<[u64]>,
}

impl<P> ServiceEnd<P> {
    /// The service end of a service with a table for so many parked calls, of which each client may use an equal share.
    /// `rings` gives, for each ring in order, the index of the client whose it is.
    pub fn new(rings: impl IntoIterator<Item = usize>, calls: usize) -> ServiceEnd<P> {
        let rings: Box<[Ring]> = rings
            .into_iter()
            .map(|client| Ring {
                client: client as u16,
                parked: 0,
                first: NONE,
                last: NONE,
            })
            .collect();
        let clients = rings.iter().map(|ring| usize::from(ring.client) + 1).max();
        let clients = clients.unwrap_or(0);
        let calls = calls.min(usize::from(NONE));
        let slots = (0..calls).map(|index| Slot {
            generation: 0,
            next: if index + 1 < calls {
                index as u16 + 1
            } else {
                NONE
            },
            ring: NONE,
            client: NONE,
            completion: Completion::new_zeroed(),
            parked: None,
        });
        ServiceEnd {
            answered: vec![0; rings.len().div_ceil(BITS)].into_boxed_slice(),
            rings,
            clients: vec![0; clients].into_boxed_slice(),
            slots: slots.collect(),
            free: if calls == 0 { NONE } else { 0 },
            live: 0,
            share: calls / clients.max(1),
        }
    }

    /// The client whose ring it is.
    #[inline]
    pub fn client_of(&self, ring: usize) -> Option<usize> {
        self.rings.get(ring).map(|ring| usize::from(ring.client))
    }

    /// The rings of a client.
    pub fn rings_of(&self, client: usize) -> impl Iterator<Item = usize> + '_ {
        let rings = self.rings.iter().enumerate();
        rings
            .filter(move |(_, ring)| usize::from(ring.client) == client)
            .map(|(number, _)| number)
    }

    /// How many calls may be taken from a ring now, where its ring of completions has so many free slots.
    #[inline]
    pub fn room(&self, ring: usize, free: usize) -> usize {
        let Some(ring) = self.rings.get(ring) else {
            return 0;
        };
        let used = self.clients.get(usize::from(ring.client));
        let share = if cfg!(feature = "planted-share-exceeded") {
            self.slots.len() - self.live
        } else {
            self.share.saturating_sub(used.copied().unwrap_or(0))
        };
        free.saturating_sub(usize::from(ring.parked)).min(share)
    }

    /// Parks a call that was taken from a ring, for which there was [room](ServiceEnd::room). `None` where there was not.
    pub fn park(&mut self, ring: usize, syscall: &Syscall, parked: P) -> Option<CallId> {
        let own = self.rings.get_mut(ring)?;
        let index = self.free;
        let slot = self.slots.get_mut(usize::from(index))?;
        self.free = slot.next;
        slot.generation = slot.generation.wrapping_add(1);
        slot.next = NONE;
        slot.ring = ring as u16;
        slot.client = own.client;
        slot.completion = Completion::of(syscall, Status::Done, [0; 2]);
        slot.parked = Some(parked);
        own.parked += 1;
        if let Some(used) = self.clients.get_mut(usize::from(own.client)) {
            *used += 1;
        }
        self.live += 1;
        Some(CallId {
            index,
            generation: slot.generation,
        })
    }

    /// How many calls are parked, or answered and not sent.
    pub fn live(&self) -> usize {
        self.live
    }

    /// How many calls of a client are parked, or answered and not sent: those too of rings that are lost.
    pub fn of_client(&self, client: usize) -> usize {
        self.clients.get(client).copied().unwrap_or(0)
    }

    /// Slots that one client may use.
    pub fn share(&self) -> usize {
        self.share
    }

    fn slot(&mut self, id: CallId) -> Option<&mut Slot<P>> {
        let slot = self.slots.get_mut(usize::from(id.index))?;
        (slot.generation == id.generation && slot.parked.is_some()).then_some(slot)
    }

    /// What the service keeps of a parked call.
    pub fn parked(&mut self, id: CallId) -> Option<&mut P> {
        self.slot(id)?.parked.as_mut()
    }

    /// The ring that a parked call came from; `None` where the ring was lost.
    pub fn ring_of(&mut self, id: CallId) -> Option<usize> {
        let ring = self.slot(id)?.ring;
        (ring != NONE).then_some(usize::from(ring))
    }

    /// The first parked call of a ring, or the one behind another one in the table.
    pub fn next_parked(&self, ring: usize, behind: Option<CallId>) -> Option<CallId> {
        let from = behind.map_or(0, |id| usize::from(id.index) + 1);
        let mut slots = self.slots.iter().enumerate().skip(from);
        let found = slots.find(|(_, slot)| slot.parked.is_some() && usize::from(slot.ring) == ring);
        found.map(|(index, slot)| CallId {
            index: index as u16,
            generation: slot.generation,
        })
    }

    /// Answers a parked call, which ends it: the answer waits for [`ServiceEnd::send`]. Gives back what was kept of it;
    /// `None` where there is no such call.
    pub fn answer(
        &mut self,
        id: CallId,
        status: Status,
        result: [u64; 2],
        block_returned: bool,
    ) -> Option<P> {
        let slot = self.slot(id)?;
        let parked = slot.parked.take();
        slot.completion.status = status as u32;
        slot.completion.result = result;
        if !block_returned {
            slot.completion.block = atoll_abi::syscall::NO_BLOCK;
        }
        let ring = slot.ring;
        if ring == NONE {
            self.release(id.index);
            return parked;
        }
        let own = self.rings.get_mut(usize::from(ring))?;
        let last = own.last;
        own.last = id.index;
        match self.slots.get_mut(usize::from(last)) {
            Some(last) => last.next = id.index,
            None => own.first = id.index,
        }
        if let Some(word) = self.answered.get_mut(usize::from(ring) / BITS) {
            *word |= 1 << (usize::from(ring) % BITS);
        }
        parked
    }

    /// Puts a slot that no list has back among the free ones.
    fn release(&mut self, index: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(index)) {
            slot.next = self.free;
            slot.ring = NONE;
            self.free = index;
            self.live -= 1;
            if let Some(used) = self.clients.get_mut(usize::from(slot.client)) {
                *used = used.saturating_sub(1);
            }
        }
    }

    /// A ring that has answers to send.
    pub fn next_answered(&self) -> Option<usize> {
        let (index, word) = self
            .answered
            .iter()
            .enumerate()
            .find(|(_, word)| **word != 0)?;
        Some(index * BITS + word.trailing_zeros() as usize)
    }

    /// Sends the answers of a ring, in batches. `send` tells how many of a batch it sent; there is room for all of them,
    /// unless the client broke the ring, whose answers are dropped then.
    pub fn send<E>(
        &mut self,
        ring: usize,
        mut send: impl FnMut(&[Completion]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let mut result = Ok(());
        loop {
            let mut batch = [Completion::new_zeroed(); BATCH];
            let mut count = 0;
            for place in &mut batch {
                let Some(completion) = self.next_answer(ring) else {
                    break;
                };
                *place = completion;
                count += 1;
            }
            let Some(batch) = batch.get(..count).filter(|batch| !batch.is_empty()) else {
                break;
            };
            if result.is_ok() {
                result = send(batch).map(|sent| debug_assert_eq!(sent, count));
            }
        }
        if let Some(word) = self.answered.get_mut(ring / BITS) {
            *word &= !(1 << (ring % BITS));
        }
        result
    }

    /// Sends the answers of all rings.
    pub fn send_all(&mut self, actions: &mut impl Actions) {
        while let Some(ring) = self.next_answered() {
            let sent = self.send(ring, |completions| {
                actions.complete(ring, completions);
                Ok::<_, core::convert::Infallible>(completions.len())
            });
            let Ok(()) = sent;
        }
    }

    /// Takes the next answer of a ring out of its list.
    fn next_answer(&mut self, ring: usize) -> Option<Completion> {
        let own = self.rings.get_mut(ring)?;
        let index = own.first;
        let slot = self.slots.get(usize::from(index))?;
        let completion = slot.completion;
        own.first = slot.next;
        if own.first == NONE {
            own.last = NONE;
        }
        own.parked = own.parked.saturating_sub(1);
        self.release(index);
        Some(completion)
    }

    /// The client's side of a ring is gone: answers that were not sent are dropped. Calls that are parked stay, because a
    /// device may have their blocks, and are answered to no ring. They count against the client's share until they are
    /// answered: one that loses a ring again and again must not fill the table.
    pub fn on_ring_lost(&mut self, ring: usize) {
        let _ = self.send(ring, |batch| Ok::<_, ()>(batch.len()));
        let Some(own) = self.rings.get_mut(ring) else {
            return;
        };
        own.parked = 0;
        let parked = |slot: &&mut Slot<P>| slot.parked.is_some() && usize::from(slot.ring) == ring;
        for slot in self.slots.iter_mut().filter(parked) {
            slot.ring = NONE;
        }
    }
}

#[cfg(test)]
#[path = "service/tests.rs"]
mod tests;
