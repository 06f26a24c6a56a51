//! The process's side: a server that writes any completion, and any word, into the rings of a process. Every call ends
//! with a result or an error, blocks are never named twice, and nothing panics.
//!
//! One thread runs the process and its server, in turns: the server acts whenever the vcore would sleep or rings.

use std::alloc::{Layout, alloc_zeroed};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{PAGE_SIZE, RING_SLOTS};
use atoll_abi::message::Payload;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::{ANSWER, Call, Completion, NO_BLOCK, Route, Status, Syscall};
use atoll_channel::{Endpoint, Side, window};
use atoll_fuzz::window::{Attached, Window};
use atoll_fuzz::{Script, Seen};
use atoll_runtime::scheduler::Fifo;
use atoll_runtime::window::PoolMemory;
use atoll_runtime::world::{Parts, World};
use atoll_runtime::{Block, Runtime, become_mcp, open, println, request_vcores, spawn, yield_now};
use zerocopy::FromZeros;

const RUNS: usize = 400;
const BYTES: usize = 600;
const BLOCKS: u32 = 16;
const LENGTH: u64 = 3 * BLOCK_SIZE as u64;

/// Turns of a server that behaves, after which a process has to be done.
const PATIENCE: usize = 200;

/// The vcore has nothing to do any more: unwinds out of its loop.
struct Stop;

struct Server {
    script: Vec<u8>,
    used: usize,
    window: Arc<Window>,
    attached: Attached,
    /// Calls that were not answered.
    pending: Vec<Syscall>,
    /// The last answers that were given.
    given: Vec<Completion>,
    /// Completions that answered no call.
    strays: u64,
    /// Completions that named a block as back.
    returns: u64,
    /// Something was written that makes honest answers impossible.
    dirty: bool,
    patience: usize,
    finished: Arc<AtomicBool>,
    seen: &'static Seen,
}

struct Host(Mutex<Server>);

impl World for Host {
    fn ring_server(&self) {
        let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        server.act();
    }

    fn wake_vcore(&self, _vcore: usize) {}

    fn wait(&self, _vcore: usize) {
        let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stop = server.turn();
        drop(server);
        if stop {
            resume_unwind(Box::new(Stop));
        }
    }

