//! Frames: which process has each, until when, and who waits to be told.
//!
//! [`atoll_abi::frame`] says what a frame is. The table here is the only place that decides about them; no process can write it.
//! A frame moves in three steps, so that it is never in two address spaces and a server that dies in between leaves a note that
//! the next one understands: it is noted that nobody has it, it is mapped for its new holder, and that is noted.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::frame::{FrameState, Holding, NO_LEASE};
use atoll_abi::interface::request;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::name::Name;
use atoll_abi::plan::{MAX_CLUSTER_FRAMES, MAX_CLUSTER_PROCESSES, Plan};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Deadlines, NEVER};

use crate::calls::{Caller, Served};
use crate::event::Actions;
use crate::numbers::Numbers;

// A lease that does not end has no deadline.
const _: () = assert!(NO_LEASE == NEVER);

/// The frames of the cluster.
pub(crate) struct Frames {
    /// By number.
    frames: Box<[Frame]>,
    /// The processes of the cluster, by number.
    members: Box<[Member]>,
    numbers: Numbers,
    /// When the lease of each frame ends.
    leases: Deadlines<MAX_CLUSTER_FRAMES>,
}

/// A frame.
struct Frame {
    /// Number of the process that it goes to when a lease ends.
    home: usize,
    /// Number of the process that it is mapped in; `None` where it was never mapped.
    holder: Option<usize>,
    /// The how-manieth holding this is.
    generation: u32,
    /// When the lease ends.
    until: u64,
}

/// A process, as frames concern it.
struct Member {
    /// Its index in the plan.
    index: u16,
    name: Name,
    /// Bitmap of the processes to which it may give frames, by number.
    gives: u64,
    /// The life of it that runs.
    life: Option<ProcessId>,
    /// How often frames have come to it or have left it, from 1 on.
    changes: u64,
    /// Its calls that are answered when that changes, no more than there was room for from the beginning.
    waits: Vec<Waiting>,
}

/// Calls of a process that may wait at a time: one vcore has credits left for others when it has made all of them.
const MOST_WAITING: usize = RING_SLOTS / 2;

/// A call that waits.
struct Waiting {
    vcore: u16,
    generation: u32,
    tag: u64,
}

/// For how long a process has a frame, and from whom.
struct Terms {
    from: usize,
    lease: u64,
    until: u64,
}

impl Frames {
    /// Those of a cluster; none is mapped.
    pub(crate) fn new(plan: &Plan, cluster: u32) -> Frames {
        let own = || plan.processes_of(cluster).take(MAX_CLUSTER_PROCESSES);
        let homes = own().enumerate().flat_map(|(number, (_, process))| {
            core::iter::repeat_n(number, process.home_frames().len())
        });
        let frames = homes.take(MAX_CLUSTER_FRAMES).map(|home| Frame {
            home,
            holder: None,
            generation: 0,
            until: NEVER,
        });
        let members = own().map(|(index, process)| Member {
            index: index as u16,
            name: process.name,
            gives: process.gives,
            life: None,
            changes: 1,
            waits: Vec::with_capacity(MOST_WAITING),
        });
        Frames {
            frames: frames.collect(),
            members: members.collect(),
            numbers: Numbers::new(plan, cluster),
            leases: Deadlines::new(),
        }
    }

    fn member_mut(&mut self, process: ProcessId) -> Option<&mut Member> {
        self.members.get_mut(self.numbers.of(process)?)
    }

    fn lives(&self, number: usize) -> bool {
        let member = self.members.get(number);
        member.is_some_and(|member| member.life.is_some())
    }

    /// A life of a process has begun, for the first time or again: it has the frames of which it is the home and which nobody has.
    pub(crate) fn start(&mut self, process: ProcessId, actions: &mut impl Actions) {
        self.adopt(process);
        let Some(number) = self.numbers.of(process) else {
            return;
        };
        for frame in 0..self.frames.len() {
            let own = self.frames.get(frame);
            if own.is_some_and(|it| it.home == number && it.holder.is_none()) {
                self.send_home(frame, actions);
            }
        }
    }

    /// A process runs that an earlier life of the server has started.
    pub(crate) fn adopt(&mut self, process: ProcessId) {
        if let Some(member) = self.member_mut(process) {
            member.life = Some(process);
        }
    }

