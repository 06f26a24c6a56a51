//! The blocks service between two vcores of a client and a fake driver.

use atoll_abi::block::BlockList;
use atoll_abi::interface::{Call, DiskCall, Request, request};
use atoll_abi::plan::{EncodedPlan, NONE, Pool, Process, Service as PlanService, Tables};
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_blocks::BlockService;
use atoll_call::{Event, Loss, Service};
use atoll_test_support::actions::Recorded;
use atoll_test_support::disk::description;
use zerocopy::FromZeros;

const POOL_BLOCKS: u32 = 100;
/// Sectors of the partition: 31 blocks, and 7 sectors that are none.
const SECTORS: u64 = 31 * 8 + 7;

type World = Recorded<2>;

struct Bench {
    service: BlockService,
    world: World,
    next_tag: u64,
}

/// One process with two vcores and pool 0, and its service with pool 1.
fn plan() -> EncodedPlan {
    let pool = |process, service| Pool {
        base: 0,
        blocks: POOL_BLOCKS,
        process,
        service,
        cluster: 0,
    };
    let process = Process {
        vcores: 2,
        services: 1,
        ..Process::new_zeroed()
    };
    let service = PlanService {
        pool: 1,
        ..PlanService::new_zeroed()
    };
    let tables = Tables {
        processes: vec![process],
        services: vec![service],
        pools: vec![pool(0, NONE), pool(NONE, 0)],
        ..Tables::default()
    };
    tables.encode()
}

fn bench() -> Bench {
    Bench {
        service: BlockService::new(&plan(), 0),
        world: World::default(),
        next_tag: 0,
    }
}

impl Bench {
    fn event(&mut self, event: Event<'_>) {
        self.service.handle(event, &mut self.world);
    }

    fn call_in(&mut self, ring: usize, generation: u32, call: Syscall) -> u64 {
        self.next_tag += 1;
        let call = Syscall {
            tag: self.next_tag,
            generation,
            ..call
        };
        assert!(self.service.room(ring, 64) > 0);
        let calls = &[call];
        self.event(Event::Calls { ring, calls });
        self.next_tag
    }

    fn call(&mut self, ring: usize, call: Syscall) -> u64 {
        self.call_in(ring, 1, call)
    }

    fn answer(&mut self, ring: usize) -> Option<(u64, Status, [u64; 2], u32)> {
        let answer = self.world.answers[ring].pop_front()?;
        let status = Status::from_raw(answer.status);
        Some((answer.tag, status, answer.result, answer.block))
    }

    /// Makes a call that is refused at once.
    fn refused(&mut self, call: Syscall) -> (Status, u32) {
        let tag = self.call(0, call);
        let (answered, status, result, block) = self.answer(0).expect("it is refused");
        assert_eq!((answered, result), (tag, [0; 2]));
        (status, block)
    }

    /// The driver answers the first call that it has, with a status and a first result.
    fn drive(&mut self, status: Status, results: [u64; 2]) -> Syscall {
        let call = self.world.driver.pop_front().expect("the driver is asked");
        let completion = Completion::of(&call, status, results);
        self.event(Event::Completions(&[completion]));
        call
    }

    fn is_at_rest(&self) -> bool {
        let rest = (self.service.under_way(), self.service.blocks_in_use()) == (0, 0);
        assert_eq!(self.service.is_busy(), !rest);
        rest
    }
}

fn read(first: u64, blocks: &[u32]) -> Syscall {
    let read = request::ReadBlocks { first }.encode();
    BlockList::of(blocks).unwrap().into_call(read)
}

fn write(first: u64, blocks: &[u32]) -> Syscall {
    let write = request::WriteBlocks { first }.encode();
    BlockList::of(blocks).unwrap().into_call(write)
}

