use atoll_abi::plan::{DeviceKind, DoorbellKind, HPET_BASE, NONE, ServiceKind, Tables};

use super::*;
use crate::names::tests::{example, example_tables};

fn frames(first: u64, end: u64, holder: &str) -> Holdings {
    Holdings {
        frames: vec![(first, end, holder.to_owned())],
        ..Holdings::default()
    }
}

/// The violations of instance 0 (`io`), then of instance 1 (`compute`).
fn violations(instance: usize, holdings: Holdings) -> Vec<String> {
    let mut both = [Holdings::default(), Holdings::default()];
    both[instance] = holdings;
    let audit = check(&example(), both.iter());
    assert_eq!(audit.verdict == "ok", audit.violations.is_empty());
    audit.violations
}

fn assert_allowed(instance: usize, first: u64, end: u64, holder: &str) {
    let found = violations(instance, frames(first, end, holder));
    assert!(found.is_empty(), "{found:?}");
}

fn assert_violation(instance: usize, first: u64, end: u64, holder: &str, expected: &str) {
    let found = violations(instance, frames(first, end, holder));
    assert_eq!(found, [expected]);
}

/// Windows of the example: from the service to the driver, then those of the process's vcores.
const WINDOWS: [u64; 3] = [0x1800_0000, 0x1800_4000, 0x1800_8000];
const WAKE_PAGE: u64 = 0x1800_c000;
const PROCESS_POOL: u64 = 0x1800_d000;
const SERVICE_POOL: u64 = 0x1804_d000;

#[test]
fn what_the_plan_gives_may_be_held() {
    for holder in ["root-task", "server:io", "service:files", "driver:disk"] {
        assert_allowed(0, 0x100_0000, 0x900_0000, holder);
    }
    assert_allowed(1, 0x900_0000, 0x900_1000, "process:digest");
    // The client's side and the provider's side of each window.
    assert_allowed(0, WINDOWS[0], WINDOWS[0] + 0x4000, "service:files");
    assert_allowed(0, WINDOWS[0], WINDOWS[0] + 0x4000, "driver:disk");
    assert_allowed(0, WINDOWS[1], WINDOWS[1] + 0x8000, "service:files");
    assert_allowed(1, WINDOWS[1], WINDOWS[1] + 0x8000, "process:digest");
    assert_allowed(1, PROCESS_POOL, SERVICE_POOL, "process:digest");
    assert_allowed(0, SERVICE_POOL, SERVICE_POOL + 0x4000, "service:files");
    // Its clients' blocks are read and written by the file service too.
    assert_allowed(0, PROCESS_POOL, SERVICE_POOL, "service:files");
    for (instance, server) in [(0, "server:io"), (1, "server:compute")] {
        assert_allowed(instance, WAKE_PAGE, WAKE_PAGE + 0x1000, server);
        assert_allowed(instance, HPET_BASE, HPET_BASE + 0x1000, server);
    }
    assert_allowed(0, 0xB002_0000, 0xB002_1000, "driver:disk");
    assert_allowed(0, 0xFEBD_4000, 0xFEBD_8000, "driver:disk");
    assert_allowed(0, 0x1_0000_0000, 0x1_0000_4000, "driver:disk");
}

#[test]
fn a_root_task_holds_what_it_announces_deaths_with() {
    for instance in [0, 1] {
        assert_allowed(instance, WAKE_PAGE, WAKE_PAGE + 0x1000, "root-task");
        assert_allowed(instance, HPET_BASE, HPET_BASE + 0x1000, "root-task");
    }
    let may = |instance: usize, page: u64| {
        violations(instance, frames(page, page + 0x1000, "root-task")).is_empty()
    };
    // Pages of a window: the first one of the client's ring, its slots, the first one of the provider's ring, its slots.
    let pages = |instance: usize, window: u64| {
        [0, 1, 2, 3].map(|page| may(instance, window + page * 0x1000))
    };
    // Both sides run here.
    assert_eq!(pages(0, WINDOWS[0]), [true, false, true, false]);
    assert_eq!(pages(1, WINDOWS[0]), [false; 4]);
    for vcore in &WINDOWS[1..] {
        // The instance of the service announces the service.
        assert_eq!(pages(0, *vcore), [false, false, true, false]);
        // That of the process announces it, and tells what was counted on both rings.
        assert_eq!(pages(1, *vcore), [true, false, true, false]);
    }
}

