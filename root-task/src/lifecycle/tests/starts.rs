//! Starts that take too long.

use super::*;

#[test]
fn a_component_that_does_not_start_in_time_is_overdue_once() {
    let plan = plan();
    for child in [Server(2), Service(0), Driver(1), Process(0)] {
        let mut life = Lifecycle::new(&plan);
        assert_eq!((life.next_due(), life.overdue(u64::MAX)), (None, None));
        life.begin_start(child, 7);
        assert_eq!((life.next_due(), life.overdue(106)), (Some(107), None));
        assert_eq!(life.overdue(107), Some(child));
        assert_eq!((life.next_due(), life.overdue(u64::MAX)), (None, None));
    }
}

#[test]
fn nothing_is_awaited_of_a_component_that_has_started_or_is_lost() {
    let plan = final_plan();
    let mut life = Lifecycle::new(&plan);
    let settles: [fn(&mut Lifecycle<'_>); 4] = [
        |life| life.settle_start(Driver(0)),
        |life| drop(life.driver_ready(0, 0)),
        |life| drop(life.device_quiet(0, 0)),
        |life| drop(life.driver_failed(0, false, 0)),
    ];
    for settle in settles {
        life.begin_start(Driver(0), 0);
        settle(&mut life);
        assert_eq!(life.next_due(), None);
    }
    for child in [Service(2), Server(2), Process(0)] {
        life.begin_start(child, 0);
        let _ = life.lost(child, 0);
        // Of a service's driver it is awaited that the device becomes quiet.
        let _ = life.service_quiet(2, 0, 0);
        assert_eq!(life.next_due(), None, "{child:?}");
    }
}

#[test]
fn each_start_has_its_own_time_and_the_last_one_ends_as_a_fault_does() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    // The service that hangs, in its first life.
    life.begin_start(Service(0), 0);
    assert_eq!(life.overdue(100), Some(Service(0)));
    assert_eq!(
        life.lost(Service(0), 100),
        [Suspend(Service(0)), TellDriver(0)]
    );
    let steps = life.service_quiet(0, 0, 110);
    assert_eq!(steps, [TellClients(0), Start(Service(0))]);
    // So does the next one, and there is none after it.
    assert_eq!(
        (life.overdue(209), life.overdue(210)),
        (None, Some(Service(0)))
    );
    let _ = life.lost(Service(0), 210);
    assert_eq!(
        life.service_quiet(0, 0, 220),
        [TellClients(0), Down(Service(0), 1)]
    );
    assert_eq!(life.next_due(), None);

    let mut life = Lifecycle::new(&plan);
    for (now, last) in [(0, Start(Server(2))), (100, Down(Server(2), 1))] {
        life.begin_start(Server(2), now);
        assert_eq!(life.overdue(now + 100), Some(Server(2)));
        assert!(life.lost(Server(2), now + 100).contains(&last));
    }
}

#[test]
fn a_driver_that_does_not_reset_its_device_in_time_is_replaced() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    let _ = life.lost(Service(0), 0);
    assert_eq!(life.overdue(100), Some(Driver(0)));
    assert_eq!(
        life.lost(Driver(0), 100),
        [Suspend(Driver(0)), Start(Driver(0))]
    );
    assert_eq!(
        life.driver_ready(0, 110),
        [TellClients(0), Start(Service(0))]
    );
    // The next time there is no other one, but for the reset; and what does not even do that is not trusted.
    life.settle_start(Service(0));
    assert_eq!(
        life.lost(Driver(0), 120),
        [Suspend(Driver(0)), Down(Driver(0), 1), Quiesce(0)]
    );
    assert_eq!(life.overdue(220), Some(Driver(0)));
    assert_eq!(life.lost(Driver(0), 220), [Suspend(Driver(0))]);
    assert_eq!(life.lost(Service(0), 230), [Suspend(Service(0))]);
}

#[test]
fn the_time_of_a_process_begins_when_its_server_has_started() {
    let plan = plan();
    let mut life = Lifecycle::new(&plan);
    life.begin_start(Process(0), 0);
    life.begin_start(Server(0), 50);
    assert_eq!((life.overdue(100), life.next_due()), (None, Some(150)));
    life.settle_start(Server(0));
    assert_eq!((life.overdue(199), life.next_due()), (None, Some(200)));
    assert_eq!(life.overdue(200), Some(Process(0)));
    assert_eq!(life.process_failed(0, 210), [Start(Process(0))]);
    assert_eq!(life.next_due(), Some(310));
}