    fn ticks(&self) -> u64 {
        0
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
        _ => [0; 2],
    };
    Completion {
        tag: syscall.tag,
        status: Status::Done as u32,
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
    /// Reads what the process submitted.
    fn listen(&mut self) {
        for _ in 0..RING_SLOTS {
            match self.attached.endpoint.receiver.receive() {
                Ok(Some(message)) => self.pending.push(Syscall::from_message(&message)),
                Ok(None) => return,
                Err(_) => {
                    self.dirty = true;
                    return;
                }
            }
        }
    }

    fn send(&mut self, completion: Completion) {
        match self
            .pending
            .iter()
            .position(|asked| asked.tag == completion.tag)
        {
            Some(index) => drop(self.pending.remove(index)),
            None => self.strays += 1,
        }
        self.returns += u64::from(completion.returned != NO_BLOCK);
        self.given.push(completion);
        let sent = self.attached.endpoint.sender.send(&completion.to_message());
        // A server that lies may have no room, or have been written over by itself.
        self.dirty |= sent.is_err();
    }

    /// One thing that a hostile server does.
    fn act(&mut self) {
        self.listen();
        let bytes = std::mem::take(&mut self.script);
        let mut script = Script::new(&bytes[self.used..]);
        let before = script.left();
        if !script.is_done() {
            self.lie(&mut script);
        }
        self.used += before - script.left();
        self.script = bytes;
    }

    fn lie(&mut self, script: &mut Script) {
        let index = script.below(self.pending.len());
        let asked = self.pending.get(index).copied();
        match script.below(32) {
            0..14 => {
                if let Some(asked) = asked {
                    self.send(right_answer(&asked));
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
                    4 => answer.tag = script.word(&[answer.tag, answer.tag | ANSWER]),
                    _ => {
                        let words = script.spoiled(answer.to_message());
                        answer = Completion::from_message(&words);
                    }
                }
                answer.returned = script.mostly(NO_BLOCK.into(), &[0, 1, 15, 16]) as u32;
                self.send(answer);
            }
            24..27 => {
                let again = script
                    .pick(&self.given)
                    .unwrap_or(Completion::from_message(&[0; 7]));
                self.send(again);
            }
            27..29 => {
                let raw = Completion::from_message(&script.message());
                self.send(raw);
            }
            29 if script.once_in(8) => {
                self.dirty = true;
                let sent = self.attached.endpoint.sender.sent();
                let generation = self.attached.endpoint.generation();
                self.window.scribble(script, generation, sent);
            }
            _ => {}
        }
    }

    /// What happens while the vcore sleeps. Tells whether it may sleep for ever.
    fn turn(&mut self) -> bool {
        if self.used < self.script.len() {
            self.act();
            return false;
        }
        self.listen();
        if self.dirty {
            self.fail();
        } else {
            // A liar may have answered so often that there is no room now; the rest follows.
            for asked in self.pending.clone() {
                if self
                    .attached
                    .endpoint
                    .sender
                    .free()
                    .is_ok_and(|free| free > 0)
                {
                    self.send(right_answer(&asked));
                }
            }
        }
        self.patience += 1;
        assert!(
            self.patience < PATIENCE || self.finished.load(Ordering::SeqCst),
            "calls never end"
        );
        self.patience >= PATIENCE
    }

    /// Breaks the ring so that the process has to see it: nothing that it asks will be answered any more.
    fn fail(&mut self) {
        self.seen.note("failed server");
        for ring in [0, window::RING] {
            self.window.write(ring + window::INCARNATION, 0);
        }
        for slot in 0..RING_SLOTS {
            let stamp = window::RING + window::SLOTS + slot * 64;
            self.window.write(stamp, 0x7fff_ffff);
        }
    }
}

/// What the process does, whatever the server says.
fn process(seen: &'static Seen) {
    let note = |good: bool| seen.note(if good { "call done" } else { "call failed" });
    note(become_mcp().wait().is_ok());
    note(request_vcores(1).wait().is_ok());
    let file = open("input").wait();
    note(file.is_ok());
    println!("a process with a server that lies");
    let Ok(file) = file else { return };
    let readers: Vec<_> = (0..3u64)
        .map(|reader| {
            spawn(move || {
                for round in 0..3 {
                    let Some(block) = Block::try_acquire() else {
                        seen.note("no block");
                        return;
                    };
                    let wanted = [BLOCK_SIZE, 100, 0][round];
                    let read = file.read(reader * BLOCK_SIZE as u64, wanted, block);
                    match read.wait() {
                        Ok(block) => {
                            assert!(block.bytes().len() <= wanted);
                            seen.note("block read");
                        }
                        Err(error) if error.block.is_some() => seen.note("read failed"),
                        Err(_) => seen.note("block lost"),
                    }
                    yield_now();
                }
            })
        })
        .collect();
    note(file.stat().wait().is_ok());
    // Nobody waits for these.
    drop(file.stat());
    if let Some(block) = Block::try_acquire() {
        drop(file.read(0, BLOCK_SIZE, block));
    }
    readers.into_iter().for_each(|reader| reader.join());
    note(file.close().wait().is_ok());
}

/// Memory that is never given back, as a process's pool is.
fn pool() -> PoolMemory {
    let layout = Layout::from_size_align(BLOCKS as usize * BLOCK_SIZE, PAGE_SIZE)
        .expect("a pool has a layout");
    // SAFETY: the layout has a size.
    let memory = unsafe { alloc_zeroed(layout) };
    assert!(!memory.is_null());
    // SAFETY: the memory lives for good, and this server writes no block.
    unsafe { PoolMemory::new(memory, BLOCKS) }
}

fn run(bytes: &[u8], seen: &'static Seen) {
    let window = Window::new();
    // The runtime lives for good, so its window has to.
    std::mem::forget(window.clone());
    let own = window.attach(Side::First);
    let finished = Arc::new(AtomicBool::new(false));
    let host: &'static Host = Box::leak(Box::new(Host(Mutex::new(Server {
        script: bytes.to_vec(),
        used: 0,
        attached: window.attach(Side::Second),
        window,
        pending: Vec::new(),
        given: Vec::new(),
        strays: 0,
        returns: 0,
        dirty: false,
        patience: 0,
        finished: finished.clone(),
        seen,
    }))));
    let endpoints: Vec<Endpoint> = vec![own.endpoint];
    let runtime = Runtime::new(
        Parts {
            world: host,
            endpoints,
            pool: pool(),
            generation: 1,
        },
        Box::new(Fifo::new()),
    );
    runtime.spawn(256 << 10, move || {
        process(seen);
        finished.store(true, Ordering::SeqCst);
        atoll_runtime::exit(0)
    });
    let vcore = thread::spawn(move || runtime.run(0));
    match vcore.join() {
        Ok(()) => {
            seen.note("exited");
            let server = host.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !server.dirty {
                // A block that was not away may be counted too, where a completion says that it is back.
                let strays = server.strays..=server.strays + server.returns;
                let counted = runtime.stray_completions();
                assert!(strays.contains(&counted), "{counted} of {strays:?}");
            }
        }
        Err(reason) if reason.is::<Stop>() => seen.note("stopped"),
        Err(reason) => resume_unwind(reason),
    }
    assert!(runtime.free_blocks() <= BLOCKS as usize);
    seen.add("stray completion", runtime.stray_completions());
}

#[test]
fn completions_of_a_server() {
    let seen: &'static Seen = Box::leak(Box::new(Seen::new()));
    bolero::check!()
        .with_iterations(RUNS)
        .with_generator(bolero::produce::<Vec<u8>>().with().len(0..=BYTES))
        .for_each(move |bytes: &Vec<u8>| run(bytes, seen));
    seen.require(
        "completions_of_a_server",
        &[
            "call done",
            "call failed",
            "block read",
            "read failed",
            "block lost",
            "exited",
            "stopped",
            "failed server",
            "stray completion",
        ],
    );
}
