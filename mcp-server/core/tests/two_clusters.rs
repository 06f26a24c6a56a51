//! File calls of one cluster that are served by another.

mod common;

use std::collections::BTreeSet;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{ANSWER, Call, Completion, NO_BLOCK, Route, Status, Syscall};
use atoll_core::process::State;
use atoll_core::{
    CHANNEL_CREDITS, FIRST_CHANNEL_GENERATION, HANDLES_PER_PROCESS, Personality, Progress,
};
use common::*;

struct Pair {
    server: Box<Personality>,
    server_world: Fake,
    client: Box<Personality>,
    world: Fake,
}

impl Pair {
    fn new() -> Pair {
        let (server_world, world) = Fake::pair();
        let mut pair = Pair {
            server: personality(0),
            server_world,
            client: personality(1),
            world,
        };
        // The client is first: its calls arrive before the volume is ready.
        pair.client.start(&mut pair.world);
        pair.server.start(&mut pair.server_world);
        pair
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            let client = self.client.step(&mut self.world);
            let server = self.server.step(&mut self.server_world);
            let idle = client != Progress::Worked && server != Progress::Worked;
            if idle && self.server_world.drive() == 0 {
                return;
            }
        }
        panic!("the two never come to rest");
    }

    fn ask(&mut self, process: usize, syscall: Syscall) -> Completion {
        self.world.submit(process, 0, syscall);
        self.settle();
        self.world.take(process, 0).expect("no completion")
    }

    fn open(&mut self, process: usize) -> u32 {
        let answer = self.ask(process, open("input"));
        assert_eq!((status(&answer), answer.result[1]), (Status::Done, LENGTH));
        answer.result[0] as u32
    }

    fn is_clean(&self) {
        for personality in [&self.server, &self.client] {
            assert_eq!(personality.outstanding(), 0);
            assert_eq!(personality.blocks_in_use(), 0);
        }
    }
}

/// A client whose peer is the test.
fn alone() -> (Box<Personality>, Fake) {
    let (mut client, mut world) = (personality(1), Fake::new());
    client.start(&mut world);
    (client, world)
}

fn sent(world: &Fake) -> Syscall {
    Syscall::from_message(&world.outgoing.borrow_mut().pop_front().unwrap())
}

fn answer(world: &Fake, tag: u64, status: Status, result: [u64; 2]) {
    let completion = Completion {
        tag,
        status: status as u32,
        generation: FIRST_CHANNEL_GENERATION,
        result,
        route: 0,
        block: NO_BLOCK,
        returned: atoll_abi::syscall::NO_BLOCK,
        padding: 0,
        reserved: 0,
    };
    world
        .incoming
        .borrow_mut()
        .push_back(completion.to_message());
}

/// Sends a request of a cluster that has the channel's generation.
fn ask_as_peer(world: &Fake, syscall: Syscall) {
    let request = Syscall {
        generation: FIRST_CHANNEL_GENERATION,
        ..syscall
    };
    world.incoming.borrow_mut().push_back(request.to_message());
}

#[test]
fn a_file_of_another_cluster_is_opened_read_and_closed() {
    let mut pair = Pair::new();
    let handle = pair.open(2);
    let stat = pair.ask(2, with_handle(Call::Stat, handle));
    assert_eq!((stat.result[0], stat.route), (LENGTH, Route::Remote as u32));

    pair.world
        .submit(2, 0, read(handle, BLOCK_SIZE as u64, 4096, 7));
    pair.client.step(&mut pair.world);
    pair.server.step(&mut pair.server_world);
    let request = pair.server_world.requests[0];
    assert_eq!((request.pool, request.block, request.sectors), (2, 7, 2));
    assert_eq!(
        (pair.server.blocks_in_use(), pair.client.blocks_in_use()),
        (1, 1)
    );
    pair.settle();
    let answer = pair.world.take(2, 0).unwrap();
    assert_eq!((answer.tag, status(&answer)), (2, Status::Done));
    assert_eq!((answer.result[0], answer.block), (513, 7));
    assert_eq!(answer.route, Route::Remote as u32);

    let end = pair.ask(2, read(handle, 2 * BLOCK_SIZE as u64, 4096, 7));
    assert_eq!(
        (status(&end), end.result[0], end.block),
        (Status::Done, 0, 7)
    );
    assert_eq!(
        status(&pair.ask(2, with_handle(Call::Close, handle))),
        Status::Done
    );
    assert_eq!(
        status(&pair.ask(2, with_handle(Call::Close, handle))),
        Status::BadHandle
    );
    assert_eq!(pair.server.open_files(), 0);
    pair.is_clean();
}

#[test]
fn a_refusal_says_who_refused() {
    let mut pair = Pair::new();
    let handle = pair.open(2);
    let cases = [
        (open("nothing"), Status::NotFound, Route::Remote),
        (read(handle, 0, 4096, 8), Status::BadBlock, Route::Server),
        (
            read(handle, 5, 4096, 0),
            Status::InvalidArgument,
            Route::Server,
        ),
        (
            read(handle + 1, 0, 4096, 0),
            Status::BadHandle,
            Route::Server,
        ),
        (print("x"), Status::Done, Route::Server),
    ];
    for (syscall, expected, route) in cases {
        let answer = pair.ask(2, syscall);
        assert_eq!(
            (status(&answer), answer.route),
            (expected, route as u32),
            "{syscall:?}"
        );
    }
    pair.is_clean();
}

