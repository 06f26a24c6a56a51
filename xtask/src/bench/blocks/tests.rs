use super::*;

/// Transfers of 1 MiB of which the driver takes so many instructions, as much as anyone else.
fn measured(kind: &str, operation: &str, blocks: u64, depth: u64, driver: u64) -> Measured {
    let others = if kind == "loop" { 0 } else { driver };
    Measured {
        kind: kind.to_owned(),
        operation: operation.to_owned(),
        blocks,
        depth,
        bytes: 1 << 20,
        elapsed: 10 * driver,
        driver,
        client: others,
        service: others,
        ..Measured::default()
    }
}

fn boot() -> Vec<Measured> {
    let mut all = Vec::new();
    for operation in ["read", "write"] {
        all.push(measured("loop", operation, 8, 32, 1000));
        all.push(measured("file", operation, 8, 32, 430));
        all.push(measured("raw", operation, 8, 32, 300));
        all.push(measured("raw", operation, 1, 1, 300));
        for (kind, driver) in [("loop", 20), ("file", 20), ("raw", 10)] {
            all.push(Measured {
                order: 9,
                ..measured(kind, operation, 1, 3, driver)
            });
        }
    }
    all
}

#[test]
fn transfers_are_held_against_the_loop_of_the_same_transfers() {
    let mut all = boot();
    let named = |all: &[Measured], name: &str| {
        let figures = figures(all).unwrap();
        let found = figures.into_iter().find(|it| it.figure.contains(name));
        let found = found.unwrap();
        (found.measured, found.verdict)
    };
    assert_eq!(named(&all, "file read"), (1.29, "met"));
    let large = |of: &str| named(&all, &format!("calls of 2 MiB / loop of {of}"));
    assert_eq!(large("the same"), (3.0, "missed"));
    assert_eq!(large("8 pages"), (0.06, "met"));
    assert_eq!(named(&all, "file write").1, "no target");
    // Twice as many bytes for the same instructions.
    all[0].bytes *= 2;
    assert_eq!(named(&all, "file read"), (2.58, "missed"));
    assert_eq!(named(&all, "copied"), (0.0, "met"));
    all[2].copied = 4096;
    assert_eq!(named(&all, "copied"), (4096.0, "missed"));
    // Those who are woken at the beginning, and sleep at the end.
    all[2].driver_entries = 16;
    assert_eq!(named(&all, "busy, raw read"), (0.0, "met"));
    all[2].busy_entries = 3;
    assert_eq!(named(&all, "busy, raw read"), (3.0, "missed"));
}

#[test]
fn what_was_not_measured_is_an_error() {
    for missing in [0, 1, 2, 4, 5] {
        let mut all = boot();
        all.remove(missing);
        assert!(figures(&all).is_err());
    }
}

#[test]
fn counts_are_for_each_4_kib_and_for_each_mib() {
    let all = boot();
    let report = Report {
        runs: 1,
        figures: figures(&all).unwrap(),
        measured: all,
        spread: 0.0,
        copies: Value::Null,
        frames: Frames::default(),
    };
    let text = table(&report);
    let read = |place: usize| {
        let mut lines = text.lines().filter(|line| line.starts_with("file  read"));
        let line = lines.nth(place).unwrap();
        line.split_whitespace()
            .skip(5)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(read(0), "2 2 2 5 1.29 0.000 12");
    // Behind that of large blocks.
    assert_eq!(read(2), "430 430 430 1290 1.29 0.000 3010");
}

#[test]
fn a_result_is_read_with_what_it_leaves_out() {
    let text = r#"{"kind":"loop","operation":"read","blocks":1,"depth":1,"bytes":4096,"elapsed":9,"driver":7,"requests":1}"#;
    let found: Measured = serde_json::from_str(text).unwrap();
    assert_eq!((found.instructions(), found.entries()), (7, 0));
}

#[test]
fn the_spread_is_the_largest_difference() {
    let (first, mut second) = (boot(), boot());
    assert_eq!(spread(&[first.clone(), second.clone()]), 0.0);
    second[0].driver = 990;
    assert_eq!(spread(&[first.clone(), second]), 0.01);
    assert_eq!(spread(&[first]), 0.0);
}