    /// Goes on from what an earlier life of the server has noted, when every process that runs was adopted. A frame that was
    /// moving, or whose holder has ended meanwhile, goes home. Leases begin anew.
    pub(crate) fn adopt_states(
        &mut self,
        now: u64,
        states: &[FrameState],
        life: u32,
        actions: &mut impl Actions,
    ) {
        for member in &mut self.members {
            // What an earlier life has told a process is never what this one says.
            member.changes |= u64::from(life) << u32::BITS;
        }
        for (frame, state) in states.iter().enumerate() {
            let holding = state.holding();
            let noted = holding.holder.map(|number| number as usize);
            let Some(own) = self.frames.get_mut(frame) else {
                return;
            };
            own.generation = holding.generation;
            let home = own.home;
            match noted.filter(|&holder| holder == home || self.lives(holder)) {
                Some(holder) => {
                    if let Some(own) = self.frames.get_mut(frame) {
                        own.holder = Some(holder);
                        own.until = now.saturating_add(state.lease);
                        self.leases.set(frame, own.until);
                    }
                }
                None if holding.generation > 0 || self.lives(home) => {
                    self.send_home(frame, actions);
                }
                // It gets it when it starts.
                None => {}
            }
        }
    }

    /// A life of a process is dying: it makes no calls any more, and is given nothing.
    pub(crate) fn stop(&mut self, process: ProcessId) {
        if let Some(member) = self.member_mut(process) {
            member.life = None;
            member.waits.clear();
        }
    }

    /// A life of a process has ended: what it had from others goes home.
    pub(crate) fn end(&mut self, process: ProcessId, actions: &mut impl Actions) {
        let Some(number) = self.numbers.of(process) else {
            return;
        };
        for frame in 0..self.frames.len() {
            let own = self.frames.get(frame);
            if own.is_some_and(|it| it.holder == Some(number) && it.home != number) {
                self.send_home(frame, actions);
            }
        }
    }

    /// When the next lease ends.
    pub(crate) fn next_end(&self) -> Option<u64> {
        let next = self.leases.next();
        (next != NEVER).then_some(next)
    }

    /// Ends the leases that are due.
    pub(crate) fn end_leases(&mut self, now: u64, actions: &mut impl Actions) {
        while let Some((frame, until)) = self.leases.first() {
            if until > now {
                return;
            }
            self.send_home(frame, actions);
        }
    }

    /// The number of the process of a name, to which the caller may give frames.
    #[inline(never)]
    pub(crate) fn find(&self, caller: Caller, wanted: request::FindRecipient) -> Served {
        let mut members = self.members.iter();
        let found = members.position(|member| member.name == wanted.process);
        let number = found.ok_or(Status::NotFound)?;
        let giver = self.numbers.of(caller.process);
        let giver = giver.and_then(|giver| self.members.get(giver));
        match giver.is_some_and(|giver| giver.gives & 1 << number != 0) {
            true => Ok((number as u64, 0)),
            false => Err(Status::NotAllowed),
        }
    }

    /// Number of the caller, where it holds a frame in this generation.
    fn holder(&self, caller: Caller, frame: u32, generation: u32) -> Result<usize, Status> {
        let number = self.numbers.of(caller.process).ok_or(Status::NotAllowed)?;
        let own = self.frames.get(frame as usize).ok_or(Status::BadHandle)?;
        let fenced = own.generation == generation || cfg!(feature = "planted-stale-lease");
        match own.holder == Some(number) && fenced {
            true => Ok(number),
            false => Err(Status::BadHandle),
        }
    }

