//! Calls that end before they are answered: taken back, out of time, or with a peer that is gone.

mod common;

use atoll_abi::message::Payload;
use atoll_abi::syscall::{ANSWER, Call, Completion, NO_BLOCK, Status, Syscall};
use atoll_abi::time::Timeout;
use atoll_core::process::State;
use atoll_core::{CHANNEL_CREDITS, Personality, Progress};
use common::*;

const MICROSECOND: u64 = 1000;

fn within(microseconds: u64, syscall: Syscall) -> Syscall {
    Syscall {
        pool: Timeout::from_microseconds(microseconds).to_raw(),
        ..syscall
    }
}

fn sleep(tag: u64, microseconds: u64) -> Syscall {
    within(microseconds, call(Call::Sleep, tag))
}

fn cancel(tag: u64, of: u64) -> Syscall {
    Syscall {
        arguments: [of, 0, 0, 0],
        ..call(Call::Cancel, tag)
    }
}

/// Steps until nothing more happens; the driver is silent.
fn rest(personality: &mut Personality, fake: &mut Fake) {
    for _ in 0..1000 {
        if personality.step(fake) != Progress::Worked {
            return;
        }
    }
    panic!("the personality never comes to rest");
}

/// What a process gets: tag, status, result and blocks of each completion.
fn taken(fake: &mut Fake, process: usize) -> Vec<(u64, Status, u64, u32, u32)> {
    std::iter::from_fn(|| fake.take(process, 0))
        .map(|it| (it.tag, status(&it), it.result[0], it.block, it.returned))
        .collect()
}

fn ended(tag: u64, status: Status) -> (u64, Status, u64, u32, u32) {
    (tag, status, 0, NO_BLOCK, NO_BLOCK)
}

#[test]
fn a_sleep_ends_when_its_time_is_up_and_not_before() {
    let (mut personality, mut fake) = started();
    for (tag, long) in [(30, 300), (10, 100), (20, 200)] {
        fake.submit(0, 0, sleep(tag, long));
    }
    rest(&mut personality, &mut fake);
    assert_eq!(personality.next_deadline(), Some(100 * MICROSECOND));
    fake.now = 100 * MICROSECOND - 1;
    rest(&mut personality, &mut fake);
    assert_eq!(taken(&mut fake, 0), []);
    fake.now += 1;
    rest(&mut personality, &mut fake);
    assert_eq!(taken(&mut fake, 0), [ended(10, Status::TimedOut)]);
    assert_eq!(personality.next_deadline(), Some(200 * MICROSECOND));
    fake.now = 1_000_000 * MICROSECOND;
    rest(&mut personality, &mut fake);
    // In the order of their deadlines, not of their submission.
    let rest = [ended(20, Status::TimedOut), ended(30, Status::TimedOut)];
    assert_eq!(taken(&mut fake, 0), rest);
    assert_eq!(
        (personality.next_deadline(), personality.outstanding()),
        (None, 0)
    );
}

/// Also where more of them have to end than one step ends.
#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    const SLEEPS: u64 = 50;
    let (mut personality, mut fake) = started();
    for tag in 1..=SLEEPS {
        fake.submit(0, 0, sleep(tag, 1000 - 10 * tag));
    }
    rest(&mut personality, &mut fake);
    fake.now = 1_000_000 * MICROSECOND;
    rest(&mut personality, &mut fake);
    let expected: Vec<_> = (1..=SLEEPS)
        .rev()
        .map(|tag| ended(tag, Status::TimedOut))
        .collect();
    assert_eq!(taken(&mut fake, 0), expected);
    assert_eq!(personality.next_deadline(), None);
}

#[test]
fn a_sleep_without_an_end_is_refused() {
    let (mut personality, mut fake) = started();
    // All that are none: no mantissa, whatever the exponent.
    for raw in [0, 0x6800, 0xf800] {
        let sleep = Syscall {
            pool: raw,
            ..call(Call::Sleep, 1)
        };
        let answer = ask(&mut personality, &mut fake, 0, sleep);
        assert_eq!(status(&answer), Status::InvalidArgument);
    }
}

