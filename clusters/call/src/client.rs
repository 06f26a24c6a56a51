//! The client end: what a client keeps of the calls that it makes on one channel.

mod ending;
mod entry;
mod group;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{Call, Status, Syscall};

use crate::deadlines::{Deadlines, NEVER};
use entry::Entry;

pub use group::{Group, Writing};

const INDEX_BITS: u32 = RING_SLOTS.trailing_zeros();
const INDEX_MASK: u64 = RING_SLOTS as u64 - 1;
const _: () = assert!(RING_SLOTS == u64::BITS as usize);

/// The credit that a tag names. Masked, so that the compiler sees that there is such an entry.
#[inline(always)]
fn index_of(tag: u64) -> usize {
    (tag & INDEX_MASK) as usize
}

/// The tag of a call.
#[inline(always)]
fn tag_of(serial: u64, index: usize) -> u64 {
    serial << INDEX_BITS | index as u64
}

/// How a call ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub status: Status,
    /// Its results; see the call's row in [`atoll_abi::interface`].
    pub result: [u64; 2],
    /// The block that it was given, if any, is the client's again. Where not, the block is in flight: it comes back with
    /// [`Completed::Late`], or never, where the service broke the protocol and may still write it.
    pub block_returned: bool,
}

/// What waits for a call's answer.
pub trait Waiter {
    /// Whether the answer stays in the table until [`ClientEnd::take`] fetches it. The call keeps its credit as long.
    fn keeps_answer(&self) -> bool;
}

/// A call that has ended for its caller.
#[derive(Debug)]
pub struct Ended<T> {
    /// Its tag.
    pub tag: u64,
    /// The call; `None` where the client named none.
    pub call: Option<Call>,
    /// What waited for the answer.
    pub waiter: T,
    /// The answer.
    pub answer: Answer,
    /// The time that it was staged at.
    pub since: u64,
}

/// What a completion ends.
#[derive(Debug)]
pub enum Completed<T> {
    /// A call whose caller waited.
    Ended(Ended<T>),
    /// A call that had ended early; its block is the client's again.
    Late {
        /// The block, where the call had one.
        block: Option<u32>,
    },
    /// No call that is in flight: the completion is counted and ignored.
    Unmatched,
}

/// Why a channel is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The service died. Its supervisor has stopped it and its devices, so that blocks come back.
    Death,
    /// The service broke the protocol. It may still write to the blocks that it has, so that they stay in flight.
    Fault,
}

/// Why nothing was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are too few credits; wait for answers.
    NoCredit,
    /// The channel is lost.
    Lost,
}

/// The calls of one client on one channel.
pub struct ClientEnd<T> {
    entries: [Entry<T>; RING_SLOTS],
    /// A bit for each free credit.
    free: u64,
    /// How many they are: counted, because to count the bits of a word takes some twenty instructions.
    free_count: usize,
    deadlines: Deadlines<RING_SLOTS>,
    /// Calls that are staged and not sent.
    staged: [Syscall; RING_SLOTS],
    staged_count: usize,
    serial: u64,
    /// The serial number of the last call that was sent.
    sent: u64,
    /// The client's generation, which each call carries.
    generation: u32,
    loss: Option<Loss>,
    completed: u64,
    unmatched: u64,
}

impl<T: Waiter> ClientEnd<T> {
    /// A client end without calls, of a client of a generation.
    pub fn new(generation: u32) -> ClientEnd<T> {
        ClientEnd {
            entries: core::array::from_fn(|_| Entry::new()),
            free: !0,
            free_count: RING_SLOTS,
            deadlines: Deadlines::new(),
            staged: [Syscall::EMPTY; RING_SLOTS],
            staged_count: 0,
            serial: 0,
            sent: 0,
            generation,
            loss: None,
            completed: 0,
            unmatched: 0,
        }
    }

    /// Free credits.
    #[inline]
    pub fn credits(&self) -> usize {
        self.free_count
    }

    /// Why the channel is lost, if it is.
    #[inline]
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Calls that were answered by the service so far.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// Completions so far that answered no call in flight.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// Calls whose caller waits.
    pub fn waiting(&self) -> usize {
        self.count(Entry::waits)
    }

