//! How calls are submitted.

use core::borrow::Borrow;
use core::sync::atomic::Ordering;

use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Group, Loss};
use atoll_channel::Wake;

use super::Runtime;
use crate::calls::{Calls, Refused};
use crate::credits::Wanted;
use crate::monitor::Monitor;
use crate::target::{Connection, SERVER, Target};
use crate::waiter::Waiter;

/// A call that was submitted, of which the answer is to come.
#[derive(Clone, Copy)]
pub(crate) struct Submitted {
    /// The calls of its vcore on its channel.
    pub(crate) calls: &'static Monitor<Calls>,
    pub(crate) connection: Connection,
    pub(crate) tag: u64,
}

/// Calls that were submitted together on one channel.
#[derive(Clone, Copy)]
pub(crate) struct SubmittedGroup {
    /// The calls of their vcore on their channel.
    pub(crate) calls: &'static Monitor<Calls>,
    pub(crate) connection: Connection,
    pub(crate) group: Group,
}

/// When a call that is made now and has a time-out ends at the latest.
fn deadline(now: u64, timeout: u64) -> u64 {
    now.saturating_add(timeout)
}

impl Runtime {
    /// Submits calls of the running uthread to one target with one publication, and gives the last one, which alone can be
    /// waited for. `timeout` is in ticks, or [`atoll_call::NEVER`]. Waits for credits.
    ///
    /// # Errors
    /// [`Status::PeerLost`] where the channel is lost, [`Status::BadHandle`] where the connection has another generation than
    /// the target.
    #[inline]
    pub(crate) fn submit<I>(target: Target, calls: I, timeout: u64) -> Result<Submitted, Status>
    where
        I: DoubleEndedIterator<Item = Syscall> + ExactSizeIterator + Clone,
    {
        loop {
            let (runtime, vcore) = Runtime::current_vcore();
            match runtime.try_submit(vcore, target, calls.clone(), timeout) {
                Ok(submitted) => return Ok(submitted),
                Err(refused) => runtime.prepare_retry(vcore, target, calls.len(), refused)?,
            }
        }
    }

    #[inline]
    fn try_submit<I>(
        &'static self,
        vcore: usize,
        target: Target,
        calls: I,
        timeout: u64,
    ) -> Result<Submitted, Refused>
    where
        I: DoubleEndedIterator<Item = Syscall> + ExactSizeIterator,
    {
        // The last call alone is waited for.
        let waiter = |call, is_last| match is_last {
            true => Waiter::caller(call),
            false => Waiter::Abandoned(None),
        };
        let generation = self.generation;
        let calls = calls.map(|call| Syscall { generation, ..call });
        let submitted = self.submit_group(vcore, target, calls, waiter, timeout)?;
        Ok(Submitted {
            calls: submitted.calls,
            connection: submitted.connection,
            tag: submitted.group.last().unwrap_or(0),
        })
    }

    /// Makes a second try possible where calls of the running uthread were refused: waits for credits, or connects again.
    ///
    /// # Errors
    /// As for [`Runtime::submit`].
    #[cold]
    pub(crate) fn prepare_retry(
        &self,
        vcore: usize,
        target: Target,
        count: usize,
        refused: Refused,
    ) -> Result<(), Status> {
        match refused {
            Refused::NoCredit => {
                let generation = target.generation();
                let wanted = Wanted { count, generation };
                let calls = self.calls(vcore, target.channel());
                calls.wait_for_credits(wanted);
                Ok(())
            }
            // The service may be back, and this vcore not have seen it.
            _ if self.follow_peer(vcore, target.channel()) => Ok(()),
            Refused::Lost => Err(Status::PeerLost),
            Refused::Stale => Err(Status::BadHandle),
        }
    }

    /// Whether calls can be submitted to a target by a vcore.
    pub(crate) fn room(&self, vcore: usize, target: Target, count: usize) -> Result<(), Refused> {
        self.calls(vcore, target.channel())
            .with(|calls| calls.room(count, target.generation()))
    }

    /// Calls that can be under way on a channel at once.
    pub(crate) fn most_calls(&self, channel: usize) -> usize {
        self.calls(0, channel).with(|calls| calls.most())
    }