#[test]
fn a_large_block_is_as_many_blocks_of_the_partition_as_it_has_pages() {
    let mut bench = bench();
    let list = BlockList::of_order(3, &[7, 40]).unwrap();
    let tag = bench.call(0, list.into_call(request::ReadBlocks { first: 5 }.encode()));
    assert_eq!(bench.service.blocks_in_use(), 16);
    assert!(!bench.is_at_rest());
    bench.call(0, read(5, &[47]));
    assert_eq!(bench.answer(0).map(|it| it.1), Some(Status::BadBlock));
    let call = bench.drive(Status::Done, [128, 0]);
    let expected = request::ReadSectors {
        sector: 40,
        sectors: 128,
        pool: 0,
    };
    assert_eq!(DiskCall::decode(&call), Ok(DiskCall::ReadSectors(expected)));
    assert_eq!(BlockList::from_call(&call), Ok(list));
    assert_eq!(bench.answer(0), Some((tag, Status::Done, [16, 0], 7)));
    assert_eq!(bench.service.blocks_in_use(), 0);
}

#[test]
fn transfers_are_of_the_blocks_of_the_client() {
    let mut bench = bench();
    let first = bench.call(0, read(5, &[7, 99]));
    let second = bench.call(1, write(9, &[0]));
    assert_eq!(bench.service.blocks_in_use(), 3);
    let call = bench.drive(Status::Done, [16, 0]);
    let expected = request::ReadSectors {
        sector: 40,
        sectors: 16,
        pool: 0,
    };
    assert_eq!(DiskCall::decode(&call), Ok(DiskCall::ReadSectors(expected)));
    assert_eq!(BlockList::from_call(&call).unwrap().as_slice(), [7, 99]);
    assert_eq!(bench.answer(0), Some((first, Status::Done, [2, 0], 7)));
    let call = bench.drive(Status::DeviceError, [0, 0]);
    let expected = request::WriteSectors {
        sector: 72,
        sectors: 8,
        pool: 0,
    };
    assert_eq!(
        DiskCall::decode(&call),
        Ok(DiskCall::WriteSectors(expected))
    );
    assert_eq!(
        bench.answer(1),
        Some((second, Status::DeviceError, [0, 0], 0))
    );
    assert!(bench.is_at_rest());
}

#[test]
fn what_has_no_blocks_is_passed_on() {
    let mut bench = bench();
    bench.call(0, request::DescribeBlocks {}.encode());
    let [_, properties] = description(SECTORS);
    bench.drive(Status::Done, description(SECTORS));
    assert_eq!(bench.answer(0).unwrap().2, [31, properties]);
    bench.call(0, request::FlushBlocks {}.encode());
    assert_eq!(
        bench.drive(Status::Done, [0, 0]).call,
        Call::FlushDisk as u16
    );
    let (first, blocks) = (3, 4);
    bench.call(0, request::ZeroBlocks { first, blocks }.encode());
    let zeroed = bench.drive(Status::Done, [32, 0]);
    let (sector, sectors) = (24, 32);
    let expected = request::ZeroSectors { sector, sectors };
    assert_eq!(
        DiskCall::decode(&zeroed),
        Ok(DiskCall::ZeroSectors(expected))
    );
    bench.call(0, request::DiscardBlocks { first, blocks }.encode());
    let discarded = bench.drive(Status::Done, [32, 0]);
    let expected = request::DiscardSectors { sector, sectors };
    assert_eq!(
        DiskCall::decode(&discarded),
        Ok(DiskCall::DiscardSectors(expected))
    );
    let results: Vec<_> = std::iter::from_fn(|| bench.answer(0))
        .map(|it| it.2)
        .collect();
    assert_eq!(results, [[0, 0], [4, 0], [4, 0]]);
    assert!(bench.is_at_rest());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut bench = bench();
    let wrap = u64::MAX / 8 + 1;
    let range = |first, blocks| request::ZeroBlocks { first, blocks }.encode();
    assert_eq!(
        bench.refused(read(wrap, &[0])),
        (Status::InvalidArgument, 0)
    );
    assert_eq!(
        bench.refused(write(u64::MAX, &[1])),
        (Status::InvalidArgument, 1)
    );
    assert_eq!(bench.refused(range(wrap, 1)).0, Status::InvalidArgument);
    assert_eq!(bench.refused(range(0, u32::MAX)).0, Status::InvalidArgument);
    let bad = (Status::BadBlock, NO_BLOCK);
    assert_eq!(bench.refused(read(0, &[POOL_BLOCKS])), bad);
    assert_eq!(bench.refused(write(0, &[0, POOL_BLOCKS])), bad);
    assert_eq!(
        bench.refused(request::ReadBlocks { first: 0 }.encode()),
        bad
    );
    for other in [Call::Open, Call::ReadSectors, Call::Exit] {
        let call = Syscall {
            call: other as u16,
            ..Syscall::EMPTY
        };
        assert_eq!(bench.refused(call).0, Status::NotAllowed);
    }
    assert!(bench.is_at_rest() && bench.world.driver.is_empty());
}

