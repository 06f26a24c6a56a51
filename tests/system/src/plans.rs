//! The shipped plans boot and agree; the bad ones are refused.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{Context, Test, TestResult, check, inputs};

/// Kernels of each shipped plan: the instances' names and configurations.
const SHIPPED: [(&str, &[(&str, &str)]); 5] = [
    ("1x4", &[("all", "smp")]),
    ("2x2", &[("io", "smp"), ("compute", "smp")]),
    (
        "4x1",
        &[
            ("io", "unicore"),
            ("a", "unicore"),
            ("b", "unicore"),
            ("c", "unicore"),
        ],
    ),
    ("shared", &[("shared", "smp")]),
    (
        "three",
        &[("io", "unicore"), ("compute", "smp"), ("aux", "unicore")],
    ),
];

/// Bytes of the text that every plan reads.
const TEXT: usize = 200_000;

/// One test for each shipped plan.
pub fn shipped_plans() -> Vec<Test> {
    SHIPPED
        .into_iter()
        .map(|(plan, kernels)| {
            let about = format!("plan {plan} boots its kernels and agrees with all others");
            Test::new(format!("plan-{plan}"), about, move |context| {
                shipped(context, plan, kernels)
            })
        })
        .collect()
}

fn shipped(context: &Context, plan: &str, kernels: &[(&str, &str)]) -> TestResult {
    let folder = context.folder(&format!("plan-{plan}"))?;
    let input = inputs::write(&folder, &inputs::text(TEXT))?;
    let report = context.run_well(plan, &input, &folder)?;
    inputs::check_digest(&report, &input, true)?;

    let booted: Vec<Value> = report["instances"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|instance| json!([instance["name"], instance["kernel"]]))
        .collect();
    let planned: Vec<Value> = kernels
        .iter()
        .map(|(name, kernel)| json!([name, kernel]))
        .collect();
    check!(
        booted == planned,
        "the kernels are {booted:?}, and should be {planned:?}"
    );
    check!(report["audit"]["verdict"] == "ok", "{}", report["audit"]);
    check!(
        report["audit"]["frames"].as_u64() > Some(0),
        "the audit saw no frame"
    );
    for (name, _) in kernels {
        let log = folder.join(format!("serial-{name}.log"));
        let text = fs::read_to_string(&log)
            .with_context(|| format!("the log {} is missing", log.display()))?;
        let prefix = format!("{name}: ");
        check!(
            !text.is_empty() && text.lines().all(|line| line.starts_with(&prefix)),
            "{} has lines without its cluster",
            log.display()
        );
    }
    Ok(())
}

/// One test over all bad plans.
pub fn bad_plans() -> Vec<Test> {
    vec![Test::new(
        "bad-plans",
        "every bad plan is refused with exactly its message",
        refuse_all,
    )]
}

fn refuse_all(context: &Context) -> TestResult {
    let folder = context.folder("bad-plans")?;
    // The messages name each file as it is named from the project's root.
    let bad = Path::new("clusters/plans/bad");
    let plans = context.root.join(bad);
    let mut stems: Vec<PathBuf> = fs::read_dir(&plans)
        .with_context(|| format!("cannot read {}", plans.display()))?
        .flatten()
        .map(|entry| PathBuf::from(entry.file_name()).with_extension(""))
        .collect();
    stems.sort();
    stems.dedup();
    check!(!stems.is_empty(), "there is no bad plan");
    let mut wrong = Vec::new();
    for stem in &stems {
        let expected = fs::read_to_string(plans.join(stem.with_extension("expected")))
            .with_context(|| format!("{} has no expected message", stem.display()))?;
        let mut command = context.xtask();
        command
            .args(["plan", "check"])
            .arg(bad.join(stem).with_extension("toml"));
        let ended = context.call(command, &folder)?;
        if ended.status.success() || ended.stderr.trim_end() != expected.trim_end() {
            wrong.push(format!(
                "{}: expected\n{expected}but got\n{}",
                stem.display(),
                ended.shown()
            ));
        }
    }
    check!(
        wrong.is_empty(),
        "{} of {} messages differ; the first ones:\n{}",
        wrong.len(),
        stems.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    Ok(())
}