#[test]
fn a_call_is_taken_back_once() {
    let (mut personality, mut fake) = started();
    fake.submit(0, 0, sleep(1, 1000));
    fake.submit(0, 1, sleep(1, 1000));
    for (tag, of) in [(2, 1), (3, 1), (4, 4), (5, 77)] {
        fake.submit(0, 0, cancel(tag, of));
    }
    rest(&mut personality, &mut fake);
    let done = |tag, result| (tag, Status::Done, result, NO_BLOCK, NO_BLOCK);
    assert_eq!(
        taken(&mut fake, 0),
        [
            ended(1, Status::Cancelled),
            done(2, 1),
            done(3, 0),
            done(4, 0),
            done(5, 0)
        ]
    );
    assert_eq!(
        fake.take(0, 1),
        None,
        "another vcore's call of that tag stays"
    );
    assert_eq!(personality.outstanding(), 1);
}

#[test]
fn a_block_that_is_with_the_device_comes_back_later() {
    let (mut personality, mut fake) = started();
    let handle = ask(&mut personality, &mut fake, 0, open("input")).result[0] as u32;
    fake.submit(0, 0, within(50, read(handle, 0, 4096, 3)));
    rest(&mut personality, &mut fake);
    fake.now = 50 * MICROSECOND;
    rest(&mut personality, &mut fake);
    assert_eq!(taken(&mut fake, 0), [ended(2, Status::TimedOut)]);
    assert_eq!(personality.blocks_in_use(), 1);
    fake.submit(0, 0, read(handle, 0, 4096, 3));
    rest(&mut personality, &mut fake);
    let refused = taken(&mut fake, 0);
    assert_eq!(
        refused,
        [ended(2, Status::BadBlock)],
        "it is still being written"
    );
    settle(&mut personality, &mut fake);
    assert_eq!(taken(&mut fake, 0), [], "nobody is told twice");
    assert_eq!(personality.blocks_in_use(), 0);
    let stat = ask(
        &mut personality,
        &mut fake,
        0,
        with_handle(Call::Stat, handle),
    );
    assert_eq!((status(&stat), stat.returned), (Status::Done, 3));
    let stat = ask(
        &mut personality,
        &mut fake,
        0,
        with_handle(Call::Stat, handle),
    );
    assert_eq!(stat.returned, NO_BLOCK);
    assert_eq!(personality.outstanding(), 0);
}

#[test]
fn a_completion_that_waits_for_room_takes_its_block_along() {
    let (mut personality, mut fake) = started();
    let handle = ask(&mut personality, &mut fake, 0, open("input")).result[0] as u32;
    fake.capacity_of_rings = 0;
    fake.submit(0, 0, within(50, read(handle, 0, 4096, 3)));
    fake.capacity_of_rings = 64;
    rest(&mut personality, &mut fake);
    fake.capacity_of_rings = 0;
    fake.now = 50 * MICROSECOND;
    rest(&mut personality, &mut fake);
    fake.capacity_of_rings = 64;
    fake.drive();
    fake.capacity_of_rings = 0;
    rest(&mut personality, &mut fake);
    fake.capacity_of_rings = 64;
    rest(&mut personality, &mut fake);
    assert_eq!(taken(&mut fake, 0), [(2, Status::TimedOut, 0, 3, NO_BLOCK)]);
    assert_eq!(
        (personality.outstanding(), personality.blocks_in_use()),
        (0, 0)
    );
}

#[test]
fn a_process_dies_while_its_block_is_away() {
    let (mut personality, mut fake) = started();
    let handle = ask(&mut personality, &mut fake, 0, open("input")).result[0] as u32;
    for block in 0..2 {
        fake.submit(0, 0, within(50, read(handle, 0, 4096, block)));
    }
    rest(&mut personality, &mut fake);
    fake.now = 50 * MICROSECOND;
    rest(&mut personality, &mut fake);
    // One block is back and waits to be told, the other is away.
    let second = fake.requests.pop_back().unwrap();
    settle(&mut personality, &mut fake);
    fake.requests.push_back(second);
    fake.submit(0, 0, call(Call::Exit, 9));
    rest(&mut personality, &mut fake);
    assert_eq!(personality.state(0), Some(State::Dying));
    settle(&mut personality, &mut fake);
    assert_eq!(personality.state(0), Some(State::Dead));
    assert_eq!(
        (personality.outstanding(), personality.blocks_in_use()),
        (0, 0)
    );
}

