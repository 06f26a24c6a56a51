//! Calls that make no sense, and any order of events.

mod common;

use atoll_abi::interface::Call;
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Status, Syscall};
use atoll_core::state::State;
use atoll_core::vcore::VcoreSets;
use atoll_core::{BATCH, Event};
use common::*;
use proptest::prelude::*;

#[test]
fn every_call_is_answered_once_with_its_tag() {
    let mut cluster = Cluster::many_core();
    let calls: Vec<Syscall> = (0..BATCH as u64)
        .map(|tag| Syscall { tag, ..vcores(tag) })
        .collect();
    let completions = cluster.calls(0, 0, &calls);
    let tags: Vec<u64> = completions.iter().map(|it| it.tag).collect();
    assert!(
        tags.iter().copied().eq(0..BATCH as u64),
        "each call is answered once: {tags:?}"
    );
}

#[test]
fn calls_of_services_and_unknown_calls_are_refused() {
    let mut cluster = Cluster::started();
    for raw in 0..128 {
        let call = Syscall {
            call: raw,
            ..Syscall::EMPTY
        };
        let expected = match raw {
            1..=4 | 12..=19 | 32..=37 | 48..=53 | 80..=84 | 96..=106 => Some(Status::NotAllowed),
            5..=11 | 64..=67 => None,
            _ => Some(Status::UnknownCall),
        };
        if let Some(expected) = expected {
            assert_eq!(cluster.ask(0, call).0, expected, "{raw}");
        }
    }
}

#[test]
fn no_more_is_taken_than_there_is_room_for_completions() {
    let cluster = Cluster::started();
    let id = cluster.id(0);
    for free in [0, 1, BATCH, 2 * BATCH] {
        assert_eq!(
            cluster.personality.room(id, 0, free),
            free.min(BATCH),
            "completions find no room"
        );
    }
    assert_eq!(cluster.personality.room(id, VCORES, 9), 0);
}

fn any_call() -> impl Strategy<Value = Syscall> {
    let raw = prop_oneof![
        4 => (0..Call::ALL.len()).prop_map(|index| Call::ALL[index] as u16),
        1 => any::<u16>(),
    ];
    (raw, any::<(u64, u16, u32, [u64; 4], u32)>(), 0..4u32).prop_map(
        |(call, (tag, count, handle, arguments, block), generation)| Syscall {
            tag,
            call,
            count,
            handle,
            arguments,
            block,
            generation,
        },
    )
}

proptest! {
    #[test]
    fn any_events_leave_a_process_in_a_state_that_fits_its_vcores(
        events in proptest::collection::vec((0..9u8, 0..4usize, 0..6usize, proptest::collection::vec(any_call(), 0..5)), 1..80)
    ) {
        let mut cluster = Cluster::started();
        for (kind, index, vcore, calls) in events {
            cluster.now += 1000;
            let tags = calls.iter().fold(0, |all, call| all | call.tag);
            let process = cluster.personality.process(index).unwrap_or(ProcessId { index: index as u16, generation: 1 });
            match kind {
                0 => cluster.event(start(index as u16, process.generation + 1)),
                1 => cluster.event(Event::BrokenRing { process }),
                2 => cluster.event(Event::Faulted { process, status: 1 }),
                3 => cluster.event(Event::Drained { process }),
                4 => cluster.event(Event::Time),
                5 => cluster.event(Event::Adopt { process: ProcessId { generation: process.generation + 1, ..process }, vcores: VcoreSets { granted: tags, started: tags >> 4, resumes: tags >> 8 }, many_core: tags & 2 != 0 }),
                _ => {
                    let before = cluster.record.completions.len();
                    cluster.event(Event::Calls { process, vcore, unread: 0, calls: &calls });
                    let answered = cluster.record.completions.len() - before;
                    prop_assert_eq!(answered, calls.len());
                }
            }
            for index in 0..2 {
                let id = cluster.id(index);
                let granted = cluster.personality.vcores(id).unwrap().count();
                match cluster.personality.state(id).unwrap() {
                    State::RunningS => prop_assert!(granted >= 1),
                    State::RunningM => prop_assert!(granted >= 1),
                    _ => prop_assert_eq!(granted, 0),
                }
            }
        }
    }
}
