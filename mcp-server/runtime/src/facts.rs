//! What the runtime knows itself: calls that are answered in the process.
#![deny(unsafe_code)]

use atoll_abi::name::Name;

use crate::runtime::Runtime;

/// The vcore that runs the caller now. A uthread may be on another one after it has waited.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn current_vcore() -> usize {
    Runtime::current_vcore().1
}

/// Vcores that the process may ever have.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn max_vcores() -> usize {
    let runtime = Runtime::current();
    runtime.note_own_answer();
    runtime.max_vcores()
}

/// Vcores that are granted now.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn vcores_granted() -> usize {
    let runtime = Runtime::current();
    runtime.note_own_answer();
    runtime.granted().count_ones() as usize
}

/// The process's name.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn process_name() -> Name {
    let runtime = Runtime::current();
    runtime.note_own_answer();
    runtime.procinfo().name
}

/// The physical core (APIC identifier) of the vcore that runs the caller now.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn current_core() -> u32 {
    let (runtime, vcore) = Runtime::current_vcore();
    runtime.note_own_answer();
    runtime.procinfo().cores[vcore]
}

/// How often the process has entered the kernel so far; see [`Runtime::kernel_entries`].
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn kernel_entries() -> u64 {
    Runtime::current().kernel_entries()
}