/// A client of another cluster, with the file `input` open.
struct Client {
    personality: Box<Personality>,
    world: Fake,
    handle: u32,
    generation: u32,
}

impl Client {
    fn new() -> Client {
        let (mut personality, mut world) = (personality(1), Fake::new());
        personality.start(&mut world);
        let mut client = Client {
            personality,
            world,
            handle: 0,
            generation: 0,
        };
        client.open_file();
        client
    }

    fn open_file(&mut self) {
        self.world.submit(2, 0, open("input"));
        rest(&mut self.personality, &mut self.world);
        let tag = self.sent()[0].tag;
        self.answer(tag, Status::Done, [7 << 16 | 1, LENGTH]);
        self.handle = self.world.take(2, 0).unwrap().result[0] as u32;
    }

    fn submit(&mut self, syscall: Syscall) {
        self.world.submit(2, 0, syscall);
        rest(&mut self.personality, &mut self.world);
    }

    fn sent(&mut self) -> Vec<Syscall> {
        let mut outgoing = self.world.outgoing.borrow_mut();
        outgoing
            .drain(..)
            .map(|message| Syscall::from_message(&message))
            .collect()
    }

    fn answer(&mut self, tag: u64, status: Status, result: [u64; 2]) {
        let completion = Completion {
            tag: tag | ANSWER,
            status: status as u32,
            generation: self.generation,
            result,
            route: 0,
            block: NO_BLOCK,
            returned: NO_BLOCK,
            padding: 0,
            reserved: 0,
        };
        let incoming = self.world.incoming.clone();
        incoming.borrow_mut().push_back(completion.to_message());
        rest(&mut self.personality, &mut self.world);
    }

    fn pass(&mut self, microseconds: u64) {
        self.world.now += microseconds * MICROSECOND;
        rest(&mut self.personality, &mut self.world);
    }

    fn taken(&mut self) -> Vec<(u64, Status, u64, u32, u32)> {
        taken(&mut self.world, 2)
    }

    fn is_clean(&self) {
        assert_eq!(self.personality.outstanding(), 0);
        assert_eq!(self.personality.blocks_in_use(), 0);
    }
}

#[test]
fn a_peer_that_is_silent_keeps_nobody_waiting() {
    let mut client = Client::new();
    client.submit(within(10, read(client.handle, 0, 4096, 5)));
    let tag = client.sent()[0].tag;
    client.pass(10);
    assert_eq!(client.taken(), [ended(2, Status::TimedOut)]);
    assert_eq!(client.personality.blocks_in_use(), 1);
    client.answer(tag, Status::Done, [4096, 0]);
    assert_eq!(client.taken(), [], "the late answer is nobody's");
    assert_eq!(client.personality.counters().stale_answers, 0);
    client.submit(call(Call::BecomeMcp, 8));
    assert_eq!(client.taken(), [(8, Status::Done, 1, NO_BLOCK, 5)]);
    client.is_clean();
}

#[test]
fn a_file_that_nobody_waits_for_any_more_is_closed() {
    let mut client = Client::new();
    client.submit(open("input"));
    client.submit(cancel(6, 1));
    assert_eq!(client.taken()[0], ended(1, Status::Cancelled));
    let asked = client.sent();
    client.answer(asked[0].tag, Status::Done, [9 << 16 | 2, LENGTH]);
    let close = client.sent();
    assert_eq!((close.len(), close[0].call), (1, Call::Close as u16));
    assert_eq!(close[0].handle, 9 << 16 | 2);
    client.answer(close[0].tag, Status::Done, [0; 2]);
    client.is_clean();
}

