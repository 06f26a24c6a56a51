//! Descriptors, answers and replies: raw messages of a process, of a peer and of the block driver into a real personality.
//! It never panics and always comes to rest; every message has one completion at most; an honest process beside them gets
//! the answers that it must get.

use atoll_abi::block::BlockReply;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{ANSWER, Call, Completion, NO_BLOCK, Status, Syscall};
use atoll_core::{CALLS, FIRST_GENERATION, Personality, Progress};
use atoll_fuzz::plan::{name_of, plan};
use atoll_fuzz::world::{LENGTH, MOST_ASKED, World, reply};
use atoll_fuzz::{Script, Seen};

const RUNS: usize = 1000;
const BYTES: usize = 2500;

/// What a process may write where its time-out is.
const TIMEOUTS: [u16; 6] = [0, 0, 0, 1, 100, u16::MAX];

/// Longer than any time-out, in nanoseconds.
const AGES: u64 = 100 * 86400 * 1_000_000_000;

/// Who lies. The others do the same things, and do them right.
#[derive(Clone, Copy, Default)]
struct Hostile {
    process: bool,
    peer_requests: bool,
    peer_answers: bool,
    driver: bool,
}

/// One run: a personality, its world, and what its neighbours know.
struct Run<'a> {
    personality: Box<Personality>,
    world: World,
    cluster: u32,
    seen: &'a Seen,
    /// Handles that the first process was given.
    handles: Vec<u64>,
    /// Handles that the peer was given.
    peer_handles: Vec<u64>,
    /// The honest process's handle of `input`.
    honest_handle: u32,
    /// Honest calls so far.
    honest_calls: u64,
}

fn syscall(call: Call) -> Syscall {
    Syscall {
        tag: 0,
        call: call as u16,
        pool: 0,
        handle: 0,
        arguments: [0; 4],
        block: NO_BLOCK,
        generation: FIRST_GENERATION,
    }
}

/// A syscall that is nearly right.
fn likely(script: &mut Script, handles: &[u64], calls: &[Call]) -> Syscall {
    let call = script.pick(calls).unwrap_or(Call::Stat);
    let names = ["input", "empty", "absent"];
    let name = script.pick(&names).unwrap_or("input");
    let handle = script.word(handles) as u32;
    let block = script.word(&[0, 1, 2, 7, 8]) as u32;
    let arguments = match call {
        Call::Cancel => [u64::from(script.byte() % 32), 0, 0, 0],
        Call::Open => name_of(name).to_words(),
        Call::Read => [
            script.word(&[0, 4096, 8192]),
            script.word(&[4096, 513, 0]),
            0,
            0,
        ],
        Call::RequestVcores => [script.word(&[1, 2, 4, 5]), 0, 0, 0],
        _ => [script.raw(), script.raw(), 0, 0],
    };
    Syscall {
        tag: u64::from(script.byte() % 32),
        pool: script.pick(&TIMEOUTS).unwrap_or(0),
        handle,
        arguments,
        block,
        ..syscall(call)
    }
}

