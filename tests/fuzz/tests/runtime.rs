//! The process's side: a server and a service that write any completion, and any word, into the rings of a process. Every call
//! ends with a result or an error, no block is named twice, and nothing panics.
//!
//! One thread runs the process and its peers, in turns: they act whenever the vcore would sleep or rings.

use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::Call;
use atoll_abi::layout::{PAGE_SIZE, RING_SLOTS};
use atoll_abi::message::{MESSAGE_WORDS, Payload};
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::{Completion, NO_BLOCK, Route, Status, Syscall};
use atoll_channel::{Endpoint, window};
use atoll_component_tests::plan::{SERVICE, name_of};
use atoll_component_tests::window::Window;
use atoll_fuzz::{Script, Seen, scribble, target};
use atoll_runtime::scheduler::Fifo;
use atoll_runtime::window::PoolMemory;
use atoll_runtime::world::{Parts, PortParts, World};
use atoll_runtime::{
    Block, Runtime, become_mcp, connect, open, println, request_vcores, spawn, yield_now,
};
use zerocopy::FromZeros;

const RUNS: usize = 400;
const BYTES: usize = 600;
const BLOCKS: u32 = 16;
const LENGTH: u64 = 3 * BLOCK_SIZE as u64;

/// Turns of peers that behave, after which a process has to be done.
const PATIENCE: usize = 200;

/// The vcore has nothing to do any more: unwinds out of its loop.
struct Stop;

/// The server, or the service.
struct Peer {
    window: &'static Window,
    endpoint: Endpoint,
    /// Calls that were not answered.
    pending: Vec<Syscall>,
    /// The last answers that were given.
    given: Vec<Completion>,
}

struct Peers {
    script: Vec<u8>,
    used: usize,
    /// The server, then the service.
    peers: [Peer; 2],
    /// Completions that answered no call.
    strays: u64,
    /// Blocks of reads that were answered without them, or with others: they are lent for ever.
    withheld: BTreeSet<u32>,
    /// What the process saw that must not be: a panic on a uthread would end the whole test program.
    wrong: Option<&'static str>,
    /// Something was written that makes honest answers impossible.
    dirty: bool,
    patience: usize,
    finished: Arc<AtomicBool>,
    seen: &'static Seen,
}

struct Host(Mutex<Peers>);

impl Host {
    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World for Host {
    fn ring_server(&self) {
        self.peers().act(0);
    }

    fn ring_port(&self, _port: usize, _vcore: usize) {
        self.peers().act(1);
    }

    fn wake_vcore(&self, _vcore: usize) {}

    fn wait(&self, _vcore: usize) {
        let stop = self.peers().turn();
        if stop {
            resume_unwind(Box::new(Stop));
        }
    }

    fn ticks(&self) -> u64 {
        0
    }

    fn ticks_per_microsecond(&self) -> u64 {
        1
    }

    fn procinfo(&self) -> ProcInfo {
        ProcInfo::new_zeroed()
    }

    fn exit_without_server(&self, _vcore: usize, _status: u64) {}
}

fn right_answer(syscall: &Syscall) -> Completion {
    let [offset, wanted, ..] = syscall.arguments;
    let result = match Call::from_raw(syscall.call) {
        Some(Call::Open) => [1 << 16, LENGTH],
        Some(Call::Stat) => [LENGTH, 0],
        Some(Call::Read) => [LENGTH.saturating_sub(offset).min(wanted), 0],
        Some(Call::RequestVcores) => [1, 0],
        Some(Call::Connect) => [0, ServiceKind::Files as u64],
        _ => [0; 2],
    };
    Completion::of(syscall, Status::Done, result)
}

impl Peers {
    /// A peer reads what the process submitted to it.
    fn listen(&mut self, peer: usize) {
        let own = &mut self.peers[peer];
        for _ in 0..RING_SLOTS {
            match own.endpoint.receiver.receive() {
                Ok(Some(message)) => own.pending.push(Syscall::from_message(&message)),
                Ok(None) => return,
                Err(_) => {
                    self.dirty = true;
                    return;
                }
            }
        }
    }

    fn send(&mut self, peer: usize, completion: Completion) {
        let own = &mut self.peers[peer];
        let mut pending = own.pending.iter();
        match pending.position(|asked| asked.tag == completion.tag) {
            Some(index) => {
                let asked = own.pending.remove(index);
                if asked.block != completion.block && asked.block != NO_BLOCK {
                    self.withheld.insert(asked.block);
                    self.seen.note("block withheld");
                }
            }
            None => self.strays += 1,
        }
        own.given.push(completion);
        let sent = own.endpoint.sender.send(&completion.to_message());
        // A peer that lies may have no room, or have been written over by itself.
        self.dirty |= sent.is_err();
    }

    /// One thing that a hostile peer does.
    fn act(&mut self, peer: usize) {
        self.listen(peer);
        let bytes = std::mem::take(&mut self.script);
        let mut script = Script::new(&bytes[self.used..]);
        let before = script.left();
        if !script.is_done() {
            self.lie(peer, &mut script);
        }
        self.used += before - script.left();
        self.script = bytes;
    }

