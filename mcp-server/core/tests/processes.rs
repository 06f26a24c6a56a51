//! Vcores, alarms, connections, printing, and the end of a process.

mod common;

use atoll_abi::interface::{Request, request};
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::{FAULTED, ProcessId};
use atoll_abi::syscall::{Status, Syscall};
use atoll_core::state::State;
use atoll_core::vcore::VcoreSets;
use atoll_core::{Event, FAULT_STATUS, Personality};
use common::*;

#[test]
fn processes_of_the_cluster_start_on_vcore_0() {
    let mut cluster = Cluster {
        personality: Personality::new(&plan(), 0),
        record: Record::default(),
        now: 0,
    };
    for index in 0..4 {
        cluster.event(start(index, 1));
    }
    let expected: Vec<Done> = [0, 1]
        .into_iter()
        .flat_map(|process| [Done::Granted(process, 1), Done::Start(process, 0)])
        .collect();
    assert_eq!(cluster.done(), expected);
    assert_eq!(
        cluster.personality.state(cluster.id(0)),
        Some(State::RunningS)
    );
    assert_eq!(cluster.personality.process(2), None);
}

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

#[test]
fn a_dead_process_has_no_alarms() {
    let mut cluster = Cluster::started();
    cluster.ask(0, alarm(10));
    cluster.ask(0, exit(0));
    assert_eq!(cluster.personality.next_alarm(), None);
}

#[test]
fn a_connection_needs_the_right_to_it() {
    let mut cluster = Cluster::started();
    let connect = |name: &str| {
        let service = Name::new(name).unwrap();
        request::Connect { service }.encode()
    };
    for _ in 0..1000 {
        let kind = u64::from(ServiceKind::Files as u32);
        assert_eq!(cluster.ask(0, connect("files")), (Status::Done, [0, kind]));
    }
    assert_eq!(cluster.ask(0, connect("logs")).0, Status::NotAllowed);
    assert_eq!(cluster.ask(1, connect("files")).0, Status::NotAllowed);
    assert_eq!(cluster.ask(0, connect("nosuch")).0, Status::NotFound);
}

#[test]
fn a_process_ends_when_its_rings_are_empty() {
    let mut cluster = Cluster::many_core();
    cluster.calls(0, 1, &[print("unfinished")]);
    cluster.done();
    // What came with the exit, and what other vcores printed before, is still printed.
    let calls = [print("before\n"), exit(7), print("with\n"), vcores(1)];
    let statuses: Vec<u32> = cluster
        .calls(0, 0, &calls)
        .iter()
        .map(|it| it.status)
        .collect();
    let [done, cancelled] = [Status::Done, Status::Cancelled].map(|it| it as u32);
    assert_eq!(statuses, [done, done, done, cancelled]);
    let id = cluster.id(0);
    assert!(cluster.personality.is_dying(id));
    assert!(cluster.personality.listens(id, 3));
    cluster.calls(0, 2, &[print("later\n"), yields()]);
    cluster.event(Event::Drained { process: id });
    let line = |text: &str| Done::Line(0, text.to_owned());
    let mut expected = vec![line("before"), line("with")];
    expected.extend((0..4).map(|vcore| Done::Stop(0, vcore)));
    expected.push(Done::Granted(0, 0));
    expected.extend([
        Done::Completed(0, 0, 4),
        line("later"),
        Done::Completed(0, 2, 2),
        line("unfinished"),
        Done::Ended(id, 7, 4),
    ]);
    assert_eq!(cluster.done(), expected);
    assert!(!cluster.personality.listens(id, 0));
    assert!(!cluster.personality.finished());
    cluster.event(Event::Drained { process: id });
    assert_eq!(cluster.done(), []);
}

#[test]
fn a_process_that_breaks_its_ring_is_ended_and_no_other() {
    let mut cluster = Cluster::started();
    let id = cluster.id(0);
    for _ in 0..2 {
        cluster.event(Event::BrokenRing { process: id });
    }
    cluster.event(Event::Drained { process: id });
    let done = cluster.done();
    assert!(done.contains(&Done::Ended(id, FAULT_STATUS, 1)));
    assert_eq!(cluster.personality.counters().process_faults, 1);
    assert_eq!(cluster.ask(1, print("on\n")).0, Status::Done);
}

