//! A service among fake links.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::service_badge;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Actions, Event, Service};
use atoll_channel::CAPACITY;
use atoll_service::{Host, Memory};
use atoll_test_support::link::FakeLink;

/// Answers each call at once, and records what it is told. A call with a count asks the upstream.
#[derive(Default)]
struct Echo {
    events: Vec<String>,
    /// Of this ring something is under way.
    busy: std::rc::Rc<std::cell::Cell<Option<usize>>>,
}

impl Service for Echo {
    fn room(&self, _: usize, free: usize) -> usize {
        free.min(4)
    }

    fn is_quiet(&self, ring: usize) -> bool {
        self.busy.get() != Some(ring)
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Calls { ring, calls } => {
                for call in calls {
                    if call.count > 0 {
                        actions.call(&[atoll_abi::message::Payload::to_message(call)]);
                    }
                    let done = Completion::of(call, Status::Done, [ring as u64, 0]);
                    actions.complete(ring, &[done]);
                }
            }
            Event::Completions(completions) => {
                self.events.push(format!("answered {}", completions.len()));
            }
            Event::Start => self.events.push("start".to_owned()),
            Event::ClientLost { ring } => self.events.push(format!("lost {ring}")),
            Event::ClientConnected { ring, generation } => {
                self.events
                    .push(format!("connected {ring} in {generation}"));
            }
            Event::UpstreamLost(loss) => self.events.push(format!("upstream lost by {loss:?}")),
            Event::UpstreamConnected => self.events.push("upstream connected".to_owned()),
        }
    }
}

struct NoMemory;

impl Memory for NoMemory {
    fn read_block(&mut self, _: u32, _: &mut [u8; BLOCK_SIZE]) {}
}

type Echoes = Host<Echo, FakeLink, NoMemory>;

/// A host with so many clients, the clients' links, and the upstream's.
fn host(clients: usize) -> (Echoes, Vec<FakeLink>, FakeLink) {
    let links: Vec<FakeLink> = (0..clients).map(|_| FakeLink::default()).collect();
    let upstream = FakeLink::default();
    let mut host = Host::new(
        Echo::default(),
        links.clone(),
        Some(upstream.clone()),
        NoMemory,
    );
    host.start([]);
    (host, links, upstream)
}

fn call(count: u16) -> Syscall {
    Syscall {
        count,
        ..Syscall::EMPTY
    }
}

/// Turns until there is nothing to do.
fn rest(host: &mut Echoes) {
    while host.turn() {}
}

fn events(host: &Echoes) -> Vec<&str> {
    host.service().events.iter().map(String::as_str).collect()
}

#[test]
fn calls_go_to_the_service_and_answers_to_their_client() {
    let (mut host, links, upstream) = host(2);
    links[1].send_to_it(&call(1));
    assert!(host.turn());
    let answer: Completion = links[1].take().unwrap();
    assert_eq!(answer.result[0], 1);
    assert!(links[0].take::<Completion>().is_none());
    let asked: Syscall = upstream.take().unwrap();
    upstream.send_to_it(&Completion::of(&asked, Status::Done, [0; 2]));
    rest(&mut host);
    assert_eq!(events(&host), ["start", "answered 1"]);
}

#[test]
fn a_service_sleeps_when_every_ring_is_armed_and_wakes_to_those_that_have_something() {
    let (mut host, links, upstream) = host(70);
    rest(&mut host);
    assert!(host.may_sleep());
    assert!(links.iter().all(|link| link.rings().armed));
    assert!(upstream.rings().armed);
    links[65].send_to_it(&call(0));
    host.awake(service_badge::client(65));
    assert!(!upstream.rings().armed && !links[65].rings().armed);
    // Clients 3 and 65 share a bit; the others stay armed and are not polled.
    assert!(!links[3].rings().armed && links[4].rings().armed);
    assert!(host.turn());
    assert!(links[65].take::<Completion>().is_some());
}

#[test]
fn a_message_that_comes_before_the_sleep_prevents_it() {
    let (mut host, links, upstream) = host(2);
    rest(&mut host);
    links[1].send_to_it(&call(0));
    assert!(!host.may_sleep());
    rest(&mut host);
    upstream.send_to_it(&Completion::of(&call(0), Status::Done, [0; 2]));
    assert!(!host.may_sleep());
}

