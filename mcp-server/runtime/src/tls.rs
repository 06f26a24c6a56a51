//! Thread-local storage: which vcore this is, and what it runs.
//!
//! A uthread moves between vcores, so an address of thread-local storage must never be kept across a suspension. Every
//! access is one instruction relative to `fs`, in assembly that the compiler neither caches nor moves.
//!
//! The storage is laid out by x86-64's variant II: `fs:0` holds its own address, the variables lie below it. On seL4 the
//! root task copies `.tdata` there for every thread; on a host the C library does.

use core::arch::{asm, global_asm};
use core::ptr;

use crate::context::Fiber;
use crate::runtime::Runtime;

/// What the vcore number is before a vcore has been entered: proof that `.tdata` was copied.
const NO_VCORE: u64 = 0x4154_4f4c_4c56_4352;

global_asm!(
    ".pushsection .tdata.atoll,\"awT\",@progbits",
    ".balign 8",
    ".globl atoll_tls_vcore",
    ".hidden atoll_tls_vcore",
    ".type atoll_tls_vcore,@tls_object",
    ".size atoll_tls_vcore, 8",
    "atoll_tls_vcore:",
    ".quad {no_vcore}",
    ".popsection",
    ".pushsection .tbss.atoll,\"awT\",@nobits",
    ".balign 8",
    ".globl atoll_tls_runtime",
    ".hidden atoll_tls_runtime",
    ".type atoll_tls_runtime,@tls_object",
    ".size atoll_tls_runtime, 8",
    "atoll_tls_runtime:",
    ".zero 8",
    ".globl atoll_tls_fiber",
    ".hidden atoll_tls_fiber",
    ".type atoll_tls_fiber,@tls_object",
    ".size atoll_tls_fiber, 8",
    "atoll_tls_fiber:",
    ".zero 8",
    ".popsection",
    no_vcore = const NO_VCORE,
);

macro_rules! tls_variable {
    ($symbol:literal, $get:ident, $set:ident) => {
        fn $get() -> u64 {
            let value: u64;
            // SAFETY: reads one word of this thread's own storage.
            unsafe {
                asm!(
                    concat!("mov {}, qword ptr fs:[", $symbol, "@tpoff]"),
                    out(reg) value,
                    options(nostack, preserves_flags, readonly),
                );
            }
            value
        }

        fn $set(value: u64) {
            // SAFETY: writes one word of this thread's own storage.
            unsafe {
                asm!(
                    concat!("mov qword ptr fs:[", $symbol, "@tpoff], {}"),
                    in(reg) value,
                    options(nostack, preserves_flags),
                );
            }
        }
    };
}

tls_variable!("atoll_tls_vcore", vcore_word, set_vcore_word);
tls_variable!("atoll_tls_runtime", runtime_word, set_runtime_word);
tls_variable!("atoll_tls_fiber", fiber_word, set_fiber_word);

/// Whether this thread's storage is as the image says and no vcore has been entered in it.
#[cfg(any(test, feature = "guest"))]
pub(crate) fn is_fresh() -> bool {
    vcore_word() == NO_VCORE && runtime_word() == 0 && fiber_word() == 0
}

/// The storage of a thread.
#[cfg(feature = "simulated")]
pub(crate) struct Storage([u64; 3]);

#[cfg(feature = "simulated")]
impl Storage {
    /// That of a thread that has run nothing.
    pub(crate) const FRESH: Storage = Storage([NO_VCORE, 0, 0]);

    /// Has the thread go on with this storage, which becomes the one that it had.
    pub(crate) fn swap(&mut self) {
        let had = [vcore_word(), runtime_word(), fiber_word()];
        let [vcore, runtime, fiber] = core::mem::replace(&mut self.0, had);
        set_vcore_word(vcore);
        set_runtime_word(runtime);
        set_fiber_word(fiber);
    }
}

/// Makes this thread a vcore.
pub(crate) fn enter(runtime: &'static Runtime, vcore: usize) {
    set_runtime_word(ptr::from_ref(runtime).expose_provenance() as u64);
    set_vcore_word(vcore as u64);
}

/// Makes this thread a thread again that is no vcore.
pub(crate) fn leave() {
    set_runtime_word(0);
    set_vcore_word(NO_VCORE);
}

/// The vcore that runs this, and its runtime; `None` on a thread that is no vcore.
pub(crate) fn current() -> Option<(&'static Runtime, usize)> {
    let runtime = ptr::with_exposed_provenance::<Runtime>(runtime_word() as usize);
    // SAFETY: the word is zero or was made from a `&'static Runtime` in `enter`.
    let runtime = unsafe { runtime.as_ref() }?;
    Some((runtime, vcore_word() as usize))
}

/// The fiber that runs on this vcore, or null.
pub(crate) fn fiber() -> *const Fiber {
    ptr::with_exposed_provenance(fiber_word() as usize)
}

/// Says which fiber runs on this vcore.
pub(crate) fn set_fiber(fiber: *const Fiber) {
    set_fiber_word(fiber.expose_provenance() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_begins_with_the_image_of_its_storage() {
        extern crate std;
        assert!(is_fresh());
        set_vcore_word(3);
        assert!(!is_fresh());
        std::thread::spawn(|| assert!(is_fresh())).join().unwrap();
        assert_eq!(vcore_word(), 3);
        leave();
        assert!(is_fresh());
    }
}