#[test]
fn a_fault_ends_a_process_with_its_status() {
    let mut cluster = Cluster::started();
    let id = cluster.id(0);
    let stale = ProcessId {
        generation: id.generation + 1,
        ..id
    };
    let fault = |process| Event::Faulted {
        process,
        status: FAULTED,
    };
    cluster.event(fault(stale));
    assert_eq!(cluster.personality.state(id), Some(State::RunningS));
    cluster.event(fault(id));
    cluster.event(Event::Drained { process: id });
    assert!(cluster.done().contains(&Done::Ended(id, FAULTED, 1)));
}

#[test]
fn a_process_that_starts_again_is_another_one() {
    let mut cluster = Cluster::many_core();
    let first = cluster.id(0);
    cluster.ask(0, exit(1));
    cluster.event(start(0, 2));
    assert_eq!(cluster.id(0), first, "it is not dead yet");
    cluster.event(Event::Drained { process: first });
    cluster.event(start(0, 1));
    assert_eq!(cluster.id(0), first, "a life is not begun twice");
    cluster.event(start(0, 2));
    let second = cluster.id(0);
    assert_eq!(second.generation, first.generation + 1);
    assert_eq!(cluster.personality.state(second), Some(State::RunningS));
    assert_eq!(cluster.personality.vcores(second).unwrap().granted(), 1);
    // The events and the calls of the first life have no effect.
    cluster.event(Event::BrokenRing { process: first });
    cluster.event(Event::Drained { process: first });
    assert_eq!(cluster.personality.state(second), Some(State::RunningS));
    let late = Syscall {
        generation: first.generation,
        ..exit(9)
    };
    cluster.event(Event::Calls {
        process: second,
        vcore: 0,
        unread: 0,
        calls: &[late],
    });
    let refused = cluster.record.completions.last().unwrap();
    assert_eq!(
        Status::from_raw(refused.status),
        Status::NotAllowed,
        "a call of an earlier life is served"
    );
}

/// A cluster whose server has started no process.
fn cluster() -> Cluster {
    Cluster {
        personality: Personality::new(&plan(), 0),
        record: Record::default(),
        now: 0,
    }
}

#[test]
fn a_process_whose_exit_has_not_come_to_its_end_gets_all_its_vcores_back() {
    let mut cluster = cluster();
    cluster.event(Event::Adopt {
        process: ProcessId {
            index: 0,
            generation: 5,
        },
        vcores: VcoreSets {
            granted: 0,
            started: 0b1111,
            resumes: 0b1111,
        },
        many_core: true,
    });
    let started = (0..4).map(|vcore| Done::Start(0, vcore));
    let expected: Vec<_> = [Done::Granted(0, 0b1111)]
        .into_iter()
        .chain(started)
        .collect();
    assert_eq!(cluster.done(), expected);
}

#[test]
fn a_process_that_runs_is_adopted_as_it_is() {
    let mut cluster = cluster();
    let process = |index| ProcessId {
        index,
        generation: 5,
    };
    let running = VcoreSets {
        granted: 0b001,
        started: 0b101,
        resumes: 0b100,
    };
    cluster.event(Event::Adopt {
        process: process(0),
        vcores: running,
        many_core: true,
    });
    assert_eq!(cluster.done(), [Done::Granted(0, 0b101), Done::Start(0, 2)]);
    let now = VcoreSets {
        granted: 0b101,
        started: 0b101,
        resumes: 0,
    };
    assert_eq!(cluster.record.noted[&0], now);
    let id = cluster.id(0);
    assert_eq!(cluster.personality.state(id), Some(State::RunningM));
    assert_eq!(cluster.personality.vcores(id).unwrap().granted(), 0b101);
    assert_eq!(cluster.ask(0, vcores(3)), (Status::Done, [3, 0]));
    // One without a vcore was not started before the life before died.
    cluster.done();
    cluster.event(Event::Adopt {
        process: process(1),
        vcores: VcoreSets::default(),
        many_core: false,
    });
    assert_eq!(cluster.done(), [Done::Granted(1, 1), Done::Start(1, 0)]);
    assert_eq!(
        cluster.personality.state(cluster.id(1)),
        Some(State::RunningS)
    );
    // The life before said of its calls which generation they are of.
    let calls = [Syscall {
        generation: 4,
        ..vcores(1)
    }];
    cluster.event(Event::Calls {
        process: id,
        vcore: 0,
        unread: 0,
        calls: &calls,
    });
    let refused = cluster.record.completions.last().unwrap();
    assert_eq!(Status::from_raw(refused.status), Status::NotAllowed);
}
