//! Calls that are made together and waited for together.

use core::borrow::Borrow;

use atoll_abi::message::Message;
use atoll_abi::syscall::Syscall;
use zerocopy::transmute_ref;

use super::{ClientEnd, Waiter, index_of, tag_of};
use crate::deadlines::NEVER;

/// Calls of one client end that were made together, of which the rest is waited for, the first one first.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// A bit for each credit of the rest, the first call's the lowest.
    credits: u64,
    /// Serial number of the first call of the rest; each further one's is one higher.
    serial: u64,
}

impl Group {
    /// Whether no call of it is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.credits == 0
    }

    /// The tag of its first call.
    #[inline]
    pub fn first(&self) -> Option<u64> {
        let index = self.credits.trailing_zeros() as usize;
        (!self.is_empty()).then(|| tag_of(self.serial, index))
    }

    /// The tag of its last call.
    #[inline]
    pub fn last(&self) -> Option<u64> {
        let index = self.credits.checked_ilog2()? as usize;
        let before = u64::from(self.credits.count_ones()) - 1;
        Some(tag_of(self.serial + before, index))
    }

    /// The first call is no more of it.
    #[inline]
    pub fn advance(&mut self) {
        self.credits &= self.credits.wrapping_sub(1);
        self.serial += 1;
    }
}

/// Calls of a group that are being made, from the last to the first, which is how a ring is filled. See
/// [`ClientEnd::write_group`].
pub struct Writing<'e, T, I, W> {
    end: &'e mut ClientEnd<T>,
    calls: I,
    waiter: W,
    deadline: u64,
    now: u64,
    /// Serial number of the call that was made last; before, of one behind the group's last.
    serial: u64,
    free: u64,
    /// How many calls the group has.
    count: usize,
    /// The next call that is made is the group's last one.
    is_last: bool,
}

impl<T, I, W> Writing<'_, T, I, W>
where
    T: Waiter,
    I: DoubleEndedIterator<Item: Borrow<Syscall>>,
    W: FnMut(u16, bool) -> T,
{
    /// Makes the last call that is left. Gives its message, which means nothing where none is left.
    #[inline(always)]
    pub fn next_back(&mut self) -> Message {
        let end = &mut *self.end;
        let Some(syscall) = self.calls.next_back() else {
            return Message::default();
        };
        let syscall: &Syscall = syscall.borrow();
        // Of those that are free, the highest: see `Group`.
        let index = index_of(u64::from(self.free.checked_ilog2().unwrap_or(0)));
        self.free &= !(1 << index);
        self.serial = self.serial.wrapping_sub(1);
        let tag = tag_of(self.serial, index);
        let is_last = core::mem::replace(&mut self.is_last, false);
        let waiter = (self.waiter)(syscall.call, is_last);
        end.begin(index, tag, syscall, waiter, self.now);
        if self.deadline != NEVER {
            end.deadlines.set(index, self.deadline);
        }
        debug_assert_eq!(
            syscall.generation, end.generation,
            "a call of another client"
        );
        let mut message: Message = *transmute_ref!(syscall);
        message[0] = tag;
        message
    }
}

impl<T, I, W> Writing<'_, T, I, W> {
    /// The messages are in the ring, all of them.
    #[inline(always)]
    pub fn sent(self) -> Group {
        let end = self.end;
        let group = Group {
            credits: end.free & !self.free,
            serial: self.serial,
        };
        end.free = self.free;
        end.free_count = end.free_count.saturating_sub(self.count);
        end.serial = end.serial.wrapping_add(self.count as u64);
        end.sent = end.serial;
        group
    }
}

impl<T: Waiter> ClientEnd<T> {
    /// Makes calls that are waited for together, for which there must be [room](ClientEnd::room), and nothing must be
    /// [staged](ClientEnd::staged), and which are written with the client's generation. They are made, and take credits, as their messages
    /// are asked for, which has to be to the end, or not at all; then [`Writing::sent`] gives the group.
    ///
    /// `waiter` makes what waits for each, in any order: of its number in [`Call`](atoll_abi::syscall::Call), and whether it is the last one.
    #[inline(always)]
    pub fn write_group<I: ExactSizeIterator, W>(
        &mut self,
        calls: I,
        waiter: W,
        deadline: u64,
        now: u64,
    ) -> Writing<'_, T, I, W> {
        debug_assert!(self.staged_count == 0, "calls overtake calls");
        let (serial, free, count) = (self.serial, self.free, calls.len());
        Writing {
            end: self,
            serial: serial.wrapping_add(count as u64).wrapping_add(1),
            count,
            is_last: true,
            calls,
            waiter,
            deadline,
            now,
            free,
        }
    }

    /// As [`ClientEnd::write_group`], with calls that are [staged](ClientEnd::stage).
    pub fn stage_group<I>(
        &mut self,
        calls: I,
        mut waiter: impl FnMut(u16, bool) -> T,
        deadline: u64,
        now: u64,
    ) -> Group
    where
        I: ExactSizeIterator<Item: Borrow<Syscall>>,
    {
        let count = calls.len();
        let mut group = Group {
            credits: 0,
            serial: self.serial.wrapping_add(1),
        };
        for (place, syscall) in (1..).zip(calls) {
            let syscall = *syscall.borrow();
            let waiter = waiter(syscall.call, place == count);
            let tag = self.stage(syscall, waiter, deadline, now);
            group.credits |= 1 << index_of(tag);
        }
        group
    }
}
