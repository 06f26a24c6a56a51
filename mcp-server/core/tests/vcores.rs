//! Vcores and their alarms.

mod common;

use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::Status;
use atoll_core::Event;
use atoll_core::state::State;
use common::*;

#[test]
fn a_single_core_process_gets_no_vcores() {
    let mut cluster = Cluster::started();
    assert_eq!(cluster.ask(0, vcores(2)).0, Status::NotAllowed);
}

#[test]
fn a_many_core_process_gets_what_the_plan_has() {
    let mut cluster = Cluster::started();
    let become_mcp = request::BecomeMcp {}.encode();
    assert_eq!(cluster.ask(0, become_mcp), (Status::Done, [1, 0]));
    assert_eq!(cluster.ask(0, become_mcp).0, Status::NotAllowed);
    assert_eq!(cluster.ask(0, vcores(2)), (Status::Done, [2, 0]));
    assert_eq!(cluster.ask(0, vcores(u64::MAX)), (Status::Done, [4, 0]));
    assert_eq!(cluster.ask(0, vcores(1)), (Status::Done, [4, 0]));
    assert_eq!(cluster.ask(0, vcores(0)).0, Status::InvalidArgument);
    let starts: Vec<Done> = (1..4)
        .flat_map(|vcore| [Done::Granted(0, (2 << vcore) - 1), Done::Start(0, vcore)])
        .collect();
    let mut done = cluster.done();
    done.retain(|done| !matches!(done, Done::Completed(..)));
    assert_eq!(done.remove(0), Done::ManyCore(0));
    assert_eq!(done, starts);
}

#[test]
fn the_last_yielded_vcore_comes_back_first() {
    let mut cluster = Cluster::many_core();
    for vcore in [1, 3] {
        assert_eq!(cluster.ask_on(0, vcore, yields()).0, Status::Done);
    }
    assert_eq!(cluster.ask(0, vcores(3)), (Status::Done, [3, 0]));
    let mut done = cluster.done();
    done.retain(|done| !matches!(done, Done::Completed(0, 0, _)));
    assert_eq!(
        done,
        [
            Done::Stop(0, 1),
            Done::Granted(0, 0b1101),
            Done::Completed(0, 1, 1),
            Done::Stop(0, 3),
            Done::Granted(0, 0b0101),
            Done::Completed(0, 3, 1),
            Done::Granted(0, 0b1101),
            Done::Start(0, 3),
        ]
    );
    assert_eq!(cluster.ask_on(0, 1, yields()).0, Status::NotAllowed);
}

#[test]
fn a_vcore_that_has_completions_to_take_stays() {
    let mut cluster = Cluster::many_core();
    let completions = cluster.calls_with(0, 1, 1, &[yields()]);
    assert_eq!(Status::from_raw(completions[0].status), Status::Busy);
}

#[test]
fn the_last_vcore_may_go_only_with_an_alarm_that_brings_it_back() {
    let mut cluster = Cluster::started();
    assert_eq!(cluster.ask(0, yields()).0, Status::NotAllowed);
    let both = cluster.calls(0, 0, &[alarm(50), yields()]);
    assert!(both.iter().all(|it| it.status == Status::Done as u32));
    let id = cluster.id(0);
    assert_eq!(cluster.personality.state(id), Some(State::Waiting));
    assert_eq!(cluster.personality.next_alarm(), Some(50));
    cluster.done();
    cluster.now = 49;
    cluster.event(Event::Time);
    assert_eq!(cluster.done(), []);
    cluster.now = 50;
    cluster.event(Event::Time);
    assert_eq!(
        cluster.done(),
        [Done::Granted(0, 1), Done::Start(0, 0), Done::Wake(0, 0)]
    );
    assert_eq!(cluster.personality.state(id), Some(State::RunningS));
    cluster.event(Event::Time);
    assert_eq!(
        (cluster.done(), cluster.personality.next_alarm()),
        (vec![], None)
    );
}

/// The two calls of a vcore that leaves may be taken in two batches, and its alarm ring in between.
#[test]
fn a_vcore_whose_alarm_rang_just_before_it_gave_itself_back_stays() {
    for (cluster, vcore) in [(Cluster::many_core(), 1), (Cluster::started(), 0)] {
        let mut cluster = cluster;
        assert_eq!(cluster.ask_on(0, vcore, alarm(100)).0, Status::Done);
        cluster.now = 100;
        cluster.event(Event::Time);
        cluster.done();
        assert_eq!(cluster.ask_on(0, vcore, yields()).0, Status::Busy);
        assert_eq!(cluster.done(), [Done::Completed(0, vcore, 1)], "it runs");
        // It looks at its timers, and leaves with the alarm of the next one.
        let both = cluster.calls(0, vcore, &[alarm(50), yields()]);
        assert!(both.iter().all(|it| it.status == Status::Done as u32));
        cluster.now = 150;
        cluster.event(Event::Time);
        assert!(cluster.done().contains(&Done::Start(0, vcore)));
    }
}

#[test]
fn an_alarm_that_rang_keeps_a_vcore_only_once() {
    let mut cluster = Cluster::many_core();
    cluster.ask_on(0, 1, alarm(100));
    cluster.now = 100;
    cluster.event(Event::Time);
    assert_eq!(cluster.ask_on(0, 1, yields()).0, Status::Busy);
    assert_eq!(cluster.ask_on(0, 1, yields()).0, Status::Done);
    // One that came back by its alarm has seen it.
    cluster.ask_on(0, 2, alarm(50));
    cluster.ask_on(0, 2, yields());
    cluster.now = 200;
    cluster.event(Event::Time);
    assert_eq!(cluster.ask_on(0, 2, yields()).0, Status::Done);
    // So has one that sets another one, or that another life of the process has.
    cluster.ask_on(0, 3, alarm(0));
    cluster.event(Event::Time);
    cluster.ask_on(0, 3, alarm(u64::MAX));
    assert_eq!(cluster.ask_on(0, 3, yields()).0, Status::Done);
}

#[test]
fn a_later_alarm_replaces_the_earlier_one() {
    let mut cluster = Cluster::many_core();
    cluster.ask_on(0, 1, alarm(10));
    cluster.ask_on(0, 1, alarm(30));
    cluster.ask_on(0, 2, alarm(20));
    assert_eq!(cluster.record.alarms[&0], 0b110);
    cluster.ask(1, alarm(u64::MAX));
    cluster.done();
    cluster.now = 25;
    cluster.event(Event::Time);
    assert_eq!(cluster.done(), [Done::Wake(0, 2)]);
    assert_eq!(cluster.record.alarms[&0], 0b010);
    assert_eq!(cluster.personality.next_alarm(), Some(30));
}