#[test]
fn the_pool_of_a_process_is_for_it_and_for_the_file_services_that_it_uses() {
    let held = |tables: &Tables, instance: usize, holder: &str| {
        let mut both = [Holdings::default(), Holdings::default()];
        both[instance] = frames(PROCESS_POOL, PROCESS_POOL + 0x1000, holder);
        check(&tables.encode(), both.iter()).violations
    };
    let refused = |holder: &str| {
        let what = format!("{holder} holds 0x1800d000-0x1800e000, the pool of process digest");
        let instance = if holder == "process:second" {
            "compute"
        } else {
            "io"
        };
        [format!("{instance}: {what}")]
    };
    let mut tables = example_tables();
    tables.processes.push(atoll_abi::plan::Process {
        name: atoll_abi::name::Name::new("second").unwrap(),
        pool: NONE,
        services: 0,
        ..tables.processes[0]
    });
    assert_eq!(held(&tables, 0, "service:files"), [""; 0]);
    assert_eq!(held(&tables, 0, "driver:disk"), refused("driver:disk"));
    assert_eq!(held(&tables, 0, "server:io"), refused("server:io"));
    let second = "process:second";
    assert_eq!(held(&tables, 1, second), refused(second));
    // A service of blocks has its own pool alone.
    tables.services[0].kind = ServiceKind::Blocks as u32;
    assert_eq!(held(&tables, 0, "service:files"), refused("service:files"));
    // So has a file service that the process does not use.
    tables.services[0].kind = ServiceKind::Files as u32;
    tables.processes[0].services = 0;
    assert_eq!(held(&tables, 0, "service:files"), refused("service:files"));
}

#[test]
fn the_pool_of_a_service_is_for_it_and_for_the_driver_of_its_network() {
    let held = |tables: &Tables, first: u64, holder: &str| {
        let pool = frames(first, first + 0x1000, holder);
        check(&tables.encode(), [pool, Holdings::default()].iter()).violations
    };
    let mut tables = example_tables();
    let refused = ["io: driver:disk holds 0x1804d000-0x1804e000, the pool of service files"];
    assert_eq!(held(&tables, SERVICE_POOL, "driver:disk"), refused);
    tables.devices[0].kind = DeviceKind::VirtioNet as u32;
    tables.services[0].kind = ServiceKind::Sockets as u32;
    assert_eq!(held(&tables, SERVICE_POOL, "driver:disk"), [""; 0]);
    assert_eq!(held(&tables, SERVICE_POOL, "service:files"), [""; 0]);
    // It reaches no blocks of the service's clients.
    let refused = ["io: driver:disk holds 0x1800d000-0x1800e000, the pool of process digest"];
    assert_eq!(held(&tables, PROCESS_POOL, "driver:disk"), refused);
    // A second service of the device would have no driver that reads for it.
    let mut second = tables.services[0];
    second.pool = 2;
    tables.services.push(second);
    let mut third = tables.pools[1];
    (third.base, third.service) = (SERVICE_POOL + 0x4000, 1);
    tables.pools.push(third);
    assert_eq!(held(&tables, SERVICE_POOL + 0x4000, "driver:disk").len(), 1);
}

