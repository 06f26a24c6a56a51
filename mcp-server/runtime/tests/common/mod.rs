//! A process on host threads: a server that serves a file from memory over the real rings, and a thread for each vcore.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeSet;
use std::mem;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{PAGE_SIZE, RING_SLOTS, RING_WINDOW_SIZE};
use atoll_abi::message::Payload;
use atoll_abi::name::Name;
use atoll_abi::process::{PROCINFO_MAGIC, ProcInfo};
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Route, Status, Syscall};
use atoll_channel::{Endpoint, SendError, Side, announce_lost, window};
use atoll_runtime::Runtime;
use atoll_runtime::scheduler::Fifo;
use atoll_runtime::window::PoolMemory;
use atoll_runtime::world::{Parts, World};

const HANDLE: u32 = 0x0001_0000;

/// A notification: remembers one signal.
#[derive(Default)]
struct Notification(Mutex<bool>, Condvar);

impl Notification {
    fn signal(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }

    /// Waits, but not for long.
    fn wait_shortly(&self) {
        let signalled = self.0.lock().unwrap();
        let short = Duration::from_millis(1);
        let waited = self
            .1
            .wait_timeout_while(signalled, short, |signalled| !*signalled);
        *waited.unwrap().0 = false;
    }

    fn wait(&self) {
        let signalled = self.0.lock().unwrap();
        *self
            .1
            .wait_while(signalled, |signalled| !*signalled)
            .unwrap() = false;
    }
}

struct Host {
    server: Notification,
    vcores: Vec<Notification>,
    procinfo: Mutex<ProcInfo>,
    begin: Instant,
    /// Status with which the process ended when its server was gone.
    ended_alone: Mutex<Option<u64>>,
}

impl World for Host {
    fn ring_server(&self) {
        self.server.signal();
    }

    fn wake_vcore(&self, vcore: usize) {
        self.vcores[vcore].signal();
    }

    fn wait(&self, vcore: usize) {
        self.vcores[vcore].wait();
    }

    fn ticks(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    fn procinfo(&self) -> ProcInfo {
        *self.procinfo.lock().unwrap()
    }

    fn exit_without_server(&self, _vcore: usize, status: u64) {
        *self.ended_alone.lock().unwrap() = Some(status);
    }
}

/// How the server treats its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    Honest,
    /// Answers calls twice, and calls that nobody made.
    Strays,
    /// Answers the first read with another block than it was given.
    WrongBlock,
    /// Fails every read that is not of the first block.
    BadDevice,
    /// Keeps reads for good: they end early, or never. Their blocks come back with later completions.
    Slow,
    /// As `Slow`, and answers a read that ended early once more, as if it were done.
    SlowTwice,
    /// Says with each completion that some block is back.
    Liar,
    /// Dies when this many reads have arrived, and answers none.
    Dies(usize),
    /// Writes garbage where the next completion's sequence number belongs, once a read arrives.
    Corrupt,
}

/// What became of a process.
#[derive(Clone, Debug)]
pub struct Report {
    pub status: u64,
    pub lines: Vec<String>,
    pub calls: usize,
    pub most_outstanding: usize,
    pub granted: usize,
    pub strays: u64,
    pub free_blocks: usize,
    pub away_blocks: usize,
    /// How often calls were made visible.
    pub publications: u64,
    /// Answers in the histograms of latencies.
    pub latencies: u64,
    pub routes: [u64; 3],
    pub poll_budget: u32,
    /// Calls that were submitted and never ended.
    pub outstanding_calls: usize,
}

/// Memory that is never given back.
fn leak(bytes: usize) -> *mut u8 {
    let layout = Layout::from_size_align(bytes.max(PAGE_SIZE), PAGE_SIZE).unwrap();
    // SAFETY: the layout has a size.
    unsafe { alloc_zeroed(layout) }
}

struct Memory(*mut u8);
// SAFETY: the memory is used as windows and blocks, as the server and the runtime agree.
unsafe impl Send for Memory {}

struct Held {
    vcore: usize,
    syscall: Syscall,
    deadline: Option<Instant>,
}

struct Server {
    host: &'static Host,
    runtime: &'static Runtime,
    endpoints: Vec<Endpoint>,
    windows: Vec<Memory>,
    pool: Memory,
    blocks: u32,
    file: Vec<u8>,
    manners: Manners,
    random: u64,
    answers: Vec<(usize, Completion)>,
    /// Calls that wait for their end.
    held: Vec<Held>,
    /// Blocks of reads that ended early.
    back: Vec<u32>,
    /// Answers to calls that have ended.
    again: Vec<(usize, Completion)>,
    reads: usize,
    outstanding: Vec<usize>,
    busy: BTreeSet<u32>,
    partial: Vec<String>,
    mcp: bool,
    threads: Vec<thread::JoinHandle<()>>,
    exited: bool,
    report: Report,
}

