//! Whatever plan the checker accepts boots and gives the right digest; the least memory that it accepts is enough.

mod plan;

use std::fs;
use std::path::Path;

use crate::inputs::Numbers;
use crate::{Context, Failure, Test, TestResult, check, inputs, report};

/// Seeds of the ordinary tests, and of the long ones.
const SEEDS: [u64; 2] = [4, 100];

/// Plans that are generated of a seed until one is accepted.
const ATTEMPTS: usize = 400;

/// Shipped plans of which the least memory is looked for, and those that only the long tests look at.
const LEAST: [(&str, bool); 5] = [
    ("4x1", false),
    ("2x2", true),
    ("1x4", true),
    ("shared", true),
    ("three", true),
];

/// The tests; the long ones too where they are wanted.
pub fn tests(long: bool) -> Vec<Test> {
    let mut tests: Vec<_> = (0..SEEDS[usize::from(long)])
        .map(|seed| {
            Test::new(
                format!("generated-{seed}"),
                "a generated plan, at its bounds, that the checker accepts boots and gives the right digest",
                move |context| generated(context, seed),
            )
        })
        .collect();
    tests.push(Test::new(
        "bounds",
        "a large heap, large pools, few priorities and two functions of one PCI device boot in a small cluster",
        |context| {
            let folder = context.folder("bounds")?;
            boots(context, &context.root.join(report::plan("bounds")), &folder)
        },
    ));
    let least = LEAST
        .into_iter()
        .filter(|(_, only_long)| long || !only_long);
    tests.extend(least.map(|(plan, _)| {
        Test::new(
            format!("least-memory-{plan}"),
            "with the least memory that the checker accepts a plan boots",
            move |context| least_memory(context, plan),
        )
    }));
    tests
}

fn generated(context: &Context, seed: u64) -> TestResult {
    let folder = context.folder(&format!("generated-{seed}"))?;
    let mut numbers = Numbers::new(seed);
    let path = folder.join("generated.toml");
    for _ in 0..ATTEMPTS {
        fs::write(&path, plan::plan(&mut numbers))?;
        if accepts(context, &path, &folder)? {
            return boots(context, &path, &folder);
        }
    }
    check!(false, "none of {ATTEMPTS} plans of seed {seed} is accepted");
    Ok(())
}

/// Whether the checker accepts a plan. What it refuses it names, and where.
fn accepts(context: &Context, plan: &Path, folder: &Path) -> Result<bool, Failure> {
    let mut command = context.xtask();
    command.args(["plan", "check"]).arg(plan);
    let ended = context.call(command, folder)?;
    let place = format!("{}:", plan.display());
    let located = |line: &str| {
        let rest = line.strip_prefix(&place).unwrap_or_default();
        rest.starts_with(|first: char| first.is_ascii_digit())
    };
    check!(
        ended.status.success() || !ended.stderr.is_empty() && ended.stderr.lines().all(located),
        "what is wrong is not said with its place: {}",
        ended.shown()
    );
    Ok(ended.status.success())
}

fn boots(context: &Context, plan: &Path, folder: &Path) -> TestResult {
    let input = inputs::write(folder, &inputs::text(30_000))?;
    let report = context.run_well(&plan.display().to_string(), &input, folder);
    let report = report.map_err(|failure| Failure {
        text: format!("{} does not boot: {}", plan.display(), failure.text),
        ..failure
    })?;
    inputs::check_digest(&report, &input, true)
}

/// Halves the steps by which the memory of one cluster after the other shrinks, until the checker refuses less.
fn least_memory(context: &Context, name: &str) -> TestResult {
    const STEP: u64 = 2;
    let folder = context.folder(&format!("least-memory-{name}"))?;
    let shipped = context
        .root
        .join("clusters/plans")
        .join(format!("{name}.toml"));
    let mut text = fs::read_to_string(shipped)?.replacen(&format!("name = \"{name}\""), "", 1);
    let path = folder.join("least.toml");
    let key = "memory = \"";
    let clusters = text.matches("[[cluster]]").count();
    // The first one is the machine's.
    for cluster in 1..=clusters {
        let Some((at, _)) = text.match_indices(key).nth(cluster) else {
            continue;
        };
        let start = at + key.len();
        let end = start + text[start..].find('"').unwrap_or(0);
        let now = text[start..end].trim_end_matches(" MiB").parse::<u64>();
        let (mut low, mut high) = (0, now.unwrap_or(0) / STEP);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            let tried = format!("{}{} MiB{}", &text[..start], middle * STEP, &text[end..]);
            fs::write(&path, tried)?;
            match accepts(context, &path, &folder)? {
                true => high = middle,
                false => low = middle,
            }
        }
        text = format!("{}{} MiB{}", &text[..start], high * STEP, &text[end..]);
    }
    fs::write(&path, &text)?;
    boots(context, &path, &folder)
}
