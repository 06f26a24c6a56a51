//! The binding to the kernel: two notifications, and a page of facts.

use core::ptr;

use atoll_abi::layout::{self, slot};
use atoll_abi::process::ProcInfo;
use sel4::cap;

use crate::world::World;

/// The world of a process on seL4.
pub(crate) struct Kernel;

fn notification(slot: u64) -> cap::Notification {
    cap::Notification::from_bits(slot)
}

impl World for Kernel {
    fn ring_server(&self) {
        notification(slot::SERVER_NOTIFICATION).signal();
    }

    fn wake_vcore(&self, vcore: usize) {
        notification(slot::VCORE_NOTIFICATIONS + vcore as u64).signal();
    }

    fn wait(&self, vcore: usize) {
        notification(slot::VCORE_NOTIFICATIONS + vcore as u64).wait();
    }
}

/// What the server tells the process, as it is now.
pub fn procinfo() -> ProcInfo {
    // SAFETY: the root task mapped the page there; every bit pattern is a value of the type. Volatile, because the server
    // writes it.
    unsafe { ptr::with_exposed_provenance::<ProcInfo>(layout::PROCINFO).read_volatile() }
}
