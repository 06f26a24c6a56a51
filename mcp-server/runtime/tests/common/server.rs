//! A thread that plays the server of a process and its services, over the real rings.

use std::collections::BTreeMap;
use std::thread;

use atoll_abi::block::BlockList;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Payload;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status, Syscall};
use atoll_channel::{Endpoint, SendError};
use atoll_runtime::Runtime;
use atoll_runtime::world::World;

use super::control::{Command, Control};
use super::host::Host;
use super::partition::Partition;
use super::setup::Tamper;
use super::streams::Streams;
use super::{Manners, Memory, Report};

/// One side of a channel of a vcore.
pub struct Line {
    pub window: Memory,
    /// `None` where this side is dead.
    pub endpoint: Option<Endpoint>,
    /// Calls that are not answered.
    pub outstanding: usize,
}

/// A completion that is not sent: channel, vcore, completion.
pub type Answer = (usize, usize, Completion);

pub struct Server {
    pub host: &'static Host,
    pub control: &'static Control,
    pub runtime: &'static Runtime,
    /// By channel, the server's first, and by vcore.
    pub lines: Vec<Vec<Line>>,
    pub pool: Memory,
    pub blocks: u32,
    /// The file of each service.
    pub files: Vec<Vec<u8>>,
    /// That of the last service, where it has one.
    pub partition: Option<Partition>,
    pub streams: Option<Streams>,
    pub tamper: Option<Tamper>,
    /// What each service has.
    pub kinds: Vec<ServiceKind>,
    /// How often each service has started.
    pub lives: Vec<u16>,
    pub manners: Manners,
    pub random: u64,
    pub answers: Vec<Answer>,
    /// Reads, and writes of a partition, that are held back: channel, vcore, call.
    pub held: Vec<(usize, usize, Syscall)>,
    /// The calls by which vcores gave themselves back.
    pub given_back: Vec<Option<Syscall>>,
    /// When each vcore wants to be woken, in nanoseconds.
    pub alarms: Vec<Option<u64>>,
    /// Tag of the call by which each vcore set its last alarm.
    pub last_alarms: Vec<u64>,
    pub reads: usize,
    /// Blocks that calls have, by the first of each call.
    pub busy: BTreeMap<u32, Vec<u32>>,
    pub partial: Vec<String>,
    pub mcp: bool,
    pub threads: Vec<thread::JoinHandle<()>>,
    pub exited: bool,
    pub report: Report,
}

