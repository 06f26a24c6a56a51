use super::figures::{BATCH, PARTS};
use super::*;

fn measured(what: &str, batch: u64, instructions: u64, entries: u64) -> Measured {
    Measured {
        kind: "asynchronous".to_owned(),
        what: what.to_owned(),
        batch,
        calls: 10,
        instructions,
        entries,
        server_entries: 0,
    }
}

/// A plan whose calls take so many instructions for each call, where many are submitted together.
fn plan(name: &str, each: u64, entries: u64) -> PlanFigures {
    let mut all = vec![measured("near", 1, 10_000, 20)];
    for what in ["vcores", "stat"] {
        for (batch, each) in [(1, 6 * each), (BATCH, each)] {
            all.push(measured(what, batch, 10 * each, entries));
            let part = |(part, _)| measured(&format!("{what}-{part}"), batch, 100, 0);
            all.extend(PARTS.map(part));
        }
    }
    PlanFigures {
        plan: name.to_owned(),
        measured: all,
        spread: 0.0,
    }
}

#[test]
fn a_figure_is_held_against_its_targets() {
    let plans = [plan("apart", 300, 0), plan("together", 451, 7)];
    let verdicts = |figures: Vec<Figure>| figures.iter().map(|it| it.verdict).collect::<Vec<_>>();
    assert_eq!(
        verdicts(figures(&plans).unwrap()),
        [
            "met", "met", "met", "stretch", "missed", "stretch", "stretch"
        ]
    );
    let plans = [plan("apart", 200, 1), plan("together", 300, 0)];
    assert_eq!(
        verdicts(figures(&plans).unwrap()),
        [
            "stretch", "stretch", "stretch", "stretch", "stretch", "missed", "missed"
        ]
    );
    let ratios = ratios(&plans).unwrap();
    assert!(ratios[0].figure.contains("on one core, apart"));
    assert_eq!(ratios[0].measured, 0.2);
}

#[test]
fn what_no_part_has_is_the_services() {
    let splits = splits(&[plan("apart", 300, 0)]).unwrap();
    assert_eq!(splits.len(), 4);
    assert_eq!(splits[2].call, "own server, batch 32");
    let each: Vec<_> = splits[2].parts.iter().map(|part| part.0).collect();
    assert_eq!(each, [10.0, 10.0, 10.0, 10.0, 260.0]);
}

#[test]
fn a_measurement_that_is_missing_is_an_error() {
    let mut plans = [plan("apart", 1_000, 0), plan("together", 1_000, 0)];
    plans[0].measured.retain(|it| it.what != "stat-fetch");
    assert!(figures(&plans).is_ok() && splits(&plans).is_err());
    plans[0].measured.clear();
    assert!(figures(&plans).is_err() && ratios(&plans).is_err());
    assert!(figures(&plans[1..]).is_err());
}

#[test]
fn the_spread_is_the_largest_difference() {
    let first = vec![measured("near", 1, 1000, 0), measured("vcores", 1, 1000, 0)];
    let mut second = first.clone();
    assert_eq!(spread(&[first.clone(), second.clone()]), 0.0);
    second[1].instructions = 990;
    assert_eq!(spread(&[first.clone(), second]), 0.01);
    assert_eq!(spread(&[first]), 0.0);
}
