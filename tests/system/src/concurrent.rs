//! Runs at the same time, from one checkout: each boots the plan that it names.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::context::{expect_pass, read_report};
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// Shipped plans whose programs are built in one target folder, and the kernels of each. They are given one name.
const PLANS: [(&str, usize); 2] = [("2x2", 2), ("1x4", 1)];

/// The name.
const NAME: &str = "twin";

/// Time that both runs may take: two first builds, one after the other.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![Test::new(
        "same-name",
        "two plans of one name that are run at once are both booted, each by the run that names it",
        same_name,
    )]
}

/// A copy of a shipped plan, by the common name.
fn renamed(context: &Context, plan: &str, folder: &std::path::Path) -> Result<PathBuf, Failure> {
    let shipped = context
        .root
        .join("clusters/plans")
        .join(format!("{plan}.toml"));
    let text = fs::read_to_string(shipped)?;
    let own = format!("name = \"{plan}\"");
    check!(text.contains(&own), "{plan} does not have the line {own}");
    let path = folder.join(format!("{NAME}.toml"));
    fs::write(&path, text.replacen(&own, &format!("name = \"{NAME}\""), 1))?;
    Ok(path)
}

fn same_name(context: &Context) -> TestResult {
    let mut calls = Vec::new();
    for (plan, _) in PLANS {
        let folder = context.folder(&format!("same-name-{plan}"))?;
        let input = inputs::write(&folder, &inputs::text(20_000))?;
        let mut command = context.xtask();
        command
            .args(["run", "--plan"])
            .arg(renamed(context, plan, &folder)?)
            .arg("--input")
            .arg(&input)
            .arg("--report")
            .arg(folder.join("report.json"));
        calls.push((context.start(command, &folder)?, folder, input));
    }
    let mut fingerprints = Vec::new();
    for ((call, folder, input), (plan, kernels)) in calls.into_iter().zip(PLANS) {
        let ended = call.wait(LIMIT)?;
        let report = read_report(&folder.join("report.json"), &ended)?;
        expect_pass(&ended, &report)?;
        inputs::check_digest(&report, &input, true)?;
        let booted = report["instances"].as_array().map_or(0, Vec::len);
        check!(
            booted == kernels,
            "{plan} has {kernels} kernels, and {booted} were booted"
        );
        let own = &report["plan"];
        check!(
            own["name"] == NAME && own["booted"].is_string() && own["booted"] == own["fingerprint"],
            "the machine told another plan: {own}"
        );
        fingerprints.push(own["fingerprint"].clone());
    }
    check!(
        fingerprints[0] != fingerprints[1],
        "two plans have the fingerprint {}",
        fingerprints[0]
    );
    Ok(())
}
