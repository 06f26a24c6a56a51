//! Uthreads: what a process's vcores run.
#![deny(unsafe_code)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use core::task::{Context, Poll, Waker};

use crate::context::{self, DEFAULT_STACK_SIZE, Fiber};
use crate::monitor::Monitor;
use crate::runtime::Runtime;

/// In a queue of ready uthreads.
const READY: u8 = 0;
/// Run by a vcore.
const RUNNING: u8 = 1;
/// Run by a vcore, and woken meanwhile: it will not stay parked.
const WOKEN: u8 = 2;
/// Suspended until somebody wakes it.
const PARKED: u8 = 3;

/// A uthread: a closure with a stack of its own, which any vcore can run.
pub struct Uthread {
    runtime: &'static Runtime,
    state: AtomicU8,
    /// The uthread suspended itself to be woken, not to yield.
    parking: AtomicBool,
    /// Time-out of the calls that it makes, as it is sent.
    pub(crate) timeout: AtomicU16,
    fiber: Fiber,
}

impl Uthread {
    pub(crate) fn new(runtime: &'static Runtime, stack: usize, entry: context::Entry) -> Uthread {
        Uthread {
            runtime,
            state: AtomicU8::new(READY),
            parking: AtomicBool::new(false),
            timeout: AtomicU16::new(0),
            fiber: Fiber::new(stack, entry),
        }
    }

    /// Runs the uthread until it yields, parks or ends. Tells whether it is ready again.
    pub(crate) fn run(&self) -> bool {
        self.state.store(RUNNING, Ordering::Release);
        self.fiber.resume();
        if self.fiber.finished() {
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
    result: Arc<Monitor<Option<T>>>,
}

impl<T> JoinHandle<T> {
    /// Waits until the uthread has ended, and gives what its closure returned.
    ///
    /// # Panics
    /// Where it has to wait and the caller is not a uthread.
    pub fn join(self) -> T {
        self.result.wait_for(Option::take)
    }
}

/// Starts a uthread with a stack of [`DEFAULT_STACK_SIZE`] bytes.
///
/// # Panics
/// Where the caller runs on no vcore.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    spawn_with_stack(DEFAULT_STACK_SIZE, work)
}

/// Starts a uthread with a stack of at least `stack` bytes.
///
/// # Panics
/// Where the caller runs on no vcore.
pub fn spawn_with_stack<T: Send + 'static>(
    stack: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    Runtime::current().spawn(stack, work)
}

impl Runtime {
    /// Starts a uthread; also from a thread that is no vcore.
    pub fn spawn<T: Send + 'static>(
        &'static self,
        stack: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let result = Arc::new(Monitor::new(None));
        let told = result.clone();
        let entry = Box::new(move || {
            let value = work();
            told.change(|result| *result = Some(value));
        });
        self.ready(Arc::new(Uthread::new(self, stack, entry)));
        JoinHandle { result }
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

/// Waits for a future on the calling uthread.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = waker();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => park(),
        }
    }
}