/// Runs a process to its end.
pub fn run(
    vcores: usize,
    blocks: u32,
    file: Vec<u8>,
    manners: Manners,
    main: impl FnOnce() + Send + 'static,
) -> Report {
    let host: &'static Host = Box::leak(Box::new(Host {
        server: Notification::default(),
        vcores: (0..vcores).map(|_| Notification::default()).collect(),
        procinfo: Mutex::new(ProcInfo {
            magic: PROCINFO_MAGIC,
            version: atoll_abi::ABI_VERSION,
            generation: 1,
            process: 0,
            cluster: 0,
            max_vcores: vcores as u32,
            pool_blocks: blocks,
            heap_size: 0,
            granted: 1,
            name: Name::new("host").unwrap(),
            cores: core::array::from_fn(|vcore| 40 + vcore as u32),
            server_kernel_entries: 0,
            uthreads: 0,
            padding: 0,
        }),
        begin: Instant::now(),
        ended_alone: Mutex::new(None),
    }));
    let windows: Vec<Memory> = (0..vcores)
        .map(|_| Memory(leak(RING_WINDOW_SIZE)))
        .collect();
    let pool = leak(blocks as usize * BLOCK_SIZE);
    let attach = |side| {
        windows
            .iter()
            // SAFETY: a zeroed, aligned window that lives for good; each side is attached once.
            .map(|window| unsafe { Endpoint::attach(window.0, side) })
            .collect()
    };
    let parts = Parts {
        world: host,
        endpoints: attach(Side::First),
        // SAFETY: the pool lives for good; the server below writes a block only for a read of it.
        pool: unsafe { PoolMemory::new(pool, blocks) },
        generation: 1,
    };
    let runtime = Runtime::new(parts, Box::new(Fifo::new()));
    runtime.spawn(1 << 20, || {
        main();
        atoll_runtime::exit(0)
    });
    let mut server = Server {
        host,
        runtime,
        endpoints: attach(Side::Second),
        pool: Memory(pool),
        windows,
        blocks,
        file,
        manners,
        random: 1,
        answers: Vec::new(),
        held: Vec::new(),
        back: Vec::new(),
        again: Vec::new(),
        reads: 0,
        outstanding: vec![0; vcores],
        busy: BTreeSet::new(),
        partial: vec![String::new(); vcores],
        mcp: false,
        threads: vec![thread::spawn(move || runtime.run(0))],
        exited: false,
        report: Report {
            status: u64::MAX,
            lines: Vec::new(),
            calls: 0,
            most_outstanding: 0,
            granted: 1,
            strays: 0,
            free_blocks: 0,
            away_blocks: 0,
            publications: 0,
            latencies: 0,
            routes: [0; 3],
            poll_budget: 0,
            outstanding_calls: 0,
        },
    };
    server.serve();
    for thread in mem::take(&mut server.threads) {
        thread.join().unwrap();
    }
    let mut report = server.report.clone();
    report.strays = runtime.stray_completions();
    report.free_blocks = runtime.free_blocks();
    report.away_blocks = runtime.away_blocks();
    report.routes = runtime.routes();
    report.poll_budget = runtime.poll_budget();
    report.outstanding_calls = runtime.outstanding();
    if let Some(status) = *host.ended_alone.lock().unwrap() {
        assert_eq!(report.status, u64::MAX, "the process ended twice");
        report.status = status;
    }
    for endpoint in &server.endpoints {
        report.publications += endpoint.receiver.telemetry().batches;
        report.latencies += endpoint.sender.telemetry().latency.iter().sum::<u64>();
    }
    report
}

fn completion(syscall: &Syscall, status: Status, result: [u64; 2]) -> Completion {
    Completion {
        tag: syscall.tag,
        status: status as u32,
        generation: 1,
        result,
        route: Route::Server as u32,
        block: syscall.block,
        returned: NO_BLOCK,
        padding: 0,
        reserved: 0,
    }
}

