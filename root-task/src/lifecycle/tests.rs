mod starts;

use atoll_abi::plan::{EncodedPlan, Restart, Tables, empty_rows};

use super::Child::*;
use super::Step::*;
use super::*;

const ONCE: Restart = Restart {
    times: 1,
    within_ms: 1000,
    start_within_ms: START_WITHIN,
    padding: 0,
};

const START_WITHIN: u32 = 100;

/// Cluster 0 with the services 0 and 1 on the devices 0 and 1, cluster 1 with service 2 on device 2, cluster 2 with nothing.
/// Everything but process 1 is started again once.
fn tables() -> Tables {
    let mut tables = Tables {
        clusters: empty_rows(3),
        devices: empty_rows(3),
        services: empty_rows(3),
        processes: empty_rows(2),
        ..Tables::default()
    };
    for (index, service) in tables.services.iter_mut().enumerate() {
        service.device = index as u32;
        service.restart = ONCE;
    }
    tables.services[2].cluster = 1;
    tables.clusters.iter_mut().for_each(|it| it.restart = ONCE);
    tables.devices.iter_mut().for_each(|it| it.restart = ONCE);
    tables.processes[0].restart = ONCE;
    tables
}

fn plan() -> EncodedPlan {
    tables().encode()
}

/// The same, and nothing is started again.
fn final_plan() -> EncodedPlan {
    let mut tables = tables();
    let never = Restart::default();
    tables.services.iter_mut().for_each(|it| it.restart = never);
    tables.clusters.iter_mut().for_each(|it| it.restart = never);
    tables.devices.iter_mut().for_each(|it| it.restart = never);
    tables.encode()
}

#[test]
fn clients_learn_of_a_service_when_its_device_is_quiet_and_then_it_starts() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    let steps = life.lost(Service(1), 0);
    assert_eq!(steps, [Suspend(Service(1)), TellDriver(1)]);
    assert_eq!(life.lost(Service(1), 0), [], "it dies once");
    assert_eq!(
        life.next_due(),
        Some(START_WITHIN.into()),
        "its driver has a time"
    );
    let steps = life.service_quiet(1, 0, 0);
    assert_eq!(steps, [TellClients(1), Start(Service(1))]);
    life.settle_start(Service(1));
    assert_eq!(life.next_due(), None);
    // The second time it stays down.
    let steps = life.lost(Service(1), 10);
    assert_eq!(steps, [Suspend(Service(1)), TellDriver(1)]);
    let steps = life.service_quiet(1, 0, 10);
    assert_eq!(steps, [TellClients(1), Down(Service(1), 1)]);
    assert_eq!(life.lost(Service(1), 20), []);
    // The others go on.
    assert_eq!(life.lost(Service(0), 20).len(), 2);
}

/// The same, with both services of cluster 0 on device 0.
fn shared_device() -> EncodedPlan {
    let mut tables = tables();
    tables.services[1].device = 0;
    tables.encode()
}

#[test]
fn services_of_one_device_end_and_start_by_themselves() {
    let plan = shared_device();
    let mut life = Lifecycle::new(&plan);
    assert_eq!(
        life.lost(Service(1), 0),
        [Suspend(Service(1)), TellDriver(1)]
    );
    assert_eq!(life.service_quiet(0, 0, 0), [], "the other one lives");
    assert_eq!(life.service_quiet(0, 7, 0), [], "there is no such slot");
    let _ = life.lost(Service(0), 5);
    assert_eq!(
        life.service_quiet(0, 1, 5),
        [TellClients(1), Start(Service(1))]
    );
    life.settle_start(Service(1));
    assert_eq!(
        life.next_due(),
        Some(5 + u64::from(START_WITHIN)),
        "one is awaited"
    );
    assert_eq!(
        life.service_quiet(0, 0, 6),
        [TellClients(0), Start(Service(0))]
    );
    life.settle_start(Service(0));
    assert_eq!(life.next_due(), None);
    assert_eq!(life.service_quiet(0, 0, 6), [], "it lives by now");
}

#[test]
fn a_reset_is_quiet_for_all_services_of_the_device() {
    let plan = shared_device();
    let mut life = Lifecycle::new(&plan);
    let _ = (life.lost(Service(0), 0), life.lost(Service(1), 0));
    let _ = life.lost(Driver(0), 0);
    let all = [
        TellClients(0),
        Start(Service(0)),
        TellClients(1),
        Start(Service(1)),
    ];
    assert_eq!(life.driver_ready(0, 0), all);
}

#[test]
fn a_server_is_started_at_once_and_its_services_go_on() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    let expected = [Suspend(Server(0)), TellVcores(0), Start(Server(0))];
    assert_eq!(life.lost(Server(0), 0), expected);
    assert!(!life.server_is_down(0));
    // After a long time it may be again.
    assert_eq!(life.lost(Server(0), 1000), expected);
}

#[test]
fn a_server_that_stays_down_takes_its_services_along_and_waits_for_all_their_devices() {
    let plan = final_plan();
    let mut life = Lifecycle::new(&plan);
    assert_eq!(
        life.lost(Server(0), 0),
        [
            Suspend(Server(0)),
            Down(Server(0), 0),
            Suspend(Service(0)),
            TellDriver(0),
            Suspend(Service(1)),
            TellDriver(1)
        ]
    );
    assert!(life.server_is_down(0) && !life.server_is_down(1));
    assert_eq!(life.lost(Server(0), 0), []);
    assert_eq!(life.service_quiet(1, 0, 0), [TellClients(1)]);
    assert_eq!(life.service_quiet(0, 0, 0), [TellClients(0), TellVcores(0)]);
}

