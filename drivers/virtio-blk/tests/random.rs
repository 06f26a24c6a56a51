//! Two clients that read, write, zero and flush as they like, a device that does it in any order and fails some of it: what is read
//! is what was written, and each call is answered once.

mod support;

use std::collections::BTreeMap;

use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Event, Service};
use atoll_test_disk::{Job, sector_word};
use atoll_test_virtio::Numbers;
use support::*;

/// Sectors that the clients use, of each partition.
const SECTORS: u64 = 256;
const CALLS: u64 = 70_000;

/// What a client's call is expected to do.
struct Open {
    call: Syscall,
    kind: Kind,
    sector: u64,
    sectors: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Read,
    Write(u64),
    Zero,
    Flush,
}

/// A client, and what its sectors hold: `None` where a write failed that may have been done in part.
struct Client {
    own: usize,
    sectors: Vec<Option<u64>>,
    open: BTreeMap<u64, Open>,
    free: Vec<u32>,
    /// Which kind of call was made last, and where it ended.
    last: (u64, u64),
}

impl Client {
    fn new(own: usize) -> Client {
        let first = EXTENTS[own].first;
        Client {
            own,
            sectors: (0..SECTORS)
                .map(|at| Some(sector_word(first + at)))
                .collect(),
            open: BTreeMap::new(),
            free: (0..POOL_BLOCKS).collect(),
            last: (0, SECTORS),
        }
    }

    /// Makes calls together, on sectors that no other call uses.
    fn calls(&mut self, bench: &mut Bench, numbers: &mut Numbers) {
        let room = bench.driver.room(self.own, 64) as u64;
        let mut made = Vec::new();
        for _ in 0..numbers.below(8).min(room) {
            let call = self.call(&made, bench, numbers);
            made.extend(call);
        }
        let calls: Vec<Syscall> = made.iter().map(|open| open.call).collect();
        if !calls.is_empty() {
            let tags = bench.calls(self.own, &calls);
            self.open.extend(tags.into_iter().zip(made));
        }
    }

    fn call(&mut self, made: &[Open], bench: &mut Bench, numbers: &mut Numbers) -> Option<Open> {
        // Often it goes on where the last one ended.
        let (what, mut sector) = self.last;
        let mut what = what;
        if numbers.below(3) == 0 || sector > SECTORS - 64 {
            (what, sector) = (numbers.below(8), numbers.below(SECTORS - 64));
        }
        let most = [8, 40][numbers.below(2) as usize];
        let count = (1 + numbers.below(most)).next_multiple_of(1 + 7 * numbers.below(2));
        let mut used = self.open.values().chain(made);
        let overlaps = |it: &Open| it.sector < sector + count && sector < it.sector + it.sectors;
        let blocks = count.div_ceil(8) as usize;
        if used.any(overlaps) || blocks > self.free.len() {
            return None;
        }
        let pool = self.own as u32;
        let (call, kind) = match what {
            0 => (flush(), Kind::Flush),
            1 => (zero(sector, count as u32), Kind::Zero),
            what => {
                let list: Vec<u32> = (0..blocks)
                    .map(|_| {
                        let place = numbers.below(self.free.len() as u64) as usize;
                        self.free.swap_remove(place)
                    })
                    .collect();
                if what < 5 {
                    (read_into(pool, &list, sector, count as u32), Kind::Read)
                } else {
                    let byte = numbers.below(255) as u8 + 1;
                    for &block in &list {
                        bench.fill(pool, block, byte);
                    }
                    let word = u64::from_ne_bytes([byte; 8]);
                    (
                        write_from(pool, &list, sector, count as u32),
                        Kind::Write(word),
                    )
                }
            }
        };
        let (sector, sectors) = match kind {
            Kind::Flush => (u64::MAX / 2, 0),
            _ => (sector, count),
        };
        self.last = (what, sector.saturating_add(sectors));
        Some(Open {
            call,
            kind,
            sector,
            sectors,
        })
    }

    /// Takes the answers that there are; how many.
    fn take(&mut self, bench: &mut Bench) -> u64 {
        let mut taken = 0;
        while let Some((tag, status, _, block)) = bench.answer(self.own) {
            let open = self.open.remove(&tag).expect("answered once");
            assert_eq!(block, open.call.block);
            let list = atoll_abi::block::BlockList::from_call(&open.call);
            let blocks = list.map_or(Vec::new(), |list| list.as_slice().to_vec());
            for at in 0..open.sectors {
                let place = (open.sector + at) as usize;
                match (open.kind, status) {
                    (Kind::Read, Status::Done) => {
                        let (block, word) = (blocks[at as usize / 8], at as usize % 8 * 64);
                        let found = bench.word(self.own as u32, block, word + 63);
                        if let Some(expected) = self.sectors[place] {
                            assert_eq!(found, expected, "sector {place} of client {}", self.own);
                        }
                    }
                    (Kind::Read, _) => {}
                    (Kind::Write(word), Status::Done) => self.sectors[place] = Some(word),
                    (Kind::Zero, Status::Done) => self.sectors[place] = Some(0),
                    _ => self.sectors[place] = None,
                }
            }
            if open.kind == Kind::Flush {
                assert!(matches!(status, Status::Done | Status::DeviceError));
            }
            self.free.extend(blocks);
            taken += 1;
        }
        taken
    }
}

#[test]
fn seventy_thousand_calls_of_two_clients_out_of_order() {
    let mut bench = bench();
    let mut numbers = Numbers(0x00A7_0110);
    let mut clients = [Client::new(0), Client::new(1)];
    let mut jobs: Vec<Job> = Vec::new();
    let (mut answered, mut merged, mut failed, mut swaps) = (0, 0, 0, 0);
    while answered < CALLS {
        for client in &mut clients {
            client.calls(&mut bench, &mut numbers);
        }
        bench.device.take();
        while !bench.device.taken.is_empty() {
            jobs.push(bench.device.begin(0));
        }
        for _ in 0..numbers.below(jobs.len() as u64 + 1) {
            let choice = numbers.below(jobs.len() as u64) as usize;
            swaps += usize::from(choice != 0);
            let mut job = jobs.swap_remove(choice);
            merged += u64::from(job.sectors > 48);
            let fails = numbers.below(50) == 0;
            failed += u64::from(fails);
            while !fails && !job.is_done() {
                bench.device.step(&mut job, &mut bench.pools);
            }
            if !fails && job.sectors == 0 {
                bench.device.step(&mut job, &mut bench.pools);
            }
            bench.device.finish(&job, u8::from(fails));
        }
        bench.event(Event::Device);
        for client in &mut clients {
            answered += client.take(&mut bench);
        }
    }
    println!(
        "{answered} calls, {merged} requests of several, {failed} failed, {swaps} out of order"
    );
    assert!(merged > 100 && failed > 500 && swaps > 10_000);
    assert_eq!(bench.driver.disk().failure(), None);
}
