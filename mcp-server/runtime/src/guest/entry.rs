//! Where a vcore is entered.
//!
//! Every thread of a process starts at `_start` with its vcore's number in `rdi`, 0 in `rsi` the first time, its stack
//! pointer at the top of its stack, and the base of `fs` at its thread-local storage.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::arch::global_asm;

use atoll_abi::layout;
use atoll_abi::plan::{MAX_CLUSTER_FRAMES, MAX_SERVICES, ServiceKind};
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::Route;
use atoll_abi::timeline::{Channel, Kind};
use atoll_channel::{Endpoint, Side};

use super::kernel::{KERNEL, procinfo};
use super::timeline::recorder;
use super::{heap, stacks};
use crate::runtime::Runtime;
use crate::scheduler::Fifo;
use crate::window::{FrameMemory, PoolMemory};
use crate::world::{Parts, PortParts, World};
use crate::{exit, tls};

// The stack pointer may be 16-byte aligned or 8 less, as after a call; either way a frame begins below it.
global_asm!(
    ".pushsection .text._start,\"ax\",@progbits",
    ".globl _start",
    ".type _start,@function",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {entered}",
    "ud2",
    ".size _start, . - _start",
    ".popsection",
    entered = sym entered,
);

static RUNTIME: spin::Once<&'static Runtime> = spin::Once::new();

unsafe extern "Rust" {
    /// The program's own main function: see `entry!`.
    safe fn atoll_main();
}

/// A vcore's first instructions in Rust, in vcore context.
extern "sysv64" fn entered(vcore: u64, _reason: u64) -> ! {
    let vcore = vcore as usize;
    recorder(vcore).note(Kind::Begins, 0);
    assert!(
        tls::is_fresh(),
        "vcore {vcore} has no thread-local storage, or is entered again"
    );
    if vcore == 0 {
        heap::claim(procinfo().heap_size as usize);
        stacks::claim(procinfo().uthreads as usize);
        RUNTIME.call_once(start);
    }
    let runtime = RUNTIME
        .get()
        .unwrap_or_else(|| panic!("vcore {vcore} is entered before vcore 0"));
    runtime.run(vcore);
    // The process has ended; its server stops this thread.
    loop {
        KERNEL.wait(vcore);
    }
}

fn start() -> &'static Runtime {
    let procinfo = procinfo();
    let vcores = (procinfo.max_vcores as usize).clamp(1, layout::MAX_VCORES);
    let blocks = (procinfo.pool_blocks as usize).min(layout::MAX_POOL_BLOCKS);
    let endpoints: Vec<Endpoint> = (0..vcores)
        .map(|vcore| {
            let window = layout::vcore_window(vcore) as *mut u8;
            // SAFETY: the root task mapped a window there for each vcore, zeroed before the process's first life; this is
            // the process's side, attached here only, once in each life.
            let mut endpoint = unsafe { Endpoint::attach_next(window, Side::First) };
            let number = procinfo.first_vcore as usize + vcore;
            endpoint.note_with(recorder(vcore).tap(Channel::Vcore(number)));
            endpoint
        })
        .collect();
    KERNEL.connect(&procinfo);
    let ports = attach_ports(&procinfo, vcores);
    // SAFETY: the root task mapped the pool there. A service and its device write a block only for a read that the process
    // sent with it, until the completion; where a service has died, the root task announces that after the device has
    // stopped. A service begins the channel with the next life of the process when its device writes nothing of the life before.
    let pool = unsafe { PoolMemory::new(layout::BLOCKS as *mut u8, blocks as u32) };
    // SAFETY: nothing else is mapped in that region; the server maps a frame there for the one process that holds it, and unmaps it
    // before it is another one's.
    let frames = unsafe { FrameMemory::new(layout::FRAMES as *mut u8, MAX_CLUSTER_FRAMES as u32) };
    if procinfo.generation > 1 {
        tell_of_new_life(&ports);
    }
    let parts = Parts {
        world: &KERNEL,
        endpoints,
        ports,
        pool,
        frames,
        generation: procinfo.generation,
    };
    let runtime = Runtime::new(parts, Box::new(Fifo::new()));
    runtime.spawn(layout::MAIN_STACK_SIZE, || {
        atoll_main();
        exit(0)
    });
    runtime
}

/// The process's sides of its connections to services.
fn attach_ports(procinfo: &ProcInfo, vcores: usize) -> Vec<PortParts> {
    let count = (procinfo.port_count as usize).min(MAX_SERVICES);
    let ports = procinfo.ports.iter().take(count).enumerate();
    let attached = ports.map(|(number, port)| PortParts {
        service: port.service,
        kind: ServiceKind::from_raw(port.kind),
        route: match Route::from_raw(port.route) {
            Some(Route::Remote) => Route::Remote,
            _ => Route::Local,
        },
        endpoints: (0..vcores)
            .map(|vcore| {
                let window = layout::port_window(number, vcore) as *mut u8;
                // SAFETY: the root task mapped a window there for each vcore and each port, zeroed before the process's first
                // life; this is the process's side, attached here only, once in each life.
                let mut endpoint = unsafe { Endpoint::attach_next(window, Side::First) };
                let connection = port.first_connection as usize + vcore;
                endpoint.note_with(recorder(vcore).tap(Channel::Connection(connection)));
                endpoint
            })
            .collect(),
    });
    attached.collect()
}

/// Wakes those at the other sides, whether or not they sleep, who see then that another life has begun: after it has attached its
/// own sides, because one that looks before that sleeps again, and nobody wakes it once more.
fn tell_of_new_life(attached: &[PortParts]) {
    KERNEL.ring_server();
    for (port, own) in attached.iter().enumerate() {
        for vcore in 0..own.endpoints.len() {
            KERNEL.ring_port(port, vcore);
        }
    }
}
