//! What the build and `xtask` are told about a plan.

mod common;

use atoll_plan::{CheckedPlan, Plan};
use common::{SHIPPED, assert_sound, shipped};

const REST: &str = "KernelDebugBuild=OFF;KernelRootCNodeSizeBits=14;KernelFastpath=ON;KernelNumPriorities=256;KernelRetypeFanOutLimit=256;KernelMaxNumWorkUnitsPerPreemption=100;KernelStackBits=12";

fn load(name: &str) -> CheckedPlan {
    Plan::load(shipped(name)).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn the_settings_of_the_default_plan() {
    let expected = format!(
        r#"set(ATOLL_PLAN_NAME "2x2")
set(ATOLL_INSTANCES "io;compute")
set(ATOLL_IMAGES "digest")
set(ATOLL_DRIVERS "virtio-blk")
set(ATOLL_SERVICES "files")
set(ATOLL_VARIANTS "smp")
set(ATOLL_INSTANCE_io_BASE "0x2000000")
set(ATOLL_INSTANCE_io_VARIANT "smp")
set(ATOLL_INSTANCE_io_OPTIONS "KernelMaxNumNodes=2;KernelTimerTickMS=2;KernelTimeSlice=5;KernelPrinting=ON;{REST}")
set(ATOLL_INSTANCE_compute_BASE "0xa000000")
set(ATOLL_INSTANCE_compute_VARIANT "smp")
set(ATOLL_INSTANCE_compute_OPTIONS "KernelMaxNumNodes=2;KernelTimerTickMS=10;KernelTimeSlice=10;KernelPrinting=ON;{REST}")
"#
    );
    assert_eq!(load("2x2").cmake(), expected);
}

#[test]
fn the_settings_of_three_unlike_kernels() {
    let expected = format!(
        r#"set(ATOLL_PLAN_NAME "three")
set(ATOLL_INSTANCES "io;compute;aux")
set(ATOLL_IMAGES "digest")
set(ATOLL_DRIVERS "virtio-blk")
set(ATOLL_SERVICES "files")
set(ATOLL_VARIANTS "unicore;smp")
set(ATOLL_INSTANCE_io_BASE "0x2000000")
set(ATOLL_INSTANCE_io_VARIANT "unicore")
set(ATOLL_INSTANCE_io_OPTIONS "KernelMaxNumNodes=1;KernelTimerTickMS=1;KernelTimeSlice=5;KernelPrinting=OFF;{REST}")
set(ATOLL_INSTANCE_compute_BASE "0x6000000")
set(ATOLL_INSTANCE_compute_VARIANT "smp")
set(ATOLL_INSTANCE_compute_OPTIONS "KernelMaxNumNodes=2;KernelTimerTickMS=5;KernelTimeSlice=10;KernelPrinting=ON;{REST}")
set(ATOLL_INSTANCE_aux_BASE "0xe000000")
set(ATOLL_INSTANCE_aux_VARIANT "unicore")
set(ATOLL_INSTANCE_aux_OPTIONS "KernelMaxNumNodes=1;KernelTimerTickMS=10;KernelTimeSlice=10;KernelPrinting=ON;{REST}")
"#
    );
    assert_eq!(load("three").cmake(), expected);
}

#[test]
fn a_shared_kernel_is_one_instance() {
    let plan = load("shared");
    assert_eq!(plan.instance_names(), ["shared"]);
    assert_eq!(plan.cluster_names(), ["io", "compute"]);
    assert!(plan.cmake().contains(
        "set(ATOLL_INSTANCE_shared_OPTIONS \"KernelMaxNumNodes=4;KernelTimerTickMS=2;KernelTimeSlice=5;"
    ));
}

#[test]
fn what_the_machine_must_have() {
    for (name, timers, images, variants) in [
        ("1x4", 3, 1, vec!["smp"]),
        ("2x2", 4, 1, vec!["smp"]),
        ("4x1", 8, 1, vec!["unicore"]),
        ("shared", 3, 1, vec!["smp"]),
        ("three", 6, 1, vec!["unicore", "smp"]),
    ] {
        let plan = load(name);
        assert_eq!(
            (plan.machine_cores(), plan.machine_memory()),
            (4, 512 << 20)
        );
        assert_eq!(plan.hpet_timers(), timers, "{name}");
        assert_eq!(plan.images().len(), images);
        assert_eq!(plan.variants(), variants);
        assert_eq!(plan.drivers(), ["virtio-blk"]);
        assert_eq!(plan.service_images(), ["files"]);
        assert_eq!(CheckedPlan::pci_address(&plan.devices()[0]), (0, 4, 0));
        assert!(plan.kernel_options(9).is_empty());
        assert_sound(&plan);
    }
    assert_eq!(
        load("4x1").process_names(),
        ["digest-a", "digest-b", "digest-c"]
    );
}

#[test]
fn drawings_name_everything() {
    for name in SHIPPED {
        let plan = load(name);
        let drawing = plan.draw();
        println!("{drawing}");
        let names = [plan.cluster_names(), plan.process_names()].concat();
        for name in names {
            assert!(drawing.contains(name), "{name} in\n{drawing}");
        }
    }
    for (plan, ending) in [
        ("1x4", "timer HPET comparator 0"),
        ("4x1", "timer HPET comparator 3"),
        ("shared", "no timer"),
    ] {
        let drawing = load(plan).draw();
        assert!(
            drawing.lines().any(|line| line.ends_with(ending)),
            "{drawing}"
        );
    }
    let drawing = load("2x2").draw();
    for line in [
        "  0x02000000 - 0x0a000000    128 MiB  instance io",
        "  0x12000000 - 0x12004000     16 KiB  window of connection 0: service files -> driver of disk0",
        "  0x12004000 - 0x1200c000     32 KiB  windows of connections 1 to 2: process digest -> service files",
        "  0x1200c000 - 0x1200d000      4 KiB  wake page of channel 0",
        "  0x1200d000 - 0x1204d000    256 KiB  pool 0: 64 blocks of process digest",
        "  0x1204d000 - 0x12055000     32 KiB  pool 1: 8 blocks of service files",
        "   0  io           server, service files, driver of disk0",
        "  0  io <-> compute, doorbells: HPET comparator 0 wakes io, HPET comparator 1 wakes compute; wake page at 0x1200c000",
        "  files        image files, in io on core 0, device disk0, pool 1, heap 8 MiB",
        "connections: 3",
        "  connection 0: service files -> driver of disk0, within the cluster",
        "  connections 1 to 2: process digest -> service files, across kernels by channel 0",
        "               uses files",
    ] {
        assert!(drawing.lines().any(|it| it == line), "{line} in\n{drawing}");
    }
}

#[test]
fn each_component_has_a_time_to_start() {
    let encoded = load("2x2").encode();
    let components = [
        encoded.clusters()[0].restart,
        encoded.services()[0].restart,
        encoded.devices()[0].restart,
        encoded.processes()[0].restart,
    ];
    // A process that is never started again is not ended for a slow start either.
    let within = components.map(|it| it.start_within_ms);
    assert_eq!(within, [60_000, 60_000, 60_000, 0]);
    assert_eq!(components.map(|it| it.times), [3, 3, 3, 0]);

    let text = std::fs::read_to_string(shipped("2x2")).unwrap();
    let text = text.replace(
        "kind = \"LL\"",
        "kind = \"LL\"\nrestart = { times = 1, within-ms = 2, start-within-ms = 3 }",
    );
    let process = "image = \"digest\"";
    let restart = "restart = { times = 1, within-ms = 2 }";
    let text = text.replace(process, &format!("{process}\n{restart}"));
    let encoded = Plan::from_text("2x2.toml", &text).unwrap().encode();
    let server = encoded.clusters()[0].restart;
    assert_eq!(
        (server.times, server.within_ms, server.start_within_ms),
        (1, 2, 3)
    );
    assert_eq!(encoded.processes()[0].restart.start_within_ms, 60_000);
    // Behind the comparators of the clusters there is one for the root task of each instance.
    assert_eq!([0, 1].map(|it| encoded.root_task_comparator(it)), [2, 3]);
}

#[test]
fn a_measured_plan_is_another_build() {
    let text = std::fs::read_to_string(shipped("2x2")).unwrap();
    let measured = text.replace("[machine]\n", "[machine]\nmeasured = true\n");
    let [plain, measured] =
        [text, measured].map(|text| Plan::from_text("2x2.toml", &text).unwrap());
    assert!(measured.is_measured() && !plain.is_measured());
    assert!(measured.cmake().contains("set(ATOLL_MEASURED \"ON\")\n"));
    assert_ne!(measured.fingerprint(), plain.fingerprint());
}
