//! Wake-ups that are passed on between two kernel instances.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use atoll_abi::connection::WAKE_WORDS;
use atoll_abi::layout::server_badge;
use atoll_abi::plan::{
    Channel, Cluster, DoorbellKind, EncodedPlan, MAX_CONNECTIONS, MAX_PROCESSES, NONE, Plan,
    Process, Tables, empty_rows,
};
use atoll_channel::WakeWords;
use atoll_server::{Place, WakePassing};
use zerocopy::FromZeros;

type Words = &'static [AtomicU64; WAKE_WORDS];

/// The memory of the machine, by place; requests by cluster as well.
#[derive(Default)]
struct Memory(RefCell<HashMap<(u32, Key), Words>>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Requests(usize),
    Page(usize, usize),
}

impl Memory {
    fn words(&self, cluster: u32, place: Place) -> WakeWords {
        let key = match place {
            Place::Requests(component) => (cluster, Key::Requests(component)),
            // A page is the same for both clusters.
            Place::Page { channel, end } => (NONE, Key::Page(channel, end)),
        };
        let fresh = || &*Box::leak(Box::new([const { AtomicU64::new(0) }; WAKE_WORDS]));
        WakeWords::of(self.0.borrow_mut().entry(key).or_insert_with(fresh))
    }
}

/// Cluster 0 has a service on a device, and processes 0 and 1 of clusters 1 and 2 use it. All run on kernels of their own.
fn plan() -> EncodedPlan {
    plan_with(&[1, 2])
}

/// The same with processes in these clusters.
fn plan_with(homes: &[u32]) -> EncodedPlan {
    let cluster = |(instance, comparator)| Cluster {
        instance,
        comparator,
        ..Cluster::new_zeroed()
    };
    let process = |cluster| Process {
        cluster,
        vcores: 2,
        services: 1,
        ..Process::new_zeroed()
    };
    let channel = |cluster| Channel {
        clusters: [cluster, 0],
        doorbell: DoorbellKind::Hpet as u32,
        ..Channel::new_zeroed()
    };
    let tables = Tables {
        clusters: [(0, 10), (1, 11), (2, NONE)].map(cluster).into(),
        channels: [1, 2].map(channel).into(),
        processes: homes.iter().copied().map(process).collect(),
        devices: empty_rows(1),
        services: empty_rows(1),
        ..Tables::default()
    };
    tables.encode()
}

struct Machine {
    memory: Memory,
    passing: Vec<WakePassing>,
}

impl Machine {
    fn new() -> Machine {
        Machine::of(&plan())
    }

    fn of(plan: &Plan) -> Machine {
        let memory = Memory::default();
        let passing = (0..3)
            .map(|cluster| WakePassing::new(plan, cluster, |place| memory.words(cluster, place)))
            .collect();
        Machine { memory, passing }
    }

    /// What a server does in one turn: whether there was anything, comparators, and connections signalled.
    fn pass(&mut self, cluster: usize) -> (bool, Vec<u32>, Vec<usize>) {
        let (mut interrupts, mut signals) = (Vec::new(), Vec::new());
        let any = self.passing[cluster].pass(
            |comparator| interrupts.push(comparator),
            |connection| signals.push(connection),
        );
        (any, interrupts, signals)
    }

    fn request(&self, cluster: u32, component: usize, connection: usize) {
        self.memory
            .words(cluster, Place::Requests(component))
            .set(connection);
    }
}

/// The connection of vcore 1 of process 0 to the service: connection 0 is that of the service to its driver.
const CONNECTION: usize = 2;

#[test]
fn a_request_of_a_vcore_wakes_the_service_of_the_other_kernel() {
    let mut machine = Machine::new();
    assert!(!machine.passing[1].pending());
    machine.request(1, 0, CONNECTION);
    assert!(machine.passing[1].pending());
    assert_eq!(machine.pass(1), (true, vec![10], vec![]));
    assert!(machine.passing[0].pending() && !machine.passing[1].pending());
    assert_eq!(machine.pass(0), (true, vec![], vec![CONNECTION]));
    assert_eq!(machine.pass(0), (false, vec![], vec![]));
}

#[test]
fn a_request_of_the_service_wakes_vcores_of_both_other_kernels() {
    let mut machine = Machine::new();
    for connection in [1, 2, 3] {
        machine.request(0, MAX_PROCESSES, connection);
    }
    // Cluster 2 polls: its server is not interrupted.
    assert_eq!(machine.pass(0), (true, vec![11], vec![]));
    assert_eq!(machine.pass(1), (true, vec![], vec![1, 2]));
    assert_eq!(machine.pass(2), (true, vec![], vec![3]));
}

#[test]
fn bits_of_connections_that_are_none_of_the_writers_are_ignored() {
    let mut machine = Machine::new();
    // A process asks for the connection to the driver, one of another process, and one that does not exist.
    for connection in [0, 3, 5, MAX_CONNECTIONS - 1] {
        machine.request(1, 0, connection);
    }
    assert_eq!(machine.pass(1), (false, vec![], vec![]));
    // The server of cluster 2 names a connection of cluster 1.
    let page = machine.memory.words(2, Place::Page { channel: 1, end: 0 });
    page.set(1);
    page.set(400);
    assert_eq!(machine.pass(0), (false, vec![], vec![]));
    page.set(3);
    assert_eq!(machine.pass(0), (true, vec![], vec![3]));
}

#[test]
fn a_new_life_of_a_server_wakes_both_sides_of_each_connection() {
    let mut machine = Machine::new();
    let mut signals = Vec::new();
    machine.passing[1].pass_all(|connection| signals.push(connection));
    assert_eq!(signals, [1, 2]);
    assert_eq!(machine.pass(1).1, [10]);
    assert_eq!(machine.pass(0), (true, vec![], vec![1, 2]));
}

#[test]
fn of_many_processes_those_are_looked_at_that_woke_the_server_and_the_others_in_turn() {
    let mut machine = Machine::of(&plan_with(&[1; 30]));
    let connection = |process: usize| 1 + 2 * process;
    // Nothing tells the server of this one, which would not sleep for ever: its process signals.
    machine.request(1, 20, connection(20));
    assert!(!machine.passing[1].pending());
    machine.passing[1].awake_by(server_badge::process(20));
    assert!(machine.passing[1].pending());
    assert_eq!(machine.pass(1), (true, vec![10], vec![]));
    assert_eq!(machine.pass(0).2, [connection(20)]);
    // A server that never sleeps finds all of them.
    (0..30).for_each(|process| machine.request(1, process, connection(process)));
    let mut found = Vec::new();
    for _ in 0..4 {
        machine.pass(1);
        found.extend(machine.pass(0).2);
    }
    found.sort_unstable();
    assert_eq!(found, (0..30).map(connection).collect::<Vec<_>>());
    assert_eq!(machine.pass(1), (false, vec![], vec![]));
}