#[test]
fn an_idle_client_is_armed_and_served_when_it_sends_though_the_service_never_sleeps() {
    let (mut host, links, _) = host(2);
    for _ in 0..200 {
        links[0].send_to_it(&call(0));
        host.turn();
        links[0].take::<Completion>().unwrap();
    }
    assert!(links[1].rings().armed && !links[0].rings().armed);
    links[1].send_to_it(&call(0));
    for _ in 0..3 {
        host.turn();
    }
    assert!(links[1].take::<Completion>().is_some());
}

#[test]
fn a_client_without_room_is_no_reason_to_stay_awake() {
    let (mut host, links, _) = host(2);
    for _ in 0..2 * CAPACITY {
        links[0].send_to_it(&call(0));
    }
    rest(&mut host);
    assert_eq!(links[0].rings().outgoing.len(), CAPACITY);
    assert!(host.may_sleep());
    // Woken by another client, it goes on with the first one where that has taken its completions.
    links[0].rings().outgoing.clear();
    host.awake(service_badge::client(1));
    rest(&mut host);
    assert_eq!(links[0].rings().outgoing.len(), CAPACITY);
}

#[test]
fn a_client_that_breaks_its_ring_is_lost_alone_until_it_begins_anew() {
    let (mut host, links, _) = host(2);
    links[0].rings().broken = true;
    links[1].send_to_it(&call(0));
    rest(&mut host);
    assert_eq!(events(&host), ["start", "lost 0"]);
    assert!(links[0].rings().closed && !links[1].rings().closed);
    assert!(links[1].take::<Completion>().is_some());
    assert!(host.may_sleep());
    links[0].rings().changed = Some((true, 4));
    links[0].send_to_it(&call(0));
    host.awake(service_badge::client(0));
    rest(&mut host);
    assert_eq!(events(&host)[2..], ["connected 0 in 4"]);
    links[0].send_to_it(&call(0));
    rest(&mut host);
    assert!(links[0].take::<Completion>().is_some());
}

#[test]
fn a_client_that_broke_its_ring_learns_that_it_is_closed_when_no_device_has_its_blocks() {
    let (mut host, links, upstream) = host(2);
    let busy = host.service().busy.clone();
    busy.set(Some(0));
    links[0].rings().broken = true;
    rest(&mut host);
    assert_eq!(events(&host), ["start", "lost 0"]);
    // It would take its blocks back.
    assert!(!links[0].rings().closed);
    assert!(host.may_sleep(), "the upstream wakes the service");
    host.awake(service_badge::DRIVER);
    // The other one goes on.
    links[1].send_to_it(&call(0));
    rest(&mut host);
    assert!(links[1].take::<Completion>().is_some() && !links[0].rings().closed);

    busy.set(None);
    upstream.send_to_it(&Completion::of(&call(0), Status::Done, [0; 2]));
    rest(&mut host);
    assert!(links[0].rings().closed && !links[1].rings().closed);
    assert_eq!(events(&host)[1..], ["lost 0", "answered 1"]);
    assert!(host.may_sleep());
    links[0].rings().changed = Some((true, 4));
    host.awake(service_badge::client(0));
    rest(&mut host);
    assert_eq!(events(&host)[3..], ["connected 0 in 4"]);
}

#[test]
fn a_client_that_broke_its_ring_and_begins_anew_meanwhile_is_never_told_that_it_is_closed() {
    let (mut host, links, _) = host(1);
    let busy = host.service().busy.clone();
    busy.set(Some(0));
    links[0].rings().broken = true;
    rest(&mut host);
    links[0].rings().changed = Some((true, 2));
    rest(&mut host);
    assert!(host.may_sleep(), "it waits for the upstream");
    host.awake(service_badge::DRIVER);
    busy.set(None);
    rest(&mut host);
    assert!(!links[0].rings().closed);
    assert_eq!(events(&host)[1..], ["lost 0", "connected 0 in 2"]);
    links[0].send_to_it(&call(0));
    rest(&mut host);
    assert!(links[0].take::<Completion>().is_some());
}