#[test]
fn a_close_that_is_taken_back_closes_all_the_same() {
    let mut client = Client::new();
    // No credit is left for it.
    for tag in 0..CHANNEL_CREDITS as u64 {
        client.submit(Syscall {
            tag: 100 + tag,
            ..with_handle(Call::Stat, client.handle)
        });
    }
    let stats = client.sent();
    assert_eq!(stats.len(), CHANNEL_CREDITS);
    client.submit(within(10, with_handle(Call::Close, client.handle)));
    assert_eq!(client.sent().len(), 0);
    client.pass(10);
    assert_eq!(client.taken(), [ended(3, Status::TimedOut)]);
    for stat in stats {
        client.answer(stat.tag, Status::Done, [LENGTH, 0]);
    }
    assert_eq!(client.taken().len(), CHANNEL_CREDITS);
    let close = client.sent();
    assert_eq!((close.len(), close[0].call), (1, Call::Close as u16));
    client.answer(close[0].tag, Status::Done, [0; 2]);
    client.is_clean();
}

#[test]
fn a_peer_that_dies_ends_every_call_once() {
    let mut client = Client::new();
    client.submit(within(10, read(client.handle, 0, 4096, 1)));
    client.submit(Syscall {
        tag: 50,
        ..read(client.handle, 0, 4096, 2)
    });
    let old = client.sent();
    client.pass(10);
    assert_eq!(client.taken(), [ended(2, Status::TimedOut)]);
    client.personality.lose_channel(0);
    client.personality.lose_channel(0);
    rest(&mut client.personality, &mut client.world);
    assert_eq!(client.taken(), [(50, Status::PeerLost, 0, 2, 1)]);
    client.is_clean();
    client.submit(open("input"));
    assert_eq!(client.taken(), [ended(1, Status::PeerLost)]);
    // It comes back.
    client.generation = 2;
    client.personality.open_channel(0, 2);
    client.open_file();
    client.submit(with_handle(Call::Stat, client.handle));
    let stat = client.sent();
    assert_eq!((stat[0].generation, stat[0].call), (2, Call::Stat as u16));
    // What the dead one said is not taken for an answer, whatever its tag.
    client.generation = 0;
    client.answer(stat[0].tag, Status::Done, [1, 0]);
    client.answer(old[1].tag, Status::Done, [1, 0]);
    let taken = client.taken();
    assert_eq!(taken, [], "no answer of an old generation ends a call");
    assert_eq!(client.personality.counters().stale_answers, 2);
    client.generation = 2;
    client.answer(stat[0].tag, Status::Done, [LENGTH, 0]);
    assert_eq!(
        client.taken(),
        [(3, Status::Done, LENGTH, NO_BLOCK, NO_BLOCK)]
    );
    client.is_clean();
}

#[test]
fn a_peer_that_comes_back_finds_nothing_of_its_former_life() {
    let (mut server, mut world) = started();
    let ask_as_peer = |world: &mut Fake, generation, syscall| {
        let request = Syscall {
            generation,
            ..syscall
        };
        world.incoming.borrow_mut().push_back(request.to_message());
    };
    ask_as_peer(&mut world, 0, open("input"));
    settle(&mut server, &mut world);
    let answer = world.outgoing.borrow_mut().pop_front().unwrap();
    let handle = Completion::from_message(&answer).result[0] as u32;
    let read = Syscall {
        pool: 2,
        ..read(handle, 0, 4096, 0)
    };
    ask_as_peer(&mut world, 0, read);
    rest(&mut server, &mut world);
    assert_eq!((server.open_files(), server.blocks_in_use()), (1, 1));
    server.open_channel(0, 2);
    assert_eq!(server.open_files(), 0);
    ask_as_peer(&mut world, 0, with_handle(Call::Stat, handle));
    ask_as_peer(&mut world, 2, with_handle(Call::Stat, handle));
    settle(&mut server, &mut world);
    let answers: Vec<_> = world.outgoing.borrow_mut().drain(..).collect();
    let answers: Vec<_> = answers.iter().map(Completion::from_message).collect();
    assert_eq!(
        answers.len(),
        1,
        "the read of its former life is not answered"
    );
    assert_eq!(
        (status(&answers[0]), answers[0].generation),
        (Status::BadHandle, 2)
    );
    assert_eq!(server.counters().stale_requests, 1);
    assert_eq!((server.outstanding(), server.blocks_in_use()), (0, 0));
}
