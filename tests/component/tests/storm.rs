//! Many calls of many vcores on real threads: all of them end, each once, whatever is cancelled and whatever runs out of time.

use std::collections::HashMap;
use std::thread;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::name::Name;
use atoll_abi::syscall::{Call, NO_BLOCK, Status, Syscall};
use atoll_abi::time::Timeout;
use atoll_component_tests::{Machine, Vcore};

const CALLS: u64 = 40_000;

fn call(call: Call, tag: u64) -> Syscall {
    Syscall {
        tag,
        call: call as u16,
        pool: 0,
        handle: 0,
        arguments: [0; 4],
        block: NO_BLOCK,
        generation: 1,
    }
}

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

/// Makes calls of all kinds, with as many under way as there are credits; how many ended in each way.
fn storm(vcore: &mut Vcore, seed: u64) -> HashMap<Status, u64> {
    let mut random = Random(seed);
    let mut ends = HashMap::new();
    vcore.submit(&[Syscall {
        arguments: Name::new("input").unwrap().to_words(),
        ..call(Call::Open, 0)
    }]);
    let opened = vcore.wait();
    assert_eq!(Status::from_raw(opened.status), Status::Done);
    let handle = opened.result[0] as u32;
    let (mut made, mut tag) = (0, 0);
    let mut under_way = HashMap::new();
    let mut blocks: Vec<u32> = (0..8)
        .filter(|block| block % 2 == (seed % 2) as u32)
        .collect();
    let mut away = Vec::new();
    while made < CALLS || !under_way.is_empty() {
        let mut batch = Vec::new();
        while made < CALLS && under_way.len() < RING_SLOTS - 1 && batch.len() < 16 {
            tag += 1;
            let mut next = match random.below(8) {
                0 => Syscall {
                    pool: Timeout::from_microseconds(random.below(50)).to_raw(),
                    ..call(Call::Sleep, tag)
                },
                1 => Syscall {
                    arguments: [tag - random.below(20).min(tag), 0, 0, 0],
                    ..call(Call::Cancel, tag)
                },
                2 | 3 if !blocks.is_empty() => Syscall {
                    handle,
                    arguments: [0, 4096, 0, 0],
                    block: blocks.pop().unwrap(),
                    ..call(Call::Read, tag)
                },
                _ => Syscall {
                    handle,
                    ..call(Call::Stat, tag)
                },
            };
            if next.pool == 0 && random.below(4) == 0 {
                next.pool = Timeout::from_microseconds(random.below(100)).to_raw();
            }
            under_way.insert(tag, next);
            batch.push(next);
            made += 1;
        }
        if !batch.is_empty() {
            vcore.submit(&batch);
        }
        let mut next = Some(vcore.wait());
        while let Some(end) = next {
            let asked = under_way.remove(&end.tag);
            let asked =
                asked.unwrap_or_else(|| panic!("{end:?} answers nothing that is under way"));
            *ends.entry(Status::from_raw(end.status)).or_default() += 1;
            if asked.block != NO_BLOCK {
                match end.block {
                    NO_BLOCK => away.push(asked.block),
                    block => {
                        assert_eq!(block, asked.block);
                        blocks.push(block);
                    }
                }
            }
            if end.returned != NO_BLOCK {
                let place = away.iter().position(|block| *block == end.returned);
                let place = place.unwrap_or_else(|| panic!("{end:?} returns what is not away"));
                blocks.push(away.swap_remove(place));
            }
            next = vcore.poll();
        }
    }
    assert_eq!(ends.values().sum::<u64>(), CALLS);
    ends
}

#[test]
fn every_call_ends_once() {
    let (machine, processes) = Machine::start(&[("input", 10_000)], 1);
    let threads: Vec<_> = processes
        .into_iter()
        .enumerate()
        .map(|(number, mut vcores)| {
            thread::spawn(move || {
                let mut vcore = vcores.remove(0);
                let ends = storm(&mut vcore, number as u64);
                vcore.submit(&[call(Call::Exit, u64::MAX / 2)]);
                let _ = vcore.wait();
                ends
            })
        })
        .collect();
    for thread in threads {
        let ends = thread.join().unwrap();
        println!("{ends:?}");
        for status in [Status::Done, Status::Cancelled, Status::TimedOut] {
            assert!(
                ends.get(&status).is_some_and(|count| *count > 0),
                "{ends:?}"
            );
        }
    }
    for (cluster, told) in machine.stop().into_iter().enumerate() {
        assert_eq!(told.ended, [(cluster, 0)]);
    }
}
