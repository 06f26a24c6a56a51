//! What each call of a process does: one function for each row of the interface.

use atoll_abi::interface::{ProcessCall, request};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Status, Syscall};
use zerocopy::IntoBytes;

use crate::alarms::Alarms;
use crate::event::Actions;
use crate::process::Process;
use crate::rights::Rights;

/// How a call ends.
pub(crate) type Served = Result<[u64; 2], Status>;

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
    pub(crate) process: &'a mut Process,
    pub(crate) alarms: &'a mut Alarms,
    pub(crate) rights: &'a Rights,
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
            ProcessCall::Print(print) => self.print(caller, print, actions),
            ProcessCall::Exit(_) => Ok([0; 2]),
            ProcessCall::BecomeMcp(_) => self.become_mcp(caller, actions),
            ProcessCall::RequestVcores(wanted) => self.request_vcores(wanted, actions),
            ProcessCall::YieldVcore(_) => self.yield_vcore(caller, actions),
            ProcessCall::SetAlarm(alarm) => self.set_alarm(caller, alarm),
            ProcessCall::Connect(connect) => {
                let process = usize::from(caller.process.index);
                self.rights.connect(process, connect.service)
            }
        }
    }

    #[inline(never)]
    pub(crate) fn print(
        &mut self,
        caller: Caller,
        print: request::Print,
        actions: &mut impl Actions,
    ) -> Served {
        let piece = print
            .text
            .as_bytes()
            .get(..usize::from(print.length))
            .ok_or(Status::InvalidArgument)?;
        self.process.print(caller.vcore, piece, actions);
        Ok([0; 2])
    }

    #[inline(never)]
    fn become_mcp(&mut self, caller: Caller, actions: &mut impl Actions) -> Served {
        let process = &mut *self.process;
        if !process.vcores().is_granted(caller.vcore) || !process.become_many_core() {
            return Err(Status::NotAllowed);
        }
        actions.publish_many_core(caller.process);
        Ok([u64::from(process.vcores().count()), 0])
    }

    #[inline]
    fn request_vcores(
        &mut self,
        wanted: request::RequestVcores,
        actions: &mut impl Actions,
    ) -> Served {
        let process = &mut *self.process;
        if !process.is_many_core_and_runs() {
            return Err(Status::NotAllowed);
        }
        if wanted.count == 0 {
            return Err(Status::InvalidArgument);
        }
        while u64::from(process.vcores().count()) < wanted.count && process.grant(None, actions) {}
        Ok([u64::from(process.vcores().count()), 0])
    }

    /// A vcore may go if it has taken every completion and something is left that brings the process back: another vcore,
    /// or the alarm of one that has gone. One whose alarm has rung since it set that stays once: it may have set it to come back
    /// by it, and has not seen yet that it rang.
    #[inline(never)]
    fn yield_vcore(&mut self, caller: Caller, actions: &mut impl Actions) -> Served {
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
        Ok([0; 2])
    }

    #[inline(never)]
    fn set_alarm(&mut self, caller: Caller, alarm: request::SetAlarm) -> Served {
        let time = caller.now.saturating_add(alarm.nanoseconds);
        self.alarms.set(caller.process, caller.vcore, time);
        Ok([0; 2])
    }
}
