//! A short run of the whole benchmark: its report has every figure. What the figures are is not tested.

use std::process::Command;

use serde_json::Value;

/// Every row, and whether a short run always measures it.
const ROWS: [(&str, bool); 13] = [
    ("round-trip", false),
    ("stream", false),
    ("stream-bare", false),
    ("stream-singly", false),
    ("instructions", true),
    ("instructions-singly", true),
    ("instructions-poll", true),
    ("exchange", false),
    ("doorbells-saturated", true),
    ("doorbells-idle", true),
    ("eventfd-round-trip", false),
    ("epoll-wake", false),
    ("poll-budget", true),
];

#[test]
fn a_short_run_reports_every_figure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bench-channel"))
        .args(["--quick", "--report"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = std::fs::read_to_string(&path).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();

    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), ROWS.len());
    for (row, (key, always)) in rows.iter().zip(ROWS) {
        assert_eq!(row["key"], key);
        let median = &row["measured"]["median"];
        assert!(median.is_f64() || !always, "{key}: {row}");
    }
    // Counts do not depend on the machine.
    let idle = rows.iter().find(|row| row["key"] == "doorbells-idle");
    assert_eq!(idle.unwrap()["measured"]["median"], 1.0);

    let candidates = report["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 9);
    for candidate in candidates {
        assert_eq!(candidate["series"].as_array().unwrap().len(), 4);
        let instructions = candidate["instructions"]["singly"].as_f64();
        assert!(instructions.is_some_and(f64::is_finite), "{candidate}");
    }

    let table = String::from_utf8_lossy(&output.stdout);
    for row in rows {
        let figure = row["figure"].as_str().unwrap();
        assert!(table.contains(figure), "{figure} is not in the table");
    }
}
