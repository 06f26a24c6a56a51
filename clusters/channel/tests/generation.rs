//! Sides that die and come back: nothing of an earlier generation is taken for something of the present one.
#![cfg(not(loom))]

mod common;

use std::cell::Cell;

use atoll_channel::{
    CAPACITY, Doorbell, Endpoint, EndpointLink, Latencies, Link, SendError, Side, window,
};
use common::Window;

fn message(number: u64) -> [u64; 7] {
    [number; 7]
}

/// A first side that has sent some messages and died, and the second side, which has read some of them.
fn half_read(window: &Window, sent: u64, read: u64) -> Endpoint {
    let (mut first, mut second) = window.attach();
    for number in 0..sent {
        let _ = first.sender.send(&message(number)).unwrap();
    }
    for number in 0..read {
        assert_eq!(second.receiver.receive(), Ok(Some(message(number))));
    }
    second
}

#[test]
fn a_death_is_seen_and_ends_the_sleep() {
    let window = Window::new();
    let (_first, mut second) = window.attach();
    assert_eq!(second.generation(), 0);
    assert_eq!(second.receiver.arm(), Ok(true));
    assert!(!second.receiver.peer_changed());
    window.announce_lost(Side::First);
    assert!(second.receiver.peer_changed() && second.receiver.peer_dead());
    second.receiver.disarm();
    assert_eq!(
        second.receiver.arm(),
        Ok(false),
        "it does not sleep beside a death that it has not dealt with"
    );
    assert!(!second.reattach(), "the dead do not talk");
    assert!(!second.receiver.peer_changed(), "it is known now");
    assert_eq!(
        second.receiver.arm(),
        Ok(true),
        "and does not keep this side awake"
    );
}

#[test]
fn late_messages_of_an_old_generation_are_refused() {
    for (sent, read) in [(1, 0), (5, 2), (64, 64), (64, 0), (64, 63)] {
        let window = Window::new();
        let mut second = half_read(&window, sent, read);
        window.announce_lost(Side::First);
        let mut first = window.attach_again(Side::First);
        assert!(second.receiver.peer_changed());
        assert!(second.reattach());
        assert_eq!(second.generation(), first.generation());
        assert_eq!(
            second.receiver.receive(),
            Ok(None),
            "no message of an old generation is delivered: {sent} sent, {read} read"
        );
        assert_eq!(
            second.receiver.arm(),
            Ok(true),
            "and nothing keeps it awake"
        );
        assert!(first.sender.send(&message(100)).unwrap().needed());
        second.receiver.disarm();
        assert_eq!(second.receiver.receive(), Ok(Some(message(100))));
        assert_eq!(second.receiver.receive(), Ok(None));
        assert_eq!(first.sender.free(), Ok(CAPACITY));
    }
}

#[test]
fn a_write_that_reaches_memory_after_the_return_is_refused() {
    let window = Window::new();
    let mut second = half_read(&window, 3, 3);
    window.announce_lost(Side::First);
    let mut first = window.attach_again(Side::First);
    assert!(second.reattach());
    // The dead side's fourth message and, where the new side's first one goes, one that fits the count.
    window.poke(window::SLOTS + 3 * 64, 4);
    window.poke(window::SLOTS, 1);
    assert_eq!(second.receiver.receive(), Ok(None));
    assert_eq!(second.receiver.receive(), Ok(None));
    assert_eq!(second.receiver.telemetry().stale, 1, "counted once");
    let _ = first.sender.send(&message(7)).unwrap();
    assert_eq!(second.receiver.receive(), Ok(Some(message(7))));
}

#[test]
fn a_message_under_a_death_is_not_taken() {
    let window = Window::new();
    let mut second = half_read(&window, 3, 1);
    window.announce_lost(Side::First);
    // The new incarnation may already be writing over the slot.
    assert_eq!(second.receiver.receive(), Ok(None));
    assert_eq!(second.receiver.receive_batch(&mut [[0; 7]; 4]), Ok(0));
    let each = |_: [u64; 7], _: &mut Latencies<'_>| panic!("it may be torn");
    assert_eq!(second.receiver.receive_answers(4, || 0, each), Ok(0));
    assert!(second.receiver.peer_changed());
}

