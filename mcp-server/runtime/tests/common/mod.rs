//! A process on host threads: a thread that plays its server and its services, and a thread for each vcore.
#![allow(dead_code, unused_imports, reason = "each test uses what it needs")]

mod calls;
mod control;
mod faults;
mod host;
pub mod paged;
pub mod partition;
mod report;
mod server;
mod setup;
pub mod spliced;
pub mod streams;

use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_abi::name::Name;
use atoll_abi::process::{PROCINFO_MAGIC, ProcInfo};
use atoll_channel::{Endpoint, Side, announce_lost};
use atoll_runtime::Runtime;
use atoll_runtime::scheduler::{Fifo, Scheduler};
use atoll_runtime::uthread::Uthread;
use atoll_runtime::window::{FrameMemory, PoolMemory};
use atoll_runtime::world::{Parts, PortParts};
use zerocopy::FromZeros;

pub use control::{Command, Control};
use host::{Clock, Host, Notification};
pub use report::Report;
use report::finish;
use server::{Line, Server};
pub use setup::{Manners, Setup};

/// Names of the services that a process may have, by port.
pub const SERVICES: [&str; 2] = ["files", "more"];

/// As [`SERVICES`], of a process that also has a network.
const PORTS: [&str; 3] = ["files", "more", "third"];

/// Status of a process whose first uthread has panicked.
const PANICKED: u64 = 101;

/// First come, first served, and counts.
#[derive(Default)]
struct Counting {
    fifo: Fifo,
    readied: Arc<AtomicUsize>,
}

impl Scheduler for Counting {
    fn ready(&self, uthread: Arc<Uthread>) {
        self.readied.fetch_add(1, Ordering::Relaxed);
        self.fifo.ready(uthread);
    }

    fn next(&self, vcore: usize) -> Option<Arc<Uthread>> {
        self.fifo.next(vcore)
    }

    fn is_idle(&self, vcore: usize) -> bool {
        self.fifo.is_idle(vcore)
    }
}

/// Memory that is never given back.
fn leak(bytes: usize) -> *mut u8 {
    let layout = Layout::from_size_align(bytes.max(PAGE_SIZE), PAGE_SIZE).unwrap();
    // SAFETY: the layout has a size.
    unsafe { alloc_zeroed(layout) }
}

pub struct Memory(*mut u8);
// SAFETY: the memory is used as windows and blocks, as the server and the runtime agree.
unsafe impl Send for Memory {}

impl Memory {
    /// Writes bytes to the blocks of a call, which is the only one that has them.
    fn write(&self, list: &BlockList, bytes: &[u8]) {
        for (page, part) in list.ranges().flatten().zip(bytes.chunks(BLOCK_SIZE)) {
            // SAFETY: the block exists, and the process gave it to this call.
            unsafe {
                let block = self.0.add(page as usize * BLOCK_SIZE);
                block.copy_from_nonoverlapping(part.as_ptr(), part.len());
            }
        }
    }

    /// So many bytes from the blocks of a call, which is the only one that has them.
    fn read(&self, list: &BlockList, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        for (page, part) in list.ranges().flatten().zip(bytes.chunks_mut(BLOCK_SIZE)) {
            // SAFETY: the block exists, and the process gave it to this call.
            unsafe {
                let block = self.0.add(page as usize * BLOCK_SIZE);
                part.as_mut_ptr()
                    .copy_from_nonoverlapping(block, part.len());
            }
        }
        bytes
    }
}

/// Runs a process with one service to its end.
pub fn run(
    vcores: usize,
    blocks: u32,
    file: Vec<u8>,
    manners: Manners,
    main: impl FnOnce() + Send + 'static,
) -> Report {
    run_with(Setup::new(vcores, blocks, file, manners), |_| main())
}

fn procinfo(setup: &Setup) -> ProcInfo {
    ProcInfo {
        magic: PROCINFO_MAGIC,
        version: atoll_abi::ABI_VERSION,
        generation: setup.generation,
        max_vcores: setup.vcores as u32,
        pool_blocks: setup.blocks,
        granted: 1,
        name: Name::new("host").unwrap(),
        cores: core::array::from_fn(|vcore| 40 + vcore as u32),
        ..ProcInfo::new_zeroed()
    }
}

