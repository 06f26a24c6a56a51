//! What the runtime keeps of one vcore.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use atoll_call::NEVER;
use atoll_channel::Endpoint;

use crate::channel::{Channel, MOST_OWN_CALLS};
use crate::monitor::Monitor;
use crate::printer::Printer;
use crate::sync::Mutex;
use crate::timers::{Alarm, Timers};
use crate::uthread::Uthread;
use crate::waiter::Effects;

/// Completions that are taken from a ring together.
pub(super) const BATCH: usize = 32;

/// Credits of the channel to the server that are kept for an alarm and for giving the vcore back.
const RESERVED: usize = MOST_OWN_CALLS;

/// The vcore runs uthreads.
pub(super) const STAYS: u8 = 0;
/// It runs none, and is given back as soon as its calls are answered.
pub(super) const LEAVES: u8 = 1;
/// It runs none, and the server has the call by which it is given back.
pub(super) const GIVEN_BACK: u8 = 2;

/// The vcore's loop looks for completions.
pub(super) const LOOKS_NOT: u8 = 0;
/// The running uthread does, because it waits and no other one is ready.
pub(super) const LOOKS: u8 = 1;
/// The running uthread did, in vain, as often as pays before the vcore blocks.
pub(super) const HAS_LOOKED: u8 = 2;

/// A vcore.
pub(crate) struct Vcore {
    /// To the server, then to the service of each port.
    pub(super) channels: Box<[Channel]>,
    pub(super) timers: Monitor<Timers>,
    pub(super) printer: Monitor<Printer>,
    /// Room for what completions set free, so that none of them allocates. Used by the vcore only.
    pub(super) effects: Mutex<Effects>,
    pub(super) alarm: Mutex<Alarm>,
    /// No call or timer of the vcore has an earlier deadline. Changed on the vcore only.
    pub(super) earliest_deadline: AtomicU64,
    /// Calls of the running uthread are not published until the batch that they belong to is whole.
    pub(super) holding: AtomicBool,
    /// Time-out of the calls of the running uthread, in ticks, or [`NEVER`].
    pub(super) timeout: AtomicU64,
    pub(super) running: Mutex<Option<Arc<Uthread>>>,
    /// [`LOOKS_NOT`], [`LOOKS`] or [`HAS_LOOKED`]. Changed on the vcore only.
    pub(super) looking: AtomicU8,
    /// [`STAYS`], [`LEAVES`] or [`GIVEN_BACK`].
    pub(super) leaving: AtomicU8,
}

impl Vcore {
    /// A vcore with a channel to its server and one to the service of each of so many ports.
    pub(super) fn new(
        server: Endpoint,
        services: impl IntoIterator<Item = Endpoint>,
        ports: usize,
        generation: u32,
    ) -> Vcore {
        // A channel is large: a list that grows would need place for its channels twice.
        let mut channels = Vec::with_capacity(1 + ports);
        channels.push(Channel::new(server, generation, RESERVED, true));
        for service in services {
            channels.push(Channel::new(service, generation, 0, true));
        }
        Vcore {
            channels: channels.into_boxed_slice(),
            timers: Monitor::new(Timers::default()),
            printer: Monitor::new(Printer::default()),
            effects: Mutex::new(Effects::with_capacity(BATCH)),
            alarm: Mutex::new(Alarm::new()),
            earliest_deadline: AtomicU64::new(NEVER),
            holding: AtomicBool::new(false),
            timeout: AtomicU64::new(NEVER),
            running: Mutex::new(None),
            looking: AtomicU8::new(LOOKS_NOT),
            leaving: AtomicU8::new(STAYS),
        }
    }

    /// Whether the vcore runs uthreads.
    pub(super) fn stays(&self) -> bool {
        self.leaving.load(Ordering::SeqCst) == STAYS
    }

    /// Whether the running uthread looks for completions in place of the vcore's loop.
    pub(super) fn uthread_looks(&self) -> bool {
        self.looking.load(Ordering::Relaxed) == LOOKS
    }

    /// Notes a deadline of a call or timer.
    #[inline]
    pub(super) fn note_deadline(&self, deadline: u64) {
        if deadline < self.earliest_deadline.load(Ordering::Relaxed) {
            self.earliest_deadline.store(deadline, Ordering::Relaxed);
        }
    }

    /// Works out which deadline is the next one.
    pub(super) fn update_earliest_deadline(&self) -> u64 {
        let calls = self
            .channels
            .iter()
            .map(|channel| channel.calls.with(|calls| calls.next_deadline()));
        let timers = self.timers.with(|timers| timers.next());
        let earliest = calls.fold(timers, u64::min);
        self.earliest_deadline.store(earliest, Ordering::Relaxed);
        earliest
    }
}