    /// Calls that the service has not answered, those that ended early included.
    pub fn in_flight(&self) -> usize {
        self.count(Entry::in_flight)
    }

    /// Blocks that calls in flight have.
    pub fn blocks_in_flight(&self) -> usize {
        self.count(|entry| entry.in_flight() && entry.block().is_some())
    }

    fn count(&self, are: impl Fn(&Entry<T>) -> bool) -> usize {
        self.entries.iter().filter(|entry| are(entry)).count()
    }

    /// Whether so many calls can be staged.
    ///
    /// # Errors
    /// Why they cannot.
    #[inline]
    pub fn room(&self, count: usize) -> Result<(), Refused> {
        if self.loss.is_some() {
            return Err(Refused::Lost);
        }
        if count > self.free_count {
            return Err(Refused::NoCredit);
        }
        Ok(())
    }

    /// Writes a call, which takes a credit, for which there must be [room](ClientEnd::room). Gives its tag. The call is sent
    /// when the owner of this end sends [what is staged](ClientEnd::staged). `deadline` is a time on the clock of
    /// [`ClientEnd::expire`], or [`NEVER`].
    ///
    /// Always inlined: a caller that stages many of one kind then makes each waiter in its place.
    #[inline(always)]
    pub fn stage(&mut self, syscall: Syscall, waiter: T, deadline: u64, now: u64) -> u64 {
        debug_assert!(self.room(1).is_ok(), "a call without a credit");
        // Calls that are staged one after another take higher and higher credits: see `Group`.
        let index = index_of(u64::from(self.free.trailing_zeros()));
        self.free &= self.free.wrapping_sub(1);
        self.free_count = self.free_count.saturating_sub(1);
        self.serial = self.serial.wrapping_add(1);
        let tag = tag_of(self.serial, index);
        // Each has a credit, so there are never more than there is room for.
        if let Some(place) = self.staged.get_mut(self.staged_count) {
            *place = Syscall {
                tag,
                generation: self.generation,
                ..syscall
            };
            self.staged_count += 1;
        }
        self.begin(index, tag, &syscall, waiter, now);
        if deadline != NEVER {
            self.deadlines.set(index, deadline);
        }
        tag
    }

    #[inline(always)]
    fn begin(&mut self, index: usize, tag: u64, syscall: &Syscall, waiter: T, now: u64) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.begin(tag, syscall, waiter, now);
        }
    }

    /// The calls that are staged and not sent, in order. The ring has room for them: a call that was answered was read, and
    /// the others have their credits.
    #[inline]
    pub fn staged(&self) -> &[Message] {
        let all = Syscall::as_messages(&self.staged);
        all.get(..self.staged_count).unwrap_or_default()
    }

    /// What was staged has been sent, all of it.
    #[inline]
    pub fn sent(&mut self) {
        self.staged_count = 0;
        self.sent = self.serial;
    }

    #[inline]
    fn find(&mut self, tag: u64) -> Option<(usize, &mut Entry<T>)> {
        let index = index_of(tag);
        let entry = self.entries.get_mut(index)?;
        (entry.tag() == tag).then_some((index, entry))
    }

    /// What waits for a call, to be changed; `None` where the call has ended for its caller.
    #[inline]
    pub fn waiter(&mut self, tag: u64) -> Option<&mut T> {
        self.find(tag)?.1.waiter()
    }

    /// The answer that is kept for a caller, which then has it.
    #[inline]
    pub fn take(&mut self, tag: u64) -> Option<Answer> {
        let index = index_of(tag);
        let entry = self.entries.get_mut(index)?;
        if entry.tag() != tag {
            return None;
        }
        if entry.free_answered() {
            self.free |= 1 << index;
            self.free_count += 1;
        } else if !entry.give_up_answer() {
            return None;
        }
        // Read last, so that it is not copied on the way.
        Some(entry.last_answer())
    }

    /// Whether a tag names a call that waits, or an answer that is kept.
    pub fn knows(&mut self, tag: u64) -> bool {
        self.find(tag).is_some_and(|(_, entry)| entry.has_caller())
    }
}

#[cfg(test)]
mod tests;