#[test]
fn a_block_is_in_one_call() {
    let mut bench = bench();
    bench.call(0, read(0, &[1, 2]));
    assert_eq!(
        bench.refused(write(8, &[3, 2])),
        (Status::BadBlock, NO_BLOCK)
    );
    bench.drive(Status::Done, [16, 0]);
    bench.call(1, write(8, &[3, 2]));
    assert_eq!(bench.world.driver.len(), 1);
}

#[test]
fn a_driver_that_says_what_cannot_be_is_not_believed() {
    let mut bench = bench();
    bench.call(0, read(0, &[1]));
    bench.drive(Status::Done, [7, 0]);
    assert_eq!(bench.answer(0).unwrap().1, Status::Malformed);
    assert!(bench.is_at_rest());
}

#[test]
fn calls_end_with_the_driver_and_blocks_come_back_when_it_is_dead() {
    let mut bench = bench();
    let tag = bench.call(0, write(0, &[1]));
    bench.event(Event::UpstreamLost(Loss::Fault));
    assert_eq!(
        bench.answer(0),
        Some((tag, Status::PeerLost, [0, 0], NO_BLOCK))
    );
    assert_eq!(
        bench.service.blocks_in_use(),
        1,
        "it may still read the block"
    );
    assert!(!bench.service.is_quiet(0));
    assert_eq!(bench.refused(read(0, &[2])).0, Status::PeerLost);
    bench.event(Event::UpstreamLost(Loss::Death));
    bench.event(Event::UpstreamConnected);
    assert!(bench.is_at_rest() && bench.service.is_quiet(0));
    bench.call(0, write(0, &[1]));
    assert_eq!(
        bench.world.driver.back().unwrap().call,
        Call::WriteSectors as u16
    );
}

#[test]
fn a_life_that_is_over_is_not_served_and_its_blocks_are_awaited() {
    let mut bench = bench();
    bench.call_in(0, 4, write(0, &[1]));
    assert_eq!(
        bench.refused(read(0, &[2])).0,
        Status::NotAllowed,
        "generation 1"
    );
    bench.event(Event::ClientLost { ring: 0 });
    bench.event(Event::ClientLost { ring: 1 });
    assert!(!bench.service.is_quiet(0));
    bench.drive(Status::Done, [8, 0]);
    assert!(bench.service.is_quiet(0) && bench.world.answers[0].is_empty());
    bench.event(Event::ClientConnected {
        ring: 0,
        generation: 2,
    });
    bench.call_in(0, 1, write(0, &[1]));
    assert_eq!(bench.world.driver.len(), 1);
}

#[test]
fn the_next_life_waits_for_what_has_no_blocks() {
    let mut bench = bench();
    let (first, blocks) = (0, 31);
    bench.call(0, request::ZeroBlocks { first, blocks }.encode());
    bench.event(Event::ClientLost { ring: 0 });
    bench.event(Event::ClientLost { ring: 1 });
    assert!(!bench.service.is_quiet(0), "the disk still zeroes blocks");
    bench.drive(Status::Done, [31 * 8, 0]);
    assert!(bench.service.is_quiet(0) && bench.is_at_rest());
}

#[test]
fn more_calls_than_the_driver_takes_wait_for_it() {
    let mut bench = bench();
    for block in 0..POOL_BLOCKS {
        bench.call(block as usize % 2, read(0, &[block]));
    }
    assert_eq!(bench.world.driver.len(), 64);
    for _ in 0..POOL_BLOCKS {
        bench.drive(Status::Done, [8, 0]);
    }
    assert!(bench.is_at_rest());
}
