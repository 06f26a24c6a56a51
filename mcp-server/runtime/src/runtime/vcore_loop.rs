//! The loop of a vcore.

use alloc::sync::Arc;
use core::hint::spin_loop;
use core::sync::atomic::Ordering;

use atoll_abi::interface::{Request, request};
use atoll_call::NEVER;
use atoll_channel::budget;

use super::Runtime;
use super::vcore::{BATCH, HAS_LOOKED, LOOKS, LOOKS_NOT};
use crate::channel::{Channel, Received};
use crate::target::SERVER;
use crate::tls;
use crate::uthread::Uthread;
use crate::waiter::Effects;

impl Runtime {
    /// The loop of a vcore: runs ready uthreads, takes completions in, and sleeps where there is neither. Returns when
    /// the process has ended.
    pub fn run(&'static self, vcore: usize) {
        tls::enter(self, vcore);
        self.find_server(vcore);
        if vcore == 0 {
            self.calibrate(vcore);
        }
        while !self.ended() {
            if self.pools.is_held_back() {
                self.release_blocks(vcore);
            }
            match self.next(vcore) {
                Some(uthread) => self.execute(vcore, uthread),
                // It has looked.
                None if self.poll(vcore) => {
                    self.leave(vcore);
                    continue;
                }
                None => self.sleep(vcore),
            }
            self.drain(vcore);
            self.expire(vcore);
            self.leave(vcore);
        }
        tls::leave();
    }

    /// Releases the process's blocks, where no service has any of an earlier life. Each service tells that on its channel to each
    /// vcore, and wakes the vcore, so that each vcore finds it out by itself.
    #[cold]
    fn release_blocks(&self, vcore: usize) {
        let mut services = self.vcores[vcore].channels.iter().skip(SERVER + 1);
        if services.all(Channel::is_quiet) {
            self.pools.release();
        }
    }

    /// Whether the scheduler has nothing that this vcore may run.
    fn is_idle(&self, vcore: usize) -> bool {
        !self.vcores[vcore].stays() || self.scheduler.is_idle(vcore)
    }

    fn next(&self, vcore: usize) -> Option<Arc<Uthread>> {
        if !self.vcores[vcore].stays() {
            return None;
        }
        self.scheduler.next(vcore)
    }

    fn execute(&'static self, vcore: usize, uthread: Arc<Uthread>) {
        self.wake_sleeper_for_ready(vcore);
        let own = &self.vcores[vcore];
        let timeout = uthread.timeout.load(Ordering::Relaxed);
        own.timeout.store(timeout, Ordering::Relaxed);
        *own.running.lock() = Some(uthread.clone());
        let ready = uthread.run();
        *own.running.lock() = None;
        if ready {
            self.ready(uthread);
        }
        if !own.stays() {
            self.wake_sleeper_for_ready(vcore);
        }
    }

    /// Takes in the completions that have arrived, at most a ring of them from each channel. Tells whether there were any.
    #[inline]
    pub(super) fn drain(&self, vcore: usize) -> bool {
        let mut channels = self.vcores[vcore].channels.iter();
        channels.any(Channel::has_something) && self.drain_channels(vcore)
    }

    /// Not inlined, so that a look at channels in which nothing is stays short.
    #[inline(never)]
    fn drain_channels(&self, vcore: usize) -> bool {
        let mut any = false;
        for (number, channel) in self.vcores[vcore].channels.iter().enumerate() {
            if channel.has_something() {
                any |= self.drain_channel(vcore, number);
            }
        }
        any
    }

    fn drain_channel(&self, vcore: usize, number: usize) -> bool {
        let effects = &mut *self.vcores[vcore].effects.lock();
        let channel = &self.vcores[vcore].channels[number];
        let mut any = false;
        for _ in 0..atoll_channel::CAPACITY.div_ceil(BATCH) {
            let clock = || self.world.ticks();
            match channel.receive(BATCH, clock, effects) {
                Received::Some(0) => break,
                Received::Some(count) => {
                    any = true;
                    self.settle(vcore, number, effects);
                    if count < BATCH {
                        break;
                    }
                }
                Received::PeerChanged if number == SERVER => {
                    self.follow_server(vcore);
                    return true;
                }
                Received::PeerChanged => {
                    self.follow_peer(vcore, number);
                    return true;
                }
                Received::Fault => {
                    self.peer_fault(vcore, number);
                    return true;
                }
            }
        }
        any
    }

    /// Ends the calls and timers whose deadline has passed. Tells whether there were any. One comparison where there are no
    /// deadlines, which is why it is inlined.
    #[inline(always)]
    fn expire(&self, vcore: usize) -> bool {
        let earliest = self.vcores[vcore].earliest_deadline.load(Ordering::Relaxed);
        if earliest == NEVER {
            return false;
        }
        let now = self.world.ticks();
        if now < earliest {
            return false;
        }
        self.expire_at(vcore, now);
        true
    }

