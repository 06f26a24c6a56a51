//! The largest plans: 16 clusters, 64 processes in a cluster, 64 vcores in a process.

mod common;

use std::fmt::Write;

use atoll_abi::layout::{MAX_VCORES, PAGE_SIZE, least_heap};
use atoll_abi::plan::{EncodedPlan, MAX_CLUSTER_PROCESSES, MAX_CLUSTERS, MAX_PROCESSES, Plan};
use atoll_plan::{Amount, CheckedPlan, Need, Part};
use common::assert_sound;
use zerocopy::IntoBytes;

/// A cluster of a plan for one kernel.
fn cluster(text: &mut String, name: &str, cores: std::ops::Range<u32>) {
    let cores: Vec<u32> = cores.collect();
    write!(
        text,
        "[[cluster]]\nname = \"{name}\"\ncores = {cores:?}\nmemory = \"100 MiB\"\nkind = \"CG\"\nquantum-ms = 10\n\
         kernel = {{ KernelRootCNodeSizeBits = 18 }}\n"
    )
    .unwrap();
}

fn process(text: &mut String, name: &str, cluster: &str, vcores: usize, rest: &str) {
    // Where a process uses services it uses one.
    let services = u64::from(rest.contains("services"));
    // As large for one vcore as for two.
    let heap =
        least_heap(vcores.max(2) as u64, services, 1, 1).next_multiple_of(PAGE_SIZE as u64) >> 10;
    write!(
        text,
        "[[process]]\nname = \"{name}\"\nimage = \"digest\"\ncluster = \"{cluster}\"\nvcores = {vcores}\n\
         blocks = 1\nheap = \"{heap} KiB\"\nuthreads = 1\n{rest}\n"
    )
    .unwrap();
}

const MACHINE: &str = "[machine]\ncores = 80\nmemory = \"2 GiB\"\n";

fn checked(text: &str) -> CheckedPlan {
    let plan = atoll_plan::Plan::from_text("large.toml", text);
    plan.unwrap_or_else(|errors| panic!("{errors}"))
}

/// The plan as a reader finds it.
fn read_back(plan: &CheckedPlan) -> EncodedPlan {
    let encoded = plan.encode();
    let mut bytes = encoded.as_bytes().to_vec();
    // What follows a plan, as the rest of its last page, is not looked at.
    bytes.extend([0xff; 100]);
    let read = EncodedPlan::read(&bytes).unwrap();
    assert_eq!(read, encoded);
    assert_eq!(Plan::size_of(&bytes), Some(bytes.len() - 100));
    for cut in [0, 8, 100, bytes.len() - 101] {
        assert_eq!(EncodedPlan::read(&bytes[..cut]), None);
    }
    read
}

#[test]
fn sixteen_clusters_with_a_channel_between_any_two() {
    let mut text = format!("{MACHINE}kernel-mode = \"shared\"\n");
    for index in 0..MAX_CLUSTERS as u32 {
        cluster(&mut text, &format!("c{index}"), 4 * index..4 * index + 4);
        process(&mut text, &format!("p{index}"), &format!("c{index}"), 4, "");
    }
    for (one, other) in (0..MAX_CLUSTERS).flat_map(|one| (0..one).map(move |it| (one, it))) {
        writeln!(text, "[[channel]]\nbetween = [\"c{one}\", \"c{other}\"]").unwrap();
    }
    let plan = checked(&text);
    assert_sound(&plan);
    let plan = read_back(&plan);
    assert_eq!(plan.clusters().len(), 16);
    assert_eq!(plan.channels().len(), 120);
    assert_eq!(plan.processes()[15].cores[..4], [60, 61, 62, 63]);
}

#[test]
fn a_cluster_of_64_processes_which_call_each_other_and_a_service() {
    let mut text = format!("{MACHINE}kernel-mode = \"per-cluster\"\n");
    cluster(&mut text, "io", 0..2);
    text.push_str("devices = [\"disk0\"]\n");
    cluster(&mut text, "many", 2..3);
    text.push_str(
        "[[device]]\nname = \"disk0\"\nkind = \"virtio-blk\"\npci = \"0:4.0\"\n\
         [[service]]\nname = \"files\"\nkind = \"files\"\ncluster = \"io\"\ndevice = \"disk0\"\n\
         [[channel]]\nbetween = [\"io\", \"many\"]\n",
    );
    for index in 0..MAX_CLUSTER_PROCESSES {
        // Those of the other cluster stand between them in the plan.
        if index % 8 == 0 {
            process(&mut text, &format!("io{index}"), "io", 1, "");
        }
        let callee = (index + 1) % MAX_CLUSTER_PROCESSES;
        let rest = format!("services = [\"files\"]\ncalls = [\"p{callee}\"]");
        process(&mut text, &format!("p{index}"), "many", 1, &rest);
    }
    let plan = checked(&text);
    assert_sound(&plan);
    let plan = read_back(&plan);
    let own: Vec<_> = plan.processes_of(1).collect();
    assert_eq!(own.len(), 64);
    for (number, (index, process)) in own.iter().enumerate() {
        assert_eq!(*index, number + number / 8 + 1);
        assert_eq!(process.number as usize, number);
        assert_eq!(process.first_vcore as usize, number);
        let callees = plan.processes().iter();
        let callees = callees.filter(|callee| plan.may_call(process, callee));
        let callees: Vec<u32> = callees.map(|it| it.number).collect();
        assert_eq!(callees, [(number as u32 + 1) % 64]);
    }
    assert_eq!(plan.connections().count(), 1 + 64);
    assert_eq!(plan.crossings_of(0).count(), 64);
}

