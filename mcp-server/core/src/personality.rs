//! The personality of one cluster: its parts, put together, and what it does about each event.

use alloc::vec::Vec;

use atoll_abi::interface::{Call, ProcessCall};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::plan::Plan;
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use zerocopy::FromZeros;

use crate::alarms::Alarms;
use crate::calls::{Admission, Caller, Served, Serving, WAITS};
use crate::event::{Actions, Event};
use crate::frames::Frames;
use crate::rights::Rights;
use crate::state::State;
use crate::table::ProcessTable;
use crate::vcore::VcoreMap;

pub use atoll_abi::process::BROKE_PROTOCOL as FAULT_STATUS;

/// Calls that one [`Event::Calls`] brings at most.
pub const BATCH: usize = RING_SLOTS / 2;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls that were answered.
    pub calls: u64,
    /// Processes that were ended because they broke the protocol, or because a vcore took a fault.
    pub process_faults: u64,
    /// Alarms that woke a vcore.
    pub alarms: u64,
}

/// What the personality decides about.
pub(crate) struct Parts {
    pub(crate) processes: ProcessTable,
    pub(crate) alarms: Alarms,
    pub(crate) rights: Rights,
    pub(crate) frames: Frames,
}

impl Parts {
    /// What a call may use of the process that makes it; `None` where that life of the process is over.
    #[inline]
    fn serving(&mut self, process: ProcessId) -> Option<Serving<'_>> {
        let process = self.processes.get_mut(process)?;
        Some(Serving {
            admission: match process.state() {
                State::Created | State::Dead => Admission::Refused,
                State::Dying => Admission::Dying,
                _ => Admission::Served,
            },
            process,
            alarms: &mut self.alarms,
            rights: &self.rights,
            frames: &mut self.frames,
            exit: None,
            waits: false,
        })
    }
}

impl Serving<'_> {
    #[inline]
    fn serve_one(
        &mut self,
        caller: Caller,
        syscall: &Syscall,
        actions: &mut impl Actions,
    ) -> Served {
        let issued = cfg!(feature = "planted-missing-generation-check")
            || syscall.generation == caller.process.generation;
        if self.admission == Admission::Served && issued {
            return self.serve(caller, syscall, actions);
        }
        self.serve_seldom(issued, caller, syscall, actions)?;
        Ok((0, 0))
    }

    /// Serves a call of a process that runs no more, or one of an earlier life of it. What a process that is dying printed
    /// before is still printed, everything else is cancelled.
    #[cold]
    fn serve_seldom(
        &mut self,
        issued: bool,
        caller: Caller,
        syscall: &Syscall,
        actions: &mut impl Actions,
    ) -> Result<(), Status> {
        if !issued || self.admission != Admission::Dying {
            return Err(Status::NotAllowed);
        }
        match ProcessCall::decode(syscall)? {
            ProcessCall::Print(print) => self.print(caller, print, actions),
            _ => Err(Status::Cancelled),
        }
    }
}

/// Whether a call is not answered yet, where this completion was made for it.
fn is_waiting(call: &Syscall, completion: &Completion) -> bool {
    call.call == Call::AwaitFrames as u16
        && completion.status == Status::Done as u32
        && completion.result == WAITS
}

/// The personality of one cluster.
pub struct Personality {
    parts: Parts,
    counters: Counters,
    /// Processes that are dying.
    dying: Vec<ProcessId>,
    /// The completions of the calls that are being answered.
    completions: [Completion; BATCH],
}

impl Personality {
    /// The personality of a cluster of a plan. No process has started.
    pub fn new(plan: &Plan, cluster: u32) -> Personality {
        Personality {
            parts: Parts {
                processes: ProcessTable::new(plan, cluster),
                alarms: Alarms::new(plan, cluster),
                rights: Rights::new(plan),
                frames: Frames::new(plan, cluster),
            },
            counters: Counters::default(),
            dying: Vec::new(),
            completions: [Completion::new_zeroed(); BATCH],
        }
    }

