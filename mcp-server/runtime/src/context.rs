//! The switch between stacks: the mechanism beneath uthreads.
//!
//! A [`Fiber`] runs a closure on a stack of its own. A vcore resumes it; it suspends itself back to that vcore, and may be
//! resumed by another vcore next time.
//!
//! # What may cross from vcore to vcore
//! While a fiber is suspended, its stack holds what the closure captured, the frames of all functions up to the suspension,
//! and the registers that a callee preserves. The vcore that resumes it continues with all of that:
//!
//! - What was captured, and what the closure returns, is `Send`: [`Entry`] says the first, the bounds of
//!   [`spawn`](crate::spawn) say both. It is `'static` too, so nothing in it refers to the stack of another uthread or vcore.
//! - What the closure makes itself need not be `Send`: an `Rc`, a `Cell`, the guard of a lock. The uthread is the thread that
//!   owns it, not the vcore. Each resumption happens after the suspension before it (the release and acquire of
//!   [`Fiber::running`]), so its accesses are ordered as those of one thread are.
//! - What belongs to the vcore must not be kept across a suspension: an address in thread-local storage or in the IPC buffer.
//!   No bound forbids that. On seL4 no safe function gives such an address away: this crate reads and writes a variable of
//!   [`tls`] with one instruction, the `sel4` crate does so with a message register, and programs have no
//!   `thread_local!`. On a host they have: a reference that `LocalKey::with` lends and that is kept while the uthread waits
//!   is used on two threads. That is why a host build is for tests only, and why tests must not do that.
//!
//! # What happens to a fiber that is dropped
//! - One that has ended has given its stack back before: nothing is on it.
//! - One that has not begun has nothing on its stack: the closure is dropped and the stack is used again.
//! - One that is suspended is never resumed again. The values on its stack are not dropped, and others may refer to them:
//!   pinned values may be in lists of others, and pinning promises that their memory stays theirs until they are dropped. So
//!   the stack is leaked: it is never unmapped and never used again. (A uthread of which all wakers are gone comes to the
//!   same: it is kept, with its stack, by the reference on its own stack with which it suspended itself.)

use alloc::boxed::Box;
use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::mem;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::stack::{SpawnError, Stack};
use crate::tls;

#[cfg(feature = "simulated")]
pub(crate) mod coroutine;
#[cfg(test)]
mod tests;

/// Default MXCSR (all exceptions masked) and x87 control word (the System V ABI's initial values).
const FLOATING_POINT_CONTROL: u64 = 0x037f << 32 | 0x1f80;

// atoll_switch(save: *mut *mut u8, to: *mut u8): saves what a callee must preserve under the System V ABI on the current
// stack, stores the stack pointer, takes the other one, and restores the same from there.
global_asm!(
    ".pushsection .text.atoll_switch,\"ax\",@progbits",
    ".globl atoll_switch",
    ".hidden atoll_switch",
    ".type atoll_switch,@function",
    "atoll_switch:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "stmxcsr [rsp]",
    "fnstcw [rsp + 4]",
    "mov [rdi], rsp",
    "mov rsp, rsi",
    "ldmxcsr [rsp]",
    "fldcw [rsp + 4]",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    ".size atoll_switch, . - atoll_switch",
    ".globl atoll_fiber_start",
    ".hidden atoll_fiber_start",
    ".type atoll_fiber_start,@function",
    "atoll_fiber_start:",
    "xor ebp, ebp",
    "call {main}",
    "ud2",
    ".size atoll_fiber_start, . - atoll_fiber_start",
    ".popsection",
    main = sym fiber_main,
);

unsafe extern "sysv64" {
    fn atoll_switch(save: *mut *mut u8, to: *mut u8);
    fn atoll_fiber_start();
}

/// A stack pointer that `atoll_switch` saved, or that [`SavedContext::first`] made for it: all that is on the stack.
struct SavedContext(*mut u8);

// SAFETY: sending it lets another vcore continue what is on the stack. Of that, the closure's captures can be sent, the
// closure's own values are used by this fiber alone and one resumption after the other, and nothing belongs to the vcore:
// see "What may cross from vcore to vcore". The address itself is used by `atoll_switch` alone.
unsafe impl Send for SavedContext {}

impl SavedContext {
    const NONE: SavedContext = SavedContext(null_mut());

    /// Writes what `atoll_switch` pops for what has not run yet and begins at `start`.
    fn first(stack: &Stack, start: unsafe extern "sysv64" fn()) -> SavedContext {
        // From low to high: floating-point control, r15, r14, r13, r12, rbx, rbp, return address, and two words so that
        // the stack pointer is aligned to 16 bytes when `start` is reached.
        let frame: [u64; 10] = [
            FLOATING_POINT_CONTROL,
            0,
            0,
            0,
            0,
            0,
            0,
            start as *const () as u64,
            0,
            0,
        ];
        // SAFETY: the frame fits below the top of the stack, which is aligned to 16 bytes and which nothing else uses.
        unsafe {
            let pointer = stack.top().cast::<[u64; 10]>().sub(1);
            pointer.write(frame);
            SavedContext(pointer.cast())
        }
    }
}

