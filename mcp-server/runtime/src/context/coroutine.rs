//! A vcore as a coroutine: everything that it runs, its uthreads too, stops where it suspends itself, and goes on when it is
//! resumed.

use alloc::boxed::Box;
use core::arch::global_asm;
use core::cell::{Cell, UnsafeCell};
use core::mem;
use core::ptr::null_mut;

use super::{SavedContext, atoll_switch};
use crate::stack::{SpawnError, Stack};
use crate::tls::Storage;

extern crate std;

global_asm!(
    ".pushsection .text.atoll_coroutine_start,\"ax\",@progbits",
    ".globl atoll_coroutine_start",
    ".hidden atoll_coroutine_start",
    ".type atoll_coroutine_start,@function",
    "atoll_coroutine_start:",
    "xor ebp, ebp",
    "call {main}",
    "ud2",
    ".size atoll_coroutine_start, . - atoll_coroutine_start",
    ".popsection",
    main = sym coroutine_main,
);

unsafe extern "sysv64" {
    fn atoll_coroutine_start();
}

std::thread_local! {
    /// The coroutine that runs on this thread, or null.
    static RUNNING: Cell<*const Coroutine> = const { Cell::new(null_mut()) };
}

/// What a coroutine runs.
type Entry = Box<dyn FnOnce()>;

/// A closure with a stack and a thread-local storage of its own, which one thread resumes again and again.
///
/// Dropped while it is suspended, it is never resumed again: what is on its stack stays where it is, and is not dropped.
pub struct Coroutine(Box<UnsafeCell<Inner>>);

struct Inner {
    stack: Option<Stack>,
    /// Where it goes on.
    own: SavedContext,
    /// Where the one goes on who resumed it.
    caller: SavedContext,
    storage: Storage,
    entry: Option<Entry>,
    finished: bool,
}

impl Coroutine {
    /// A coroutine that has not run yet, with a stack of at least so many bytes.
    ///
    /// # Errors
    /// Where there is no memory for the stack.
    pub fn new(stack_size: usize, entry: impl FnOnce() + 'static) -> Result<Coroutine, SpawnError> {
        let stack = Stack::new(stack_size)?;
        let own = SavedContext::first(&stack, atoll_coroutine_start);
        Ok(Coroutine(Box::new(UnsafeCell::new(Inner {
            stack: Some(stack),
            own,
            caller: SavedContext::NONE,
            storage: Storage::FRESH,
            entry: Some(Box::new(entry)),
            finished: false,
        }))))
    }

    /// Runs it until it suspends itself or its closure returns. Tells whether it can be resumed again.
    ///
    /// # Panics
    /// Where its closure has returned, and where the caller is in a coroutine.
    pub fn resume(&mut self) -> bool {
        assert!(RUNNING.get().is_null(), "a coroutine resumes no other one");
        let inner = self.0.get();
        // SAFETY: the coroutine is not running, so that nothing else uses `inner`; while it runs, only `suspend` and
        // `coroutine_main` do, and this waits in `atoll_switch`. `own` was saved by `atoll_switch` or made by `first`, on a
        // stack that is the coroutine's, or on that of a uthread which it ran then and which no other vcore resumes before
        // it has been suspended by this one.
        unsafe {
            assert!(!(*inner).finished, "a coroutine that has ended");
            RUNNING.set(self);
            (*inner).storage.swap();
            atoll_switch(&raw mut (*inner).caller.0, (*inner).own.0);
            (*inner).storage.swap();
            RUNNING.set(null_mut());
            !(*inner).finished
        }
    }
}

impl Drop for Coroutine {
    fn drop(&mut self) {
        let inner = self.0.get_mut();
        let suspended = inner.entry.is_none() && !inner.finished;
        if suspended && let Some(stack) = inner.stack.take() {
            mem::forget(stack);
        }
    }
}

/// Suspends the coroutine from which this is called, with the uthread that it runs, if any. Returns when it is resumed.
///
/// # Panics
/// Where the caller is in no coroutine.
pub fn suspend() {
    let running = RUNNING.get();
    assert!(!running.is_null(), "only a coroutine is suspended");
    // SAFETY: `resume` set the pointer, borrows the coroutine, and waits in `atoll_switch`, so that `inner` is ours.
    unsafe {
        let inner = (*running).0.get();
        atoll_switch(&raw mut (*inner).own.0, (*inner).caller.0);
    }
}

/// Where every coroutine begins, on its own stack.
extern "sysv64" fn coroutine_main() -> ! {
    // SAFETY: as in `suspend`.
    let entry = unsafe { (*(*RUNNING.get()).0.get()).entry.take() };
    if let Some(entry) = entry {
        entry();
    }
    // SAFETY: as in `suspend`.
    unsafe { (*(*RUNNING.get()).0.get()).finished = true };
    suspend();
    unreachable!("a coroutine that has ended is not resumed")
}