#[test]
fn processes_of_one_cluster_cannot_use_each_others_handles() {
    let mut pair = Pair::new();
    let own = pair.open(2);
    for syscall in [
        read(own, 0, 4096, 0),
        with_handle(Call::Stat, own),
        with_handle(Call::Close, own),
    ] {
        assert_eq!(status(&pair.ask(3, syscall)), Status::BadHandle);
    }
    assert_eq!(
        status(&pair.ask(2, with_handle(Call::Stat, own))),
        Status::Done
    );
}

#[test]
fn more_calls_than_credits_all_end_once() {
    let mut pair = Pair::new();
    let handle = pair.open(2);
    for vcore in 0..4 {
        for index in 0..60 {
            let tag = vcore as u64 * 100 + index;
            let syscall = Syscall {
                tag,
                ..with_handle(Call::Stat, handle)
            };
            pair.world.submit(2, vcore, syscall);
        }
    }
    for _ in 0..50 {
        pair.client.step(&mut pair.world);
    }
    assert_eq!(
        pair.world.outgoing.borrow().len(),
        CHANNEL_CREDITS,
        "a peer that does not answer is sent no more calls than there are credits"
    );
    pair.settle();
    let mut tags = BTreeSet::new();
    for vcore in 0..4 {
        while let Some(answer) = pair.world.take(2, vcore) {
            assert_eq!(status(&answer), Status::Done);
            assert_eq!(answer.tag / 100, vcore as u64);
            assert!(tags.insert(answer.tag));
        }
    }
    assert_eq!(tags.len(), 240);
    pair.is_clean();
}

#[test]
fn a_full_channel_keeps_calls_back_and_loses_none() {
    let mut pair = Pair::new();
    pair.world.capacity_of_rings = 3;
    let handle = pair.open(2);
    for block in 0..8 {
        pair.world
            .submit(2, block % 4, read(handle, 0, 4096, block as u32));
    }
    while pair.client.step(&mut pair.world) == Progress::Worked {}
    assert_eq!(pair.client.step(&mut pair.world), Progress::Stalled);
    assert_eq!(pair.world.outgoing.borrow().len(), 3);
    pair.settle();
    let ended: usize = (0..4)
        .map(|vcore| pair.world.completions[2][vcore].len())
        .sum();
    assert_eq!(ended, 8);
    pair.is_clean();
}

#[test]
fn a_process_that_ends_leaves_nothing_open() {
    let mut pair = Pair::new();
    for _ in 0..3 {
        pair.open(2);
    }
    let other = pair.open(3);
    // One more is on its way when the process ends.
    pair.world.submit(2, 0, open("input"));
    pair.client.step(&mut pair.world);
    pair.world.submit(2, 0, call(Call::Exit, 6));
    pair.settle();
    assert_eq!(pair.client.state(2), Some(State::Dead));
    assert_eq!(pair.server.open_files(), 1);
    assert_eq!(
        status(&pair.ask(3, with_handle(Call::Stat, other))),
        Status::Done
    );
    pair.is_clean();
}

#[test]
fn open_files_are_bounded_where_they_are_used() {
    let mut pair = Pair::new();
    for process in [2, 3] {
        for _ in 0..HANDLES_PER_PROCESS {
            pair.open(process);
        }
        let answer = pair.ask(process, open("input"));
        assert_eq!(
            (status(&answer), answer.route),
            (Status::Busy, Route::Server as u32)
        );
    }
}

#[test]
fn answers_that_nobody_waits_for_are_dropped() {
    let (mut client, mut world) = alone();
    world.submit(2, 0, open("input"));
    client.step(&mut world);
    let tag = sent(&world).tag;
    assert_eq!(tag & ANSWER, 0);
    for wrong in [tag + 1, tag ^ 1 << 32, 0, !ANSWER] {
        answer(&world, wrong | ANSWER, Status::Done, [1 << 16, 1]);
    }
    answer(&world, tag | ANSWER, Status::Done, [1 << 16, 1]);
    answer(&world, tag | ANSWER, Status::Done, [1 << 16, 1]);
    settle(&mut client, &mut world);
    assert_eq!(world.completions[2][0].len(), 1);
    assert_eq!(client.counters().stale_answers, 5);
}

