extern crate std;
use std::vec::Vec;

use super::*;
use crate::layout::{SERVICE_POOL, client_pool};
use crate::plan::{EncodedPlan, NONE, Rank, ServiceKind, Tables, empty_rows};

/// Two services, each on a device of its own; process 0 uses the second one, process 1 both.
fn tables() -> Tables {
    let mut tables = Tables {
        clusters: empty_rows(2),
        channels: empty_rows(1),
        devices: empty_rows(2),
        services: empty_rows(2),
        processes: empty_rows(2),
        ..Tables::default()
    };
    tables.machine.shared_base = 0x100_0000;
    tables.clusters[1].instance = 1;
    tables.channels[0].clusters = [1, 0];
    tables.services[1].device = 1;
    tables.processes[0].vcores = 2;
    tables.processes[0].services = 0b10;
    tables.processes[1].vcores = 1;
    tables.processes[1].services = 0b11;
    tables.processes[1].cluster = 1;
    tables
}

fn plan() -> EncodedPlan {
    tables().encode()
}

#[test]
fn connections_are_in_order() {
    let plan = plan();
    let found: Vec<_> = plan
        .connections()
        .map(|it| (it.number, it.client, it.provider, it.slot))
        .collect();
    let vcore = |process, vcore| Client::Vcore { process, vcore };
    assert_eq!(
        found,
        [
            (0, Client::Service(0), Provider::Driver(0), 0),
            (1, Client::Service(1), Provider::Driver(1), 0),
            (2, vcore(0, 0), Provider::Service(1), 0),
            (3, vcore(0, 1), Provider::Service(1), 1),
            (4, vcore(1, 0), Provider::Service(0), 0),
            (5, vcore(1, 0), Provider::Service(1), 2),
        ]
    );
    assert_eq!(plan.connection(1, 0, 1), Some(5));
    assert_eq!(plan.connection(0, 0, 0), None);
    let windows: Vec<_> = plan.connections().map(|it| it.window).collect();
    assert_eq!(windows[5], 0x100_0000 + 5 * RING_WINDOW_SIZE as u64);
    assert_eq!(plan.processes()[1].port(1), Some(1));
    assert_eq!(plan.processes()[0].port(1), Some(0));
    assert_eq!(plan.processes()[0].port(0), None);
}

