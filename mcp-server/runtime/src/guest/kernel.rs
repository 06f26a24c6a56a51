//! The binding to the kernel: notifications, wake requests, and a page of facts.

use core::ptr;
use core::sync::atomic::{Ordering, fence};

use atoll_abi::frame::FrameState;
use atoll_abi::layout::{self, request, slot};
use atoll_abi::plan::{MAX_CLUSTER_FRAMES, MAX_SERVICES};
use atoll_abi::process::{ProcInfo, ServerInfo};
use atoll_abi::syscall::Route;
use atoll_channel::WakeWords;
use sel4::{MessageInfo, cap};

use super::time::timestamp;
use super::timeline::recorder;
use crate::runtime::Runtime;
use crate::world::World;

/// The world of a process on seL4.
pub(crate) struct Kernel {
    /// For each port to a service of another kernel instance, the number of the connection of vcore 0.
    remote: spin::Once<[Option<usize>; MAX_SERVICES]>,
    /// The page on which the process says which connections its server is to wake the other side of.
    requests: spin::Once<spin::Mutex<WakeWords>>,
}

pub(super) static KERNEL: Kernel = Kernel::new();

impl Kernel {
    /// That of a process whose ports are not known yet.
    const fn new() -> Kernel {
        Kernel {
            remote: spin::Once::new(),
            requests: spin::Once::new(),
        }
    }

    /// Tells how each port is rung.
    pub(super) fn connect(&self, procinfo: &ProcInfo) {
        let mut remote = [None; MAX_SERVICES];
        let ports = procinfo.ports.iter().take(procinfo.port_count as usize);
        for (place, port) in remote.iter_mut().zip(ports) {
            if Route::from_raw(port.route) == Some(Route::Remote) {
                *place = Some(port.first_connection as usize);
            }
        }
        if remote.iter().any(Option::is_some) {
            let words = layout::WAKE_REQUESTS as *mut u8;
            // SAFETY: the root task mapped a page there for a process with a connection to another kernel instance; it stays
            // mapped, and is used as such words only.
            let words = unsafe { WakeWords::attach(words) };
            self.requests.call_once(|| spin::Mutex::new(words));
        }
        self.remote.call_once(|| remote);
    }
}

fn notification(slot: u64) -> cap::Notification {
    cap::Notification::from_bits(slot)
}

impl World for Kernel {
    fn ring_server(&self) {
        notification(slot::SERVER_NOTIFICATION).signal();
    }

    fn ring_port(&self, port: usize, vcore: usize) {
        let remote = self.remote.get().and_then(|remote| *remote.get(port)?);
        match (remote, self.requests.get()) {
            (Some(first), Some(requests)) => {
                requests.lock().set(first + vcore);
                self.ring_server();
            }
            _ => notification(slot::port_notification(port, vcore)).signal(),
        }
    }

    fn wake_vcore(&self, vcore: usize) {
        notification(slot::VCORE_NOTIFICATIONS + vcore as u64).signal();
    }

    fn wait(&self, vcore: usize) {
        let recorder = recorder(vcore);
        recorder.sleeps();
        let badges = notification(slot::VCORE_NOTIFICATIONS + vcore as u64).wait();
        recorder.wakes(badges);
    }

    fn ticks(&self) -> u64 {
        timestamp()
    }

    fn ticks_per_microsecond(&self) -> u64 {
        procinfo().ticks_per_microsecond
    }

    fn procinfo(&self) -> ProcInfo {
        procinfo()
    }

    fn granted(&self) -> u64 {
        let page = ptr::with_exposed_provenance::<ProcInfo>(layout::PROCINFO);
        // SAFETY: as in `procinfo`, of one word of the page.
        unsafe { (&raw const (*page).granted).read_volatile() }
    }

    fn alarms(&self) -> u64 {
        let page = ptr::with_exposed_provenance::<ProcInfo>(layout::PROCINFO);
        // SAFETY: as in `procinfo`, of one word of the page.
        unsafe { (&raw const (*page).alarms).read_volatile() }
    }

    fn frame(&self, number: usize) -> FrameState {
        let page = ptr::with_exposed_provenance::<ServerInfo>(layout::SERVER_INFO);
        if number >= MAX_CLUSTER_FRAMES {
            return FrameState::default();
        }
        loop {
            // SAFETY: as in `server_info`, of words of the page; there is a state for each frame.
            let (before, state, after) = unsafe {
                let own = &raw const (*page).frames[number];
                let before = (&raw const (*own).holding).read_volatile();
                fence(Ordering::Acquire);
                let state = own.read_volatile();
                fence(Ordering::Acquire);
                (before, state, (&raw const (*own).holding).read_volatile())
            };
            if before == state.holding && before == after {
                return state;
            }
            core::hint::spin_loop();
        }
    }

    fn exit_without_server(&self, vcore: usize, status: u64) {
        sel4::set_mr(0, status);
        root_task(vcore).send(MessageInfo::new(request::EXIT_WITHOUT_SERVER, 0, 0, 1));
    }
}

/// Tells the root task that the process has started: see [`entry!`](crate::entry). Said once more it means nothing.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn started() {
    let (_, vcore) = Runtime::current_vcore();
    root_task(vcore).send(MessageInfo::new(request::READY, 0, 0, 0));
}

/// The endpoint of the root task, as a vcore has it.
pub(super) fn root_task(vcore: usize) -> cap::Endpoint {
    cap::Endpoint::from_bits(slot::FAULT_ENDPOINTS + vcore as u64)
}

/// What the server tells the process, as it is now.
pub fn procinfo() -> ProcInfo {
    // SAFETY: the root task mapped the page there; every bit pattern is a value of the type. Volatile, because the server
    // writes it.
    unsafe { ptr::with_exposed_provenance::<ProcInfo>(layout::PROCINFO).read_volatile() }
}

/// What the server tells all processes of its cluster, as it is now.
pub fn server_info() -> ServerInfo {
    // SAFETY: as in `procinfo`.
    unsafe { ptr::with_exposed_provenance::<ServerInfo>(layout::SERVER_INFO).read_volatile() }
}
