//! A server of many vcores looks at few rings, and misses none.

mod common;

use atoll_abi::interface::{Request, request};
use atoll_abi::layout::server_badge;
use atoll_abi::plan::{Tables, empty_rows};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_core::Personality;
use atoll_server::Host;
use atoll_test_support::link::FakeLink;

use common::Events;

/// Processes, each with one vcore.
const PROCESSES: usize = 64;

/// Turns after which a ring in which nothing was found rests.
const QUIET: usize = 100;

struct Server {
    host: Host<FakeLink, Events>,
    rings: Vec<FakeLink>,
}

impl Server {
    /// One in which nothing has happened for long.
    fn quiet() -> Server {
        let mut tables = Tables {
            processes: empty_rows(PROCESSES),
            ..Tables::default()
        };
        tables.processes.iter_mut().for_each(|it| it.vcores = 1);
        let rings: Vec<FakeLink> = (0..PROCESSES).map(|_| FakeLink::default()).collect();
        let personality = Personality::new(&tables.encode(), 0);
        let links = rings.iter().map(|ring| [ring.clone()]);
        let mut host = Host::new(personality, links, Events::default());
        for index in 0..PROCESSES as u16 {
            let generation = 1;
            host.start(ProcessId { index, generation });
        }
        let mut server = Server { host, rings };
        for _ in 0..QUIET {
            assert!(!server.host.turn());
        }
        server.forget();
        server
    }

    fn forget(&mut self) {
        for ring in &self.rings {
            ring.rings().looks = 0;
        }
    }

    /// How many rings were looked at since.
    fn looked_at(&self) -> usize {
        let rings = self.rings.iter();
        rings.filter(|ring| ring.rings().looks > 0).count()
    }

    fn armed(&self) -> Vec<usize> {
        let rings = self.rings.iter().enumerate();
        let armed = rings.filter(|(_, ring)| ring.rings().armed);
        armed.map(|(index, _)| index).collect()
    }

    fn call(&self, process: usize) {
        let syscall = Syscall {
            generation: 1,
            ..request::Connect {
                service: atoll_abi::name::Name::new("none").unwrap(),
            }
            .encode()
        };
        self.rings[process].send_to_it(&syscall);
    }

    fn is_answered(&self, process: usize) -> bool {
        let answer: Option<Completion> = self.rings[process].take();
        let status = answer.map(|it| Status::from_raw(it.status));
        assert!(matches!(status, None | Some(Status::NotFound)));
        status.is_some()
    }
}

#[test]
fn a_ring_in_which_nothing_is_found_rests() {
    let mut server = Server::quiet();
    let armed = server.armed();
    assert_eq!(armed.len(), PROCESSES - 8);
    assert!(!server.host.take_calls());
    assert_eq!(server.looked_at(), 8);
    // To sleep and to wake takes no look at those that rest.
    server.forget();
    assert!(server.host.may_sleep());
    assert_eq!(server.armed().len(), PROCESSES);
    server.host.awake_by(0);
    assert!(server.looked_at() <= 8);
    assert_eq!(server.armed(), armed);
}

#[test]
fn a_ring_is_polled_when_its_process_has_woken_the_server() {
    let mut server = Server::quiet();
    let resting = server.armed()[20];
    assert!(server.host.may_sleep());
    server.forget();
    server.call(resting);
    server.host.awake_by(server_badge::process(resting as u32));
    assert!(server.host.take_calls());
    assert!(server.is_answered(resting));
    // Beside those that are always polled, this one, and one that shares its bit.
    assert!(server.looked_at() <= 8 + 2);
    // It is polled from now on, until it is quiet again.
    assert!(!server.armed().contains(&resting));
    server.call(resting);
    assert!(server.host.take_calls() && server.is_answered(resting));
    for _ in 0..QUIET {
        server.host.turn();
    }
    assert_eq!(server.armed().len(), PROCESSES - 8);
}

#[test]
fn processes_that_share_a_bit_are_both_heard() {
    let mut server = Server::quiet();
    for pair in [[2, 62], [3, 63]] {
        assert!(server.host.may_sleep());
        pair.iter().for_each(|process| server.call(*process));
        let badge = server_badge::process(pair[0] as u32);
        assert_eq!(badge, server_badge::process(pair[1] as u32));
        server.host.awake_by(badge);
        server.host.take_calls();
        assert_eq!(pair.map(|process| server.is_answered(process)), [true; 2]);
    }
}

#[test]
fn a_server_that_is_awake_finds_every_call_in_rotation() {
    let mut server = Server::quiet();
    (0..PROCESSES).for_each(|process| server.call(process));
    for _ in 0..PROCESSES / 8 + 1 {
        server.host.turn();
    }
    assert!((0..PROCESSES).all(|process| server.is_answered(process)));
}

#[test]
fn a_process_whose_ring_rests_can_end_and_begin_again() {
    let mut server = Server::quiet();
    let index = server.armed()[30];
    server.host.faulted(index);
    while server.host.turn() {}
    assert_eq!(server.host.kernel().ended.len(), 1);
    assert!(server.host.may_sleep());
    server.host.awake_by(0);
    let again = ProcessId {
        index: index as u16,
        generation: 2,
    };
    assert!(server.host.follow(again, false));
    // Its ring is polled from its start on: nothing has to ring.
    let syscall = Syscall {
        generation: 2,
        ..request::Exit { status: 7 }.encode()
    };
    server.rings[index].send_to_it(&syscall);
    while server.host.take_calls() {}
    let ended = server.host.kernel().ended.last().copied();
    assert_eq!(ended, Some((index as u16, 7)));
}
