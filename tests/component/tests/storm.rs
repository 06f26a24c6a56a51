//! Many calls of many vcores on real threads: all of them end, each once, whatever is cancelled and whatever runs out of time.

use std::collections::HashMap;
use std::thread;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request, request};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Call, NO_BLOCK, Status, Syscall};
use atoll_call::Completed;
use atoll_component_tests::disk::WORDS;
use atoll_component_tests::plan::{BLOCKS, SERVICE, name_of};
use atoll_component_tests::{Machine, Port, Vcore};
use atoll_test_support::volume::file_word;

/// Calls of each vcore.
const CALLS: u64 = 20_000;
const VCORES: u32 = 2;
/// Whole blocks of the file.
const FILE_BLOCKS: u64 = 3;

/// A small generator of numbers: which call comes next.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

/// One vcore's storm.
struct Storm {
    vcore: Vcore,
    random: Random,
    file: Handle,
    /// Calls that have not ended, by whom they were made to and tag.
    under_way: HashMap<(Port, u64), Syscall>,
    /// Blocks that this vcore has.
    blocks: Vec<u32>,
    /// Blocks of calls that ended early.
    away: Vec<u32>,
    /// How many calls ended in each way.
    ends: HashMap<Status, u64>,
}

impl Storm {
    fn next_call(&mut self) -> (Port, Syscall) {
        let file = self.file;
        match self.random.below(8) {
            0 => {
                let nanoseconds = self.random.below(50_000);
                (Port::Server, request::SetAlarm { nanoseconds }.encode())
            }
            1 => {
                let service = name_of(SERVICE);
                (Port::Server, request::Connect { service }.encode())
            }
            2..5 if !self.blocks.is_empty() => {
                let read = request::Read {
                    file,
                    offset: self.random.below(FILE_BLOCKS) * BLOCK_SIZE as u64,
                    length: BLOCK_SIZE as u64,
                };
                let block = self.blocks.pop().unwrap();
                let call = read.encode();
                (Port::Files, Syscall { block, ..call })
            }
            _ => (Port::Files, request::Stat { file }.encode()),
        }
    }

    fn stage(&mut self) {
        let (port, call) = self.next_call();
        let deadline = (self.random.below(4) == 0).then(|| self.random.below(100_000));
        let tag = self.vcore.stage(port, call, deadline);
        assert!(self.under_way.insert((port, tag), call).is_none());
    }

    fn cancel(&mut self) {
        let index = self.random.below(self.under_way.len() as u64) as usize;
        let (port, tag) = *self.under_way.keys().nth(index).unwrap();
        let ended = self.vcore.end(port).end_early(tag, Status::Cancelled);
        let ended = ended.expect("a call that has not ended can be cancelled");
        self.take(port, Completed::Ended(ended));
    }

    fn take(&mut self, port: Port, completed: Completed<impl Sized>) {
        match completed {
            Completed::Ended(ended) => {
                let asked = self.under_way.remove(&(port, ended.tag));
                let asked = asked.expect("what ends was under way");
                assert_eq!(ended.call, Call::from_raw(asked.call));
                *self.ends.entry(ended.answer.status).or_default() += 1;
                if asked.block == NO_BLOCK {
                    return;
                }
                if ended.answer.block_returned {
                    self.blocks.push(asked.block);
                } else {
                    self.away.push(asked.block);
                }
                if ended.answer.status == Status::Done {
                    assert_eq!(ended.answer.result[0], BLOCK_SIZE as u64);
                    let of_file = asked.arguments[0] / BLOCK_SIZE as u64;
                    for word in [0, WORDS / 2, WORDS - 1] {
                        let found = self.vcore.word(asked.block, word);
                        let place = of_file * WORDS as u64 + word as u64;
                        assert_eq!(found, file_word(0, place));
                    }
                }
            }
            Completed::Late { block: None } => {}
            Completed::Late { block: Some(block) } => {
                let place = self.away.iter().position(|away| *away == block);
                let place = place.unwrap_or_else(|| panic!("block {block} was not away"));
                self.blocks.push(self.away.swap_remove(place));
            }
            Completed::Unmatched => panic!("{port:?} answers nothing that is under way"),
        }
    }

    fn in_flight(&mut self) -> usize {
        self.vcore.end(Port::Server).in_flight() + self.vcore.end(Port::Files).in_flight()
    }

    /// Makes calls of all kinds, with as many under way as there are credits.
    fn run(&mut self) {
        let blocks = self.blocks.len();
        let mut made = 0;
        while made < CALLS || self.in_flight() > 0 {
            for _ in 0..16 {
                let mut room = |port| self.vcore.end(port).room(1).is_ok();
                if made < CALLS && room(Port::Server) && room(Port::Files) {
                    self.stage();
                    made += 1;
                }
            }
            self.vcore.send();
            if !self.under_way.is_empty() && self.random.below(4) == 0 {
                self.cancel();
            }
            if self.in_flight() == 0 {
                continue;
            }
            let mut next = Some(self.vcore.wait());
            while let Some((port, completed)) = next {
                self.take(port, completed);
                next = self.vcore.poll();
            }
        }
        assert!(self.under_way.is_empty() && self.away.is_empty());
        assert_eq!(self.blocks.len(), blocks);
        assert_eq!(self.ends.values().sum::<u64>(), CALLS);
        for port in [Port::Server, Port::Files] {
            assert_eq!(self.vcore.end(port).credits(), RING_SLOTS);
        }
    }
}

/// The vcores of one process share what one of them has opened.
fn process(mut vcores: Vec<Vcore>, number: u64) {
    let (file, length) = vcores[0].open("input");
    assert_eq!(length, FILE_BLOCKS * BLOCK_SIZE as u64);
    let threads: Vec<_> = vcores
        .into_iter()
        .zip(0..)
        .map(|(vcore, index)| {
            let mut storm = Storm {
                vcore,
                random: Random(number * u64::from(VCORES) + u64::from(index)),
                file,
                under_way: HashMap::new(),
                blocks: (0..BLOCKS)
                    .filter(|block| block % VCORES == index)
                    .collect(),
                away: Vec::new(),
                ends: HashMap::new(),
            };
            thread::spawn(move || {
                storm.run();
                (storm.vcore, storm.ends)
            })
        })
        .collect();
    let mut vcores = Vec::new();
    for thread in threads {
        let (vcore, ends) = thread.join().unwrap();
        println!("{ends:?}");
        for status in [Status::Done, Status::Cancelled, Status::TimedOut] {
            assert!(ends.contains_key(&status), "{ends:?}");
        }
        vcores.push(vcore);
    }
    vcores[0].done(Port::Server, request::Exit { status: 0 }.encode());
}

#[test]
fn every_call_ends_once() {
    let files = [("input", FILE_BLOCKS * BLOCK_SIZE as u64)];
    let (machine, processes) = Machine::start(&files, VCORES);
    let threads: Vec<_> = processes
        .into_iter()
        .zip(0..)
        .map(|(vcores, number)| thread::spawn(move || process(vcores, number)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    for (cluster, told) in machine.stop().into_iter().enumerate() {
        assert_eq!(told.ended, [(cluster, 0)]);
        println!("cluster {cluster}: {} wake-ups passed on", told.passed);
        assert!(told.passed > 0, "no wake-up crossed the kernels");
    }
}
