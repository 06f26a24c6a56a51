//! How the calls of a client end, end.

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Completion, Status};

use super::entry::Entry;
use super::{Answer, ClientEnd, Completed, Ended, INDEX_BITS, Loss, Waiter, index_of};

impl<T: Waiter> ClientEnd<T> {
    /// Whether a tag is one of a call that was sent. A service may guess the tag of one that is not.
    #[inline]
    fn was_sent(&self, tag: u64) -> bool {
        self.staged_count == 0 || tag >> INDEX_BITS <= self.sent
    }

    /// Takes a completion in, where keeping the answer is all that is to be done, as `only_keep` says of what waits for it:
    /// the way of most calls, on which nothing is moved but the answer. What it said so of is forgotten, and not dropped.
    /// Tells the time that the call was staged at; `None` where [`ClientEnd::complete`] has to take the completion.
    #[inline(always)]
    pub fn keep(
        &mut self,
        completion: &Completion,
        only_keep: impl FnOnce(&mut T) -> bool,
    ) -> Option<u64> {
        let index = index_of(completion.tag);
        if !self.was_sent(completion.tag) {
            return None;
        }
        let since = self.entries.get_mut(index)?.keep(completion, only_keep)?;
        self.completed += 1;
        if !self.deadlines.is_empty() {
            self.deadlines.remove(index);
        }
        Some(since)
    }

    /// Takes a completion in.
    #[inline]
    pub fn complete(&mut self, completion: &Completion) -> Completed<T> {
        let index = index_of(completion.tag);
        let sent = self.was_sent(completion.tag);
        let entry = self.entries.get_mut(index);
        let Some(entry) = entry.filter(|entry| sent && entry.is_answered_by(completion)) else {
            self.unmatched += 1;
            return Completed::Unmatched;
        };
        entry.land();
        let answer = entry.answer(completion);
        self.completed += 1;
        match self.end(index, answer) {
            Some(ended) => Completed::Ended(ended),
            None => self.late(index, answer.block_returned),
        }
    }

    /// The service has answered a call that had ended early.
    #[cold]
    fn late(&mut self, index: usize, block_returned: bool) -> Completed<T> {
        let block = self.entries.get(index).and_then(Entry::block);
        self.release_if_over(index);
        Completed::Late {
            block: block.filter(|_| block_returned),
        }
    }

    /// Ends a call for its caller, where that waits.
    #[inline]
    fn end(&mut self, index: usize, answer: Answer) -> Option<Ended<T>> {
        let entry = self.entries.get_mut(index)?;
        let ended = entry.end(answer, T::keeps_answer)?;
        self.release_if_over(index);
        self.deadlines.remove(index);
        Some(ended)
    }

    #[inline]
    fn release_if_over(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index)
            && entry.release_if_over()
        {
            self.free |= 1 << index;
            self.free_count += 1;
        }
    }

    /// Ends a call early for its caller: cancels it, say. The service still answers it. `None` where it has ended.
    pub fn end_early(&mut self, tag: u64, status: Status) -> Option<Ended<T>> {
        let (index, entry) = self.find(tag)?;
        let returned = entry.block().is_none() || cfg!(feature = "planted-block-reuse");
        let answer = Answer {
            status,
            result: [0; 2],
            block_returned: returned,
        };
        self.end(index, answer)
    }

    /// Ends the next call whose deadline has passed with [`Status::TimedOut`].
    pub fn expire(&mut self, now: u64) -> Option<Ended<T>> {
        let (index, deadline) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let tag = self.entries.get(index)?.tag();
        self.end_early(tag, Status::TimedOut)
    }

    /// The next deadline of a call, or [`NEVER`](crate::NEVER).
    #[inline]
    pub fn next_deadline(&self) -> u64 {
        self.deadlines.next()
    }

    /// The channel is lost: ends every call, with [`Status::PeerLost`], and tells of each call that ended, and of each
    /// block of a call that had ended early and is the client's again. Nothing happens where it was lost before.
    pub fn lose(&mut self, loss: Loss, mut each: impl FnMut(Completed<T>)) {
        if self.loss.replace(loss).is_some() {
            return;
        }
        self.staged_count = 0;
        for index in 0..RING_SLOTS {
            let entry = self.entries.get_mut(index);
            let Some(entry) = entry.filter(|entry| entry.in_flight()) else {
                continue;
            };
            entry.land();
            let returned = loss == Loss::Death || entry.block().is_none();
            let answer = Answer {
                status: Status::PeerLost,
                result: [0; 2],
                block_returned: returned,
            };
            match self.end(index, answer) {
                Some(ended) => each(Completed::Ended(ended)),
                None => each(self.late(index, returned)),
            }
        }
    }

    /// The channel has begun anew, in another generation: calls can be made again.
    pub fn reconnect(&mut self) {
        self.loss = None;
    }
}