#[test]
fn answers_that_make_no_sense_are_malformed() {
    let (mut client, mut world) = alone();
    for (status_sent, result) in [
        (Status::Done, [0, 1]),
        (Status::Done, [u64::MAX, 1]),
        (Status::Malformed, [1 << 16, 1]),
    ] {
        world.submit(2, 0, open("input"));
        client.step(&mut world);
        let tag = sent(&world).tag;
        answer(&world, tag | ANSWER, status_sent, result);
        settle(&mut client, &mut world);
        let completion = world.take(2, 0).unwrap();
        assert_eq!(
            (status(&completion), completion.result),
            (Status::Malformed, [0; 2])
        );
    }
    world.submit(2, 0, open("input"));
    client.step(&mut world);
    answer(
        &world,
        sent(&world).tag | ANSWER,
        Status::Done,
        [7 << 16 | 9, LENGTH],
    );
    settle(&mut client, &mut world);
    let handle = world.take(2, 0).unwrap().result[0] as u32;
    world.submit(2, 0, read(handle, 0, 100, 0));
    client.step(&mut world);
    let request = sent(&world);
    assert_eq!(
        (request.handle, request.pool, request.generation),
        (7 << 16 | 9, 2, FIRST_CHANNEL_GENERATION)
    );
    answer(&world, request.tag | ANSWER, Status::Done, [101, 0]);
    settle(&mut client, &mut world);
    assert_eq!(status(&world.take(2, 0).unwrap()), Status::Malformed);
    assert_eq!(client.counters().malformed_answers, 4);
    assert_eq!(client.blocks_in_use(), 0);
}

#[test]
fn a_lost_channel_ends_its_calls_once_and_its_files_for_good() {
    let mut pair = Pair::new();
    let handle = pair.open(2);
    for block in 0..8 {
        pair.world.submit(2, 0, read(handle, 0, 4096, block));
    }
    pair.client.step(&mut pair.world);
    pair.server.step(&mut pair.server_world);
    pair.world.broken_channel = true;
    pair.server_world.broken_channel = true;
    pair.settle();
    let answers: Vec<_> = pair.world.completions[2][0].drain(..).collect();
    assert_eq!(answers.len(), 8);
    assert!(
        answers
            .iter()
            .all(|answer| status(answer) == Status::PeerLost)
    );
    pair.is_clean();
    assert_eq!(pair.server.open_files(), 0);
    assert_eq!(status(&pair.ask(2, open("input"))), Status::PeerLost);
    pair.ask(2, call(Call::Exit, 6));
    assert_eq!(pair.client.state(2), Some(State::Dead));
    // The server's own processes do not notice.
    let own = ask(&mut pair.server, &mut pair.server_world, 0, open("input"));
    assert_eq!(status(&own), Status::Done);
}

#[test]
fn a_peer_is_held_to_its_own_pools_and_to_file_calls() {
    let (mut server, mut world) = started();
    let mut asked = |syscall: Syscall| {
        ask_as_peer(&world, syscall);
        settle(&mut server, &mut world);
        Completion::from_message(&world.outgoing.borrow_mut().pop_front().unwrap())
    };
    let opened = asked(open("input"));
    assert_eq!(opened.tag, 1 | ANSWER);
    let handle = opened.result[0] as u32;
    for (pool, expected) in [
        (0, Status::BadBlock),
        (1, Status::BadBlock),
        (2, Status::Done),
        (3, Status::Done),
        (4, Status::BadBlock),
        (5, Status::BadBlock),
        (u16::MAX, Status::BadBlock),
    ] {
        let syscall = Syscall {
            pool,
            ..read(handle, 0, 4096, 0)
        };
        assert_eq!(status(&asked(syscall)), expected, "pool {pool}");
    }
    let beyond = Syscall {
        pool: 2,
        ..read(handle, 0, 4096, 8)
    };
    assert_eq!(status(&asked(beyond)), Status::BadBlock);
    for which in [
        Call::Print,
        Call::Exit,
        Call::BecomeMcp,
        Call::RequestVcores,
        Call::YieldVcore,
    ] {
        assert_eq!(status(&asked(call(which, 1))), Status::NotAllowed);
    }
    let unknown = Syscall {
        call: 12,
        ..call(Call::Open, 1)
    };
    assert_eq!(status(&asked(unknown)), Status::UnknownCall);
    let other = Syscall {
        generation: FIRST_CHANNEL_GENERATION + 1,
        ..open("input")
    };
    world.incoming.borrow_mut().push_back(other.to_message());
    settle(&mut server, &mut world);
    assert!(world.outgoing.borrow().is_empty(), "it is nobody's request");
    assert_eq!(server.counters().stale_requests, 1);
}

#[test]
fn a_peer_that_takes_more_than_its_credits_is_cut_off() {
    let (mut server, mut world) = (personality(0), Fake::new());
    server.start(&mut world);
    for _ in 0..CHANNEL_CREDITS {
        ask_as_peer(&world, open("input"));
    }
    while server.step(&mut world) == Progress::Worked {}
    assert_eq!(server.counters().lost_channels, 0);
    ask_as_peer(&world, open("input"));
    settle(&mut server, &mut world);
    assert_eq!(server.counters().lost_channels, 1);
    assert!(world.outgoing.borrow().is_empty());
    assert_eq!((server.outstanding(), server.open_files()), (0, 0));
    assert!(!server.listens_to_channel(0));
}

#[test]
fn a_cluster_without_a_device_serves_no_files() {
    let (mut client, mut world) = alone();
    ask_as_peer(&world, open("input"));
    settle(&mut client, &mut world);
    let answer = Completion::from_message(&world.outgoing.borrow_mut().pop_front().unwrap());
    assert_eq!(status(&answer), Status::NoService);
}
