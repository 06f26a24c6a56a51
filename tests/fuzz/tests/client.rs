//! A hostile service: any completions, for a real client end. Each call ends once for its caller; a block is given back once,
//! and only when the service said so or is dead; and what is under way never exceeds the ring.

use std::collections::{BTreeMap, BTreeSet};

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_call::{Answer, ClientEnd, Completed, Ended, Loss, NEVER, Refused, Waiter};
use atoll_fuzz::{Script, Seen, target};

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

    /// The service sends a completion.
    fn complete(&mut self, completion: Completion) {
        let known = self.calls.get_mut(&completion.tag);
        let mut staged = self.end.staged().iter();
        // It may guess the tag of a call that it has not been sent.
        let sent = staged.all(|call| Syscall::from_message(call).tag != completion.tag);
        let asked = known.filter(|call| call.in_flight && sent).map(|call| {
            call.in_flight = false;
            (call.block, call.ended)
        });
        match (self.end.complete(&completion), asked) {
            (Completed::Ended(ended), Some((block, false))) => {
                assert_eq!(ended.tag, completion.tag);
                let returned = completion.block == block;
                assert_eq!(ended.answer.block_returned, returned);
                if ended.answer.status == Status::Done {
                    assert!(returned, "done, without its block");
                    assert_eq!(ended.answer.result, completion.result);
                }
                self.ended(ended);
            }
            (Completed::Late { block }, Some((lent, true))) => {
                let returned = completion.block == lent && lent != NO_BLOCK;
                assert_eq!(block, returned.then_some(lent));
                block.into_iter().for_each(|block| self.back(block));
                self.seen.note("late");
                self.forget(completion.tag);
            }
            (Completed::Unmatched, None) => {
                self.unmatched += 1;
                self.seen.note("unmatched");
            }
            (completed, _) => panic!("{completion:?} becomes {completed:?}"),
        }
    }

    /// A completion of a hostile service: mostly nearly right.
    fn answer(&mut self, script: &mut Script, hostile: bool) {
        if self.service.is_empty() && !hostile {
            return;
        }
        let index = script.below(self.service.len());
        let asked = self.service.get(index).copied().unwrap_or(Syscall {
            tag: script.word(&self.old),
            ..Syscall::EMPTY
        });
        let mut answer = Completion::of(&asked, Status::Done, [script.raw(), 1]);
        if hostile {
            match script.below(8) {
                0 => answer.status = script.word(&[3, 9, 10, 11, 13, 14]) as u32,
                1 => answer.block = script.word(&[0, 1, 15, 16, NO_BLOCK.into()]) as u32,
                2 => {
                    answer.status = Status::DeviceError as u32;
                    answer.block = NO_BLOCK;
                }
                3 => answer.tag = script.word(&self.old),
                4 => answer = Completion::from_message(&script.message()),
                5 => answer = Completion::from_message(&script.spoiled(answer.to_message())),
                _ => {}
            }
        }
        self.service.retain(|call| call.tag != answer.tag);
        for _ in 0..1 + usize::from(hostile && script.once_in(4)) {
            self.complete(answer);
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

    /// The service is lost, or there is another one.
    fn lose(&mut self, script: &mut Script) {
        if self.end.loss().is_some() {
            self.end.reconnect();
            return;
        }
        let loss = match script.below(2) {
            0 => Loss::Death,
            _ => Loss::Fault,
        };
        self.service.clear();
        let mut told = Vec::new();
        self.end.lose(loss, |completed| told.push(completed));
        let lost = self.calls.values().filter(|call| call.in_flight);
        assert_eq!(told.len(), lost.count());
        let lent: BTreeSet<u32> = self.calls.values().map(|call| call.block).collect();
        for call in self.calls.values_mut() {
            call.in_flight = false;
        }
        for completed in told {
            match completed {
                Completed::Ended(ended) => {
                    let block = self.calls[&ended.tag].block;
                    let returned = loss == Loss::Death || block == NO_BLOCK;
                    assert_eq!(ended.answer.block_returned, returned);
                    self.ended(ended);
                }
                Completed::Late { block: Some(block) } => {
                    assert!(loss == Loss::Death && lent.contains(&block));
                    self.back(block);
                }
                Completed::Late { block: None } => {}
                Completed::Unmatched => panic!("no completion came"),
            }
        }
        let tags: Vec<u64> = self.calls.keys().copied().collect();
        tags.into_iter().for_each(|tag| self.forget(tag));
        self.seen.note("service lost");
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