/// Both sides of a channel of a process of a generation.
fn attach(generation: u32) -> (Endpoint, Line) {
    let window = leak(RING_WINDOW_SIZE);
    // SAFETY: a zeroed, aligned window that lives for good; this side is attached here only.
    let peer = unsafe { Endpoint::attach(window, Side::Second) };
    if generation > 1 {
        // SAFETY: a whole window; nothing uses this side.
        unsafe { announce_lost(window, Side::First) };
    }
    // SAFETY: as above.
    let own = unsafe { Endpoint::attach_next(window, Side::First) };
    let line = Line {
        window: Memory(window),
        endpoint: Some(peer),
        outstanding: 0,
    };
    (own, line)
}

/// Runs a process to its end. Its first uthread is given what it needs to have things happen.
pub fn run_with(setup: Setup, main: impl FnOnce(&'static Control) + Send + 'static) -> Report {
    let vcores = setup.vcores;
    let host: &'static Host = Box::leak(Box::new(Host {
        server: Notification::default(),
        vcores: (0..vcores).map(|_| Notification::default()).collect(),
        procinfo: Mutex::new(procinfo(&setup)),
        clock: match setup.manual_clock {
            true => Clock::Manual(AtomicU64::new(0)),
            false => Clock::Real(Instant::now()),
        },
        blocked: (0..vcores).map(|_| AtomicU64::new(0)).collect(),
        ended_alone: Mutex::new(None),
    }));
    let control: &'static Control = Box::leak(Box::new(Control::new(host)));
    let mut lines: Vec<Vec<Line>> = Vec::new();
    let mut channels = Vec::new();
    let kinds = setup.kinds();
    for _ in 0..=kinds.len() {
        let sides = (0..vcores).map(|_| attach(setup.generation));
        let (own, peers) = sides.unzip();
        channels.push(own);
        lines.push(peers);
    }
    let pool = leak(setup.blocks as usize * BLOCK_SIZE);
    let mut channels = channels.into_iter();
    let parts = Parts {
        world: host,
        endpoints: channels.next().unwrap(),
        ports: channels
            .zip(PORTS)
            .zip(&kinds)
            .map(|((endpoints, name), kind)| PortParts {
                service: Name::new(name).unwrap(),
                kind: Some(*kind),
                route: setup.route,
                endpoints,
            })
            .collect(),
        // SAFETY: the pool lives for good; the services below write a block only for a read of it.
        pool: unsafe { PoolMemory::new(pool, setup.blocks) },
        frames: FrameMemory::NONE,
        generation: setup.generation,
    };
    let scheduler = Counting::default();
    let readied = scheduler.readied.clone();
    let runtime = Runtime::new(parts, Box::new(scheduler));
    runtime.spawn(1 << 20, move || {
        // A process whose first uthread panics ends too, so that its test fails at once.
        let ended = catch_unwind(AssertUnwindSafe(|| main(control)));
        atoll_runtime::exit(if ended.is_ok() { 0 } else { PANICKED })
    });
    let mut server = Server {
        host,
        control,
        runtime,
        lines,
        pool: Memory(pool),
        blocks: setup.blocks,
        lives: vec![1; kinds.len()],
        kinds,
        files: setup.files,
        partition: setup.partition,
        streams: setup.streams,
        tamper: setup.tamper,
        manners: setup.manners,
        random: 1,
        answers: Vec::new(),
        held: Vec::new(),
        given_back: vec![None; vcores],
        alarms: vec![None; vcores],
        last_alarms: vec![0; vcores],
        reads: 0,
        busy: BTreeMap::new(),
        partial: vec![String::new(); vcores],
        mcp: false,
        threads: vec![thread::spawn(move || runtime.run(0))],
        exited: false,
        report: Report {
            status: u64::MAX,
            granted: 1,
            ..Report::default()
        },
    };
    server.meet(0);
    server.serve();
    for thread in mem::take(&mut server.threads) {
        thread.join().unwrap();
    }
    let readied = readied.load(Ordering::Relaxed);
    Report {
        readied,
        ..finish(server)
    }
}
