//! A hostile service: any completions, for a real client end. Each call ends once for its caller; a block is given back once,
//! and only when the service said so or is dead; and what is under way never exceeds the ring.

use std::collections::{BTreeMap, BTreeSet};

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_call::{Answer, ClientEnd, Ended, NEVER, Refused, Waiter};
use atoll_fuzz::{Script, Seen, target};

#[path = "client/service.rs"]
mod service;

const RUNS: usize = 3000;
const BYTES: usize = 2000;
const BLOCKS: u32 = 16;
const GENERATION: u32 = 5;

/// What waits: the serial number of the call, and whether its answer is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Waits {
    serial: u64,
    keeps: bool,
}

impl Waiter for Waits {
    fn keeps_answer(&self) -> bool {
        self.keeps
    }
}

/// A call, as its caller and the service know it.
#[derive(Clone, Copy)]
struct Call {
    waits: Waits,
    block: u32,
    deadline: u64,
    /// It has ended for its caller.
    ended: bool,
    /// Its answer is kept and was not taken.
    kept: Option<Answer>,
    /// The service has not answered it.
    in_flight: bool,
}

struct Run {
    end: ClientEnd<Waits>,
    now: u64,
    serial: u64,
    /// By tag: those that have not ended, are in flight, or have a kept answer.
    calls: BTreeMap<u64, Call>,
    /// Calls that are sent.
    service: Vec<Syscall>,
    /// Blocks that the client may use.
    free: BTreeSet<u32>,
    /// Completions that answered nothing.
    unmatched: u64,
    /// Tags of calls that are over, and of others.
    old: Vec<u64>,
    seen: &'static Seen,
}

impl Run {
    fn new(seen: &'static Seen) -> Run {
        Run {
            end: ClientEnd::new(GENERATION),
            now: 0,
            serial: 0,
            calls: BTreeMap::new(),
            service: Vec::new(),
            free: (0..BLOCKS).collect(),
            unmatched: 0,
            old: vec![0, !0],
            seen,
        }
    }

    fn stage(&mut self, script: &mut Script) {
        let room = self.end.room(1);
        if self.end.loss().is_some() {
            assert_eq!(room, Err(Refused::Lost));
            return;
        }
        assert_eq!(room.is_ok(), self.calls.len() < RING_SLOTS);
        if room.is_err() {
            self.seen.note("no credit");
            return;
        }
        let mut block = NO_BLOCK;
        if script.once_in(2) {
            block = self.free.pop_first().unwrap_or(NO_BLOCK);
        }
        let deadline = match script.below(3) {
            0 => self.now.saturating_add(script.raw() >> script.below(60)),
            _ => NEVER,
        };
        self.serial += 1;
        let waits = Waits {
            serial: self.serial,
            keeps: script.once_in(2),
        };
        let call = Syscall {
            call: u16::from(script.byte() % 12),
            block,
            ..Syscall::EMPTY
        };
        let tag = self.end.stage(call, waits, deadline, self.now);
        let call = Call {
            waits,
            block,
            deadline,
            ended: false,
            kept: None,
            in_flight: true,
        };
        let before = self.calls.insert(tag, call);
        assert!(before.is_none(), "a tag is used twice at a time");
    }

    fn send(&mut self) {
        let staged = self.end.staged().iter().map(Syscall::from_message);
        for call in staged {
            assert_eq!(call.generation, GENERATION);
            assert!(self.calls[&call.tag].in_flight);
            self.service.push(call);
        }
        self.end.sent();
        assert!(self.service.len() <= RING_SLOTS, "more than the ring holds");
    }

    /// A call has ended for its caller.
    fn ended(&mut self, ended: Ended<Waits>) {
        let call = self.calls.get_mut(&ended.tag).expect("a call of its");
        assert!(!call.ended, "a call ends twice");
        assert_eq!(ended.waiter, call.waits);
        call.ended = true;
        call.kept = Some(ended.answer).filter(|_| call.waits.keeps);
        let (block, answer) = (call.block, ended.answer);
        if answer.block_returned && block != NO_BLOCK {
            assert!(!call.in_flight, "a block is given back while it is lent");
            self.back(block);
        }
        self.seen.note(match answer.status {
            Status::Done => "done",
            Status::TimedOut => "timed out",
            Status::Cancelled => "cancelled",
            Status::PeerLost => "lost",
            Status::Malformed => "malformed",
            _ => "failed",
        });
        self.forget(ended.tag);
    }