#[test]
fn a_server_without_services_that_stays_down_is_announced_at_once() {
    let plan = final_plan();
    let mut life = Lifecycle::new(&plan);
    assert_eq!(
        life.lost(Server(2), 0),
        [Suspend(Server(2)), Down(Server(2), 0), TellVcores(2)]
    );
}

#[test]
fn a_driver_resets_its_device_before_its_service_learns_that_it_is_back() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    assert_eq!(
        life.lost(Driver(0), 0),
        [Suspend(Driver(0)), Start(Driver(0))]
    );
    assert_eq!(life.driver_ready(0, 0), []);
    // The second time the device is reset all the same, and only then the service learns.
    assert_eq!(
        life.lost(Driver(0), 0),
        [Suspend(Driver(0)), Down(Driver(0), 1), Quiesce(0)]
    );
    assert_eq!(life.device_quiet(0, 0), [TellServices(0)]);
}

#[test]
fn a_service_that_dies_on_a_driver_that_starts_waits_for_the_reset() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    let _ = life.lost(Driver(0), 0);
    assert_eq!(
        life.lost(Service(0), 0),
        [Suspend(Service(0)), TellDriver(0)]
    );
    // Whichever comes first: the new driver says that it is ready, or that it has stopped for the dead service.
    assert_eq!(life.driver_ready(0, 0), [TellClients(0), Start(Service(0))]);
}

#[test]
fn a_driver_that_dies_while_it_stops_is_started_to_finish_that() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    let _ = life.lost(Service(0), 0);
    assert_eq!(
        life.lost(Driver(0), 0),
        [Suspend(Driver(0)), Start(Driver(0))]
    );
    assert_eq!(life.driver_ready(0, 0), [TellClients(0), Start(Service(0))]);
}

#[test]
fn a_device_that_cannot_be_reset_is_trusted_no_more() {
    let plan = final_plan();
    let mut life = Lifecycle::new(&plan);
    let _ = life.lost(Driver(0), 0);
    assert_eq!(life.lost(Driver(0), 0), [Suspend(Driver(0))]);
    // Blocks that it may still write stay lent: the clients of its service are not told.
    let steps = life.lost(Server(0), 0);
    assert!(!steps.contains(&TellClients(0)) && steps.contains(&TellDriver(1)));
    assert_eq!(life.service_quiet(1, 0, 0), [TellClients(1), TellVcores(0)]);
}

#[test]
fn a_driver_that_cannot_start_leaves_its_service_without_device() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    assert_eq!(
        life.driver_failed(2, false, 0),
        [Down(Driver(2), 0), TellServices(2)]
    );
    let steps = life.lost(Service(2), 0);
    assert_eq!(
        steps,
        [Suspend(Service(2)), TellClients(2), Start(Service(2))]
    );
}

#[test]
fn a_process_is_started_again_as_often_as_the_plan_says() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    assert_eq!(life.lost(Process(0), 0), [Suspend(Process(0))]);
    assert_eq!(life.process_failed(0, 0), [Start(Process(0))]);
    assert_eq!(life.process_failed(0, 1), [Down(Process(0), 1)]);
    assert_eq!(life.process_failed(1, 0), []);
}

#[test]
fn a_process_without_server_is_not_started_again() {
    let mut tables = tables();
    tables.clusters[0].restart = Restart::default();
    let plan = tables.encode();
    let mut life = Lifecycle::new(&plan);
    let _ = life.lost(Server(0), 0);
    assert_eq!(life.process_failed(0, 0), [Down(Process(0), 0)]);
}

#[test]
fn a_driver_that_cannot_start_again_leaves_a_device_that_may_still_write() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    assert_eq!(
        life.lost(Driver(0), 0),
        [Suspend(Driver(0)), Start(Driver(0))]
    );
    assert_eq!(life.driver_failed(0, false, 0), [Down(Driver(0), 1)]);
    // Not even the death of the service gives its clients their blocks.
    assert_eq!(life.lost(Service(0), 1), [Suspend(Service(0))]);
}

#[test]
fn a_device_that_was_in_use_and_could_not_be_reset_is_not_trusted() {
    let plan = final_plan();
    let mut life = Lifecycle::new(&plan);
    let _ = life.driver_ready(0, 0);
    let steps = life.lost(Driver(0), 0);
    assert_eq!(steps, [Suspend(Driver(0)), Down(Driver(0), 0), Quiesce(0)]);
    assert_eq!(life.driver_failed(0, false, 0), [], "it may still write");
    assert_eq!(life.lost(Service(0), 0), [Suspend(Service(0))]);
}

#[test]
fn a_device_that_does_not_reset_and_is_no_bus_master_is_quiet() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    let _ = (life.driver_ready(0, 0), life.lost(Driver(0), 0));
    assert_eq!(
        life.driver_failed(0, true, 0),
        [Down(Driver(0), 1), TellServices(0)]
    );
    assert_eq!(
        life.lost(Service(0), 1),
        [Suspend(Service(0)), TellClients(0), Start(Service(0))]
    );
}

#[test]
fn a_driver_has_as_long_for_what_it_has_of_a_dead_service_as_its_device_for_a_request() {
    let mut tables = tables();
    tables.devices[0].timeout_ms = 5 * START_WITHIN;
    let plan = tables.encode();
    let mut life = Lifecycle::new(&plan);
    let _ = life.lost(Service(0), 7);
    assert_eq!(life.next_due(), Some(7 + 5 * u64::from(START_WITHIN)));
}
