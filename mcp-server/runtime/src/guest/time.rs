//! The processor's time stamp counter.

use core::arch::x86_64::_rdtsc;

/// The time stamp counter.
///
/// Under an emulator that counts instructions (QEMU's `-icount shift=0`) a difference of two readings is how many
/// instructions all processors of the machine executed in between.
pub fn timestamp() -> u64 {
    // SAFETY: every x86-64 processor has the counter, and a kernel that forbids reading it faults this process alone.
    unsafe { _rdtsc() }
}
