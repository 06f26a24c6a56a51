//! Syscalls that are written out by hand.

use core::future::poll_fn;

use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Syscall};

use crate::runtime::Runtime;
use crate::syscalls::Submission;
use crate::uthread;

/// Makes a syscall as it is written, but for its tag and its generation, and waits for its end. For tests of a server: every
/// call has a typed function, which checks what it is given.
///
/// # Safety
/// A read writes into the block that it names until it has ended: nobody holds that block as a [`Block`](crate::Block).
///
/// # Panics
/// Where the caller is not a uthread.
pub unsafe fn raw_call(syscall: Syscall) -> Completion {
    let call = Call::from_raw(syscall.call).unwrap_or(Call::Stat);
    let mut submission = Submission::new(call, syscall);
    let answer = uthread::block_on(poll_fn(|context| submission.poll(context)));
    Completion {
        tag: syscall.tag,
        status: answer.status as u32,
        generation: Runtime::current().generation(),
        result: answer.result,
        route: answer.route,
        block: if answer.block_returned {
            syscall.block
        } else {
            NO_BLOCK
        },
        returned: NO_BLOCK,
        padding: 0,
        reserved: 0,
    }
}