#[test]
fn a_client_that_died_is_told_of_once() {
    let (mut host, links, _) = host(1);
    links[0].rings().changed = Some((false, 0));
    rest(&mut host);
    rest(&mut host);
    assert_eq!(events(&host), ["start", "lost 0"]);
    assert!(host.may_sleep());
}

#[test]
fn the_death_of_the_upstream_and_its_return_are_told() {
    let (mut host, _, upstream) = host(1);
    upstream.rings().changed = Some((false, 1));
    rest(&mut host);
    assert!(host.may_sleep());
    upstream.rings().changed = Some((true, 2));
    assert!(!host.may_sleep(), "the upstream is back");
    rest(&mut host);
    let expected = ["start", "upstream lost by Death", "upstream connected"];
    assert_eq!(events(&host), expected);
}

#[test]
fn an_upstream_that_died_and_came_back_between_two_looks_is_lost_once() {
    let (mut host, _, upstream) = host(1);
    upstream.rings().changed = Some((true, 2));
    rest(&mut host);
    let expected = ["start", "upstream lost by Death", "upstream connected"];
    assert_eq!(events(&host), expected);
}

#[test]
fn an_upstream_that_breaks_the_ring_may_still_write() {
    let (mut host, links, upstream) = host(1);
    upstream.rings().broken = true;
    links[0].send_to_it(&call(1));
    rest(&mut host);
    assert_eq!(events(&host), ["start", "upstream lost by Fault"]);
    assert!(upstream.rings().closed);
    // Its death is news: its device is quiet.
    upstream.rings().changed = Some((false, 1));
    rest(&mut host);
    assert_eq!(events(&host)[2..], ["upstream lost by Death"]);
}

#[test]
fn the_next_client_waits_until_nothing_of_the_one_before_is_under_way() {
    let (mut host, links, _) = host(2);
    let busy = host.service().busy.clone();
    busy.set(Some(0));
    links[0].rings().changed = Some((true, 2));
    rest(&mut host);
    assert_eq!(events(&host), ["start", "lost 0"]);
    assert!(host.may_sleep(), "the upstream wakes the service");
    host.awake(0);
    busy.set(None);
    rest(&mut host);
    assert_eq!(events(&host)[2..], ["connected 0 in 2"]);
    links[0].send_to_it(&call(0));
    rest(&mut host);
    assert!(links[0].take::<Completion>().is_some());
}

/// However long the device takes: the service looks a few times and sleeps, each time that it is woken.
#[test]
fn a_service_sleeps_while_the_next_client_waits_for_the_device() {
    for watched in [true, false] {
        let (mut host, links, upstream) = host(70);
        if !watched {
            rest(&mut host);
            assert!(host.may_sleep());
            host.awake(service_badge::DRIVER);
        }
        let busy = host.service().busy.clone();
        busy.set(Some(0));
        links[0].rings().changed = Some((true, 2));
        // In rotation, every ring is looked at.
        let mut worked = (0..100).filter(|_| host.turn()).count();
        for _ in 0..10 {
            assert!(host.may_sleep() && upstream.rings().armed);
            host.awake(service_badge::client(1));
            worked += (0..100).filter(|_| host.turn()).count();
        }
        assert!(worked <= 3, "{worked} turns found something to do");
        assert!(host.may_sleep());

        busy.set(None);
        upstream.send_to_it(&Completion::of(&call(0), Status::Done, [0; 2]));
        host.awake(service_badge::DRIVER);
        rest(&mut host);
        assert_eq!(events(&host)[2..], ["answered 1", "connected 0 in 2"]);
    }
}

#[test]
fn an_upstream_that_is_dead_when_the_service_starts_is_told_of() {
    let upstream = FakeLink::default();
    upstream.rings().dead = true;
    let links: [FakeLink; 0] = [];
    let mut host = Host::new(Echo::default(), links, Some(upstream), NoMemory);
    host.start([]);
    assert_eq!(events(&host), ["start", "upstream lost by Death"]);
}

#[test]
fn a_client_that_takes_its_completions_and_calls_again_is_heard() {
    let (mut host, links, _) = host(1);
    for _ in 0..CAPACITY {
        links[0].send_to_it(&call(0));
    }
    rest(&mut host);
    assert_eq!(links[0].rings().outgoing.len(), CAPACITY);
    assert!(host.may_sleep());
    assert!(links[0].rings().armed, "a client without room is not heard");
}
