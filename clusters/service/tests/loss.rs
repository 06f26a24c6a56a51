//! Clients and upstreams that die, break their rings and come back.

mod common;

use atoll_abi::layout::service_badge;
use atoll_abi::syscall::{Completion, Status};
use atoll_service::{Host, NoMemory};
use atoll_test_support::link::FakeLink;

use common::*;

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

/// A client that came back and died before the service looked is another one than the one that the service knows to be dead.
#[test]
fn a_client_that_died_again_before_it_was_connected_is_told_of_again() {
    for busy_at_first in [false, true] {
        let (mut host, links, _) = host(1);
        let busy = host.service().busy.clone();
        busy.set(busy_at_first.then_some(0));
        links[0].rings().changed = Some((false, 0));
        rest(&mut host);
        assert_eq!(events(&host), ["start", "lost 0"]);
        busy.set(None);
        links[0].rings().changed = Some((false, 0));
        host.awake(service_badge::client(0));
        rest(&mut host);
        assert_eq!(events(&host), ["start", "lost 0", "lost 0"]);
        assert!(host.may_sleep());
    }
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
fn an_upstream_that_is_dead_when_the_service_starts_is_told_of() {
    let upstream = FakeLink::default();
    upstream.rings().dead = true;
    let links: [FakeLink; 0] = [];
    let mut host = Host::new(Echo::default(), links, Some(upstream), NoMemory);
    host.start([]);
    assert_eq!(events(&host), ["start", "upstream lost by Death"]);
}
