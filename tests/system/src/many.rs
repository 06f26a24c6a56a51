//! As many processes as a cluster may have.

use serde_json::{Value, json};

use crate::report::{channels, plan, result, statuses};
use crate::{Context, Test, TestResult, check, inputs};

/// Processes of the plan: those of the crowded cluster, and two beside the service that all use.
const PROCESSES: usize = 64 + 2;

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![Test::new(
        "many",
        "64 processes of one cluster and two of another one read the same file, and all end well",
        many,
    )]
}

fn many(context: &Context) -> TestResult {
    let folder = context.folder("many")?;
    let input = inputs::write(&folder, &inputs::text(6_000))?;
    let report = context.run_well(&plan("many"), &input, &folder)?;
    inputs::check_digest(&report, &input, true)?;
    let ends = statuses(&report);
    let well = ends.iter().filter(|end| end[1] == json!(0)).count();
    check!(
        (ends.len(), well) == (PROCESSES, PROCESSES),
        "{} processes ended, {well} of them well",
        ends.len()
    );
    let names: Vec<&str> = ends.iter().filter_map(|end| end[0].as_str()).collect();
    for process in names {
        let said = result(&report, process);
        check!(
            said["bytes"] == report["digest"]["bytes"],
            "{process} read {said}"
        );
        let channels = channels(&report, process);
        let counts = |key: &str| {
            channels
                .iter()
                .map(|it| it[key].as_u64())
                .collect::<Vec<_>>()
        };
        let (sent, received) = (counts("sent"), counts("received"));
        // Opens, reads and closes the file.
        check!(
            sent.len() == 1 && sent >= vec![Some(3)] && sent == received,
            "{process} sent {sent:?} and received {received:?}"
        );
    }
    let violations = &report["audit"]["violations"];
    check!(
        violations.as_array().is_none_or(Vec::is_empty),
        "the audit found {}",
        Value::to_string(violations)
    );
    Ok(())
}