    /// Decides about an event. `now` is in nanoseconds, on a clock that never goes backwards. An event of a life of a
    /// process that is over has no effect.
    pub fn handle(&mut self, now: u64, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Start { process: id } => {
                let process = self.parts.processes.at_mut(usize::from(id.index));
                if process.is_some_and(|process| process.start(id.generation, actions)) {
                    self.parts.frames.start(id, actions);
                }
            }
            Event::Adopt {
                process: id,
                vcores,
                many_core,
            } => {
                let process = self.parts.processes.at_mut(usize::from(id.index));
                if process
                    .is_some_and(|process| process.adopt(id.generation, vcores, many_core, actions))
                {
                    self.parts.frames.adopt(id);
                }
            }
            Event::AdoptFrames { states, life } => {
                let frames = &mut self.parts.frames;
                frames.adopt_states(now, states, life, actions);
            }
            Event::Calls {
                process,
                vcore,
                unread,
                calls,
            } => {
                let caller = Caller {
                    process,
                    vcore,
                    unread,
                    now,
                };
                self.answer(caller, calls, actions);
            }
            Event::BrokenRing { process } => {
                if self.stop(process, FAULT_STATUS, actions) {
                    self.counters.process_faults += 1;
                    actions.print_line(process, "ended: it broke the protocol of its rings");
                }
            }
            Event::Faulted { process, status } => {
                if self.stop(process, status, actions) {
                    self.counters.process_faults += 1;
                }
            }
            Event::Drained { process } => {
                if self.is_dying(process) {
                    // Before the end is reported: the next life has none of its frames, whenever this server dies.
                    self.parts.frames.end(process, actions);
                    self.dying.retain(|dying| *dying != process);
                    if let Some(own) = self.parts.processes.get_mut(process) {
                        own.end(actions);
                    }
                }
            }
            Event::Time => {
                self.parts.frames.end_leases(now, actions);
                self.ring_alarms(now, actions);
            }
        }
    }

    /// Answers calls that were taken from the ring of a vcore together.
    fn answer(&mut self, caller: Caller, calls: &[Syscall], actions: &mut impl Actions) {
        let mut count = 0;
        // Looked up once for all calls: none of them takes a process out of the table.
        let mut serving = self.parts.serving(caller.process);
        for (completion, syscall) in self.completions.iter_mut().zip(calls) {
            let served = match &mut serving {
                Some(serving) => serving.serve_one(caller, syscall, actions),
                None => Err(Status::NotAllowed),
            };
            let (status, first, second) = match served {
                Ok((first, second)) => (Status::Done, first, second),
                Err(status) => (status, 0, 0),
            };
            *completion = Completion::of(syscall, status, [first, second]);
            // What such a call has in that field is no block of the process's.
            completion.block = NO_BLOCK;
            count += 1;
        }
        let waits = serving.as_ref().is_some_and(|serving| serving.waits);
        let exit = serving.and_then(|serving| serving.exit);
        if waits {
            count = self.keep_answered(calls, count);
        }
        self.counters.calls += count as u64;
        if let Some(status) = exit {
            self.stop(caller.process, status, actions);
        }
        let completions = self.completions.get(..count).unwrap_or_default();
        if !completions.is_empty() {
            actions.complete(caller.process, caller.vcore, completions);
            if cfg!(feature = "planted-double-completion") {
                actions.complete(caller.process, caller.vcore, completions);
            }
        }
    }

    /// Takes the completions of calls that wait out of those that were made. How many are left.
    #[cold]
    fn keep_answered(&mut self, calls: &[Syscall], count: usize) -> usize {
        let mut kept = 0;
        for (place, call) in calls.iter().enumerate().take(count) {
            let Some(completion) = self.completions.get(place).copied() else {
                break;
            };
            if is_waiting(call, &completion) {
                continue;
            }
            if let Some(slot) = self.completions.get_mut(kept) {
                *slot = completion;
            }
            kept += 1;
        }
        kept
    }

    /// Stops a process that is alive, with an exit status; whether it was.
    fn stop(&mut self, id: ProcessId, status: u64, actions: &mut impl Actions) -> bool {
        let stopped = self
            .parts
            .processes
            .get_mut(id)
            .is_some_and(|process| process.stop(status, actions));
        if stopped {
            self.dying.push(id);
            self.parts.alarms.clear(id);
            self.parts.frames.stop(id);
        }
        stopped
    }

    /// Wakes the vcores whose alarm is due; one that gave itself back is granted again.
    fn ring_alarms(&mut self, now: u64, actions: &mut impl Actions) {
        while let Some((index, vcore)) = self.parts.alarms.take_due(now) {
            let Some(process) = self.parts.processes.at_mut(index) else {
                continue;
            };
            self.counters.alarms += 1;
            let pending = self.parts.alarms.pending(process.id());
            actions.publish_alarms(process.id(), pending);
            if process.may_return(vcore) {
                process.grant(Some(vcore), actions);
            } else {
                // It may be about to give itself back: see `Serving::yield_vcore`.
                self.parts.alarms.note_rang(process.id(), vcore);
            }
            actions.wake_vcore(process.id(), vcore);
        }
    }

    /// When [`Event::Time`] is due, on the clock of [`Personality::handle`], even if nothing happens before.
    pub fn next_alarm(&self) -> Option<u64> {
        let next = [self.parts.alarms.next(), self.parts.frames.next_end()];
        next.into_iter().flatten().min()
    }

    /// How many calls may be taken from the ring of a vcore, where its ring of completions has so many free slots: each is
    /// answered with one completion.
    #[inline]
    pub fn room(&self, process: ProcessId, vcore: usize, free: usize) -> usize {
        match self.listens(process, vcore) {
            true if cfg!(feature = "planted-unreserved-completion") => BATCH,
            true => free.min(BATCH),
            false => 0,
        }
    }

    /// Whether calls are taken from the ring of a vcore. Where not, a message there is no reason to stay awake.
    #[inline]
    pub fn listens(&self, process: ProcessId, vcore: usize) -> bool {
        self.parts.processes.get(process).is_some_and(|process| {
            !matches!(process.state(), State::Created | State::Dead)
                && vcore < process.vcores().limit()
        })
    }

    /// The present life of the process of an index; `None` where it is none of this cluster.
    pub fn process(&self, index: usize) -> Option<ProcessId> {
        self.parts.processes.at(index).map(|process| process.id())
    }

    /// Whether a process is dying: [`Event::Drained`] is due when its rings are empty.
    pub fn is_dying(&self, process: ProcessId) -> bool {
        self.state(process) == Some(State::Dying)
    }

    /// How many processes are [dying](Personality::is_dying).
    #[inline]
    pub fn dying(&self) -> usize {
        self.dying.len()
    }

    /// One of them, by its place among them.
    pub fn dying_process(&self, place: usize) -> Option<ProcessId> {
        self.dying.get(place).copied()
    }

    /// The state of a process; `None` where that life of it is over.
    pub fn state(&self, process: ProcessId) -> Option<State> {
        self.parts
            .processes
            .get(process)
            .map(|process| process.state())
    }

    /// The vcore map of a process.
    pub fn vcores(&self, process: ProcessId) -> Option<&VcoreMap> {
        self.parts
            .processes
            .get(process)
            .map(|process| process.vcores())
    }

    /// Whether every process of the cluster is dead.
    pub fn finished(&self) -> bool {
        self.parts.processes.all_dead()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
