//! What a report says of the processes of a run, and where this crate's own plans are.

use serde_json::{Value, json};

/// One of this crate's plans.
pub fn plan(name: &str) -> String {
    format!("tests/system/plans/{name}.toml")
}

/// Name and exit status of each process of a report.
pub fn statuses(report: &Value) -> Vec<Value> {
    let processes = report["processes"].as_array().into_iter().flatten();
    let mut statuses: Vec<Value> = processes
        .map(|process| json!([process["name"], process["status"]]))
        .collect();
    statuses.sort_by_key(Value::to_string);
    statuses
}

/// The channels of a process of a report.
pub fn channels(report: &Value, process: &str) -> Vec<Value> {
    let mut processes = report["processes"].as_array().into_iter().flatten();
    let process = processes.find(|it| it["name"] == process);
    let channels = process.and_then(|process| process["channels"].as_array());
    channels.cloned().unwrap_or_default()
}

/// What a process of a report said.
pub fn result<'a>(report: &'a Value, process: &str) -> &'a Value {
    let mut results = report["results"].as_array().into_iter().flatten();
    results
        .find(|result| result["process"] == process)
        .map_or(&Value::Null, |result| &result["result"])
}
