//! Hosts that give QEMU fewer cores than a kernel has: such a machine boots all the same, and its report says how.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::context::{expect_pass, read_report};
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// Cores of one kernel, more than a small host has.
const MANY: usize = 16;

/// The tests.
pub fn tests() -> Vec<Test> {
    let mut tests: Vec<_> = ["1x4", "shared"]
        .into_iter()
        .map(|plan| {
            Test::new(
                format!("host-one-core-{plan}"),
                "four cores of one kernel boot on one core of the host",
                move |context| one_core(context, plan),
            )
        })
        .collect();
    tests.push(Test::new(
        "kernel-of-16-cores",
        "sixteen cores of one kernel boot, on whatever the host has",
        many_cores,
    ));
    tests
}

/// The first processor that this program may use.
fn first_processor() -> Result<String, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let list = list.unwrap_or("0").trim();
    let end = list.find([',', '-']).unwrap_or(list.len());
    Ok(list[..end].to_owned())
}

fn one_core(context: &Context, plan: &str) -> TestResult {
    let folder = context.folder(&format!("host-one-core-{plan}"))?;
    let input = inputs::write(&folder, &inputs::text(50_000))?;
    let report = folder.join("report.json");
    let mut command = context.program(Path::new("taskset"));
    command
        .args(["--cpu-list", &first_processor()?])
        .arg(&context.xtask)
        .args(["run", "--plan", plan, "--input"])
        .arg(&input)
        .arg("--report")
        .arg(&report);
    let ended = context.call(command, &folder)?;
    let report = read_report(&report, &ended)?;
    expect_pass(&ended, &report)?;
    inputs::check_digest(&report, &input, true)?;
    check!(
        report["host"] == json!({"cores": 1, "pace": "in-turns"}),
        "the host is said to be {}",
        report["host"]
    );
    check!(
        ended.stderr.contains("the machine's cores take turns"),
        "it is not told: {}",
        ended.shown()
    );
    Ok(())
}

/// A plan of one kernel with many cores.
fn plan_of_many(context: &Context, folder: &Path) -> Result<PathBuf, Failure> {
    let text = fs::read_to_string(context.root.join("clusters/plans/1x4.toml"))?;
    let cores: Vec<_> = (0..MANY).map(|core| core.to_string()).collect();
    let text = text
        .replace("name = \"1x4\"", "")
        .replace("cores = 4", &format!("cores = {MANY}"))
        .replace("[0, 1, 2, 3]", &format!("[{}]", cores.join(", ")));
    let path = folder.join("many-cores.toml");
    fs::write(&path, text)?;
    Ok(path)
}

fn many_cores(context: &Context) -> TestResult {
    let folder = context.folder("kernel-of-16-cores")?;
    let input = inputs::write(&folder, &inputs::text(50_000))?;
    let plan = plan_of_many(context, &folder)?;
    let report = context.run_well(&plan.display().to_string(), &input, &folder)?;
    inputs::check_digest(&report, &input, true)?;
    let cores = report["instances"][0]["cores"].as_array();
    check!(
        cores.is_some_and(|cores| cores.len() == MANY),
        "the kernel has {:?}",
        cores
    );
    Ok(())
}
