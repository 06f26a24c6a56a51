//! How calls, channels and the process end.

use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};

use atoll_abi::syscall::{Route, Status};
use atoll_call::Loss;

use super::Runtime;
use super::vcore::{LEAVES, STAYS};
use crate::channel::Channel;
use crate::target::SERVER;
use crate::timers::Alarm;
use crate::waiter::Effects;

/// How far the end of the process has come.
#[derive(Default)]
pub(super) struct Ending {
    ended: AtomicBool,
    server_dead: AtomicBool,
}

impl Runtime {
    /// Whether the process has ended.
    pub fn ended(&self) -> bool {
        self.ending.ended.load(Ordering::SeqCst)
    }

    /// Whether the server is known to be dead.
    #[cfg(feature = "guest")]
    pub(super) fn server_dead(&self) -> bool {
        self.ending.server_dead.load(Ordering::SeqCst)
    }

    fn end(&self) {
        self.ending.ended.store(true, Ordering::SeqCst);
        for vcore in 0..self.vcores.len() {
            self.enter_kernel().wake_vcore(vcore);
        }
    }

    /// Publishes what the vcores counted on their channels, for the report that is made when the process has ended.
    pub(crate) fn publish_counts() {
        let (runtime, _) = Runtime::current_vcore();
        let channels = runtime.vcores.iter().flat_map(|vcore| &vcore.channels);
        channels.for_each(Channel::publish_counts);
    }

    /// Has the root task end the process, because its exit did not reach the server.
    pub(crate) fn end_without_server(status: u64) {
        let (runtime, vcore) = Runtime::current_vcore();
        runtime.enter_kernel().exit_without_server(vcore, status);
        runtime.end();
    }

    /// Does what ended calls of a channel of a vcore have set free to be done. No lock is held that a uthread which is woken
    /// could want.
    #[inline]
    pub(super) fn settle(&self, vcore: usize, channel: usize, effects: &mut Effects) {
        if mem::take(&mut effects.any) {
            self.settle_any(vcore, channel, effects);
        }
    }

    /// Not inlined, because most completions set nothing free.
    #[inline(never)]
    fn settle_any(&self, vcore: usize, channel: usize, effects: &mut Effects) {
        let own = &self.vcores[vcore];
        if mem::take(&mut effects.many_core) {
            self.many_core.store(true, Ordering::Relaxed);
        }
        if mem::take(&mut effects.alarm_answered) {
            own.alarm.lock().unanswered = false;
        }
        match effects.yielded.take() {
            // The vcore had completions that it had not taken, or its alarm rang just before. It looks at both by now, and is
            // given back again.
            Some(Status::Busy) => own.leaving.store(LEAVES, Ordering::SeqCst),
            // It was given back and is granted again, or stays.
            Some(_) => own.leaving.store(STAYS, Ordering::SeqCst),
            None => {}
        }
        for (lent, returned) in effects.lent.drain(..) {
            lent.settle(returned);
        }
        for block in effects.late_blocks.drain(..) {
            self.pools.take_back(block);
        }
        for (expected, answer) in effects.events.drain(..) {
            expected.arrive(answer);
        }
        for waker in effects.wakers.drain(..) {
            waker.wake();
        }
        if mem::take(&mut effects.credit) {
            own.channels[channel].calls.with_freed(|_| (), |()| true);
        }
        if mem::take(&mut effects.exited) {
            self.end();
        }
    }

    /// The peer of a channel broke the protocol: what the vcore has outstanding there ends.
    pub(super) fn peer_fault(&self, vcore: usize, channel: usize) {
        if channel == SERVER {
            self.on_server_lost(vcore, Loss::Fault);
            return;
        }
        let mut effects = Effects::default();
        self.channel(vcore, channel).lose(Loss::Fault, &mut effects);
        self.settle(vcore, channel, &mut effects);
    }

    /// The server of a vcore has died or come back: ends every call there, and connects again where the server is alive. Where
    /// it stays down, the services on other kernel instances are lost with it.
    pub(super) fn follow_server(&self, vcore: usize) {
        // Before a call ends with it: an exit asks then.
        self.ending.server_dead.store(true, Ordering::SeqCst);
        let mut effects = Effects::default();
        let connected = self.channel(vcore, SERVER).follow_peer(&mut effects);
        // The alarm went with the server.
        *self.vcores[vcore].alarm.lock() = Alarm::new();
        self.settle(vcore, SERVER, &mut effects);
        if connected {
            self.ending.server_dead.store(false, Ordering::SeqCst);
        } else if self.procinfo().server_down != 0 {
            self.on_server_lost(vcore, Loss::Death);
        }
    }

    /// Looks, when a vcore is entered, whether its server was gone before: nothing would tell it later.
    pub(super) fn find_server(&self, vcore: usize) {
        if self.channel(vcore, SERVER).is_lost() {
            self.ending.server_dead.store(true, Ordering::SeqCst);
            if self.procinfo().server_down != 0 {
                self.on_server_lost(vcore, Loss::Death);
            }
        }
    }

    /// A vcore has no server any more. Services on other kernel instances are lost with it, because only the server can wake
    /// them; they are alive, and may still write to the blocks that they have.
    fn on_server_lost(&self, vcore: usize, loss: Loss) {
        let own = &self.vcores[vcore];
        for (number, channel) in own.channels.iter().enumerate() {
            let loss = match number.checked_sub(1) {
                None => loss,
                Some(port) if self.route(port) == Route::Remote => Loss::Fault,
                Some(_) => continue,
            };
            let mut effects = Effects::default();
            channel.lose_for_good(loss, &mut effects);
            self.settle(vcore, number, &mut effects);
        }
    }

    /// Where the service of a channel of the calling vcore has died or come back: ends every call on it, and connects again
    /// where the service is alive. Tells whether it was connected again.
    pub(super) fn follow_peer(&self, vcore: usize, channel: usize) -> bool {
        if channel == SERVER {
            return false;
        }
        let mut effects = Effects::default();
        let connected = self.channel(vcore, channel).follow_peer(&mut effects);
        self.settle(vcore, channel, &mut effects);
        connected
    }
}