    /// Submits calls, at least one, that are waited for together, by the calling vcore. `waiter` makes what waits for each: see
    /// [`ClientEnd::write_group`](atoll_call::ClientEnd::write_group).
    ///
    /// # Errors
    /// Why nothing was submitted.
    #[inline]
    pub(crate) fn submit_group<I>(
        &'static self,
        vcore: usize,
        target: Target,
        calls: I,
        waiter: impl FnMut(u16, bool) -> Waiter,
        timeout: u64,
    ) -> Result<SubmittedGroup, Refused>
    where
        I: DoubleEndedIterator<Item: Borrow<Syscall>> + ExactSizeIterator,
    {
        let own = &self.vcores[vcore];
        let hold = own.holding.load(Ordering::Relaxed);
        let now = self.world.ticks();
        let deadline = deadline(now, timeout);
        let channel = &own.channels[target.channel()];
        let (generation, submitted) = channel.calls.with(|table| {
            table.room(calls.len(), target.generation())?;
            let submitted = channel.submit(table, calls, waiter, [deadline, now], hold);
            Ok((table.generation(), submitted))
        })?;
        let Ok((group, wake)) = submitted else {
            self.peer_fault(vcore, target.channel());
            return Err(Refused::Lost);
        };
        own.note_deadline(deadline);
        if wake.needed() {
            self.ring(vcore, target.channel());
        }
        Ok(SubmittedGroup {
            calls: &channel.calls,
            connection: Connection {
                channel: target.channel(),
                generation,
            },
            group,
        })
    }

    /// Submits calls of the runtime itself to the server, for which credits are reserved. Tells whether it could.
    pub(super) fn submit_own(&self, vcore: usize, calls: &[Syscall]) -> bool {
        let now = self.world.ticks();
        let published = self.channel(vcore, SERVER).submit_own(calls, now);
        let Some(published) = published else {
            return false;
        };
        self.published(vcore, SERVER, published);
        true
    }

    /// Wakes the peer where it slept when calls were published; ends the calls where it broke the protocol.
    #[inline]
    fn published(&self, vcore: usize, channel: usize, published: Result<Wake, Loss>) {
        match published {
            Ok(wake) if wake.needed() => self.ring(vcore, channel),
            Ok(_) => {}
            Err(_) => self.peer_fault(vcore, channel),
        }
    }

    /// Wakes the peer of a channel.
    fn ring(&self, vcore: usize, channel: usize) {
        let world = self.enter_kernel();
        match channel.checked_sub(1) {
            None => world.ring_server(),
            Some(port) => world.ring_port(port, vcore),
        }
    }

    /// Has the calls of the calling uthread not be published yet. Tells whether they were before.
    pub(crate) fn begin_hold() -> bool {
        let (runtime, vcore) = Runtime::current_vcore();
        !runtime.vcores[vcore].holding.swap(true, Ordering::Relaxed)
    }

    /// Publishes the calls that were not published.
    pub(crate) fn end_hold() {
        let (runtime, vcore) = Runtime::current_vcore();
        let own = &runtime.vcores[vcore];
        if !own.holding.load(Ordering::Relaxed) {
            return;
        }
        own.holding.store(false, Ordering::Relaxed);
        for (number, channel) in own.channels.iter().enumerate() {
            let published = channel.calls.with(|calls| channel.publish(calls));
            runtime.published(vcore, number, published);
        }
    }

    /// Time-out of the calls of the calling uthread, in ticks, or [`atoll_call::NEVER`].
    #[inline]
    pub(crate) fn timeout() -> u64 {
        let (runtime, vcore) = Runtime::current_vcore();
        runtime.vcores[vcore].timeout.load(Ordering::Relaxed)
    }

    /// Sets the time-out of the calls of the calling uthread, and tells what it was.
    pub(crate) fn set_timeout(ticks: u64) -> u64 {
        let (runtime, vcore) = Runtime::current_vcore();
        runtime.vcores[vcore]
            .timeout
            .store(ticks, Ordering::Relaxed);
        Runtime::running().timeout.swap(ticks, Ordering::Relaxed)
    }

    /// Prints and ends the process, from anywhere and without waiting. Tells whether the call that ends it was submitted.
    #[cfg(feature = "guest")]
    pub(crate) fn last_words(&'static self, vcore: usize, text: &[u8], status: u64) -> bool {
        use atoll_abi::interface::{Request, request};
        use atoll_call::NEVER;

        if self.server_dead() {
            self.enter_kernel().exit_without_server(vcore, status);
            return true;
        }
        // The one that panicked may hold the lock.
        let channel = self.channel(vcore, SERVER);
        let submitted = channel.calls.try_with(|calls| {
            let pieces = crate::printer::pieces(text);
            if calls.has_reserved(pieces.len() + 1) {
                for piece in pieces {
                    calls.stage(piece, Waiter::Abandoned(None), NEVER, 0);
                }
            }
            if !calls.has_reserved(1) {
                return false;
            }
            let exit = request::Exit { status }.encode();
            calls.stage(exit, Waiter::Abandoned(None), NEVER, 0);
            channel.publish(calls).is_ok()
        });
        self.enter_kernel().ring_server();
        submitted == Some(true)
    }
}
