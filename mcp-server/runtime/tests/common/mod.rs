//! A process on host threads: a thread that plays its server and its services, and a thread for each vcore.
#![allow(dead_code, unused_imports, reason = "each test uses what it needs")]

mod calls;
mod control;
mod faults;
mod host;
mod server;

use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeSet;
use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::{PROCINFO_MAGIC, ProcInfo};
use atoll_abi::syscall::Route;
use atoll_channel::{Endpoint, Side, announce_lost};
use atoll_runtime::Runtime;
use atoll_runtime::scheduler::{Fifo, Scheduler};
use atoll_runtime::uthread::Uthread;
use atoll_runtime::window::PoolMemory;
use atoll_runtime::world::{Parts, PortParts};
use zerocopy::FromZeros;

pub use control::{Command, Control};
use host::{Clock, Host, Notification};
use server::{Line, Server};

/// Names of the services that a process may have, by port.
pub const SERVICES: [&str; 2] = ["files", "more"];

/// How the server and the services treat their process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    Honest,
    /// Answers calls twice, and calls that were never made.
    Unmatched,
    /// Answers the first read with another block than it was given.
    WrongBlock,
    /// Fails every read that is not of the first block.
    BadDevice,
    /// Holds reads back until the test [releases](Command::Release) them.
    Slow,
    /// As `Slow`, and answers each of them twice.
    SlowTwice,
    /// Answers reads with any block.
    Liar,
    /// Dies, with all services, when this many reads have arrived, and answers none.
    Dies(usize),
    /// As `Dies`, and the services live on; they hang.
    ServerDies(usize),
    /// A service breaks the ring of completions, once a read arrives.
    Corrupt,
    /// The server does so with its first answer.
    CorruptServer,
}

impl Manners {
    pub fn holds_reads(self) -> bool {
        use Manners::{Dies, ServerDies, Slow, SlowTwice};
        matches!(self, Slow | SlowTwice | Dies(_) | ServerDies(_))
    }
}

/// A process and what is around it.
pub struct Setup {
    pub vcores: usize,
    pub blocks: u32,
    /// The file `input` of each service.
    pub files: Vec<Vec<u8>>,
    pub manners: Manners,
    pub route: Route,
    /// Generation of the process. From the second one on, its services have not [noticed](Command::Meet) that it is back.
    pub generation: u32,
    /// Time passes only when the test says so.
    pub manual_clock: bool,
}

impl Setup {
    pub fn new(vcores: usize, blocks: u32, file: Vec<u8>, manners: Manners) -> Setup {
        Setup {
            vcores,
            blocks,
            files: vec![file],
            manners,
            route: Route::Local,
            generation: 1,
            manual_clock: false,
        }
    }
}

/// What became of a process.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub status: u64,
    pub lines: Vec<String>,
    /// Calls by channel: to the server, then to the service of each port.
    pub calls: [usize; 3],
    pub most_outstanding: usize,
    pub granted: usize,
    pub given_back: usize,
    pub alarms: usize,
    /// Calls with a handle that the service does not know.
    pub bad_handles: usize,
    pub unmatched: u64,
    pub free_blocks: usize,
    pub blocks_in_flight: usize,
    /// How often calls were made visible.
    pub publications: u64,
    /// Answers in the histograms of latencies.
    pub latencies: u64,
    pub routes: [u64; Route::COUNT],
    pub poll_budget: u32,
    /// Calls that were submitted and never ended.
    pub outstanding_calls: usize,
    /// How often a uthread became ready.
    pub readied: usize,
}

impl Report {
    /// The process ended with status 0, and everything that it used came back.
    pub fn ended_well(&self, blocks: usize) {
        assert_eq!((self.status, self.unmatched), (0, 0), "{self:?}");
        assert_eq!(self.outstanding_calls, 0, "{self:?}");
        let found = (self.free_blocks, self.blocks_in_flight);
        assert_eq!(found, (blocks, 0), "{self:?}");
    }
}

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
    for _ in 0..=setup.files.len() {
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
            .zip(SERVICES)
            .map(|(endpoints, name)| PortParts {
                service: Name::new(name).unwrap(),
                kind: Some(ServiceKind::Files),
                route: setup.route,
                endpoints,
            })
            .collect(),
        // SAFETY: the pool lives for good; the services below write a block only for a read of it.
        pool: unsafe { PoolMemory::new(pool, setup.blocks) },
        generation: setup.generation,
    };
    let scheduler = Counting::default();
    let readied = scheduler.readied.clone();
    let runtime = Runtime::new(parts, Box::new(scheduler));
    runtime.spawn(1 << 20, move || {
        main(control);
        atoll_runtime::exit(0)
    });
    let mut server = Server {
        host,
        control,
        runtime,
        lines,
        pool: Memory(pool),
        blocks: setup.blocks,
        lives: vec![1; setup.files.len()],
        files: setup.files,
        manners: setup.manners,
        random: 1,
        answers: Vec::new(),
        held: Vec::new(),
        given_back: vec![None; vcores],
        alarms: vec![None; vcores],
        last_alarms: vec![0; vcores],
        reads: 0,
        busy: BTreeSet::new(),
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

fn finish(server: Server) -> Report {
    let (runtime, mut report) = (server.runtime, server.report);
    report.unmatched = runtime.unmatched_completions();
    report.free_blocks = runtime.free_blocks();
    report.blocks_in_flight = runtime.blocks_in_flight();
    report.routes = runtime.routes();
    report.poll_budget = runtime.poll_budget();
    report.outstanding_calls = runtime.outstanding();
    if let Some(status) = *server.host.ended_alone.lock().unwrap() {
        assert_eq!(report.status, u64::MAX, "the process ended twice");
        report.status = status;
    }
    let lines = server.lines.iter().flatten();
    for endpoint in lines.filter_map(|line| line.endpoint.as_ref()) {
        report.publications += endpoint.receiver.telemetry().batches;
        report.latencies += endpoint.sender.telemetry().latency.iter().sum::<u64>();
    }
    report
}