/// What a fiber runs.
pub(crate) type Entry = Box<dyn FnOnce() + Send>;

/// A closure with a stack of its own.
pub(crate) struct Fiber {
    /// A vcore runs it, and so owns `inner`.
    running: AtomicBool,
    finished: AtomicBool,
    inner: UnsafeCell<Inner>,
}

struct Inner {
    /// `None` once the closure has returned.
    stack: Option<Stack>,
    /// The fiber's own context while it is suspended.
    own: SavedContext,
    /// The context of the vcore that resumed it, while it runs.
    caller: SavedContext,
    /// What it runs, until it is resumed for the first time.
    entry: Option<Entry>,
}

// SAFETY: `inner`, which can be sent, is touched by one vcore at a time: the one that won `running`, and the fiber itself
// while that vcore waits in `resume`.
unsafe impl Sync for Fiber {}

/// What the above rests on: each part of a fiber can be sent, or is said to be where it is defined.
const _: fn() = || {
    fn can_be_sent<T: Send>() {}
    can_be_sent::<Inner>();
};

impl Fiber {
    /// A fiber that has not run yet, with a stack of at least `stack_size` bytes.
    pub(crate) fn new(stack_size: usize, entry: Entry) -> Result<Fiber, SpawnError> {
        Ok(Fiber::on(Stack::new(stack_size)?, entry))
    }

    fn on(stack: Stack, entry: Entry) -> Fiber {
        let own = SavedContext::first(&stack, atoll_fiber_start);
        Fiber {
            running: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            inner: UnsafeCell::new(Inner {
                stack: Some(stack),
                own,
                caller: SavedContext::NONE,
                entry: Some(entry),
            }),
        }
    }

    /// Whether the closure has returned.
    pub(crate) fn finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Runs the fiber until it suspends itself or its closure returns. Its stack is free when this returns after that.
    ///
    /// # Panics
    /// Where it runs already or has finished, and where the caller is a fiber itself.
    pub(crate) fn resume(&self) {
        assert!(tls::fiber().is_null(), "a fiber does not resume fibers");
        assert!(
            !self.finished() && !self.running.swap(true, Ordering::Acquire),
            "a fiber runs once at a time"
        );
        tls::set_fiber(self);
        let inner = self.inner.get();
        // SAFETY: winning `running` makes `inner` ours; `own` was saved by `atoll_switch` or made by `first`, on a stack
        // that lives as long as the fiber is not finished; the caller borrows the fiber until the switch returns.
        unsafe { atoll_switch(&raw mut (*inner).caller.0, (*inner).own.0) };
        tls::set_fiber(core::ptr::null());
        if self.finished() {
            // SAFETY: as above; the closure is gone, and the fiber is not resumed any more.
            drop(unsafe { (*inner).stack.take() });
        }
        self.running.store(false, Ordering::Release);
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        let begun = inner.entry.is_none();
        // A finished fiber has no stack any more; for one that is suspended for good see the top of this file.
        if begun && let Some(stack) = inner.stack.take() {
            mem::forget(stack);
        }
    }
}

/// Suspends the fiber that this is called from. Returns when it is resumed, perhaps on another vcore.
///
/// # Panics
/// Where the caller is not a fiber.
pub(crate) fn suspend() {
    let fiber = tls::fiber();
    assert!(!fiber.is_null(), "only a uthread can wait");
    // SAFETY: the vcore that resumed this fiber set the pointer, borrows the fiber, and waits in `resume`; so `inner` is
    // ours, and `caller` is its context, saved by `atoll_switch`.
    unsafe {
        let inner = (*fiber).inner.get();
        atoll_switch(&raw mut (*inner).own.0, (*inner).caller.0);
    }
}

/// Whether the caller is a fiber.
pub(crate) fn in_fiber() -> bool {
    !tls::fiber().is_null()
}

/// Where every fiber begins, on its own stack.
extern "sysv64" fn fiber_main() -> ! {
    let fiber = tls::fiber();
    // SAFETY: as in `suspend`.
    let entry = unsafe { (*(*fiber).inner.get()).entry.take() };
    if let Some(entry) = entry {
        entry();
    }
    // SAFETY: the vcore that resumed the fiber borrows it; the fiber may have moved to another vcore, but its address has
    // not changed.
    unsafe { (*fiber).finished.store(true, Ordering::Release) };
    suspend();
    unreachable!("a finished fiber is not resumed")
}