#[test]
fn an_operator_may_watch_the_connections_of_its_cluster() {
    let mut tables = example_tables();
    tables.processes.push(atoll_abi::plan::Process {
        name: atoll_abi::name::Name::new("operator").unwrap(),
        operator: 1,
        services: 0,
        pool: NONE,
        ..tables.processes[0]
    });
    let plan = tables.encode();
    let held = |plan: &Plan, first, end| {
        let operator = frames(first, end, "process:operator");
        check(plan, [Holdings::default(), operator].iter()).violations
    };
    // The first page of each ring, and not the slots; nothing of the connection within the other cluster.
    for (page, allowed) in [(0, true), (1, false), (2, true), (3, false)] {
        let first = WINDOWS[2] + page * 0x1000;
        assert_eq!(held(&plan, first, first + 0x1000).is_empty(), allowed);
        let first = WINDOWS[0] + page * 0x1000;
        assert_eq!(held(&plan, first, first + 0x1000).len(), 1);
    }
    tables.processes[1].operator = 0;
    let plan = tables.encode();
    assert_eq!(held(&plan, WINDOWS[2], WINDOWS[2] + 0x1000).len(), 1);
}

#[test]
fn a_wake_page_is_for_the_servers_of_its_channel() {
    for (instance, holder) in [(0, "service:files"), (1, "process:digest")] {
        let found = violations(instance, frames(WAKE_PAGE, WAKE_PAGE + 0x1000, holder));
        assert_eq!(found.len(), 1, "{holder}");
        assert!(found[0].ends_with("the wake page between io and compute"));
    }
    let mut tables = example_tables();
    tables.channels[0].wake_page = 0;
    let plan = tables.encode();
    let io = [frames(WAKE_PAGE, WAKE_PAGE + 0x1000, "server:io")];
    assert_eq!(check(&plan, io.iter()).violations.len(), 1);
}

#[test]
fn frames_are_counted() {
    let audit = check(
        &example(),
        [
            frames(0x100_0000, 0x100_3000, "root-task"),
            Holdings::default(),
        ]
        .iter(),
    );
    assert_eq!((audit.frames, audit.ranges), (3, 1));
}

#[test]
fn memory_of_another_instance_is_a_violation() {
    assert_violation(
        0,
        0x8FF_F000,
        0x900_1000,
        "root-task",
        "io: root-task holds 0x9000000-0x9001000, memory of instance compute",
    );
}

#[test]
fn a_window_or_pool_of_another_holder_is_a_violation() {
    assert_violation(
        1,
        WINDOWS[0],
        WINDOWS[0] + 0x1000,
        "process:digest",
        "compute: process:digest holds 0x18000000-0x18001000, the window between service files and the driver of disk",
    );
    assert_violation(
        0,
        WINDOWS[1],
        WINDOWS[1] + 0x4000,
        "driver:disk",
        "io: driver:disk holds 0x18004000-0x18008000, the window between vcore 0 of process digest and service files",
    );
    assert_violation(
        1,
        WINDOWS[2],
        WINDOWS[2] + 0x1000,
        "server:compute",
        "compute: server:compute holds 0x18008000-0x18009000, the window between vcore 1 of process digest and service files",
    );
    assert_violation(
        0,
        SERVICE_POOL,
        SERVICE_POOL + 0x1000,
        "server:io",
        "io: server:io holds 0x1804d000-0x1804e000, the pool of service files",
    );
}

#[test]
fn devices_are_for_their_driver_alone() {
    assert_violation(
        0,
        HPET_BASE,
        HPET_BASE + 0x1000,
        "driver:disk",
        "io: driver:disk holds 0xfed00000-0xfed01000, the registers of the HPET",
    );
    assert_violation(
        0,
        HPET_BASE,
        HPET_BASE + 0x1000,
        "service:files",
        "io: service:files holds 0xfed00000-0xfed01000, the registers of the HPET",
    );
    assert_violation(
        0,
        0xB002_0000,
        0xB002_2000,
        "driver:disk",
        "io: driver:disk holds 0xb0021000-0xb0022000, the configuration space of PCI",
    );
    assert_violation(
        0,
        0xFEE0_0000,
        0xFEE0_1000,
        "driver:disk",
        "io: driver:disk holds 0xfee00000-0xfee01000, the platform's interrupt controllers and firmware",
    );
    assert_violation(
        0,
        0xFEBD_4000,
        0xFEBD_5000,
        "server:io",
        "io: server:io holds 0xfebd4000-0xfebd5000, device memory",
    );
    assert_violation(
        0,
        0xB002_0000,
        0xB002_1000,
        "server:io",
        "io: server:io holds 0xb0020000-0xb0021000, the configuration page of device disk",
    );
}

