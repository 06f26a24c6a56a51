//! The start, the connections, the end and the next lives of processes.

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