#[test]
fn credits_of_an_old_generation_are_not_given_back_twice() {
    let window = Window::new();
    let (mut first, _second) = window.attach();
    for number in 0..CAPACITY as u64 {
        let _ = first.sender.send(&message(number)).unwrap();
    }
    assert_eq!(first.sender.free(), Ok(0));
    window.announce_lost(Side::Second);
    let mut second = window.attach_again(Side::Second);
    assert!(first.receiver.peer_changed() && first.reattach());
    assert_eq!(first.sender.free(), Ok(CAPACITY));
    let _ = first.sender.send(&message(1)).unwrap();
    // The dead consumer's last word arrives.
    window.poke(window::CONSUMED, 64);
    assert_eq!(first.sender.free(), Ok(CAPACITY - 1));
    assert_eq!(second.receiver.receive(), Ok(Some(message(1))));
    assert_eq!(first.sender.free(), Ok(CAPACITY));
}

#[test]
fn both_sides_may_die_and_agree_again() {
    let window = Window::new();
    let _dead = window.attach();
    let mut first = window.attach_again(Side::First);
    let mut second = window.attach_again(Side::Second);
    assert!(first.receiver.peer_changed(), "the second came back later");
    assert!(first.reattach());
    assert_eq!(first.generation(), second.generation());
    let _ = first.sender.send(&message(1)).unwrap();
    let _ = second.sender.send(&message(2)).unwrap();
    assert_eq!(second.receiver.receive(), Ok(Some(message(1))));
    assert_eq!(first.receiver.receive(), Ok(Some(message(2))));
}

#[test]
fn a_side_that_closed_stays_closed() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    second.close();
    assert!(first.receiver.peer_changed() && first.receiver.peer_dead());
    assert!(!first.reattach() && !second.reattach());
}

#[test]
fn what_is_staged_and_not_published_was_never_sent() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    for lap in 0..3 * CAPACITY as u64 {
        drop(
            first
                .sender
                .stage(&[message(9), message(8), message(7)])
                .unwrap(),
        );
        assert_eq!(second.receiver.receive(), Ok(None));
        let _ = first.sender.send(&message(lap)).unwrap();
        assert_eq!(second.receiver.receive(), Ok(Some(message(lap))));
        assert_eq!(second.receiver.receive(), Ok(None), "lap {lap}");
    }
    let staged = first.sender.stage(&[message(1), message(2)]).unwrap();
    assert_eq!(staged.publish().0, 2);
    let mut batch = [[0; 7]; 4];
    assert_eq!(second.receiver.receive_batch(&mut batch), Ok(2));
    assert_eq!(batch[..2], [message(1), message(2)]);
}

#[test]
fn a_message_that_was_only_looked_at_is_still_there() {
    let window = Window::new();
    let (mut first, mut second) = window.attach();
    let _ = first.sender.send(&message(1)).unwrap();
    assert_eq!(second.receiver.peek(), Ok(Some(message(1))));
    assert_eq!(first.sender.free(), Ok(CAPACITY - 1));
    assert_eq!(second.receiver.peek(), Ok(Some(message(1))));
    second.receiver.advance();
    assert_eq!(first.sender.free(), Ok(CAPACITY));
    assert_eq!(second.receiver.peek(), Ok(None));
}

#[test]
fn a_ring_that_its_peer_broke_works_again_in_the_next_generation() {
    let window = Window::new();
    let (_first, mut second) = window.attach();
    window.poke(window::SLOTS, 2);
    assert!(second.receiver.receive().is_err());
    let mut first = window.attach_again(Side::First);
    assert!(second.reattach());
    let _ = first.sender.send(&message(1)).unwrap();
    assert_eq!(second.receiver.receive(), Ok(Some(message(1))));
}

