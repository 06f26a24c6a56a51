//! What is measured on both machines, and what it is judged by.

use serde::Serialize;

use super::content::FILES;
use crate::node::{KV, WEB};

/// What both machines are asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// The words of the load program.
    pub what: Vec<String>,
    /// Connections.
    pub connections: usize,
    /// Requests that are under way at once on each.
    pub pipeline: usize,
    /// How much more Atoll is to answer than Linux does in the same time.
    pub target: Option<f64>,
    /// Bytes of an answer that is so large that parts of one count: a time is over in the midst of some.
    pub large: Option<u64>,
    /// The port of the machines.
    #[serde(skip)]
    pub port: u16,
}

/// Connections of clients of the key-value store.
const CLIENTS: usize = 50;
/// Connections of browsers.
const BROWSERS: usize = 16;

/// Bytes from which on an answer is a large one.
const LARGE: u64 = 64 << 10;

/// The target of what has one.
const TARGET: f64 = 1.5;

impl Case {
    /// All, those of the web server only where it is there.
    pub fn all(has_web: bool) -> Vec<Case> {
        let mut cases = Vec::new();
        for pipeline in [1, 16] {
            for bytes in [3_u64, 1024] {
                for what in ["set", "get"] {
                    cases.push(Case {
                        what: vec![what.to_owned(), bytes.to_string()],
                        connections: CLIENTS,
                        pipeline,
                        target: (pipeline == 16).then_some(TARGET),
                        large: None,
                        port: KV,
                    });
                }
            }
        }
        for (name, bytes) in FILES.iter().filter(|_| has_web) {
            cases.push(Case {
                what: vec![
                    "file".to_owned(),
                    format!("/files/{name}"),
                    bytes.to_string(),
                ],
                connections: BROWSERS,
                pipeline: 1,
                target: (*name == "1m").then_some(TARGET),
                large: (*bytes >= LARGE).then_some(*bytes),
                port: WEB,
            });
        }
        cases
    }

    /// How many answers there were, where so many have come whole, and so many bytes in all.
    pub fn answers(&self, whole: u64, bytes: u64) -> f64 {
        match self.large {
            Some(size) => bytes as f64 / size as f64,
            None => whole as f64,
        }
    }

    /// For the table.
    pub fn name(&self) -> String {
        let words: Vec<&str> = self.what.iter().map(String::as_str).collect();
        match words.as_slice() {
            [what @ ("set" | "get"), bytes] => format!("{} {bytes} B", what.to_uppercase()),
            [_, path, ..] => path.to_string(),
            _ => self.what.join(" "),
        }
    }
}

/// What a machine has done in one round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Answers in a second.
    pub each_second: f64,
    /// Seconds of the host's processors that the machine took for a thousand answers.
    pub cpu_of_thousand: f64,
    /// What the other machine, which had nothing to do, took of one of the host's processors meanwhile.
    pub other: f64,
}

/// One round of a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Round {
    pub atoll: Rate,
    pub linux: Rate,
}

/// What the rounds of a case say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub case: Case,
    pub rounds: Vec<Round>,
    /// Medians of answers in a second.
    pub atoll: f64,
    pub linux: f64,
    /// Median of how many times as many answers Atoll gave as Linux in the same round.
    pub ratio: f64,
    /// The least and the most of any round.
    pub spread: [f64; 2],
    /// Median of how much of the host's processors Atoll took for each answer, as a part of what Linux took.
    pub cpu_ratio: f64,
    /// `met` or `missed`, where there is a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
}

impl Figure {
    /// Of at least one round.
    pub fn new(case: Case, rounds: Vec<Round>) -> Figure {
        let ratios = sorted(
            rounds
                .iter()
                .map(|it| it.atoll.each_second / it.linux.each_second),
        );
        let ratio = median(&ratios);
        let ends = [ratios.first(), ratios.last()];
        let of = |value: fn(&Round) -> f64| median(&sorted(rounds.iter().map(value)));
        Figure {
            atoll: of(|it| it.atoll.each_second),
            linux: of(|it| it.linux.each_second),
            ratio,
            spread: ends.map(|end| end.copied().unwrap_or(f64::NAN)),
            cpu_ratio: of(|it| it.atoll.cpu_of_thousand / it.linux.cpu_of_thousand),
            verdict: case.target.map(|target| match ratio >= target {
                true => "met",
                false => "missed",
            }),
            case,
            rounds,
        }
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Of values in order: the one in the middle, or the mean of the two there.
fn median(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(upper), 0) => f64::midpoint(values[middle - 1], *upper),
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A round in which the machines gave so many answers in a second.
    pub fn round(atoll: f64, linux: f64) -> Round {
        let rate = |each_second: f64| Rate {
            each_second,
            cpu_of_thousand: 1000.0 / each_second,
            other: 0.02,
        };
        Round {
            atoll: rate(atoll),
            linux: rate(linux),
        }
    }

    #[test]
    fn targets_are_of_pipelined_requests_and_of_the_large_file() {
        let cases = Case::all(true);
        let targets: Vec<_> = cases
            .iter()
            .map(|it| (it.name(), it.pipeline, it.target.is_some()))
            .collect();
        let case = |name: &str, pipeline, has_target| (name.to_owned(), pipeline, has_target);
        assert_eq!(targets.len(), 10);
        assert_eq!(targets[0], case("SET 3 B", 1, false));
        assert_eq!(targets[7], case("GET 1024 B", 16, true));
        assert_eq!(targets[8], case("/files/1k", 1, false));
        assert_eq!(targets[9], case("/files/1m", 1, true));
        assert_eq!(Case::all(false).len(), 8);
        assert_eq!(cases[8].answers(3, 1 << 20), 3.0);
        assert_eq!(cases[9].answers(0, 3 << 19), 1.5);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let case = &Case::all(false)[4];
        // As the two medians tell it would be 2.
        let rounds = vec![round(100.0, 200.0), round(200.0, 50.0), round(300.0, 100.0)];
        let figure = Figure::new(case.clone(), rounds);
        assert_eq!((figure.atoll, figure.linux), (200.0, 100.0));
        assert_eq!((figure.ratio, figure.spread), (3.0, [0.5, 4.0]));
        assert!((figure.cpu_ratio - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(figure.verdict, Some("met"));
        let rounds = vec![round(149.0, 100.0), round(150.0, 100.0)];
        let figure = Figure::new(case.clone(), rounds);
        assert_eq!(figure.verdict, Some("missed"));
        assert!((figure.ratio - 1.495).abs() < 1e-9);
        let none = Figure::new(Case::all(false)[0].clone(), vec![round(1.0, 2.0)]);
        assert_eq!(none.verdict, None);
    }
}