    #[inline(never)]
    pub(crate) fn give(
        &mut self,
        caller: Caller,
        wanted: request::GiveFrame,
        actions: &mut impl Actions,
    ) -> Served {
        let giver = self.holder(caller, wanted.frame, wanted.generation)?;
        let recipient = wanted.recipient as usize;
        let gives = self.members.get(giver).map_or(0, |giver| giver.gives);
        if recipient >= self.members.len() || gives & 1 << recipient == 0 {
            return Err(Status::NotAllowed);
        }
        if wanted.lease == 0 {
            return Err(Status::InvalidArgument);
        }
        if !self.lives(recipient) {
            return Err(Status::PeerLost);
        }
        let frame = wanted.frame as usize;
        let own = self.frames.get(frame).ok_or(Status::BadHandle)?;
        if own.until <= caller.now {
            // It is only not yet at home.
            return Err(Status::BadHandle);
        }
        // No lease outlives the one that it is part of; at home there is none.
        let until = match own.home == recipient {
            true => NEVER,
            false => caller.now.saturating_add(wanted.lease).min(own.until),
        };
        let lease = match until {
            NEVER => NO_LEASE,
            _ => until.saturating_sub(caller.now),
        };
        let terms = Terms {
            from: giver,
            lease,
            until,
        };
        let generation = self.place(frame, recipient, terms, actions);
        Ok((u64::from(generation), lease))
    }

    #[inline(never)]
    pub(crate) fn give_back(
        &mut self,
        caller: Caller,
        wanted: request::ReturnFrame,
        actions: &mut impl Actions,
    ) -> Served {
        let holder = self.holder(caller, wanted.frame, wanted.generation)?;
        let frame = wanted.frame as usize;
        match self.frames.get(frame).is_some_and(|own| own.home == holder) {
            true => self.tell(holder, actions),
            false => self.send_home(frame, actions),
        }
        Ok((0, 0))
    }

    /// The answer of a call that waits for frames to come or go; `None` where that comes later.
    #[inline(never)]
    pub(crate) fn wait(
        &mut self,
        caller: Caller,
        call: &Syscall,
        wanted: request::AwaitFrames,
        actions: &mut impl Actions,
    ) -> Result<Option<u64>, Status> {
        let member = self.member_mut(caller.process).ok_or(Status::NotAllowed)?;
        if wanted.seen == 0 {
            member.answer_waiting(actions);
        }
        if wanted.seen != member.changes {
            return Ok(Some(member.changes));
        }
        if member.waits.len() >= MOST_WAITING {
            return Err(Status::Busy);
        }
        member.waits.push(Waiting {
            vcore: caller.vcore as u16,
            generation: call.generation,
            tag: call.tag,
        });
        Ok(None)
    }

    fn send_home(&mut self, frame: usize, actions: &mut impl Actions) {
        let Some(own) = self.frames.get(frame) else {
            return;
        };
        let home = own.home;
        let terms = Terms {
            from: own.holder.unwrap_or(home),
            lease: NO_LEASE,
            until: NEVER,
        };
        self.place(frame, home, terms, actions);
    }

    /// Moves a frame to a process, and tells both sides. The generation of the holding that begins.
    fn place(&mut self, frame: usize, to: usize, terms: Terms, actions: &mut impl Actions) -> u32 {
        let index = self.members.get(to).map(|member| member.index);
        let (Some(own), Some(index)) = (self.frames.get_mut(frame), index) else {
            return 0;
        };
        // 0 says that there was no holding.
        own.generation = own.generation.wrapping_add(1).max(1);
        own.until = terms.until;
        let before = own.holder.replace(to);
        let generation = own.generation;
        let state = |holder: Option<usize>| {
            let holder = holder.map(|number| number as u32);
            FrameState {
                holding: Holding { generation, holder }.to_raw(),
                from: terms.from as u64,
                lease: terms.lease,
            }
        };
        actions.publish_frame(frame, state(None));
        actions.place_frame(frame, usize::from(index));
        actions.publish_frame(frame, state(Some(to)));
        self.leases.set(frame, terms.until);
        if let Some(before) = before.filter(|&before| before != to) {
            self.tell(before, actions);
        }
        self.tell(to, actions);
        generation
    }

    /// Tells a process that frames have come or gone.
    fn tell(&mut self, number: usize, actions: &mut impl Actions) {
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        member.changes += 1;
        member.answer_waiting(actions);
    }
}

impl Member {
    /// Answers the calls that wait.
    fn answer_waiting(&mut self, actions: &mut impl Actions) {
        let Some(life) = self.life else {
            return;
        };
        for waiting in self.waits.drain(..) {
            let call = Syscall {
                tag: waiting.tag,
                generation: waiting.generation,
                ..Syscall::EMPTY
            };
            let completion = Completion::of(&call, Status::Done, [self.changes, 0]);
            actions.complete(life, usize::from(waiting.vcore), &[completion]);
        }
    }
}
