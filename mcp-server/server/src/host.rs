//! The personality among the rings of its processes.

mod lives;

use alloc::vec::Vec;

use atoll_abi::interface::Call;
use atoll_abi::layout::server_badge;
use atoll_abi::message::Payload;
use atoll_abi::syscall::Syscall;
use atoll_channel::{CAPACITY, Link};
use atoll_core::{BATCH, Event, Personality};
use zerocopy::FromZeros;

use crate::row::Row;
use crate::world::{Kernel, World};

/// The personality, its rings, and the kernel.
pub struct Host<L, K> {
    personality: Personality,
    world: World<L, K>,
    calls: [Syscall; BATCH],
}

impl<L: Link, K: Kernel> Host<L, K> {
    /// A personality with the links to the vcores of each process of the plan, in order; none for the processes of other
    /// clusters.
    pub fn new<V>(
        personality: Personality,
        processes: impl IntoIterator<Item = V>,
        kernel: K,
    ) -> Host<L, K>
    where
        V: IntoIterator<Item = L>,
    {
        let row = Row::new(processes);
        Host {
            personality,
            world: World {
                broken: Vec::with_capacity(row.len()),
                row,
                kernel,
            },
            calls: [Syscall::new_zeroed(); BATCH],
        }
    }

    /// The personality.
    pub fn personality(&self) -> &Personality {
        &self.personality
    }

    /// The kernel.
    pub fn kernel(&mut self) -> &mut K {
        &mut self.world.kernel
    }

    /// The links of a process, by vcore.
    pub fn links(&self, process: usize) -> impl Iterator<Item = &L> {
        self.world.row.links(process)
    }

    fn tell(&mut self, now: u64, event: Event<'_>) {
        self.personality.handle(now, event, &mut self.world);
        self.tell_of_broken_rings(now);
    }

    fn tell_of_broken_rings(&mut self, now: u64) {
        while let Some((process, vcore)) = self.world.broken.pop() {
            if let Some(own) = self.world.row.of(process, vcore) {
                own.broken = false;
            }
            if let Some(process) = self.personality.process(process) {
                let event = Event::BrokenRing { process };
                self.personality.handle(now, event, &mut self.world);
            }
        }
    }

    /// Does bounded work: alarms that are due, processes that have come back, and what each vcore sent whose ring is polled.
    /// Tells whether there was anything.
    pub fn turn(&mut self) -> bool {
        let mut worked = false;
        self.world.row.rest_quiet();
        self.world.row.look_at_resting();
        self.meet();
        if let Some(alarm) = self.personality.next_alarm() {
            let now = self.world.kernel.now();
            if now >= alarm {
                self.tell(now, Event::Time);
                worked = true;
            }
        }
        self.take_calls() || worked
    }

    /// As [`Host::turn`], for calls only: a look at the time is not for free. A ring in which nothing is costs a few
    /// instructions: most turns of a server that polls find all of them so.
    #[inline]
    pub fn take_calls(&mut self) -> bool {
        let mut worked = false;
        for place in 0..self.world.row.polled() {
            worked |= self.look_at(place);
        }
        if self.personality.dying() > 0 {
            worked |= self.end_drained();
        }
        worked
    }

    /// Ends the dying processes whose rings are empty. Tells whether there was any work.
    #[cold]
    fn end_drained(&mut self) -> bool {
        let mut worked = false;
        let mut next = 0;
        while let Some(process) = self.personality.dying_process(next) {
            let index = usize::from(process.index);
            let mut any = false;
            for vcore in 0..self.world.row.count(index) {
                if let Some(place) = self.world.row.place(index, vcore) {
                    any |= self.look_at(place);
                }
            }
            if !any {
                self.tell(0, Event::Drained { process });
            }
            worked = true;
            // One that has ended is not dying any more, and another one has its place.
            next += usize::from(self.personality.is_dying(process));
        }
        worked
    }

    /// Takes what a vcore sent. Tells whether there was anything.
    #[inline]
    fn look_at(&mut self, place: usize) -> bool {
        let own = self.world.row.at(place);
        own.is_some_and(|own| own.link.waiting()) && self.take_from(place)
    }

    /// Not inlined, so that a look at a ring in which nothing is stays short.
    #[inline(never)]
    fn take_from(&mut self, place: usize) -> bool {
        let Some(own) = self.world.row.at(place) else {
            return false;
        };
        own.quiet = 0;
        let vcore = own.vcore;
        let Some(process) = self.personality.process(own.process) else {
            return false;
        };
        let free = own.link.free();
        let room = self.personality.room(process, vcore, free);
        let Some(calls) = self.calls.get_mut(..room).filter(|it| !it.is_empty()) else {
            return false;
        };
        match own.link.receive(Syscall::as_messages_mut(calls)) {
            Ok(0) => false,
            Ok(count) => {
                let calls = calls.get(..count).unwrap_or_default();
                // Only alarms and leases are set in relation to the time, which is not for free.
                // Without an early end, so that the compiler unrolls the loop.
                let timed = calls.iter().fold(false, |any, it| {
                    any | (it.call == Call::SetAlarm as u16) | (it.call == Call::GiveFrame as u16)
                });
                let now = if timed { self.world.kernel.now() } else { 0 };
                let event = Event::Calls {
                    process,
                    vcore,
                    unread: CAPACITY - free.min(CAPACITY),
                    calls,
                };
                self.personality.handle(now, event, &mut self.world);
                if !self.world.broken.is_empty() {
                    self.tell_of_broken_rings(now);
                }
                true
            }
            // A process that is dying breaks nothing any more.
            Err(_) if self.personality.is_dying(process) => false,
            Err(_) => {
                self.tell(0, Event::BrokenRing { process });
                true
            }
        }
    }

    /// Arms every ring that is polled and from which the personality would take something; whether the server may sleep until it is woken.
    /// Then call [`Host::awake`].
    pub fn may_sleep(&mut self) -> bool {
        let mut may = true;
        for own in self.world.row.iter_polled() {
            let Some(process) = self.personality.process(own.process) else {
                continue;
            };
            if own.link.peer_changed() {
                // It is to come back, for which it rings; or the process says of itself that it is dead.
                may &= own.link.peer_dead();
                continue;
            }
            if !own.link.arm() {
                // A vcore that does not take its completions stops only itself: what it sent waits.
                let free = own.link.free();
                may &= self.personality.room(process, own.vcore, free) == 0;
            }
        }
        if may {
            self.world.row.rest_all();
        }
        may
    }

    /// The server is awake, and any process may have woken it.
    pub fn awake(&mut self) {
        self.awake_by(server_badge::PROCESSES);
    }

    /// The server is awake, woken by those whose [badges](server_badge) are given.
    pub fn awake_by(&mut self, badges: u64) {
        for own in self.world.row.iter_polled() {
            own.link.disarm();
        }
        self.world.row.wake(badges);
    }
}