#[test]
fn services_of_one_device_have_slots_of_their_own() {
    let mut tables = tables();
    tables.services.push(tables.services[1]);
    let plan = tables.encode();
    let slots = |driver| plan.clients_of(Provider::Driver(driver)).map(|it| it.slot);
    assert_eq!(slots(0).collect::<Vec<_>>(), [0]);
    assert_eq!(slots(1).collect::<Vec<_>>(), [0, 1]);
    let services = plan.services_of_device(1).map(|(index, _)| index);
    assert_eq!(services.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_service_names_blocks_of_its_own_and_of_its_clients() {
    let mut tables = tables();
    tables.pools = empty_rows(4);
    for (index, pool) in tables.pools.iter_mut().enumerate() {
        let (process, service) = match index {
            0 | 1 => (index as u32, NONE),
            _ => (NONE, index as u32 - 2),
        };
        (pool.process, pool.service) = (process, service);
    }
    let plan = tables.encode();
    let named = |service| (0..5).map(move |pool| (service, pool));
    let may: Vec<bool> = named(0)
        .chain(named(1))
        .map(|(a, b)| plan.may_name(a, b))
        .collect();
    let expected = [
        [false, true, true, false, false],
        [true, true, false, true, false],
    ];
    assert_eq!(may, expected.concat());
}

#[test]
fn the_clients_of_a_service_are_in_the_order_of_their_first_connections() {
    let mut tables = tables();
    // One that has no vcore has no connection.
    tables.processes.push(tables.processes[1]);
    tables.processes[2].vcores = 0;
    tables.processes.push(tables.processes[0]);
    let plan = tables.encode();
    for service in 0..2 {
        let mut first = Vec::new();
        for connection in plan.clients_of(Provider::Service(service)) {
            if let Client::Vcore { process, vcore: 0 } = connection.client {
                first.push(process);
            }
        }
        let clients = plan.client_processes(service).map(|(index, _)| index);
        assert_eq!(clients.collect::<Vec<_>>(), first);
    }
    let of_second = plan.client_processes(1).map(|(index, _)| index);
    assert_eq!(of_second.collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(plan.client_processes(2).count(), 0);
}

#[test]
fn a_file_service_reaches_the_pools_of_its_clients_and_a_blocks_service_its_own_alone() {
    let mut tables = tables();
    for (index, process) in (0..).zip(&mut tables.processes) {
        process.pool = 10 + index;
    }
    for (index, service) in (0..).zip(&mut tables.services) {
        service.pool = 20 + index;
    }
    let reached = |tables: &Tables| -> Vec<(u32, usize)> {
        let plan = tables.encode();
        let pools = plan.reached_pools(1).map(|it| (it.pool, it.address));
        pools.collect()
    };
    let own = (21, SERVICE_POOL);
    assert_eq!(reached(&tables), [own], "a kind that there is not");
    tables.services[1].kind = ServiceKind::Blocks as u32;
    assert_eq!(reached(&tables), [own]);
    tables.services[1].kind = ServiceKind::Files as u32;
    let clients = [(10, client_pool(0)), (11, client_pool(1))];
    assert_eq!(reached(&tables), [own, clients[0], clients[1]]);
    assert_eq!(client_pool(1), 0x12_0100_0000);
    assert_eq!(tables.encode().reached_pools(2).count(), 0);
}

#[test]
fn only_some_connections_cross_kernels() {
    let plan = plan();
    let crossing: Vec<_> = plan
        .connections()
        .filter(|it| plan.crosses_kernels(it))
        .map(|it| it.number)
        .collect();
    assert_eq!(crossing, [4, 5]);
}

#[test]
fn an_operator_watches_the_connections_of_its_cluster() {
    assert_eq!(plan().watched_by(0), [0; CONNECTION_WORDS]);
    let mut tables = tables();
    tables.processes[0].operator = 1;
    tables.processes[1].operator = 1;
    let plan = tables.encode();
    // Both services run in cluster 0, so that it has a side of every connection; cluster 1 has only its process.
    assert_eq!(plan.watched_by(0)[0], 0b11_1111);
    assert_eq!(plan.watched_by(1)[0], 0b11_0000);
    assert_eq!(plan.watched_by(2), [0; CONNECTION_WORDS]);
}

#[test]
fn each_direction_of_a_channel_has_words_of_its_own() {
    let plan = plan();
    assert_eq!(plan.channel_between(1, 0), Some((0, 0)));
    assert_eq!(plan.channel_between(0, 1), Some((0, 1)));
    assert_eq!(plan.channel_between(0, 0), None);
    assert!(wake_words(1) >= WAKE_WORDS * size_of::<u64>());
}

#[test]
fn everybody_on_a_core_is_known() {
    let mut tables = tables();
    tables.services[1].core = 1;
    tables.devices[1].core = 2;
    tables.devices[1].cluster = 1;
    tables.processes[0].cores[..2].copy_from_slice(&[1, 3]);
    let plan = tables.encode();
    let ranks = |instance, core| plan.ranks_on(instance, core).collect::<Vec<_>>();
    assert_eq!(ranks(0, 0), [Rank::Server, Rank::Service, Rank::Driver]);
    assert_eq!(ranks(0, 1), [Rank::Service, Rank::Vcore]);
    assert_eq!(ranks(0, 2), []);
    assert_eq!(ranks(0, 3), [Rank::Vcore]);
    assert_eq!(ranks(1, 0), [Rank::Server, Rank::Vcore]);
    assert_eq!(ranks(1, 2), [Rank::Driver]);
}

#[test]
fn who_polls_hinders_its_equals_and_those_below() {
    let mut tables = tables();
    tables.services[1].core = 1;
    tables.processes[0].cores[..2].copy_from_slice(&[1, 3]);
    let plan = tables.encode();
    // Beside a server and two drivers.
    assert!(plan.hinders_nobody(Rank::Service, 0, 0));
    assert!(!plan.hinders_nobody(Rank::Server, 0, 0));
    assert!(!plan.hinders_nobody(Rank::Driver, 0, 0));
    // Beside a vcore.
    assert!(!plan.hinders_nobody(Rank::Service, 0, 1));
    assert!(!plan.hinders_nobody(Rank::Server, 1, 0));
    // Nobody is there who could.
    assert!(!plan.hinders_nobody(Rank::Service, 0, 3));
    let mut tables = self::tables();
    tables.processes[1].cluster = 0;
    assert!(tables.encode().hinders_nobody(Rank::Server, 1, 0));
    tables.devices[1].core = 1;
    assert!(tables.encode().hinders_nobody(Rank::Driver, 0, 1));
    // Two services.
    assert!(!tables.encode().hinders_nobody(Rank::Service, 0, 0));
}
