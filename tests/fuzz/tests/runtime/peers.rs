//! The server and the service: what they write, right and wrong, and when they act.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::Call;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{MESSAGE_WORDS, Payload};
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_channel::{Endpoint, window};
use atoll_component_tests::window::Window;
use atoll_fuzz::{Script, Seen, scribble};
use atoll_runtime::world::World;
use zerocopy::FromZeros;

const LENGTH: u64 = 3 * BLOCK_SIZE as u64;

/// Turns of peers that behave, after which a process has to be done.
const PATIENCE: usize = 200;

/// The vcore has nothing to do any more: unwinds out of its loop.
pub struct Stop;

/// The server, or the service.
pub struct Peer {
    pub window: &'static Window,
    pub endpoint: Endpoint,
    /// Calls that were not answered.
    pub pending: Vec<Syscall>,
    /// The last answers that were given.
    pub given: Vec<Completion>,
}

pub struct Peers {
    pub script: Vec<u8>,
    pub used: usize,
    /// The server, then the service.
    pub peers: [Peer; 2],
    /// Completions that answered no call.
    pub strays: u64,
    /// Blocks of reads that were answered without them, or with others: they are lent for ever.
    pub withheld: BTreeSet<u32>,
    /// What the process saw that must not be: a panic on a uthread would end the whole test program.
    pub wrong: Option<&'static str>,
    /// Something was written that makes honest answers impossible.
    pub dirty: bool,
    pub patience: usize,
    pub finished: Arc<AtomicBool>,
    pub seen: &'static Seen,
}

pub struct Host(pub Mutex<Peers>);

impl Host {
    pub fn peers(&self) -> MutexGuard<'_, Peers> {
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
