//! Calls that concern the process itself, and what holds for the calls of a uthread.
#![deny(unsafe_code)]

use core::time::Duration;

use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::Status;
use atoll_call::{Answer, NEVER};

use crate::batch::Request;
use crate::pending::Timer;
use crate::reply::{Reply, Submission};
use crate::runtime::Runtime;
use crate::target::{Connection, Target};
use crate::uthread;

/// Ends when a time is up; [`Reply::cancel`] ends it before, with [`Status::Cancelled`]. A timer of the runtime: it takes
/// no call, and any number of them may run. Dropping the reply stops it.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn sleep(time: Duration) -> Reply<()> {
    let runtime = Runtime::current();
    runtime.note_own_answer();
    let timer = Timer::start(ticks(runtime, time));
    Reply::new(Submission::Timer(timer), |_, _| Ok(()))
}

/// Gives every syscall that the calling uthread makes in `work` a time-out: one that takes longer ends with
/// [`Status::TimedOut`]. What is submitted counts, not what is waited for. The innermost time-out counts; [`sleep`] has its
/// own.
///
/// ```no_run
/// use core::time::Duration;
/// use atoll_runtime::{open, with_timeout};
///
/// let opened = with_timeout(Duration::from_millis(5), || open("input")).wait();
/// ```
///
/// # Panics
/// Where the caller is not a uthread.
pub fn with_timeout<R>(time: Duration, work: impl FnOnce() -> R) -> R {
    with_ticks(ticks(Runtime::current(), time), work)
}

/// Does work whose syscalls have no time-out: it is done for others too, or must not be given up half done.
pub(crate) fn without_timeout<R>(work: impl FnOnce() -> R) -> R {
    with_ticks(NEVER, work)
}

fn with_ticks<R>(ticks: u64, work: impl FnOnce() -> R) -> R {
    let before = Runtime::set_timeout(ticks);
    let result = work();
    Runtime::set_timeout(before);
    result
}

/// Ticks of a time, rounded up to microseconds.
fn ticks(runtime: &Runtime, time: Duration) -> u64 {
    let microseconds = time.as_nanos().div_ceil(1000);
    runtime.ticks(u64::try_from(microseconds).unwrap_or(u64::MAX))
}

/// Submits the syscalls that the calling uthread makes in `work` together, with one publication and at most one doorbell on
/// each channel. Waiting in `work` submits what was made before.
///
/// ```no_run
/// use atoll_runtime::{batch, open};
///
/// let (first, second) = batch(|| (open("first"), open("second")));
/// let (first, second) = (first.wait(), second.wait());
/// ```
///
/// # Panics
/// Where the caller is not a uthread.
pub fn batch<R>(work: impl FnOnce() -> R) -> R {
    let outermost = Runtime::begin_hold();
    let result = work();
    if outermost {
        Runtime::end_hold();
    }
    result
}

/// Turns the process into a many-core process. Nothing happens, and the server is not asked, where it is one already.
pub fn become_mcp() -> Reply<()> {
    let submission = if Runtime::current().many_core() {
        Submission::own([0; 2])
    } else {
        Submission::new(Target::SERVER, request::BecomeMcp {}.encode())
    };
    Reply::new(submission, |_, _| Ok(()))
}

/// Asks for vcores, `count` in all. The answer is how many are granted now. The server is not asked where so many are
/// granted already.
pub fn request_vcores(count: usize) -> Reply<usize> {
    let runtime = Runtime::current();
    let granted = if runtime.many_core() {
        runtime.staying()
    } else {
        0
    };
    if (1..=granted).contains(&count) {
        Reply::new(Submission::own([granted as u64, 0]), granted_vcores)
    } else {
        vcores_request(count).submit()
    }
}

/// [`request_vcores`], not submitted yet.
pub fn vcores_request(count: usize) -> Request<usize> {
    let count = count as u64;
    let syscall = request::RequestVcores { count }.encode();
    Request::new(Target::SERVER, syscall, granted_vcores)
}

fn granted_vcores(answer: &Answer, _: Connection) -> Result<usize, Status> {
    Ok(answer.result[0] as usize)
}

/// Gives the calling vcore back; the calling uthread goes on on another one. Vcore 0 stays.
///
/// The vcore runs no more uthreads from now on. It is given back when the calls that it made are answered. It
/// comes back when the process asks for vcores, or when a deadline of a call or sleep that was made on it is near.
///
/// # Errors
/// [`Status::NotAllowed`] on vcore 0.
pub fn yield_vcore() -> Result<(), Status> {
    Runtime::leave_vcore()?;
    uthread::yield_now();
    Ok(())
}

/// Ends the process. Where its server is gone, the root task ends it.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn exit(status: u64) -> ! {
    Runtime::publish_counts();
    let syscall = request::Exit { status }.encode();
    let ended = Submission::with_timeout(Target::SERVER, syscall, NEVER);
    let ended = Reply::new(ended, |_, _| Ok(())).wait();
    if ended == Err(Status::PeerLost) {
        Runtime::end_without_server(status);
    }
    // The process has ended, or it waits for the root task to end it.
    loop {
        uthread::park();
    }
}