#[test]
fn a_process_of_64_vcores() {
    let mut text = format!("{MACHINE}kernel-mode = \"per-cluster\"\n");
    cluster(&mut text, "many", 0..64);
    process(&mut text, "small", "many", 3, "");
    process(&mut text, "large", "many", MAX_VCORES, "operator = true");
    let plan = checked(&text);
    assert_sound(&plan);
    let plan = read_back(&plan);
    let large = &plan.processes()[1];
    let cores: Vec<u8> = (0..64).collect();
    assert_eq!(large.cores.to_vec(), cores);
    assert_eq!((large.number, large.first_vcore), (1, 3));
    assert_eq!(plan.vcores_of(0), 67);
}

#[test]
fn a_plan_takes_as_many_pages_as_its_rows_need() {
    let mut text = format!("{MACHINE}kernel-mode = \"shared\"\n");
    for index in 0..MAX_CLUSTERS as u32 {
        cluster(&mut text, &format!("c{index}"), index..index + 1);
    }
    assert!(checked(&text).encode().pages() <= 4);
    // More than one root task has memory for, so that it is not checked.
    let mut tables = atoll_abi::plan::Tables {
        clusters: atoll_abi::plan::empty_rows(MAX_CLUSTERS),
        processes: atoll_abi::plan::empty_rows(MAX_PROCESSES),
        ..Default::default()
    };
    for (index, process) in tables.processes.iter_mut().enumerate() {
        process.cluster = (index % MAX_CLUSTERS) as u32;
    }
    let plan = tables.encode();
    assert!(plan.pages() <= atoll_abi::layout::MAX_PLAN_PAGES);
    assert_eq!(plan.processes()[MAX_PROCESSES - 1].number, 63);
}

#[test]
fn a_root_task_needs_more_for_each_process_by_what_that_process_has() {
    let need = |vcores: usize, rest: &str| {
        let mut text = format!("{MACHINE}kernel-mode = \"per-cluster\"\n");
        cluster(&mut text, "io", 0..1);
        cluster(&mut text, "many", 1..5);
        process(&mut text, "first", "many", 1, "");
        process(&mut text, "second", "many", vcores, rest);
        let plan = checked(&text).encode();
        let own = Need::of(&plan, 1, 18);
        assert_eq!(own.parts.len(), 2);
        assert_eq!(Need::of(&plan, 0, 18).parts, []);
        own
    };
    let base = need(1, "");
    let (first, second) = (base.parts[0].1, base.parts[1].1);
    assert_eq!(first, second);
    assert_eq!(
        base.largest(|own| own.slots),
        Some((Part::Process(0), first.slots))
    );
    let with_vcore = need(2, "");
    let own = with_vcore.parts[1].1;
    // A thread with its stack, IPC buffer and thread-local storage; a ring that its server has too; a notification, its badge,
    // and two announcements.
    let more = own.slots - second.slots;
    assert_eq!(more, 1 + 32 + 1 + 4 + 2 * 4 + 1 + 3);
    assert_eq!(
        with_vcore.largest(|own| own.slots),
        Some((Part::Process(1), own.slots))
    );
    // The server has what is no process's.
    let shares: u64 = base.parts.iter().map(|(_, own)| own.slots).sum();
    assert!(base.total.slots > shares + 400);
    assert!(base.total.bytes > second.bytes && base.total.records > second.records);
}

/// What a service needs of the given kind, with a heap of so many MiB. Its client has so many blocks and runs in the cluster `home`:
/// `io`, that of the service, or `other`, on another kernel.
fn need_of_service(kind: &str, heap: u32, home: &str, blocks: u32) -> Amount {
    let mut text = format!("{MACHINE}kernel-mode = \"per-cluster\"\n");
    cluster(&mut text, "io", 0..1);
    text.push_str("devices = [\"disk0\"]\n");
    cluster(&mut text, "other", 1..2);
    write!(
        text,
        "[[device]]\nname = \"disk0\"\nkind = \"virtio-blk\"\npci = \"0:4.0\"\nread-only = true\n\
         [[service]]\nname = \"disk\"\nkind = \"{kind}\"\ncluster = \"io\"\ndevice = \"disk0\"\nheap = \"{heap} MiB\"\n\
         [[channel]]\nbetween = [\"io\", \"other\"]\n"
    )
    .unwrap();
    process(&mut text, "client", home, 1, "services = [\"disk\"]");
    let text = text.replace("blocks = 1\n", &format!("blocks = {blocks}\n"));
    let need = Need::of(&checked(&text).encode(), 0, 18);
    let own = need
        .parts
        .iter()
        .find(|(part, _)| *part == Part::Service(0));
    own.unwrap().1
}

#[test]
fn a_file_service_takes_slots_for_the_pools_of_its_clients_and_a_blocks_service_does_not() {
    let slots = |kind, home, blocks| need_of_service(kind, 1, home, blocks).slots;
    // A page for each block, and the structure of the second large page that they reach into.
    let more = |kind, home| slots(kind, home, 513) - slots(kind, home, 1);
    assert_eq!(more("files", "io"), 512 + 1);
    assert_eq!(more("blocks", "io"), 0);
    // On another kernel the pages are made for the service, and its own pool lies farther away.
    assert!((512 + 1..512 + 64).contains(&more("files", "other")));
    assert!(more("blocks", "other") < 64);
}

#[test]
fn a_service_takes_memory_for_its_heap() {
    let [small, large] = [1, 9].map(|heap| need_of_service("files", heap, "io", 1));
    // Pages of 8 MiB, and the structures of four more large pages.
    assert_eq!(large.slots - small.slots, 2048 + 4);
    assert_eq!(large.bytes - small.bytes, (2048 + 4) * PAGE_SIZE as u64);
}
