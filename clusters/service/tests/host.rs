//! A service among its rings: calls, answers and sleep.

mod common;

use atoll_abi::layout::service_badge;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_channel::CAPACITY;

use common::*;

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
    // Clients 4 and 65 share a bit; the others stay armed and are not polled.
    assert!(!links[4].rings().armed && links[3].rings().armed);
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