    fn back(&mut self, block: u32) {
        assert!(self.free.insert(block), "block {block} is given back twice");
    }

    /// A call whose credit is free is over.
    fn forget(&mut self, tag: u64) {
        let call = &self.calls[&tag];
        if call.ended && !call.in_flight && call.kept.is_none() {
            self.calls.remove(&tag);
            self.old.push(tag);
        }
    }

    /// The caller gives up, looks at a call, or takes what was kept.
    fn caller(&mut self, script: &mut Script) {
        let tags: Vec<u64> = self.calls.keys().copied().collect();
        let tag = if script.once_in(8) {
            script.word(&self.old)
        } else {
            script.pick(&tags).unwrap_or(0)
        };
        let known = self.calls.get(&tag).copied();
        let waits = known.filter(|call| !call.ended);
        assert_eq!(self.end.waiter(tag).copied(), waits.map(|call| call.waits));
        let kept = known.and_then(|call| call.kept);
        assert_eq!(self.end.knows(tag), waits.is_some() || kept.is_some());
        if script.once_in(2) {
            let ended = self.end.end_early(tag, Status::Cancelled);
            assert_eq!(ended.is_some(), waits.is_some());
            ended.into_iter().for_each(|ended| self.ended(ended));
        } else {
            assert_eq!(self.end.take(tag), kept, "an answer is taken once");
            if let Some(call) = self.calls.get_mut(&tag) {
                call.kept = None;
                self.forget(tag);
            }
        }
    }

    /// Time passes: what has run out ends, and nothing else.
    fn expire(&mut self, script: &mut Script) {
        self.now = self
            .now
            .saturating_add(script.raw() >> script.below(60))
            .min(NEVER - 1);
        while let Some(ended) = self.end.expire(self.now) {
            assert!(self.calls[&ended.tag].deadline <= self.now);
            self.ended(ended);
        }
        let waiting = self.calls.values().filter(|call| !call.ended);
        let next = waiting.map(|call| call.deadline).min().unwrap_or(NEVER);
        assert!(next > self.now && self.end.next_deadline() == next);
    }

    fn check(&self) {
        let count = |of: fn(&Call) -> bool| self.calls.values().filter(|call| of(call)).count();
        assert_eq!(self.end.credits(), RING_SLOTS - self.calls.len());
        assert_eq!(self.end.in_flight(), count(|call| call.in_flight));
        assert_eq!(self.end.waiting(), count(|call| !call.ended));
        assert_eq!(
            self.end.blocks_in_flight(),
            count(|call| call.in_flight && call.block != NO_BLOCK)
        );
        assert_eq!(self.end.unmatched(), self.unmatched);
    }

    /// The service does what it should: every call ends, and every credit is free.
    fn finish(mut self) {
        self.send();
        for call in std::mem::take(&mut self.service) {
            self.complete(Completion::of(&call, Status::Done, [0; 2]));
        }
        for tag in self.calls.keys().copied().collect::<Vec<_>>() {
            let kept = self.calls[&tag].kept;
            assert!(kept.is_some(), "a call that never ends");
            assert_eq!(self.end.take(tag), kept);
        }
        assert_eq!((self.end.credits(), self.end.in_flight()), (RING_SLOTS, 0));
        assert_eq!((self.end.waiting(), self.end.next_deadline()), (0, NEVER));
    }
}

fn run(bytes: &[u8], seen: &'static Seen) {
    let mut script = Script::new(bytes);
    let mut run = Run::new(seen);
    while !script.is_done() {
        match script.below(16) {
            0..5 => (0..=script.below(8)).for_each(|_| run.stage(&mut script)),
            5..7 => run.send(),
            7 | 8 => run.answer(&mut script, false),
            9..12 => run.answer(&mut script, true),
            12 | 13 => run.caller(&mut script),
            14 => run.expire(&mut script),
            _ if script.once_in(16) => run.lose(&mut script),
            _ => {}
        }
        run.check();
    }
    run.finish();
}

target!(
    completions_of_a_hostile_service,
    RUNS,
    BYTES,
    run,
    [
        "no credit",
        "done",
        "timed out",
        "cancelled",
        "lost",
        "malformed",
        "failed",
        "late",
        "unmatched",
        "service lost"
    ]
);
