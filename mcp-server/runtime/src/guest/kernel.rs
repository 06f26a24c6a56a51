//! The binding to the kernel: two notifications, and a page of facts.

use core::ptr;

use atoll_abi::layout::{self, request, slot};
use atoll_abi::process::ProcInfo;
use sel4::{MessageInfo, cap};

use super::time::timestamp;
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

    fn ticks(&self) -> u64 {
        timestamp()
    }

    fn procinfo(&self) -> ProcInfo {
        procinfo()
    }

    fn exit_without_server(&self, vcore: usize, status: u64) {
        sel4::set_mr(0, status);
        let root_task = cap::Endpoint::from_bits(slot::FAULT_ENDPOINTS + vcore as u64);
        root_task.send(MessageInfo::new(request::EXIT_WITHOUT_SERVER, 0, 0, 1));
    }
}

/// What the server tells the process, as it is now.
pub fn procinfo() -> ProcInfo {
    // SAFETY: the root task mapped the page there; every bit pattern is a value of the type. Volatile, because the server
    // writes it.
    unsafe { ptr::with_exposed_provenance::<ProcInfo>(layout::PROCINFO).read_volatile() }
}