impl<'a> Run<'a> {
    /// A personality that has started, and an honest process that has opened a file.
    fn start(cluster: u32, seen: &'a Seen) -> Run<'a> {
        let mut run = Run {
            personality: Box::new(Personality::new(&plan(), cluster)),
            world: World::new(cluster),
            cluster,
            seen,
            handles: Vec::new(),
            peer_handles: Vec::new(),
            honest_handle: 0,
            honest_calls: 0,
        };
        run.personality.start(&mut run.world);
        run.calm();
        let honest = run.world.honest;
        let open = Syscall {
            arguments: name_of("input").to_words(),
            ..syscall(Call::Open)
        };
        run.world.submit(honest, 0, open);
        run.calm();
        let opened = run.world.take(honest, 0).expect("the file is opened");
        assert_eq!(Status::from_raw(opened.status), Status::Done);
        run.honest_handle = opened.result[0] as u32;
        run
    }

    fn step(&mut self) -> Progress {
        let progress = self.personality.step(&mut self.world);
        self.look_at_channel();
        assert!(self.personality.outstanding() <= CALLS);
        assert!(self.world.requests.len() <= RING_SLOTS);
        progress
    }

    /// The personality may have closed the channel.
    fn look_at_channel(&mut self) {
        if !self.personality.listens_to_channel(0) {
            self.world.forget_channel();
        }
    }

    /// The peer dies, or comes back; what it said before may still come.
    fn come_and_go(&mut self, script: &mut Script) {
        if script.once_in(3) && self.personality.listens_to_channel(0) {
            self.personality.lose_channel(0);
            self.seen.note("peer died");
        } else {
            self.world.broken_channel = false;
            self.world.generation += 1 + u32::from(script.byte() % 2);
            self.personality.open_channel(0, self.world.generation);
            self.seen.note("peer came back");
        }
        self.world.forget_channel();
        self.world.answers.clear();
    }

    /// One thing that the first process does.
    fn process(&mut self, script: &mut Script, hostile: bool) {
        let process = self.world.honest - 1;
        let vcore = script.below(4);
        match script.below(8) {
            0..6 => {
                // A process that ends is seldom worth watching.
                let all = if hostile && script.once_in(16) {
                    &Call::ALL[..]
                } else {
                    &[
                        Call::Open,
                        Call::Open,
                        Call::Stat,
                        Call::Read,
                        Call::Read,
                        Call::Close,
                        Call::Print,
                        Call::BecomeMcp,
                        Call::RequestVcores,
                        Call::YieldVcore,
                        Call::Cancel,
                        Call::Cancel,
                        Call::Sleep,
                    ]
                };
                let mut message = likely(script, &self.handles, all).to_message();
                if hostile {
                    message = match script.below(8) {
                        0 => script.message(),
                        _ => script.spoiled(message),
                    };
                }
                let syscall = Syscall::from_message(&message);
                self.world.submit(process, vcore, syscall);
            }
            6 if hostile && script.once_in(4) => {
                // More calls than there is room for completions, sooner or later.
                let call = if script.once_in(2) {
                    Call::Sleep
                } else {
                    Call::Stat
                };
                let handle = script.pick(&self.handles).unwrap_or_default() as u32;
                for tag in 0..script.below(RING_SLOTS) as u64 {
                    let burst = Syscall {
                        tag,
                        pool: u16::MAX,
                        handle,
                        ..syscall(call)
                    };
                    self.world.submit(process, vcore, burst);
                }
            }
            6 if hostile && script.once_in(64) => self.world.broken_process = Some(process),
            _ => self.take(process, vcore, script.below(8)),
        }
    }

    /// The first process takes some of its completions.
    fn take(&mut self, process: usize, vcore: usize, count: usize) {
        for _ in 0..count {
            let Some(completion) = self.world.take(process, vcore) else {
                return;
            };
            match Status::from_raw(completion.status) {
                Status::Done => {
                    self.seen.note("call done");
                    if completion.result[0] > 0xffff {
                        self.handles.push(completion.result[0]);
                    }
                }
                Status::Cancelled => self.seen.note("call cancelled"),
                Status::TimedOut => self.seen.note("call timed out"),
                Status::PeerLost => self.seen.note("call lost"),
                _ => self.seen.note("call refused"),
            }
        }
    }

    /// One request of the peer.
    fn peer_request(&mut self, script: &mut Script, hostile: bool) {
        self.hear();
        if !hostile && self.world.open_requests() + self.world.incoming.len() >= MOST_ASKED {
            return;
        }
        let calls = [Call::Open, Call::Stat, Call::Read, Call::Read, Call::Close];
        let calls = if hostile && script.once_in(8) {
            &Call::ALL[..]
        } else {
            &calls
        };
        let mut request = likely(script, &self.peer_handles, calls);
        request.pool = 2 + script.below(2) as u16;
        request.generation = self.world.generation;
        let mut message = request.to_message();
        if hostile {
            message = match script.below(8) {
                0 => script.message(),
                _ => script.spoiled(message),
            };
            message[0] &= !ANSWER;
            if script.once_in(256) {
                self.world.broken_channel = true;
            }
        }
        self.world.say(message);
    }

    /// The peer reads the answers that it was sent.
    fn hear(&mut self) {
        for answer in std::mem::take(&mut self.world.answers) {
            match Status::from_raw(answer.status) {
                Status::Done => {
                    self.seen.note("request done");
                    if answer.result[0] > 0xffff {
                        self.peer_handles.push(answer.result[0]);
                    }
                }
                _ => self.seen.note("request refused"),
            }
        }
    }

    /// The peer answers one request, or one that nobody made.
    fn peer_answer(&mut self, script: &mut Script, hostile: bool) {
        let index = script.below(self.world.asked.len());
        let mut message = match self.world.asked.get(index) {
            Some(asked) => right_answer(asked),
            None if hostile => [ANSWER; 7],
            None => return,
        };
        if hostile {
            message = match script.below(8) {
                0 => script.message(),
                1 => {
                    message[1] = u64::from(script.byte() % 16);
                    message
                }
                2 => {
                    message[2] = script.word(&[0, 1, 4096, 0x1_0001, 0x2_0000]);
                    message
                }
                _ => script.spoiled(message),
            };
            message[0] |= ANSWER;
        }
        // A liar may answer twice.
        for _ in 0..1 + usize::from(hostile && script.once_in(4)) {
            self.answer(message);
        }
    }

    /// The peer sends an answer, which is one if it has the tag and generation of a request.
    fn answer(&mut self, message: Message) {
        let answer = Completion::from_message(&message);
        let generation = self.world.generation;
        if self.world.say(message) && answer.generation == generation {
            self.world
                .asked
                .retain(|asked| asked.tag | ANSWER != answer.tag);
        }
    }

    /// The driver answers one request, or one that nobody made.
    fn driver(&mut self, script: &mut Script, hostile: bool) {
        if !hostile {
            self.world.drive();
            return;
        }
        let index = script.below(self.world.requests.len());
        let message = match self.world.requests.get(index) {
            Some(request) => {
                let right = reply(request).to_message();
                match script.below(4) {
                    0 => script.spoiled(right),
                    _ => right,
                }
            }
            None => script.message(),
        };
        let reply = BlockReply::from_message(&message);
        self.world
            .requests
            .retain(|request| request.tag != reply.tag);
        for _ in 0..1 + usize::from(script.once_in(4)) {
            if self.world.replies.len() < RING_SLOTS {
                self.world.replies.push_back(reply);
            }
        }
        self.world.broken_driver |= script.once_in(256);
    }

    /// A call of the honest process, which is answered in the very step that reads it.
    fn honest(&mut self, script: &mut Script) {
        let honest = self.world.honest;
        self.honest_calls += 1;
        let tag = self.honest_calls | 1 << 40;
        let stat = self.cluster == 0 && script.once_in(2);
        let text = format!("call {}\n", self.honest_calls);
        let mut call = if stat {
            Syscall {
                handle: self.honest_handle,
                ..syscall(Call::Stat)
            }
        } else {
            let mut bytes = [0; 32];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            let words = std::array::from_fn(|word| {
                u64::from_le_bytes(std::array::from_fn(|byte| bytes[8 * word + byte]))
            });
            Syscall {
                arguments: words,
                block: text.len() as u32,
                ..syscall(Call::Print)
            }
        };
        call.tag = tag;
        self.world.submit(honest, 0, call);
        self.step();
        let done = self
            .world
            .take(honest, 0)
            .expect("an honest call is answered");
        assert_eq!(
            (done.tag, Status::from_raw(done.status)),
            (tag, Status::Done)
        );
        if stat {
            assert_eq!(done.result, [LENGTH, 0]);
        } else {
            let line = (honest, text.trim_end().to_owned());
            assert_eq!(
                self.world
                    .lines
                    .iter()
                    .filter(|said| **said == line)
                    .count(),
                1
            );
        }
        assert_eq!(self.world.open_calls(honest), 0);
        self.seen.note("honest call");
    }

    /// Everybody behaves until nothing is left to do.
    fn calm(&mut self) {
        for _ in 0..5000 {
            let progress = self.step();
            let mut moved = self.world.drive();
            self.hear();
            for asked in self.world.asked.clone() {
                self.answer(right_answer(&asked));
                moved = true;
            }
            let process = self.world.honest - 1;
            for vcore in 0..4 {
                self.take(process, vcore, RING_SLOTS);
            }
            if progress == Progress::Idle && !moved {
                if self.personality.outstanding() == 0 {
                    return;
                }
                // Whatever sleeps wakes up, and whatever has to tell of a block that came back can.
                self.world.now = self.world.now.saturating_add(AGES);
                self.world.submit(process, 0, syscall(Call::Stat));
            }
        }
        let process = self.world.honest - 1;
        panic!(
            "never at rest: {} outstanding, {} blocks, {} open calls, {} open requests, {:?} asked, {:?} state, {:?}",
            self.personality.outstanding(),
            self.personality.blocks_in_use(),
            self.world.open_calls(process),
            self.world.open_requests(),
            self.world.asked,
            self.personality.state(process),
            self.personality.counters(),
        );
    }

    fn finish(mut self, script: &mut Script) {
        self.calm();
        self.honest(script);
        let counters = self.personality.counters();
        let process = self.world.honest - 1;
        if counters.process_faults + counters.dropped_completions == 0 {
            assert_eq!(
                self.world.open_calls(process),
                0,
                "calls without completion"
            );
        }
        assert_eq!(self.world.open_requests(), 0, "requests without answer");
        assert_eq!(self.personality.blocks_in_use(), 0);
        self.seen.add("process fault", counters.process_faults);
        self.seen.add("lost channel", counters.lost_channels);
        self.seen.add("stale request", counters.stale_requests);
        self.seen.add("stale answer", counters.stale_answers);
        self.seen
            .add("malformed answer", counters.malformed_answers);
        self.seen.add("stale reply", counters.stale_replies);
        self.seen
            .add("dropped completion", counters.dropped_completions);
    }
}

/// What an honest peer answers.
fn right_answer(asked: &Syscall) -> Message {
    let result = match Call::from_raw(asked.call) {
        Some(Call::Open) => [1 << 16, LENGTH],
        Some(Call::Stat) => [LENGTH, 0],
        Some(Call::Read) => [asked.arguments[1].min(100), 0],
        _ => [0; 2],
    };
    let mut answer = Completion::from_message(&[0; 7]);
    answer.tag = asked.tag | ANSWER;
    answer.status = Status::Done as u32;
    answer.generation = asked.generation;
    answer.result = result;
    answer.block = asked.block;
    answer.to_message()
}

fn run(bytes: &[u8], cluster: u32, hostile: Hostile, seen: &Seen) {
    let mut script = Script::new(bytes);
    let mut run = Run::start(cluster, seen);
    while !script.is_done() {
        match script.below(16) {
            0..5 => run.process(&mut script, hostile.process),
            5..8 if cluster == 0 => run.peer_request(&mut script, hostile.peer_requests),
            5..8 => run.peer_answer(&mut script, hostile.peer_answers),
            8..11 if cluster == 0 => run.driver(&mut script, hostile.driver),
            8 => run.peer_request(&mut script, hostile.peer_requests),
            11 => run.honest(&mut script),
            12 if script.once_in(8) => run.come_and_go(&mut script),
            12 => run.world.now += script.raw() >> (script.below(40) + 16),
            _ => drop(run.step()),
        }
    }
    run.finish(&mut script);
}

/// Runs a target, and requires that it saw the good and the bad.
fn target(check: impl FnOnce(&'static Seen), name: &str, all: &[&str]) {
    let seen: &'static Seen = Box::leak(Box::new(Seen::new()));
    check(seen);
    seen.require(name, all);
}

macro_rules! targets {
    ($($name:ident: cluster $cluster:literal, $hostile:expr, $all:expr;)*) => {$(
        #[test]
        fn $name() {
            target(
                |seen| {
                    bolero::check!()
                        .with_iterations(RUNS)
                        .with_generator(bolero::produce::<Vec<u8>>().with().len(0..=BYTES))
                        .for_each(move |bytes| run(bytes, $cluster, $hostile, seen));
                },
                stringify!($name),
                &$all,
            );
        }
    )*};
}

targets! {
    descriptors_of_a_process: cluster 0, Hostile { process: true, ..Hostile::default() },
        ["call done", "call refused", "request done", "process fault", "honest call"];
    descriptors_of_a_process_whose_files_are_elsewhere: cluster 1, Hostile { process: true, ..Hostile::default() },
        ["call done", "call refused", "process fault", "honest call"];
    descriptors_of_a_peer: cluster 0, Hostile { peer_requests: true, ..Hostile::default() },
        ["call done", "request done", "request refused", "lost channel", "honest call"];
    answers_of_a_peer: cluster 1, Hostile { peer_answers: true, ..Hostile::default() },
        ["call done", "call refused", "stale answer", "malformed answer", "honest call"];
    replies_of_a_driver: cluster 0, Hostile { driver: true, ..Hostile::default() },
        ["call done", "call refused", "request done", "stale reply", "honest call"];
    everybody_lies_here: cluster 0, EVERYBODY,
        ["call done", "call refused", "request done", "request refused", "honest call"];
    everybody_lies_elsewhere: cluster 1, EVERYBODY,
        ["call done", "call refused", "request refused", "honest call"];
}

const EVERYBODY: Hostile = Hostile {
    process: true,
    peer_requests: true,
    peer_answers: true,
    driver: true,
};