#[test]
fn a_server_has_the_hpet_to_ring_others_or_as_a_clock_and_else_not() {
    let mut tables = example_tables();
    tables.channels[0].doorbell = DoorbellKind::Notification as u32;
    let plan = tables.encode();
    let holds = |holder| frames(HPET_BASE, HPET_BASE + 0x1000, holder);
    let io = [holds("server:io"), Holdings::default()];
    assert_eq!(check(&plan, io.iter()).violations.len(), 1);
    // `compute` has a process.
    let compute = [Holdings::default(), holds("server:compute")];
    assert_eq!(check(&plan, compute.iter()).violations.len(), 0);
    tables.processes[0].cluster = 0;
    let plan = tables.encode();
    assert_eq!(check(&plan, io.iter()).violations.len(), 0);
    assert_eq!(check(&plan, compute.iter()).violations.len(), 1);
}

#[test]
fn holders_of_other_instances_are_strangers() {
    for holder in [
        "server:compute",
        "process:digest",
        "driver:other",
        "service:other",
        "someone",
        "kernel:io",
    ] {
        let found = violations(0, frames(0x100_0000, 0x100_1000, holder));
        let expected = format!(
            "io: 0x1000000-0x1001000 is held by {holder}, which this instance does not run"
        );
        assert_eq!(found, [expected]);
    }
}

#[test]
fn no_device_untyped_may_remain() {
    let untyped = |first, end, device| Holdings {
        untyped: vec![(first, end, device)],
        ..Holdings::default()
    };
    assert!(violations(0, untyped(0x200_0000, 0x300_0000, false)).is_empty());
    assert_eq!(
        violations(0, untyped(0xFED0_0000, 0xFED0_1000, true)),
        ["io: root-task holds device untyped 0xfed00000-0xfed01000, the registers of the HPET"]
    );
    assert_eq!(
        violations(0, untyped(0x900_0000, 0xA00_0000, false)),
        ["io: root-task holds untyped 0x9000000-0xa000000, memory of instance compute"]
    );
}

#[test]
fn ports_are_the_console_of_the_root_task() {
    let ports = |first, last, holder: &str| Holdings {
        ports: vec![(first, last, holder.to_owned())],
        ..Holdings::default()
    };
    assert!(violations(0, ports(0x3f8, 0x3ff, "root-task")).is_empty());
    assert!(violations(1, ports(0x2f8, 0x2ff, "root-task")).is_empty());
    assert_eq!(violations(1, ports(0x3f8, 0x3ff, "root-task")).len(), 1);
    assert_eq!(violations(0, ports(0x3f8, 0x3ff, "driver:disk")).len(), 1);
    assert_eq!(violations(0, ports(0, 0xffff, "root-task")).len(), 1);
}

#[test]
fn what_is_no_range_of_pages_is_a_violation() {
    for (first, end) in [(0x100_1000, 0x100_0000), (0x100_0000, 0x100_0800)] {
        assert_eq!(violations(0, frames(first, end, "root-task")).len(), 1);
    }
}

#[test]
fn a_range_is_cut_by_others() {
    assert_eq!(without(0..10, &[2..4, 6..8]), [0..2, 4..6, 8..10]);
    assert_eq!(without(0..10, &[0..5, 5..10]), []);
    assert_eq!(without(0..10, &[2..4, 20..30]), [0..2, 4..10]);
}