    fn lie(&mut self, peer: usize, script: &mut Script) {
        let own = &mut self.peers[peer];
        let index = script.below(own.pending.len());
        let asked = own.pending.get(index).copied();
        match script.below(32) {
            0..14 => {
                if let Some(asked) = asked {
                    self.send(peer, right_answer(&asked));
                }
            }
            14..24 => {
                let Some(asked) = asked else { return };
                let mut answer = right_answer(&asked);
                match script.below(6) {
                    0 => answer.status = script.word(&[2, 7, 9, 10, 11, 13]) as u32,
                    1 => answer.result = [script.raw(), script.raw()],
                    2 => answer.result[0] = script.word(&[0, 1, 4096, 4097, 1 << 16]),
                    3 => answer.block = script.word(&[0, 1, 15, 16, NO_BLOCK.into()]) as u32,
                    4 => answer.tag = script.word(&[answer.tag, answer.tag | 1 << 63]),
                    _ => {
                        let words = script.spoiled(answer.to_message());
                        answer = Completion::from_message(&words);
                    }
                }
                self.send(peer, answer);
            }
            24..27 => {
                let nothing = Completion::from_message(&[0; MESSAGE_WORDS]);
                let again = script.pick(&own.given).unwrap_or(nothing);
                self.send(peer, again);
            }
            27..29 => {
                let raw = Completion::from_message(&script.message());
                self.send(peer, raw);
            }
            29 if script.once_in(8) => {
                self.dirty = true;
                let sent = own.endpoint.sender.sent();
                scribble(own.window, script, own.endpoint.generation(), sent);
            }
            _ => {}
        }
    }

    /// What happens while the vcore sleeps. Tells whether it may sleep for ever.
    fn turn(&mut self) -> bool {
        for peer in 0..2 {
            if self.used < self.script.len() {
                self.act(peer);
                continue;
            }
            self.listen(peer);
            if self.dirty {
                self.fail(peer);
                continue;
            }
            // A liar may have answered so often that there is no room now; the rest follows.
            for asked in self.peers[peer].pending.clone() {
                let free = self.peers[peer].endpoint.sender.free();
                if free.is_ok_and(|free| free > 0) {
                    self.send(peer, right_answer(&asked));
                }
            }
        }
        if self.used < self.script.len() {
            return false;
        }
        self.patience += 1;
        assert!(
            self.patience < PATIENCE || self.finished.load(Ordering::SeqCst),
            "calls never end"
        );
        self.patience >= PATIENCE
    }

    /// Breaks the ring so that the process has to see it: nothing that it asks will be answered any more.
    fn fail(&mut self, peer: usize) {
        self.seen.note("failed peer");
        let window = self.peers[peer].window;
        for ring in [0, window::RING] {
            window.write(ring + window::INCARNATION, 0);
        }
        for slot in 0..RING_SLOTS {
            let stamp = window::RING + window::SLOTS + slot * 64;
            window.write(stamp, 0x7fff_ffff);
        }
    }
}

/// The blocks that the process has, by number: no two are the same one, and none is lent.
#[derive(Clone)]
struct Own {
    blocks: Arc<Mutex<BTreeSet<u32>>>,
    host: &'static Host,
    /// Address of block 0.
    base: usize,
}

impl Own {
    fn blocks(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self, block: &Block) -> u32 {
        ((block.bytes().as_ptr().addr() - self.base) / BLOCK_SIZE) as u32
    }

    /// The process gets a block.
    fn get(&self, block: Block) -> Block {
        let number = self.number(&block);
        let mut peers = self.host.peers();
        if !self.blocks().insert(number) {
            peers.wrong = Some("a block is named twice");
        }
        if peers.withheld.contains(&number) {
            peers.wrong = Some("a block is used that was never given back");
        }
        block
    }

    /// The process gives a block away.
    fn give(&self, block: Block) -> Block {
        self.blocks().remove(&self.number(&block));
        block
    }
}

/// What the process does, whatever the server and the service say.
fn process(own: Own, seen: &'static Seen) {
    let note = |good: bool| seen.note(if good { "call done" } else { "call failed" });
    note(become_mcp().wait().is_ok());
    note(request_vcores(1).wait().is_ok());
    note(connect(SERVICE).wait().is_ok());
    let file = open("input").wait();
    note(file.is_ok());
    println!("a process with peers that lie");
    let Ok(file) = file else { return };
    let readers: Vec<_> = (0..3u64)
        .map(|reader| {
            let own = own.clone();
            spawn(move || {
                let mut kept = Vec::new();
                for round in 0..3 {
                    let Some(block) = Block::try_acquire() else {
                        seen.note("no block");
                        return;
                    };
                    let block = own.give(own.get(block));
                    let wanted = [BLOCK_SIZE, 100, 0][round];
                    let read = file.read(reader * BLOCK_SIZE as u64, wanted, block);
                    match read.wait() {
                        Ok(block) => {
                            assert!(block.bytes().len() <= wanted);
                            seen.note("block read");
                            kept.push(own.get(block));
                        }
                        Err(error) => match error.block {
                            Some(block) => {
                                seen.note("read failed");
                                kept.push(own.get(block));
                            }
                            None => seen.note("block lost"),
                        },
                    }
                    yield_now();
                }
                kept.into_iter().for_each(|block| drop(own.give(block)));
            })
        })
        .collect();
    note(file.stat().wait().is_ok());
    // Nothing waits for these.
    drop(file.stat());
    if let Some(block) = Block::try_acquire() {
        drop(file.read(0, BLOCK_SIZE, block));
    }
    readers.into_iter().for_each(|reader| reader.join());
    note(file.close().wait().is_ok());
}

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
