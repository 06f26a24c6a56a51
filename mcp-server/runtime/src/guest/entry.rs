//! Where a vcore is entered.
//!
//! Every thread of a process starts at `_start` with its vcore's number in `rdi`, 0 in `rsi` the first time, its stack
//! pointer at the top of its stack, and the base of `fs` at its thread-local storage.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::arch::global_asm;

use atoll_abi::layout;
use atoll_channel::{Endpoint, Side};

use super::kernel::{Kernel, procinfo};
use super::{heap, stacks};
use crate::runtime::Runtime;
use crate::scheduler::Fifo;
use crate::window::PoolMemory;
use crate::world::{Parts, World};
use crate::{syscalls, tls};

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

static KERNEL: Kernel = Kernel;

static RUNTIME: spin::Once<&'static Runtime> = spin::Once::new();

unsafe extern "Rust" {
    /// The program's own main function: see `entry!`.
    safe fn atoll_main();
}

/// A vcore's first instructions in Rust, in vcore context.
extern "sysv64" fn entered(vcore: u64, _reason: u64) -> ! {
    let vcore = vcore as usize;
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
            // SAFETY: the root task mapped a zeroed window there for each vcore; this is the process's side, attached here
            // only, once.
            unsafe { Endpoint::attach(window, Side::First) }
        })
        .collect();
    // SAFETY: the root task mapped the pool there; the server and its devices write a block only for a read that the
    // process submitted with it.
    let pool = unsafe { PoolMemory::new(layout::BLOCKS as *mut u8, blocks as u32) };
    let parts = Parts {
        world: &KERNEL,
        endpoints,
        pool,
        generation: procinfo.generation,
    };
    let runtime = Runtime::new(parts, Box::new(Fifo::new()));
    runtime.spawn(layout::MAIN_STACK_SIZE, || {
        atoll_main();
        syscalls::exit(0)
    });
    runtime
}
