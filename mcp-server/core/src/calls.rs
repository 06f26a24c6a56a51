//! What each call of a process does: one function for each row of the interface.

use atoll_abi::interface::{ProcessCall, request};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Status, Syscall};
use zerocopy::IntoBytes;

use crate::alarms::Alarms;
use crate::event::Actions;
use crate::frames::Frames;
use crate::process::Process;
use crate::rights::Rights;

/// How a call ends: with its results, or with a status.
pub(crate) type Served = Result<(u64, u64), Status>;

/// The result of [`Call::AwaitFrames`](atoll_abi::interface::Call::AwaitFrames) that stands for no answer yet: one says how often
/// frames have come or gone, from 1 on.
pub(crate) const WAITS: [u64; 2] = [0; 2];

/// What becomes of a process's calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// They are refused: the process has not started, or nothing of it is left.
    Refused,
    /// They are served.
    Served,
    /// The process is dying, or has made a call that ends it: what came with an exit ends before it, because afterwards the
    /// process takes no completion.
    Dying,
}

/// A vcore that makes a call, when it makes it.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) process: ProcessId,
    pub(crate) vcore: usize,
    /// Completions that it has not taken.
    pub(crate) unread: usize,
    pub(crate) now: u64,
}

/// What a call may look at and change: the process that makes it, looked up once for all calls that came together, and what
/// the cluster's processes share.
pub(crate) struct Serving<'a> {
    pub(crate) admission: Admission,
    pub(crate) process: &'a mut Process,
    pub(crate) alarms: &'a mut Alarms,
    pub(crate) rights: &'a Rights,
    pub(crate) frames: &'a mut Frames,
    /// The status with which one of the calls ends the process.
    pub(crate) exit: Option<u64>,
    /// One of the calls is answered later.
    pub(crate) waits: bool,
}

impl Serving<'_> {
    /// Serves a call of a process that is alive. An exit is done when the calls that came with it have been
    /// served.
    ///
    /// Calls that are not made in great numbers are not inlined: what they keep in registers and on the stack would be set up
    /// for every call.
    #[inline]
    pub(crate) fn serve(
        &mut self,
        caller: Caller,
        syscall: &Syscall,
        actions: &mut impl Actions,
    ) -> Served {
        match ProcessCall::decode(syscall)? {
            ProcessCall::Print(print) => self.print(caller, print, actions)?,
            ProcessCall::Exit(exit) => {
                self.admission = Admission::Dying;
                self.exit = Some(exit.status);
            }
            ProcessCall::BecomeMcp(_) => {
                self.become_mcp(caller, actions)?;
                return Ok((self.granted(), 0));
            }
            ProcessCall::RequestVcores(wanted) => {
                self.request_vcores(wanted, actions)?;
                return Ok((self.granted(), 0));
            }
            ProcessCall::YieldVcore(_) => self.yield_vcore(caller, actions)?,
            ProcessCall::SetAlarm(alarm) => self.set_alarm(caller, alarm, actions),
            ProcessCall::Connect(connect) => {
                let process = usize::from(caller.process.index);
                let (port, kind) = self.rights.connect(process, connect.service)?;
                return Ok((port, kind));
            }
            ProcessCall::FindRecipient(wanted) => return self.frames.find(caller, wanted),
            ProcessCall::GiveFrame(wanted) => return self.frames.give(caller, wanted, actions),
            ProcessCall::ReturnFrame(wanted) => {
                return self.frames.give_back(caller, wanted, actions);
            }
            ProcessCall::AwaitFrames(wanted) => {
                return self.await_frames(caller, syscall, wanted, actions);
            }
        }
        Ok((0, 0))
    }

    /// How many vcores the process has.
    #[inline]
    fn granted(&self) -> u64 {
        u64::from(self.process.vcores().count())
    }

    #[inline(never)]
    pub(crate) fn print(
        &mut self,
        caller: Caller,
        print: request::Print,
        actions: &mut impl Actions,
    ) -> Result<(), Status> {
        let piece = print
            .text
            .as_bytes()
            .get(..usize::from(print.length))
            .ok_or(Status::InvalidArgument)?;
        self.process.print(caller.vcore, piece, actions);
        Ok(())
    }

    #[inline(never)]
    fn become_mcp(&mut self, caller: Caller, actions: &mut impl Actions) -> Result<(), Status> {
        let process = &mut *self.process;
        if !process.vcores().is_granted(caller.vcore) || !process.become_many_core() {
            return Err(Status::NotAllowed);
        }
        actions.publish_many_core(caller.process);
        Ok(())
    }

    #[inline]
    fn request_vcores(
        &mut self,
        wanted: request::RequestVcores,
        actions: &mut impl Actions,
    ) -> Result<(), Status> {
        if !self.process.is_many_core_and_runs() {
            return Err(Status::NotAllowed);
        }
        if wanted.count == 0 {
            return Err(Status::InvalidArgument);
        }
        if self.granted() < wanted.count {
            self.grant_more(wanted.count, actions);
        }
        Ok(())
    }

    /// Grants vcores until there are so many, or no more can be.
    #[inline(never)]
    fn grant_more(&mut self, wanted: u64, actions: &mut impl Actions) {
        while self.granted() < wanted && self.process.grant(None, actions) {}
    }

    /// A vcore may go if it has taken every completion and something is left that brings the process back: another vcore,
    /// or the alarm of one that has gone. One whose alarm has rung since it set that stays once: it may have set it to come back
    /// by it, and has not seen yet that it rang.
    #[inline(never)]
    fn yield_vcore(&mut self, caller: Caller, actions: &mut impl Actions) -> Result<(), Status> {
        let process = &mut *self.process;
        if !process.vcores().is_granted(caller.vcore) {
            return Err(Status::NotAllowed);
        }
        let rang = self.alarms.take_rang(caller.process, caller.vcore);
        if caller.unread > 0 || rang {
            return Err(Status::Busy);
        }
        let returns = |vcore: usize| {
            (vcore == caller.vcore || process.may_return(vcore))
                && self.alarms.is_set(caller.process, vcore)
        };
        let last = process.vcores().count() == 1;
        if last && !(0..process.vcores().limit()).any(returns) {
            return Err(Status::NotAllowed);
        }
        // It is stopped before its completion is sent: it would take the completion for having been granted again, and be
        // stopped with a uthread on it.
        let until_alarm = self.alarms.is_set(caller.process, caller.vcore);
        process.give_back(caller.vcore, until_alarm, actions);
        Ok(())
    }

    #[inline(never)]
    fn await_frames(
        &mut self,
        caller: Caller,
        syscall: &Syscall,
        wanted: request::AwaitFrames,
        actions: &mut impl Actions,
    ) -> Served {
        match self.frames.wait(caller, syscall, wanted, actions)? {
            Some(changes) => Ok((changes, 0)),
            None => {
                self.waits = true;
                let [first, second] = WAITS;
                Ok((first, second))
            }
        }
    }

    #[inline(never)]
    fn set_alarm(&mut self, caller: Caller, alarm: request::SetAlarm, actions: &mut impl Actions) {
        let time = caller.now.saturating_add(alarm.nanoseconds);
        self.alarms.set(caller.process, caller.vcore, time);
        actions.publish_alarms(caller.process, self.alarms.pending(caller.process));
    }
}
