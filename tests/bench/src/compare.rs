//! All candidates, in all ways, in rounds.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::Effort;
use crate::bare;
use crate::candidate::{
    Atoll, Candidate, Crossbeam, Epoch, Gil, Heapless, Index, Ringbuf, Rtrb, RtrbChunks,
};
use crate::instructions;
use crate::pair::{self, Pair};
use crate::pin::Cores;
use crate::statistics::Spread;
use crate::work;

/// Attempts to get a pair with equal floors, in each round.
const ATTEMPTS: usize = 6;

/// Time that the rounds of one process may take.
const LIMIT: Duration = Duration::from_secs(8);

/// Ways in which a candidate is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// [`work::round_trip`].
    RoundTrip,
    /// [`work::stream`].
    Stream,
    /// [`work::stream_singly`].
    StreamSingly,
    /// [`work::exchange`].
    Exchange,
}

impl Way {
    /// All of them.
    pub const ALL: [Way; 4] = [
        Way::RoundTrip,
        Way::Stream,
        Way::StreamSingly,
        Way::Exchange,
    ];
}

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Atoll's channel.
    Own,
    /// A crate from the registry.
    Crate,
    /// Written for this comparison.
    Control,
}

/// A candidate, its types forgotten.
#[derive(Clone, Copy)]
pub struct Subject {
    /// What it is called.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    measure: fn(Way, Cores, usize) -> Pair,
    /// Its work for a program that counts instructions.
    pub steps: fn(instructions::Work, usize),
}

impl Subject {
    fn of<C: Candidate>(kind: Kind) -> Subject {
        Subject {
            name: C::NAME,
            kind,
            measure: |way, cores, chunks| match way {
                Way::RoundTrip => work::round_trip::<C>(cores, chunks),
                Way::Stream => work::stream::<C>(cores, chunks),
                Way::StreamSingly => work::stream_singly::<C>(cores, chunks),
                Way::Exchange => work::exchange::<C>(cores, chunks),
            },
            steps: instructions::work::<C>,
        }
    }

    /// All candidates, Atoll's channel first.
    pub fn all() -> Vec<Subject> {
        vec![
            Subject::of::<Atoll>(Kind::Own),
            Subject::of::<Rtrb>(Kind::Crate),
            Subject::of::<RtrbChunks>(Kind::Crate),
            Subject::of::<Gil>(Kind::Crate),
            Subject::of::<Ringbuf>(Kind::Crate),
            Subject::of::<Crossbeam>(Kind::Crate),
            Subject::of::<Heapless>(Kind::Crate),
            Subject::of::<Epoch>(Kind::Control),
            Subject::of::<Index>(Kind::Control),
        ]
    }
}

/// Pairs of one candidate, or of the bare stream, measured in one way.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// The way.
    pub way: Way,
    /// By round; none where no attempt was accepted.
    pub pairs: Vec<Option<Pair>>,
    /// Pairs that were rejected.
    pub rejected: usize,
    /// What was measured, in floors.
    pub floors: Option<Spread>,
    /// What was measured, in nanoseconds.
    pub nanoseconds: Option<Spread>,
}

impl Series {
    fn of(way: Way, (pairs, rejected): RawSeries) -> Series {
        Series {
            way,
            floors: Spread::of(pairs.iter().flatten().map(Pair::ratio)),
            nanoseconds: Spread::of(pairs.iter().flatten().map(|pair| pair.cost)),
            pairs,
            rejected,
        }
    }

    /// This cost over another one, by rounds in which both were accepted.
    pub fn against(&self, other: &Series) -> Option<Spread> {
        let pairs = self.pairs.iter().zip(&other.pairs);
        Spread::of(pairs.filter_map(|(own, other)| {
            let (own, other) = ((*own)?, (*other)?);
            Some(own.ratio() / other.ratio())
        }))
    }
}

/// What was measured of one candidate.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// By way, in the order of [`Way::ALL`].
    pub series: Vec<Series>,
    /// Instructions that it needs.
    pub instructions: Option<instructions::Counts>,
}

impl Measured {
    /// The series of one way.
    pub fn of(&self, way: Way) -> &Series {
        &self.series[way as usize]
    }
}

/// The crate that is the fastest in any of some ways, and the way.
pub fn best_crate<'a>(all: &'a [Measured], ways: &[Way]) -> Option<(&'a Measured, Way)> {
    all.iter()
        .filter(|candidate| candidate.kind == Kind::Crate)
        .flat_map(|candidate| ways.iter().map(move |way| (candidate, *way)))
        .filter_map(|(candidate, way)| Some((candidate.of(way).floors?.median, (candidate, way))))
        .min_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, best)| best)
}

/// Pairs by round, and how many were rejected.
type RawSeries = (Vec<Option<Pair>>, usize);

/// What one process measured: each candidate in each way, then the bare stream.
pub type Raw = Vec<RawSeries>;

/// Measures candidates in this process, in as many rounds as there is time for.
pub fn rounds(cores: Cores, rounds: usize, chunks: usize) -> Raw {
    let subjects = Subject::all();
    let ways = Way::ALL.len();
    let mut raw = vec![(Vec::new(), 0); subjects.len() * ways + 1];
    let end = Instant::now() + LIMIT;
    for round in (0..rounds).take_while(|round| *round == 0 || Instant::now() < end) {
        for place in 0..raw.len() {
            // Another one begins each round, so that no two candidates always follow each other.
            let place = (place + round * (ways + 1)) % raw.len();
            let measure = || match subjects.get(place / ways) {
                Some(subject) => (subject.measure)(Way::ALL[place % ways], cores, chunks),
                None => bare::stream(cores, chunks),
            };
            let (pair, rejected) = pair::until_accepted(ATTEMPTS, measure);
            raw[place].0.push(pair);
            raw[place].1 += rejected;
        }
    }
    raw
}

/// Measures all candidates, and the bare stream, in several processes, one after the other: where a process finds its stacks and code can move a
/// figure by a third, and stays the same for its life.
///
/// # Errors
/// Where a process cannot be started, or fails.
pub fn run(effort: &Effort) -> Result<(Vec<Measured>, Series)> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let subjects = Subject::all();
    let mut raw: Raw = vec![(Vec::new(), 0); subjects.len() * Way::ALL.len() + 1];
    for process in 0..effort.processes {
        eprintln!("candidates: process {process} of {}", effort.processes);
        let output = Command::new(&program)
            .args(["--rounds", &effort.rounds.to_string()])
            .args(["--chunks", &effort.chunks.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start a process")?;
        if !output.status.success() {
            bail!("a process that measures ended early: {}", output.status);
        }
        let more: Raw = serde_json::from_slice(&output.stdout)?;
        for (series, (pairs, rejected)) in raw.iter_mut().zip(more) {
            series.0.extend(pairs);
            series.1 += rejected;
        }
    }
    let bare = Series::of(Way::Stream, raw.pop().unwrap_or_default());
    let mut raw = raw.into_iter();
    let measured = subjects.iter().map(|subject| Measured {
        name: subject.name,
        kind: subject.kind,
        series: Way::ALL
            .iter()
            .zip(raw.by_ref())
            .map(|(way, raw)| Series::of(*way, raw))
            .collect(),
        instructions: None,
    });
    Ok((measured.collect(), bare))
}
