//! Syscalls that are written out by hand.

use atoll_abi::interface::Interface;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status, Syscall};
use atoll_call::NEVER;

use crate::reply::Submission;
use crate::runtime::Runtime;
use crate::target::Target;
use crate::uthread;

/// Makes a syscall as it is written, but for its tag and its generation, and waits for its end. It goes to the one who serves
/// the call's interface; the server gets what is no call of a process. It has no time-out. For tests of servers and services:
/// every call has a typed function, which checks what it is given.
///
/// # Safety
/// A read writes into the block that it names until it has ended: no [`Block`](crate::Block) is that one.
///
/// # Panics
/// Where the caller is not a uthread.
pub unsafe fn raw_call(syscall: Syscall) -> Completion {
    let runtime = Runtime::current();
    let interface = Call::from_raw(syscall.call).map(Call::interface);
    let target = match interface {
        Some(Interface::Files) => runtime.port_of_kind(ServiceKind::Files).map(Target::port),
        _ => Some(Target::SERVER),
    };
    let mut submission = match target {
        Some(target) => Submission::with_timeout(target, syscall, NEVER),
        None => Submission::refused(Status::NoService),
    };
    let answer = uthread::wait_for(|waker| submission.take(waker));
    let mut completion = Completion::of(&syscall, answer.status, answer.result);
    completion.generation = runtime.generation();
    if !answer.block_returned {
        completion.block = NO_BLOCK;
    }
    completion
}
