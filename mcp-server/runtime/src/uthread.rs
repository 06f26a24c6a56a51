//! Uthreads: what a process's vcores run.
#![deny(unsafe_code)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};

use atoll_call::NEVER;

use crate::context::{self, Fiber};
use crate::monitor::Monitor;
use crate::runtime::Runtime;
use crate::stack::{DEFAULT_STACK_SIZE, SpawnError};
use crate::sync::Mutex;

/// In a queue of ready uthreads.
const READY: u8 = 0;
/// Run by a vcore.
const RUNNING: u8 = 1;
/// Run by a vcore, and woken meanwhile: it will not stay parked.
const WOKEN: u8 = 2;
/// Suspended until a completion or another uthread wakes it.
const PARKED: u8 = 3;

/// A uthread: a closure with a stack of its own, which any vcore can run.
pub struct Uthread {
    runtime: &'static Runtime,
    state: AtomicU8,
    /// The uthread suspended itself to be woken, not to yield.
    parking: AtomicBool,
    /// Time-out of the calls that it makes, in ticks, or [`NEVER`].
    pub(crate) timeout: AtomicU64,
    fiber: Fiber,
    /// Whether it has ended and its stack is free.
    ended: Arc<Monitor<bool>>,
}

impl Uthread {
    fn new(runtime: &'static Runtime, fiber: Fiber) -> Uthread {
        Uthread {
            runtime,
            state: AtomicU8::new(READY),
            parking: AtomicBool::new(false),
            timeout: AtomicU64::new(NEVER),
            fiber,
            ended: Arc::new(Monitor::new(false)),
        }
    }

    /// Runs the uthread until it yields, parks or ends. Tells whether it is ready again.
    pub(crate) fn run(&self) -> bool {
        self.state.store(RUNNING, Ordering::Release);
        self.fiber.resume();
        if self.fiber.finished() {
            self.ended.with_notify(|ended| *ended = true);
            return false;
        }
        // Only now is its context saved, so only now may another vcore take it.
        let parked = self.parking.load(Ordering::Relaxed)
            && self
                .state
                .compare_exchange(RUNNING, PARKED, Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        if !parked {
            self.state.store(READY, Ordering::Release);
        }
        !parked
    }

    fn suspend(&self, parking: bool) {
        self.parking.store(parking, Ordering::Relaxed);
        // What it has kept back might be what it waits for.
        Runtime::end_hold();
        context::suspend();
    }
}

impl Wake for Uthread {
    fn wake(self: Arc<Uthread>) {
        let woken =
            self.state
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
                    RUNNING => Some(WOKEN),
                    PARKED => Some(READY),
                    _ => None,
                });
        if woken == Ok(PARKED) {
            let runtime = self.runtime;
            runtime.ready(self);
        }
    }
}

/// Waits for a uthread's result.
pub struct JoinHandle<T> {
    ended: Arc<Monitor<bool>>,
    /// Apart from `ended`, which the vcore's loop holds: a result that is not wanted is dropped on a uthread.
    result: Arc<Mutex<Option<T>>>,
}

impl<T> JoinHandle<T> {
    /// Waits until the uthread has ended, and gives what its closure returned. The uthread's stack is free then.
    ///
    /// # Panics
    /// Where it has to wait and the caller is not a uthread.
    pub fn join(self) -> T {
        self.ended.wait_for(|ended| ended.then_some(()));
        let result = self.result.lock().take();
        result.unwrap_or_else(|| unreachable!("a uthread leaves a result before it ends"))
    }
}

/// Starts a uthread with a stack of [`DEFAULT_STACK_SIZE`] bytes.
///
/// What the closure captures and returns passes between threads, so this compiles
/// ```no_run
/// let shared = std::sync::Arc::new(1);
/// atoll_runtime::spawn(move || shared).join();
/// ```
/// and these do not:
/// ```compile_fail,E0277
/// let shared = std::rc::Rc::new(1);
/// atoll_runtime::spawn(move || drop(shared));
/// ```
/// ```compile_fail,E0277
/// atoll_runtime::spawn(|| std::rc::Rc::new(1)).join();
/// ```
/// Nor does it borrow from the caller's stack, which may go away first:
/// ```compile_fail,E0597
/// let local = 1;
/// let borrowed: &u32 = &local;
/// atoll_runtime::spawn(move || drop(borrowed));
/// ```
///
/// # Panics
/// Where the caller runs on no vcore. Where no stack is free: a process may have as many uthreads at a time as the plan's key
/// `uthreads` says, beside its first; see [`try_spawn`].
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Runtime::current().spawn(DEFAULT_STACK_SIZE, work)
}

/// Starts a uthread as [`spawn`] does, where a stack is free.
///
/// It does not wait for one: uthreads that each wait to start another would wait for ever.
///
/// # Errors
/// [`SpawnError::NoStack`] where each stack is in use.
///
/// # Panics
/// Where the caller runs on no vcore.
pub fn try_spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, SpawnError> {
    Runtime::current().try_spawn(DEFAULT_STACK_SIZE, work)
}

impl Runtime {
    /// Starts a uthread with a stack of at least `stack` bytes; also from a thread that is no vcore.
    ///
    /// # Panics
    /// Where no stack is free, or none is that large: on seL4 the stack of a process's first uthread has
    /// [`MAIN_STACK_SIZE`](atoll_abi::layout::MAIN_STACK_SIZE) bytes, each other one [`DEFAULT_STACK_SIZE`].
    pub fn spawn<T: Send + 'static>(
        &'static self,
        stack: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.try_spawn(stack, work)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_spawn<T: Send + 'static>(
        &'static self,
        stack: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, SpawnError> {
        let result = Arc::new(Mutex::new(None));
        let told = result.clone();
        let entry = Box::new(move || {
            let value = work();
            *told.lock() = Some(value);
        });
        let uthread = Uthread::new(self, Fiber::new(stack, entry)?);
        let ended = uthread.ended.clone();
        self.ready(Arc::new(uthread));
        Ok(JoinHandle { ended, result })
    }
}

/// Lets other uthreads run.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn yield_now() {
    Runtime::running().suspend(false);
}

/// Suspends the calling uthread until its [`waker`] is used; at once back where it was used since it last parked.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn park() {
    Runtime::running().suspend(true);
}

/// What wakes the calling uthread.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn waker() -> Waker {
    Runtime::running().into()
}

/// Waits on the calling uthread until `take` gives something. It is given what wakes the uthread where that is to park; where it
/// is given nothing, it is asked again when completions have come.
///
/// # Panics
/// Where it has to wait and the caller is not a uthread.
#[inline]
pub(crate) fn wait_for<R>(mut take: impl FnMut(Option<&Waker>) -> Option<R>) -> R {
    loop {
        if let Some(result) = take(None) {
            return result;
        }
        if Runtime::look() {
            continue;
        }
        let uthread = Runtime::running();
        let waker = Waker::from(uthread.clone());
        if let Some(result) = take(Some(&waker)) {
            return result;
        }
        uthread.suspend(true);
    }
}

/// Waits for a future on the calling uthread.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let notice = Arc::new(Notice {
        given: AtomicBool::new(false),
        waker: waker(),
    });
    let waker = Waker::from(notice.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !notice.given.swap(false, Ordering::SeqCst) {
            park();
        }
    }
}

/// That a future is to be polled again. The uthread's own waker would not do: what the future waits for inside of a poll takes
/// that one's wake-ups for its own.
struct Notice {
    given: AtomicBool,
    waker: Waker,
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.given.store(true, Ordering::SeqCst);
        self.waker.wake_by_ref();
    }
}
