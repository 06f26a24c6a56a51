//! Stacks and the switch between them: the mechanism beneath uthreads.
//!
//! A [`Fiber`] runs a closure on a stack of its own. A vcore resumes it; it suspends itself back to whoever resumed it,
//! and may be resumed by another vcore next time.

use alloc::alloc::{alloc, dealloc, handle_alloc_error};
use alloc::boxed::Box;
use core::alloc::Layout;
use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::tls;

/// Bytes of a uthread's stack, unless it asks for more.
pub const DEFAULT_STACK_SIZE: usize = 32 << 10;

/// What lies at the low end of every stack, for as long as nobody overran it.
const CANARY: u64 = 0x4154_4f4c_4c5f_5354;
/// Words of the canary: more than one, because an overrun may jump over one.
const CANARY_WORDS: usize = 8;

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

/// Memory for a stack, from the heap.
struct Stack {
    base: *mut u8,
    layout: Layout,
}

impl Stack {
    fn new(size: usize) -> Stack {
        let size = size.max(DEFAULT_STACK_SIZE / 4).next_multiple_of(16);
        let layout = Layout::from_size_align(size, 16)
            .unwrap_or_else(|_| panic!("a stack of {size} bytes is more than an address space"));
        // SAFETY: the layout has a size.
        let base = unsafe { alloc(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        for word in 0..CANARY_WORDS {
            // SAFETY: the canary is shorter than the least stack, whose alignment suits it.
            unsafe { base.cast::<u64>().add(word).write(CANARY) };
        }
        Stack { base, layout }
    }

    /// Writes what `atoll_switch` pops for a fiber that has not run yet, and gives the stack pointer to it.
    fn prepare(&self) -> *mut u8 {
        // From low to high: floating-point control, r15, r14, r13, r12, rbx, rbp, return address, and two words so that
        // the stack pointer is aligned to 16 bytes when `atoll_fiber_start` is reached.
        let frame: [u64; 10] = [
            FLOATING_POINT_CONTROL,
            0,
            0,
            0,
            0,
            0,
            0,
            atoll_fiber_start as *const () as u64,
            0,
            0,
        ];
        // SAFETY: the frame fits below the top of the stack, which is aligned to 16 bytes as the base and size are.
        unsafe {
            let pointer = self.base.add(self.layout.size()).cast::<[u64; 10]>().sub(1);
            pointer.write(frame);
            pointer.cast()
        }
    }

    fn intact(&self) -> bool {
        (0..CANARY_WORDS).all(|word| {
            // SAFETY: inside the stack, see `new`; volatile because the fiber writes behind the compiler's back.
            unsafe { self.base.cast::<u64>().add(word).read_volatile() == CANARY }
        })
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.base, self.layout) }
    }
}

/// What a fiber runs.
pub(crate) type Entry = Box<dyn FnOnce() + Send>;

/// A closure with a stack of its own.
pub(crate) struct Fiber {
    /// Somebody runs it, and so owns `inner`.
    running: AtomicBool,
    finished: AtomicBool,
    inner: UnsafeCell<Inner>,
}

struct Inner {
    stack: Stack,
    /// The fiber's stack pointer while it is suspended.
    own: *mut u8,
    /// The stack pointer of the one who resumed it while it runs.
    caller: *mut u8,
    entry: Option<Entry>,
}

// SAFETY: a fiber's closure can be sent, and whatever it keeps on its stack across a suspension was made by code that
// its author knows to move between vcores; the pointers are its own.
unsafe impl Send for Fiber {}
// SAFETY: `inner` is touched by the one only who won `running`, and by the fiber itself while that one waits in `resume`.
unsafe impl Sync for Fiber {}

impl Fiber {
    /// A fiber that has not run yet.
    pub(crate) fn new(stack_size: usize, entry: Entry) -> Fiber {
        let stack = Stack::new(stack_size);
        let own = stack.prepare();
        Fiber {
            running: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            inner: UnsafeCell::new(Inner {
                stack,
                own,
                caller: null_mut(),
                entry: Some(entry),
            }),
        }
    }

    /// Whether the closure has returned.
    pub(crate) fn finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Runs the fiber until it suspends itself or its closure returns.
    ///
    /// # Panics
    /// Where it runs already or has finished, where the caller is a fiber itself, and where the fiber overran its stack.
    pub(crate) fn resume(&self) {
        assert!(tls::fiber().is_null(), "a fiber does not resume fibers");
        assert!(
            !self.finished() && !self.running.swap(true, Ordering::Acquire),
            "a fiber runs once at a time"
        );
        tls::set_fiber(self);
        let inner = self.inner.get();
        // SAFETY: winning `running` makes `inner` ours; `own` was saved by `atoll_switch` or made by `prepare`, on a stack
        // that lives as long as the fiber, which the caller borrows until the switch returns.
        unsafe { atoll_switch(&raw mut (*inner).caller, (*inner).own) };
        tls::set_fiber(core::ptr::null());
        // SAFETY: as above; the fiber is suspended.
        let intact = unsafe { (*inner).stack.intact() };
        assert!(intact, "a uthread overran its stack");
        self.running.store(false, Ordering::Release);
    }
}

/// Suspends the fiber that this is called from. Returns when it is resumed, perhaps on another vcore.
///
/// # Panics
/// Where the caller is not a fiber.
pub(crate) fn suspend() {
    let fiber = tls::fiber();
    assert!(!fiber.is_null(), "only a uthread can wait");
    // SAFETY: the one who resumed this fiber set the pointer, borrows the fiber, and waits in `resume`; so `inner` is
    // ours, and `caller` is its stack pointer, saved by `atoll_switch`.
    unsafe {
        let inner = (*fiber).inner.get();
        atoll_switch(&raw mut (*inner).own, (*inner).caller);
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
    // SAFETY: whoever resumes the fiber borrows it; the fiber may have moved to another vcore, the fiber's own address
    // has not changed.
    unsafe { (*fiber).finished.store(true, Ordering::Release) };
    suspend();
    unreachable!("a finished fiber is not resumed")
}