#[test]
fn a_full_ring_of_the_dead_does_not_stop_the_living() {
    let window = Window::new();
    let (mut first, _dead) = window.attach();
    while first.sender.send(&message(0)).is_ok() {}
    assert_eq!(first.sender.send(&message(0)), Err(SendError::Full));
    let mut second = window.attach_again(Side::Second);
    assert!(first.reattach());
    assert!(first.sender.send(&message(5)).is_ok());
    assert_eq!(second.receiver.receive(), Ok(Some(message(5))));
}

#[test]
fn a_side_that_closed_the_channel_opens_it_for_another_life_of_its_peer_only() {
    let window = Window::new();
    let (_first, mut second) = window.attach();
    second.close();
    assert!(!second.reopen(), "its peer is the one that it closed for");
    window.announce_lost(Side::First);
    assert!(!second.reopen(), "its peer is dead");
    assert!(!second.reattach());
    let mut first = window.attach_again(Side::First);
    assert!(first.receiver.peer_dead());
    assert!(second.reopen() && second.reattach());
    assert!(!second.reopen(), "it is open");
    // The peer learns of it by the doorbell that is to be rung.
    assert!(first.receiver.peer_changed() && first.reattach());
    let _ = first.sender.send(&message(1)).unwrap();
    assert_eq!(second.receiver.receive(), Ok(Some(message(1))));
}

#[test]
fn each_death_is_seen_even_of_a_side_that_never_came_back() {
    let window = Window::new();
    let (_first, mut second) = window.attach();
    for _ in 0..3 {
        window.announce_lost(Side::First);
        assert!(second.receiver.peer_changed() && second.receiver.peer_dead());
        assert!(!second.reattach());
        assert!(!second.receiver.peer_changed());
    }
    let mut first = window.attach_again(Side::First);
    assert!(second.receiver.peer_changed() && second.reattach());
    let _ = first.sender.send(&message(1)).unwrap();
    assert_eq!(second.receiver.receive(), Ok(Some(message(1))));
}

/// A doorbell that counts.
struct Counted<'a>(&'a Cell<usize>);

impl Doorbell for Counted<'_> {
    fn ring(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_side_that_comes_back_learns_when_its_peer_has_begun_anew() {
    let window = Window::new();
    let (first, second) = window.attach();
    assert!(first.peer_has_begun() && second.peer_has_begun());
    window.announce_lost(Side::First);
    let rung = Cell::new(0);
    let mut peer = EndpointLink::new(second, Counted(&rung));
    assert_eq!(peer.reattach(), None);
    assert_eq!(rung.get(), 0, "the dead do not wait");
    let first = window.attach_again(Side::First);
    assert!(!first.peer_has_begun(), "it knows the dead one only");
    assert_eq!(peer.reattach(), Some(first.generation()));
    assert!(first.peer_has_begun());
    assert_eq!(rung.get(), 1);
    // One that is attached for the first time finds that its peer has had a life before.
    let late = Window::new();
    late.announce_lost(Side::First);
    let early = late.attach_again(Side::First);
    assert!(!early.peer_has_begun());
    let rung = Cell::new(0);
    let _peer = EndpointLink::begin(late.attach_side(Side::Second), Counted(&rung));
    assert!(rung.get() == 1 && early.peer_has_begun() && !early.receiver.peer_changed());
    let fresh = Window::new();
    let rung = Cell::new(0);
    let _peer = EndpointLink::begin(fresh.attach_side(Side::Second), Counted(&rung));
    assert_eq!(rung.get(), 0, "both have begun with their windows");
    // Where the peer comes back too, it begins with what it finds.
    window.announce_lost(Side::Second);
    let mut first = first;
    assert!(!first.reattach());
    let _second = window.attach_again(Side::Second);
    assert!(first.reattach() && first.peer_has_begun());
}
