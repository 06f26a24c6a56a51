//! Who had each core, as the records tell.
//!
//! A kernel notes nothing. But who writes a record runs at that moment, and says when it sleeps. So a core is taken to be that of whoever wrote
//! last on it, and when that one sleeps, of the one whom it had interrupted. What the kernel itself does is in the spans of these.

use std::collections::BTreeMap;

use atoll_abi::plan::Plan;
use atoll_abi::timeline::{Kind, Writer};

use super::{Track, names};

/// A time in which a writer is awake, or has a core. Both ends are readings of the time stamp counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub start: u64,
    /// Its end.
    pub end: u64,
    /// Whose it is.
    pub writer: Writer,
}

/// The spans in which a writer is awake. One that has not ended ends with the last thing that was noted.
pub fn awake(track: &Track) -> Vec<Span> {
    let writer = track.writer;
    let mut spans = Vec::new();
    let mut since = None;
    let mut last = 0;
    for entry in &track.noted.records {
        last = entry.ticks;
        let start = *since.get_or_insert(last);
        if entry.kind == Kind::Sleeps {
            spans.push((start, last));
            since = None;
        }
    }
    spans.extend(since.map(|start| (start, last)));
    let spans = spans.into_iter().filter(|(start, end)| start < end);
    let spans = spans.map(|(start, end)| Span { start, end, writer });
    spans.collect()
}

/// The spans of each core, in order and apart.
pub fn of_cores(plan: &Plan, tracks: &[Track]) -> BTreeMap<u32, Vec<Span>> {
    let mut noted: BTreeMap<u32, Vec<(u64, Writer, Kind)>> = BTreeMap::new();
    for track in tracks {
        if let Some(core) = names::core(plan, track.writer) {
            let records = track.noted.records.iter();
            let records = records.map(|entry| (entry.ticks, track.writer, entry.kind));
            noted.entry(core).or_default().extend(records);
        }
    }
    let spans = noted.into_iter().map(|(core, mut noted)| {
        noted.sort_by_key(|(ticks, _, _)| *ticks);
        (core, of_core(&noted))
    });
    spans.collect()
}

/// The spans of a core on which this was noted, by time.
fn of_core(noted: &[(u64, Writer, Kind)]) -> Vec<Span> {
    let mut spans = Vec::new();
    // Those that are awake; the last one runs.
    let mut awake: Vec<Writer> = Vec::new();
    let mut since = 0;
    let mut end = |awake: &[Writer], since: u64, at: u64| {
        if let Some(&writer) = awake.last()
            && at > since
        {
            spans.push(Span {
                start: since,
                end: at,
                writer,
            });
        }
    };
    for &(ticks, writer, kind) in noted {
        if awake.last() != Some(&writer) {
            end(&awake, since, ticks);
            awake.retain(|other| *other != writer);
            awake.push(writer);
            since = ticks;
        }
        if kind == Kind::Sleeps {
            end(&awake, since, ticks);
            awake.pop();
            since = ticks;
        }
    }
    let last = noted.last().map_or(0, |(ticks, _, _)| *ticks);
    end(&awake, since, last);
    spans
}
