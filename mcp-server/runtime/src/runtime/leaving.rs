//! How a vcore is given back.

use core::sync::atomic::Ordering;

use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::Status;
use atoll_call::NEVER;

use super::Runtime;
use super::vcore::{GIVEN_BACK, LEAVES, STAYS};
use crate::channel::Received;
use crate::target::SERVER;
use crate::waiter::Effects;

impl Runtime {
    /// Has the calling vcore given back when the calling uthread has left it and all its calls are answered.
    pub(crate) fn leave_vcore() -> Result<(), Status> {
        let (runtime, vcore) = Runtime::current_vcore();
        if vcore == 0 {
            return Err(Status::NotAllowed);
        }
        let own = &runtime.vcores[vcore];
        if !own.channels[SERVER].is_lost() {
            own.leaving.store(LEAVES, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Gives a vcore back that is to leave, and waits until it is granted again. Does nothing while calls of it are not
    /// answered: it would not be granted again for a completion. The server does not see those of the services, and one of its
    /// own comes too late where it takes the call together with the one that gives the vcore back.
    pub(super) fn leave(&self, vcore: usize) {
        let own = &self.vcores[vcore];
        if own.stays() || !self.is_answered(vcore) {
            return;
        }
        let deadline = own.update_earliest_deadline();
        let mut calls = [request::YieldVcore {}.encode(); 2];
        let mut first = 1;
        if deadline != NEVER {
            let mut alarm = own.alarm.lock();
            if alarm.unanswered {
                return;
            }
            // Always anew: an alarm that rings before the server has taken the vcore does not grant it again.
            let now = self.world.ticks();
            let nanoseconds = alarm.set(deadline, now, self.ticks_per_microsecond);
            calls[0] = request::SetAlarm { nanoseconds }.encode();
            first = 0;
        }
        own.leaving.store(GIVEN_BACK, Ordering::SeqCst);
        if self.submit_own(vcore, &calls[first..]) {
            self.await_grant(vcore);
        } else {
            own.leaving.store(STAYS, Ordering::SeqCst);
        }
    }

    /// Whether a vcore does anything about what comes on a channel.
    #[cfg(feature = "simulated")]
    pub(crate) fn listens(&self, vcore: usize, channel: usize) -> bool {
        channel == SERVER || self.vcores[vcore].leaving.load(Ordering::SeqCst) != GIVEN_BACK
    }

    /// Whether every call of a vcore is answered.
    fn is_answered(&self, vcore: usize) -> bool {
        let channels = self.vcores[vcore].channels.iter();
        let mut idle = channels.map(|channel| channel.calls.with(|calls| calls.is_idle()));
        idle.all(|idle| idle)
    }

    /// Waits until the server has answered that the vcore is given back, which it does when it grants the vcore again.
    ///
    /// The server may stop the vcore anywhere in between, so that nothing here holds a lock that another vcore could want,
    /// with one exception: while a completion is taken in. The server does not stop a vcore that has a completion which it
    /// has not taken, and this one is taken when the locks are released.
    fn await_grant(&self, vcore: usize) {
        let own = &self.vcores[vcore];
        let channel = &own.channels[SERVER];
        let mut effects = Effects::default();
        while own.leaving.load(Ordering::SeqCst) == GIVEN_BACK && !self.ended() {
            let settle = |effects: &mut Effects| self.settle(vcore, SERVER, effects);
            match channel.receive_one(|| self.world.ticks(), &mut effects, settle) {
                Received::Some(0) => {
                    if self.arm(vcore, SERVER) {
                        self.enter_kernel().wait(vcore);
                    }
                    channel.disarm();
                }
                Received::Some(_) => {}
                // The server is dead, and does not stop the vcore.
                Received::PeerChanged => {
                    self.drain(vcore);
                }
                Received::Fault => self.peer_fault(vcore, SERVER),
            }
        }
    }
}