    fn expire_at(&self, vcore: usize, now: u64) {
        let own = &self.vcores[vcore];
        let mut effects = Effects::default();
        for (number, channel) in own.channels.iter().enumerate() {
            channel.calls.with(|calls| calls.expire(now, &mut effects));
            self.settle(vcore, number, &mut effects);
        }
        own.timers.with(|timers| timers.expire(now, &mut effects));
        self.settle(vcore, SERVER, &mut effects);
        own.update_earliest_deadline();
    }

    /// Measures how long it pays to look before blocking.
    fn calibrate(&self, vcore: usize) {
        let budget = budget::calibrate(
            || self.world.ticks(),
            || {
                // A vcore that is woken meanwhile is awake: nothing has to be remembered.
                self.enter_kernel().wake_vcore(vcore);
                self.enter_kernel().wait(vcore);
            },
            || {
                self.drain(vcore);
                self.is_idle(vcore)
            },
        );
        self.poll_budget.store(budget, Ordering::Relaxed);
        for channel in self.vcores.iter().flat_map(|vcore| &vcore.channels) {
            channel.note_poll_budget(budget);
        }
    }

    /// Takes completions in, in place of the vcore's loop, for the running uthread, which waits: its answer is often the next
    /// thing that comes, and then no context is switched. Tells whether anything came. Where not, other uthreads are
    /// ready, or it does not pay to look any longer, and the uthread is to park.
    ///
    /// # Panics
    /// Where the caller is a waker that is woken while the uthread looks: wakers do not wait.
    pub(crate) fn look() -> bool {
        // What the uthread has kept back might be what it waits for.
        Runtime::end_hold();
        let (runtime, vcore) = Runtime::current_vcore();
        let own = &runtime.vcores[vcore];
        // While a waker is woken a uthread looks, or what completions set free is in use.
        let may_wait = !own.uthread_looks() && !own.effects.is_locked();
        assert!(may_wait, "a waker does not wait");
        own.looking.store(LOOKS, Ordering::Relaxed);
        let mut left = runtime.poll_budget();
        let came = loop {
            if runtime.drain(vcore) || runtime.expire(vcore) {
                break true;
            }
            if left == 0 || !runtime.is_idle(vcore) || runtime.ended() {
                break false;
            }
            left -= 1;
            spin_loop();
        };
        let looked = if left == 0 { HAS_LOOKED } else { LOOKS_NOT };
        own.looking.store(looked, Ordering::Relaxed);
        if came {
            runtime.wake_sleeper_for_ready(vcore);
        }
        came
    }

    /// Looks for work for a while, again and again. Tells whether there is some.
    fn poll(&self, vcore: usize) -> bool {
        let looking = &self.vcores[vcore].looking;
        if looking.load(Ordering::Relaxed) == HAS_LOOKED {
            looking.store(LOOKS_NOT, Ordering::Relaxed);
            return false;
        }
        for _ in 0..self.poll_budget() {
            // First, because the loop has just looked.
            spin_loop();
            if self.drain(vcore) || self.expire(vcore) || !self.is_idle(vcore) || self.ended() {
                return true;
            }
        }
        false
    }

    fn sleep(&self, vcore: usize) {
        let own = &self.vcores[vcore];
        let waits_for_blocks = self.pools.is_held_back() && own.channels[SERVER].is_lost();
        if waits_for_blocks || !self.set_alarm(vcore) {
            // Nothing would wake the vcore in time: a server also passes on what services of other kernel instances tell.
            spin_loop();
            return;
        }
        if own.stays() {
            self.sleepers.add(vcore);
        }
        let may_block = (0..own.channels.len()).all(|channel| self.arm(vcore, channel));
        if may_block && self.is_idle(vcore) && !self.ended() {
            self.enter_kernel().wait(vcore);
        }
        self.sleepers.remove(vcore);
        for channel in &own.channels {
            channel.disarm();
        }
    }

    /// Arms the ring of a channel. Tells whether the vcore may block.
    pub(super) fn arm(&self, vcore: usize, channel: usize) -> bool {
        match self.channel(vcore, channel).arm() {
            Ok(may_block) => may_block,
            Err(_) => {
                self.peer_fault(vcore, channel);
                false
            }
        }
    }

    /// Has the server wake the vcore for its next deadline, if there is one. Tells whether it will: it does not where that has
    /// passed already, or where there is no server.
    ///
    /// The vcore need not wait for the answer. It comes at once and wakes the vcore, which finds that the alarm is set.
    fn set_alarm(&self, vcore: usize) -> bool {
        let own = &self.vcores[vcore];
        let deadline = own.update_earliest_deadline();
        if deadline == NEVER {
            return true;
        }
        let now = self.world.ticks();
        let nanoseconds = {
            let mut alarm = own.alarm.lock();
            if deadline <= now || self.channel(vcore, SERVER).is_lost() {
                return false;
            }
            if alarm.covers(deadline, || self.world.alarms() & 1 << vcore != 0) {
                return true;
            }
            alarm.set(deadline, now, self.ticks_per_microsecond)
        };
        self.submit_own(vcore, &[request::SetAlarm { nanoseconds }.encode()])
    }
}
