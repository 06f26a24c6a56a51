//! Layouts of random plans are sound; whatever is done to the text of a plan, the answer is a sound layout or errors with
//! places in it.

mod common;

use std::fmt::Write;
use std::fs;

use atoll_abi::layout::{PAGE_SIZE, least_heap};
use atoll_abi::plan::{MAX_CLUSTERS, MAX_DEVICES};
use atoll_plan::Plan;
use common::{SHIPPED, assert_sound, shipped};
use proptest::prelude::*;

/// What a random plan is made from.
#[derive(Clone, Debug)]
struct Sketch {
    shared: bool,
    clusters: Vec<ClusterSketch>,
    skipped_cores: Vec<bool>,
    has_timeline: bool,
}

/// A cluster with one process.
#[derive(Clone, Debug)]
struct ClusterSketch {
    cores: u32,
    /// Pages of 2 MiB.
    pages: u64,
    /// Blocks of each of its processes.
    blocks: u32,
    /// Whether its processes have a vcore on each core and the plan names those of its services and drivers, and which way round
    /// its channel is written.
    flag: bool,
    /// Disks, each with a service; the plan has 8 at most.
    disks: usize,
    /// How many processes it has.
    processes: usize,
    /// A bit for each service of the plan that its processes use, where a channel leads to it.
    uses: u32,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    any::<bool>()
        .prop_flat_map(|shared| {
            let cluster = (
                1..=(if shared { 2u32 } else { 4 }),
                if shared { 24..40u64 } else { 24..100 },
                1..600u32,
                any::<bool>(),
                0..4usize,
                1..4usize,
                any::<u32>(),
            )
                .prop_map(
                    |(cores, pages, blocks, flag, disks, processes, uses)| ClusterSketch {
                        cores,
                        pages,
                        blocks,
                        flag,
                        disks,
                        processes,
                        uses,
                    },
                );
            let clusters =
                prop::collection::vec(cluster, 1..=(if shared { MAX_CLUSTERS } else { 4 }));
            (
                Just(shared),
                clusters,
                prop::collection::vec(any::<bool>(), 16),
                any::<bool>(),
            )
        })
        .prop_map(|(shared, clusters, skipped_cores, has_timeline)| Sketch {
            shared,
            clusters,
            skipped_cores,
            has_timeline,
        })
}

/// A correct plan, with a channel from cluster 0 to every other one, which may be written either way round.
fn text_of(sketch: &Sketch) -> String {
    let mode = if sketch.shared {
        "shared"
    } else {
        "per-cluster"
    };
    let mut text = format!("[machine]\ncores = 80\nmemory = \"2 GiB\"\nkernel-mode = \"{mode}\"\n");
    if sketch.has_timeline {
        text.push_str("timeline = \"8 KiB\"\n");
    }
    let mut core = 0;
    // The cores of each cluster.
    let mut cores: Vec<Vec<usize>> = Vec::new();
    // Cluster of each disk and of its service, by number.
    let mut disks: Vec<usize> = Vec::new();
    for (index, cluster) in sketch.clusters.iter().enumerate() {
        let mut listed = Vec::new();
        while listed.len() < cluster.cores as usize {
            // Some cores stay unclaimed, but never core 0.
            if core == 0 || !sketch.skipped_cores[core % 16] || core > 40 {
                listed.push(core);
            }
            core += 1;
        }
        cores.push(listed.clone());
        let memory = cluster.pages * 2;
        let own = disks.len()..(disks.len() + cluster.disks).min(MAX_DEVICES);
        let claims: Vec<String> = own.clone().map(|disk| format!("d{disk}")).collect();
        writeln!(
            text,
            "[[cluster]]\nname = \"c{index}\"\ncores = {listed:?}\nmemory = \"{memory} MiB\"\nkind = \"CG\"\nquantum-ms = 10\ndevices = {claims:?}\nkernel = {{ KernelRootCNodeSizeBits = 17 }}"
        )
        .unwrap();
        disks.extend(own.map(|_| index));
        if index > 0 {
            let ends = if cluster.flag { [0, index] } else { [index, 0] };
            writeln!(
                text,
                "[[channel]]\nbetween = [\"c{}\", \"c{}\"]",
                ends[0], ends[1]
            )
            .unwrap();
        }
    }
    for (disk, cluster) in disks.iter().enumerate() {
        let slot = disk + 4;
        let own = &cores[*cluster];
        let placed = |number: usize| match sketch.clusters[*cluster].flag {
            true => format!("core = {}\n", own[number % own.len()]),
            false => String::new(),
        };
        let (driver, service) = (placed(disk), placed(disk + 1));
        writeln!(
            text,
            "[[device]]\nname = \"d{disk}\"\nkind = \"virtio-blk\"\npci = \"0:{slot:x}.0\"\nread-only = true\n{driver}\
             [[service]]\nname = \"s{disk}\"\n{service}kind = \"files\"\ncluster = \"c{cluster}\"\ndevice = \"d{disk}\"\nheap = \"1 MiB\""
        )
        .unwrap();
    }
    for (index, cluster) in sketch.clusters.iter().enumerate() {
        let vcores = if cluster.flag { cluster.cores } else { 1 };
        let blocks = cluster.blocks;
        let joined = |home: usize| index == 0 || home == 0 || home == index;
        let services: Vec<String> = disks
            .iter()
            .enumerate()
            .filter(|&(disk, &home)| cluster.uses & 1 << disk != 0 && joined(home))
            .map(|(disk, _)| format!("s{disk}"))
            .collect();
        let heap = least_heap(
            vcores as u64,
            services.len() as u64,
            blocks.into(),
            UTHREADS,
        );
        let heap = heap.next_multiple_of(PAGE_SIZE as u64) >> 10;
        for number in 0..cluster.processes {
            writeln!(
            text,
            "[[process]]\nname = \"p{index}-{number}\"\nimage = \"digest\"\ncluster = \"c{index}\"\nvcores = {vcores}\nblocks = {blocks}\nheap = \"{heap} KiB\"\nuthreads = {UTHREADS}\nservices = {services:?}"
        )
        .unwrap();
        }
    }
    text
}

/// Uthreads of each process.
const UTHREADS: u64 = 4;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_plans_are_sound(sketch in sketch()) {
        let text = text_of(&sketch);
        let plan = Plan::from_text("random.toml", &text)
            .unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        prop_assert_eq!(plan.clusters().len(), sketch.clusters.len());
        assert_sound(&plan);
    }

    #[test]
    fn a_damaged_plan_is_refused_or_sound(
        which in 0..SHIPPED.len(),
        damage in prop::collection::vec((0..3u8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let text = fs::read_to_string(shipped(SHIPPED[which])).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        for (kind, one, other) in damage {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            match kind {
                0 => drop(lines.remove(one)),
                1 => lines.swap(one, other),
                _ => lines.insert(one, lines[other]),
            }
        }
        let text = lines.join("\n");
        match Plan::from_text("damaged.toml", &text) {
            Ok(plan) => assert_sound(&plan),
            Err(errors) => {
                prop_assert!(!errors.errors().is_empty());
                for error in errors.errors() {
                    prop_assert!(error.place.line <= lines.len() + 1, "{}", error);
                }
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(which in 0..SHIPPED.len(), at in any::<prop::sample::Index>(), with in "\\PC{0,4}") {
        let text = fs::read_to_string(shipped(SHIPPED[which])).unwrap();
        let at = at.index(text.len());
        let text = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        match Plan::from_text("damaged.toml", &text) {
            Ok(plan) => assert_sound(&plan),
            Err(errors) => prop_assert!(!errors.to_string().is_empty()),
        }
    }
}
