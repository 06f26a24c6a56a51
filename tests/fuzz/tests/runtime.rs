//! The process's side: a server and a service that write any completion, and any word, into the rings of a process. Every call
//! ends with a result or an error, no block is named twice, and nothing panics.
//!
//! One thread runs the process and its peers, in turns: they act whenever the vcore would sleep or rings.

use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::Route;
use atoll_component_tests::plan::{SERVICE, name_of};
use atoll_component_tests::window::Window;
use atoll_fuzz::{Seen, target};
use atoll_runtime::Runtime;
use atoll_runtime::scheduler::Fifo;
use atoll_runtime::window::{FrameMemory, PoolMemory};
use atoll_runtime::world::{Parts, PortParts};

#[path = "runtime/peers.rs"]
mod peers;
#[path = "runtime/process.rs"]
mod process;

use peers::{Host, Peer, Peers, Stop};
use process::{Own, process};

const RUNS: usize = 400;
const BYTES: usize = 600;
const BLOCKS: u32 = 16;
/// Memory that is never given back, as a process's pool is, and its address.
fn pool() -> (PoolMemory, usize) {
    let layout = Layout::from_size_align(BLOCKS as usize * BLOCK_SIZE, PAGE_SIZE)
        .expect("a pool has a layout");
    // SAFETY: the layout has a size.
    let memory = unsafe { alloc_zeroed(layout) };
    assert!(!memory.is_null());
    // SAFETY: the memory lives for good, and these peers write no block.
    let pool = unsafe { PoolMemory::new(memory, BLOCKS) };
    (pool, memory.addr())
}

fn run(bytes: &[u8], seen: &'static Seen) {
    // The runtime lives for good, and so do its windows.
    let mut own = Vec::new();
    let peers = [(); 2].map(|()| {
        let (window, [first, second]) = Window::channel();
        own.push(first);
        Peer {
            window,
            endpoint: second,
            pending: Vec::new(),
            given: Vec::new(),
        }
    });
    let ports = PortParts {
        service: name_of(SERVICE),
        kind: Some(ServiceKind::Files),
        route: Route::Local,
        endpoints: own.split_off(1),
    };
    let finished = Arc::new(AtomicBool::new(false));
    let host: &'static Host = Box::leak(Box::new(Host(Mutex::new(Peers {
        script: bytes.to_vec(),
        used: 0,
        peers,
        strays: 0,
        withheld: BTreeSet::new(),
        wrong: None,
        dirty: false,
        patience: 0,
        finished: finished.clone(),
        seen,
    }))));
    let (pool, base) = pool();
    let blocks = Own {
        blocks: Arc::default(),
        host,
        base,
    };
    let parts = Parts {
        world: host,
        endpoints: own,
        ports: vec![ports],
        pool,
        frames: FrameMemory::NONE,
        generation: 1,
    };
    let runtime = Runtime::new(parts, Box::new(Fifo::new()));
    runtime.spawn(256 << 10, move || {
        process(blocks, seen);
        finished.store(true, Ordering::SeqCst);
        atoll_runtime::exit(0)
    });
    let vcore = thread::spawn(move || runtime.run(0));
    match vcore.join() {
        Ok(()) => {
            seen.note("exited");
            let peers = host.peers();
            if !peers.dirty {
                assert!(runtime.unmatched_completions() <= peers.strays);
            }
        }
        Err(reason) if reason.is::<Stop>() => {
            seen.note("stopped");
            let peers = host.peers();
            if !peers.dirty {
                assert_eq!(runtime.unmatched_completions(), peers.strays);
            }
        }
        Err(reason) => resume_unwind(reason),
    }
    assert_eq!(host.peers().wrong, None);
    assert!(runtime.free_blocks() + runtime.blocks_in_flight() <= BLOCKS as usize);
    seen.add("unmatched completion", runtime.unmatched_completions());
}

target!(
    completions_of_hostile_peers,
    RUNS,
    BYTES,
    run,
    [
        "call done",
        "call failed",
        "block read",
        "read failed",
        "block lost",
        "block withheld",
        "exited",
        "stopped",
        "failed peer",
        "unmatched completion"
    ]
);