impl Server {
    fn random(&mut self, below: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1);
        (self.random >> 33) as usize % below
    }

    fn serve(&mut self) {
        loop {
            let mut any = false;
            for vcore in 0..self.endpoints.len() {
                while let Some(message) = self.endpoints[vcore].receiver.receive().unwrap() {
                    any = true;
                    self.take(vcore, Syscall::from_message(&message));
                }
            }
            if let Manners::Dies(reads) = self.manners
                && self.reads >= reads
            {
                self.die();
                return;
            }
            any |= self.expire();
            if !self.answers.is_empty() {
                for _ in 0..=self.random(self.answers.len()) {
                    let index = self.random(self.answers.len());
                    let (vcore, answer) = self.answers.swap_remove(index);
                    self.answer(vcore, answer);
                }
            } else if self.exited {
                return;
            } else if !any {
                let armed: Vec<bool> = self
                    .endpoints
                    .iter_mut()
                    .map(|endpoint| endpoint.receiver.arm().unwrap())
                    .collect();
                if armed.iter().all(|&may_block| may_block) {
                    if self.held.iter().any(|held| held.deadline.is_some()) {
                        self.host.server.wait_shortly();
                    } else {
                        self.host.server.wait();
                    }
                }
                for endpoint in &mut self.endpoints {
                    endpoint.receiver.disarm();
                }
            }
        }
    }

    /// Is stopped in the middle of everything, as its supervisor does it and announces it.
    fn die(&mut self) {
        for (vcore, window) in self.windows.iter().enumerate() {
            // SAFETY: a whole window; this side does nothing any more.
            unsafe { announce_lost(window.0, Side::Second) };
            self.host.wake_vcore(vcore);
        }
    }

    /// Ends the calls whose time is up.
    fn expire(&mut self) -> bool {
        let now = Instant::now();
        let late = |held: &mut Held| held.deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<Held> = self.held.extract_if(.., late).collect();
        let any = !late.is_empty();
        for held in late {
            self.end_early(held, Status::TimedOut);
        }
        any
    }

    fn end_early(&mut self, held: Held, status: Status) {
        let block = held.syscall.block;
        let mut answer = completion(&held.syscall, status, [0; 2]);
        answer.block = NO_BLOCK;
        self.answers.push((held.vcore, answer));
        if block == NO_BLOCK {
            return;
        }
        self.back.push(block);
        if self.manners == Manners::SlowTwice {
            let again = completion(&held.syscall, Status::Done, [0; 2]);
            self.again.push((held.vcore, again));
        }
    }

    fn answer(&mut self, vcore: usize, mut answer: Completion) {
        self.outstanding[vcore] -= 1;
        if self.manners == Manners::Liar {
            answer.returned = self.random(self.blocks as usize + 2) as u32;
        } else if !matches!(self.manners, Manners::Dies(_))
            && answer.block == NO_BLOCK
            && answer.status == Status::Done as u32
            && let Some(block) = self.back.pop()
        {
            self.busy.remove(&block);
            answer.returned = block;
        }
        self.busy.remove(&answer.block);
        if self.manners == Manners::Corrupt && answer.block != NO_BLOCK {
            let sequence = window::RING + window::SLOTS;
            for slot in 0..RING_SLOTS {
                // SAFETY: inside the window, and nobody reads it but atomically.
                unsafe {
                    let word = self.windows[vcore].0.add(sequence + slot * 64);
                    // Of this generation, and of no lap.
                    word.cast::<u64>().write_volatile((1 << 48) - 1);
                }
            }
            self.host.wake_vcore(vcore);
            self.exited = vcore == 0;
            return;
        }
        let mut answers = vec![answer];
        let same = |again: &mut (usize, Completion)| again.0 == vcore && again.1.tag == answer.tag;
        answers.extend(self.again.extract_if(.., same).map(|again| again.1));
        if self.manners == Manners::Strays {
            answers.push(answer);
            answers.push(Completion {
                tag: self.random,
                ..answer
            });
        }
        for answer in answers {
            let wake = loop {
                match self.endpoints[vcore].sender.send(&answer.to_message()) {
                    Ok(wake) => break wake,
                    Err(SendError::Full) => {
                        assert_eq!(self.manners, Manners::Strays, "credits ran out");
                        self.host.wake_vcore(vcore);
                        if self.exited {
                            return;
                        }
                        thread::yield_now();
                    }
                    Err(SendError::Peer(fault)) => panic!("{fault}"),
                }
            };
            if wake.needed() {
                self.endpoints[vcore].sender.note_doorbell();
                self.host.wake_vcore(vcore);
            }
        }
    }

    fn take(&mut self, vcore: usize, syscall: Syscall) {
        assert_eq!(syscall.generation, 1);
        self.report.calls += 1;
        self.outstanding[vcore] += 1;
        assert!(self.outstanding[vcore] <= RING_SLOTS);
        self.report.most_outstanding = self.report.most_outstanding.max(self.outstanding[vcore]);
        let reads = Call::from_raw(syscall.call) == Some(Call::Read);
        self.reads += usize::from(reads);
        let holds = matches!(
            self.manners,
            Manners::Slow | Manners::SlowTwice | Manners::Dies(_)
        );
        if reads && holds || syscall.call == Call::Sleep as u16 {
            if reads {
                assert!(
                    self.busy.insert(syscall.block),
                    "a block was handed out twice"
                );
            }
            let timeout = syscall.timeout().microseconds();
            let deadline = timeout.map(|long| Instant::now() + Duration::from_micros(long));
            self.held.push(Held {
                vcore,
                syscall,
                deadline,
            });
            return;
        }
        let (status, result) = self.serve_call(vcore, &syscall);
        let mut block = syscall.block;
        if Call::from_raw(syscall.call) != Some(Call::Read) {
            // The block field of a print is its length, and no block.
            block = NO_BLOCK;
        } else if self.manners == Manners::WrongBlock {
            self.manners = Manners::Honest;
            block = NO_BLOCK;
        }
        let mut answer = completion(&syscall, status, result);
        answer.block = block;
        self.answers.push((vcore, answer));
    }

    fn serve_call(&mut self, vcore: usize, syscall: &Syscall) -> (Status, [u64; 2]) {
        let length = self.file.len() as u64;
        let arguments = syscall.arguments;
        let mut result = [0; 2];
        let call = Call::from_raw(syscall.call).unwrap();
        let with_handle = matches!(call, Call::Stat | Call::Read | Call::Close);
        if with_handle && syscall.handle != HANDLE {
            return (Status::BadHandle, result);
        }
        match call {
            Call::Open if Name::from_words(arguments).unwrap().as_str() == "input" => {
                result = [u64::from(HANDLE), length];
            }
            Call::Open => return (Status::NotFound, result),
            Call::Stat => result[0] = length,
            Call::Cancel => {
                let meant = |held: &Held| held.vcore == vcore && held.syscall.tag == arguments[0];
                if let Some(index) = self.held.iter().position(meant) {
                    let held = self.held.remove(index);
                    self.end_early(held, Status::Cancelled);
                    result[0] = 1;
                }
            }
            Call::Sleep => unreachable!("it is held"),
            Call::Read => {
                assert!(syscall.block < self.blocks && arguments[1] <= BLOCK_SIZE as u64);
                assert!(
                    self.busy.insert(syscall.block),
                    "a block was handed out twice"
                );
                if self.manners == Manners::BadDevice && arguments[0] > 0 {
                    return (Status::DeviceError, result);
                }
                let start = arguments[0].min(length) as usize;
                let end = (start + arguments[1] as usize).min(self.file.len());
                let bytes = &self.file[start..end];
                // SAFETY: the block exists, and the process gave it to this read.
                unsafe {
                    let block = self.pool.0.add(syscall.block as usize * BLOCK_SIZE);
                    block.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                }
                result[0] = bytes.len() as u64;
            }
            Call::Close | Call::YieldVcore => {}
            Call::Print => {
                for word in 0..syscall.block as usize {
                    let byte = arguments[word / 8].to_le_bytes()[word % 8];
                    if byte == b'\n' {
                        let line = std::mem::take(&mut self.partial[vcore]);
                        self.report.lines.push(line);
                    } else {
                        self.partial[vcore].push(char::from(byte));
                    }
                }
            }
            Call::Exit => {
                self.report.status = arguments[0];
                self.exited = true;
            }
            Call::BecomeMcp => self.mcp = true,
            Call::RequestVcores if !self.mcp => return (Status::NotAllowed, result),
            Call::RequestVcores if arguments[0] == 0 => return (Status::InvalidArgument, result),
            Call::RequestVcores => {
                let most = (arguments[0] as usize).min(self.endpoints.len());
                for vcore in self.report.granted..most {
                    let runtime = self.runtime;
                    self.threads.push(thread::spawn(move || runtime.run(vcore)));
                }
                self.report.granted = self.report.granted.max(most);
                self.host.procinfo.lock().unwrap().granted = (1 << self.report.granted) - 1;
                result[0] = self.report.granted as u64;
            }
        }
        (Status::Done, result)
    }
}