impl Server {
    pub fn random(&mut self, below: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1);
        (self.random >> 33) as usize % below
    }

    /// Every living side, by channel and vcore.
    fn places(&self) -> Vec<(usize, usize)> {
        let places = self.lines.iter().enumerate();
        places
            .flat_map(|(channel, lines)| (0..lines.len()).map(move |vcore| (channel, vcore)))
            .filter(|&(channel, vcore)| self.lines[channel][vcore].endpoint.is_some())
            .collect()
    }

    pub fn serve(&mut self) {
        loop {
            let mut any = self.obey();
            any |= self.take_all();
            match self.manners {
                Manners::Dies(reads) if self.reads >= reads => {
                    self.die_for_good();
                    for channel in 1..self.lines.len() {
                        self.die(channel);
                    }
                    return;
                }
                Manners::ServerDies(reads) if self.reads >= reads => {
                    self.die_for_good();
                    return;
                }
                _ => {}
            }
            self.ring_alarms(self.host.nanoseconds());
            if !self.answers.is_empty() {
                for _ in 0..=self.random(self.answers.len()) {
                    let index = self.random(self.answers.len());
                    let (channel, vcore, answer) = self.answers.swap_remove(index);
                    self.answer(channel, vcore, answer);
                }
            } else if self.exited || self.host.ended_alone.lock().unwrap().is_some() {
                return;
            } else if !any {
                self.sleep();
            }
        }
    }

    /// Takes every call that has arrived. Tells whether there was any.
    fn take_all(&mut self) -> bool {
        let mut any = false;
        for (channel, vcore) in self.places() {
            while let Some(syscall) = self.receive(channel, vcore) {
                any = true;
                self.take(channel, vcore, syscall);
            }
        }
        any
    }

    fn receive(&mut self, channel: usize, vcore: usize) -> Option<Syscall> {
        let endpoint = self.lines[channel][vcore].endpoint.as_mut()?;
        let message = endpoint.receiver.receive().unwrap()?;
        Some(Syscall::from_message(&message))
    }

    fn sleep(&mut self) {
        let mut may_block = true;
        for (channel, vcore) in self.places() {
            let endpoint = self.lines[channel][vcore].endpoint.as_mut().unwrap();
            may_block &= endpoint.receiver.arm().unwrap();
        }
        let server_dead = self.lines[0][0].endpoint.is_none();
        if may_block && (server_dead || self.alarms.iter().any(Option::is_some)) {
            self.host.server.wait_shortly();
        } else if may_block {
            self.host.server.wait();
        }
        for (channel, vcore) in self.places() {
            let endpoint = self.lines[channel][vcore].endpoint.as_mut().unwrap();
            endpoint.receiver.disarm();
        }
    }

    /// Does what the test wants. Tells whether there was anything.
    fn obey(&mut self) -> bool {
        let mut any = false;
        while let Some(command) = self.control.next(any) {
            any = true;
            // What was submitted before the command was given has arrived before it.
            self.take_all();
            match command {
                Command::Release(offset) => {
                    self.release(|syscall| syscall.arguments[0] == offset);
                }
                Command::ReleaseAll => self.release(|_| true),
                Command::Kill(port) => self.die(port + 1),
                Command::Corrupt(port) => self.corrupt(port + 1, 0),
                Command::Revive(port) => self.revive(port + 1),
                Command::Meet(port) => self.meet(port + 1),
                Command::RingAlarms => self.ring_alarms(u64::MAX),
                Command::StopServer => self.die(0),
                Command::KillServer => self.die_for_good(),
                Command::RestartServer => {
                    self.die(0);
                    self.alarms.fill(None);
                    self.revive(0);
                }
            }
        }
        any
    }

    fn release(&mut self, wanted: impl Fn(&Syscall) -> bool) {
        let released: Vec<_> = self
            .held
            .extract_if(.., |(_, _, syscall)| wanted(syscall))
            .collect();
        for (channel, vcore, syscall) in released {
            let (status, result) = self.service_call(channel, &syscall);
            let answer = Completion::of(&syscall, status, result);
            self.answers.push((channel, vcore, answer));
        }
    }

    /// Wakes vcores whose alarm is due by this time; one that gave itself back is granted again.
    fn ring_alarms(&mut self, now: u64) {
        for vcore in 0..self.alarms.len() {
            if self.alarms[vcore].is_some_and(|time| time <= now) {
                self.alarms[vcore] = None;
                self.host.procinfo.lock().unwrap().alarms &= !(1 << vcore);
                self.grant_again(vcore);
                self.host.wake_vcore(vcore);
            }
        }
    }

    fn answer(&mut self, channel: usize, vcore: usize, mut answer: Completion) {
        self.lines[channel][vcore].outstanding -= 1;
        let is_read = answer.block != NO_BLOCK;
        self.busy.remove(&answer.block);
        match self.manners {
            Manners::Liar if is_read => answer.block = self.random(self.blocks as usize) as u32,
            Manners::Corrupt if is_read => return self.corrupt(channel, vcore),
            Manners::CorruptServer if channel == 0 => return self.corrupt(channel, vcore),
            _ if is_read && self.corrupts() => return self.corrupt(channel, vcore),
            _ => {}
        }
        let mut answers = vec![answer];
        if self.manners == Manners::Unmatched {
            answers.push(answer);
            answers.push(Completion {
                tag: self.random,
                ..answer
            });
        }
        if self.manners == Manners::SlowTwice && is_read {
            answers.push(answer);
        }
        for answer in answers {
            self.send(channel, vcore, &answer);
        }
    }

    fn send(&mut self, channel: usize, vcore: usize, answer: &Completion) {
        let line = &mut self.lines[channel][vcore];
        let endpoint = line.endpoint.as_mut().expect("the dead do not answer");
        let wake = loop {
            match endpoint.sender.send(&answer.to_message()) {
                Ok(wake) => break wake,
                Err(SendError::Full) => {
                    assert_eq!(self.manners, Manners::Unmatched, "credits ran out");
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
            endpoint.sender.note_doorbell();
            self.host.wake_vcore(vcore);
        }
    }

    fn take(&mut self, channel: usize, vcore: usize, syscall: Syscall) {
        let generation = self.host.procinfo.lock().unwrap().generation;
        assert_eq!(syscall.generation, generation);
        let line = &mut self.lines[channel][vcore];
        line.outstanding += 1;
        let outstanding = line.outstanding;
        assert!(outstanding <= RING_SLOTS);
        self.report.most_outstanding = self.report.most_outstanding.max(outstanding);
        let call = Call::from_raw(syscall.call).unwrap();
        self.report.calls[channel] += 1;
        if channel == 0 {
            self.take_process_call(vcore, call, syscall);
            return;
        }
        if call == Call::Read {
            self.reads += 1;
            let blocks = BlockList::from_call(&syscall).unwrap();
            assert!(syscall.arguments[1] <= blocks.bytes() as u64);
        }
        if matches!(
            call,
            Call::Read | Call::Write | Call::ReadBlocks | Call::WriteBlocks
        ) || Streams::has_blocks(call)
        {
            self.note_blocks(&syscall);
            let waits = self.streams.as_ref().is_some_and(|it| it.waits(&syscall));
            if waits || self.manners.holds_reads() {
                self.held.push((channel, vcore, syscall));
                return;
            }
        }
        let (status, result) = self.service_call(channel, &syscall);
        let mut answer = Completion::of(&syscall, status, result);
        if call == Call::Read && self.manners == Manners::WrongBlock {
            self.manners = Manners::Honest;
            answer.block = NO_BLOCK;
        }
        self.answers.push((channel, vcore, answer));
        if let Some(streams) = self.streams.clone() {
            // What it led to may be news of a socket.
            let awaits = |held: &Syscall| Call::from_raw(held.call) == Some(Call::AwaitSockets);
            self.release(|held| awaits(held) && !streams.waits(held));
        }
    }

    /// Answers a process call.
    pub fn done(&mut self, vcore: usize, syscall: &Syscall, status: Status, result: [u64; 2]) {
        let answer = Completion::of(syscall, status, result);
        self.answers.push((0, vcore, answer));
    }
}
