//! Layouts of shipped and of random plans are sound; whatever is done to the text of a plan, the answer is a sound layout
//! or errors with places in it.

mod common;

use std::fmt::Write;
use std::fs;

use atoll_plan::Plan;
use common::{SHIPPED, assert_sound, shipped};
use proptest::prelude::*;

#[test]
fn shipped_plans_are_sound() {
    let names: Vec<String> = fs::read_dir(shipped("2x2").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(SHIPPED.iter().all(|name| names.iter().any(|it| it == name)));
    for name in names {
        let plan = Plan::load(shipped(&name)).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(plan.name(), name);
        assert_sound(&plan);
    }
}

#[test]
fn the_default_plan_has_the_addresses_that_its_text_implies() {
    let plan = Plan::load(shipped("2x2")).unwrap().encode();
    let [io, compute] = plan.instances() else {
        panic!("two instances");
    };
    assert_eq!((io.memory_base, io.memory_size), (0x200_0000, 0x800_0000));
    assert_eq!(
        (compute.memory_base, compute.memory_size),
        (0xa00_0000, 0x800_0000)
    );
    assert_eq!(
        (plan.shared_base, plan.shared_size),
        (0x1200_0000, 0x20_0000)
    );
    assert_eq!(plan.channels()[0].window, 0x1200_0000);
    assert_eq!(plan.pools()[0].base, 0x1200_4000);
    assert_eq!(plan.pools()[1].base, 0x1204_4000);
    assert_eq!((io.timer_tick_ms, io.time_slice), (2, 5));
    assert_eq!((compute.timer_tick_ms, compute.time_slice), (10, 10));
    assert_eq!(plan.devices()[0].pci_address, 4 << 3);
    assert_eq!(plan.processes()[0].cores[..2], [0, 1]);
}

#[test]
fn vcores_leave_the_first_core_to_the_server_where_they_can() {
    let text = fs::read_to_string(shipped("1x4")).unwrap();
    let text = text.replace("\ncores = [1, 2, 3]", "");
    let plan = Plan::from_text("1x4.toml", &text).unwrap().encode();
    assert_eq!(plan.processes()[0].cores[..3], [1, 2, 3]);
    let shared = Plan::load(shipped("shared")).unwrap().encode();
    assert_eq!(shared.processes()[0].cores[..2], [2, 3]);
    assert_eq!(shared.clusters()[1].first_core, 2);
}

#[test]
fn a_plan_without_a_name_has_that_of_its_file() {
    let text = fs::read_to_string(shipped("2x2")).unwrap();
    let text = text.replace("name = \"2x2\"", "");
    let plan = Plan::from_text("some/where/mine.toml", &text).unwrap();
    assert_eq!(plan.name(), "mine");
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let text = fs::read_to_string(shipped("2x2")).unwrap();
    for nothing in ["\"\"", "\"?\""] {
        for (key, line) in [
            ("cluster = ", "cluster = \"compute\""),
            ("devices = [", "devices = [\"disk0\""),
            ("between = [\"io\", ", "between = [\"io\", \"compute\""),
        ] {
            assert!(text.contains(line));
            let damaged = text.replace(line, &format!("{key}{nothing}"));
            assert!(
                Plan::from_text("damaged.toml", &damaged).is_err(),
                "{key}{nothing}"
            );
        }
    }
}

/// What a random plan is made from: for each cluster its cores, 2 MiB pages and blocks of its process.
#[derive(Clone, Debug)]
struct Sketch {
    shared: bool,
    clusters: Vec<(u32, u64, u32, bool)>,
    skipped_cores: Vec<bool>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    any::<bool>()
        .prop_flat_map(|shared| {
            let cluster = (
                1..=(if shared { 2u32 } else { 4 }),
                24..100u64,
                1..600u32,
                any::<bool>(),
            );
            let clusters = prop::collection::vec(cluster, 1..=(if shared { 8 } else { 4 }));
            (
                Just(shared),
                clusters,
                prop::collection::vec(any::<bool>(), 16),
            )
        })
        .prop_map(|(shared, clusters, skipped_cores)| Sketch {
            shared,
            clusters,
            skipped_cores,
        })
}

/// A correct plan: cluster 0 has the disk and a channel to every other one, which may be written either way round.
fn text_of(sketch: &Sketch) -> String {
    let mode = if sketch.shared {
        "shared"
    } else {
        "per-cluster"
    };
    let mut text = format!("[machine]\ncores = 64\nmemory = \"2 GiB\"\nkernel-mode = \"{mode}\"\n");
    let mut core = 0;
    for (index, &(cores, pages, blocks, flag)) in sketch.clusters.iter().enumerate() {
        let mut listed = Vec::new();
        while listed.len() < cores as usize {
            // Some cores stay unclaimed, but never core 0.
            if core == 0 || !sketch.skipped_cores[core % 16] || core > 40 {
                listed.push(core);
            }
            core += 1;
        }
        let memory = pages * 2;
        writeln!(
            text,
            "[[cluster]]\nname = \"c{index}\"\ncores = {listed:?}\nmemory = \"{memory} MiB\"\nkind = \"CG\"\nquantum-ms = 10"
        )
        .unwrap();
        if index == 0 {
            writeln!(text, "devices = [\"d\"]\n[[device]]\nname = \"d\"\nkind = \"virtio-blk\"\npci = \"0:4.0\"").unwrap();
        } else {
            let ends = if flag { [0, index] } else { [index, 0] };
            writeln!(
                text,
                "[[channel]]\nbetween = [\"c{}\", \"c{}\"]",
                ends[0], ends[1]
            )
            .unwrap();
        }
        let vcores = if flag { cores } else { 1 };
        writeln!(
            text,
            "[[process]]\nname = \"p{index}\"\nimage = \"digest\"\ncluster = \"c{index}\"\nvcores = {vcores}\nblocks = {blocks}"
        )
        .unwrap();
    }
    text
}

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
