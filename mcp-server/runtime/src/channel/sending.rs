//! How calls are sent on a channel.

use core::borrow::Borrow;
use core::sync::atomic::Ordering;

use atoll_abi::message::{MESSAGE_WORDS, Message};
use atoll_abi::syscall::Syscall;
use atoll_call::{Group, Loss, NEVER};
use atoll_channel::Wake;

use super::Channel;
use crate::calls::Calls;
use crate::waiter::Waiter;

/// Calls that the runtime itself submits together.
pub(crate) const MOST_OWN_CALLS: usize = 2;

impl Channel {
    /// Sends messages, for which the ring has room: a peer that has answered a call has read it, and the others have their
    /// credits. Tells whether the peer has to be woken.
    #[inline]
    fn send(&self, messages: &[Message]) -> Result<Wake, Loss> {
        let mut messages = messages.iter().rev();
        self.send_reversed(messages.len(), || {
            messages.next().copied().unwrap_or_default()
        })
    }

    /// As [`Channel::send`], with so many messages, at least one, which are asked for from the last to the first.
    #[inline(always)]
    fn send_reversed(&self, count: usize, next: impl FnMut() -> Message) -> Result<Wake, Loss> {
        let sender = &mut self.rings.lock().sender;
        let Ok(wake) = sender.send_reversed(count, next) else {
            return Err(Loss::Fault);
        };
        if wake.needed() {
            sender.note_doorbell();
            self.doorbells.fetch_add(1, Ordering::Relaxed);
        }
        Ok(wake)
    }

    /// Submits calls, for which there is room, with one publication; where `hold` is set, they are staged instead. `waiter`
    /// makes what waits for each: see [`ClientEnd::write_group`](atoll_call::ClientEnd::write_group). Tells whether the peer has to be woken.
    ///
    /// # Errors
    /// As for [`Channel::publish`].
    #[inline(always)]
    pub(crate) fn submit<I>(
        &self,
        calls: &mut Calls,
        syscalls: I,
        waiter: impl FnMut(u16, bool) -> Waiter,
        [deadline, now]: [u64; 2],
        hold: bool,
    ) -> Result<(Group, Wake), Loss>
    where
        I: DoubleEndedIterator<Item: Borrow<Syscall>> + ExactSizeIterator,
    {
        if hold || !calls.staged().is_empty() {
            let group = calls.stage_group(syscalls, waiter, deadline, now);
            if hold {
                return Ok((group, Wake::NOT_NEEDED));
            }
            // The caller never gets to know a group of a ring that turns out to be broken, so its answers are for nobody.
            return match self.publish(calls) {
                Ok(wake) => Ok((group, wake)),
                Err(loss) => {
                    calls.abandon_group(group);
                    Err(loss)
                }
            };
        }
        let count = syscalls.len();
        let mut writing = calls.write_group(syscalls, waiter, deadline, now);
        let wake = self.send_reversed(count, || writing.next_back())?;
        Ok((writing.sent(), wake))
    }

    /// Submits what is staged, with one publication. Tells whether the peer has to be woken.
    ///
    /// # Errors
    /// Where the peer broke the ring: the channel is lost, and its calls have to be ended.
    #[inline]
    pub(crate) fn publish(&self, calls: &mut Calls) -> Result<Wake, Loss> {
        if calls.staged().is_empty() {
            return Ok(Wake::NOT_NEEDED);
        }
        let wake = self.send(calls.staged())?;
        calls.sent();
        Ok(wake)
    }

    /// Submits calls of the runtime itself, while nothing else is staged, at most [`MOST_OWN_CALLS`]. From their publication
    /// on the vcore holds no lock that another one could want. `None` where the channel is lost.
    ///
    /// # Errors
    /// As for [`Channel::publish`].
    pub(crate) fn submit_own(&self, own: &[Syscall], now: u64) -> Option<Result<Wake, Loss>> {
        let mut messages = [[0; MESSAGE_WORDS]; MOST_OWN_CALLS];
        let count = self.calls.with(|calls| {
            if !calls.has_reserved(own.len()) {
                return None;
            }
            for syscall in own {
                calls.stage(*syscall, Waiter::Abandoned(None), NEVER, now);
            }
            let staged = calls.staged();
            debug_assert_eq!(staged.len(), own.len());
            for (message, staged) in messages.iter_mut().zip(staged) {
                *message = *staged;
            }
            calls.sent();
            Some(own.len())
        })?;
        Some(self.send(messages.get(..count).unwrap_or_default()))
    }
}
