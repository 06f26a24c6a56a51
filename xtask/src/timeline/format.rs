//! The trace format of Chrome: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>, as text that a JSON reader
//! reads.
//!
//! A core, and each component, is a thread of it: that is what gets a track of its own. The cores are threads of one process, the components
//! of a cluster of another one.

use std::fmt::Write;

use anyhow::{Context, Result};
use atoll_abi::plan::Plan;
use atoll_abi::timeline::{Channel, Kind, Writer};
use serde::Serialize;
use serde_json::{Value, json};

use super::calls::{self, Call};
use super::cores::{self, Span};
use super::names::{self, Sides};
use super::{Timeline, Track};

/// The process of the cores.
const CORES: u64 = 1;

/// The process of the first cluster; the others follow.
const FIRST_CLUSTER: u64 = 2;

/// The thread of the first writer: those before are the cores'.
const FIRST_WRITER: u64 = 1000;

/// Microseconds of a slice that stands for a moment, at most: one without length cannot be clicked.
const MOMENT: f64 = 0.05;

/// A track.
#[derive(Clone, Copy)]
struct Place {
    pid: u64,
    tid: u64,
}

/// One event of the format; what is `None` is left out.
#[derive(Default, Serialize)]
struct Event<'a> {
    ph: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'a str>,
    /// Microseconds.
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    pid: u64,
    tid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// Of an instant: how far it reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'a str>,
    /// Of a flow: that it ends in the slice around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Value>,
}

/// What is written, and how times and tracks are told.
struct Output<'a> {
    text: String,
    plan: &'a Plan,
    writers: Vec<Writer>,
    /// When each of them noted anything, in order.
    times: Vec<Vec<u64>>,
    /// The first thing that was noted.
    zero: u64,
    ticks_per_microsecond: f64,
}

/// The whole text.
///
/// # Errors
/// Where it cannot be encoded.
pub fn text(timeline: &Timeline, plan: &Plan) -> Result<String> {
    let tracks = &timeline.tracks;
    let firsts = tracks.iter().filter_map(|it| it.noted.records.first());
    let mut output = Output {
        text: "{\n\"traceEvents\": [".to_owned(),
        plan,
        writers: tracks.iter().map(|track| track.writer).collect(),
        times: tracks.iter().map(times).collect(),
        zero: firsts.map(|entry| entry.ticks).min().unwrap_or(0),
        ticks_per_microsecond: timeline.ticks_per_microsecond as f64,
    };
    output.names()?;
    for (core, spans) in cores::of_cores(plan, tracks) {
        let place = of_core(core);
        for span in spans {
            let name = names::writer(plan, span.writer);
            output.span("core", &name, &span, place)?;
        }
    }
    let sides = Sides::of_plan(plan);
    for track in tracks {
        output.track(track, &sides)?;
    }
    for (id, call) in (1..).zip(calls::all(plan, tracks)) {
        output.call(id, &call)?;
    }
    // No comma behind the last event.
    if output.text.ends_with(',') {
        output.text.pop();
    }
    let other = other_data(timeline, plan);
    write!(
        output.text,
        "\n],\n\"displayTimeUnit\": \"ns\",\n\"otherData\": {other}\n}}\n"
    )?;
    Ok(output.text)
}

/// What there is beside the events: how much each writer noted, and how much of that is gone.
fn other_data(timeline: &Timeline, plan: &Plan) -> Value {
    let tracks = timeline.tracks.iter().map(|track| {
        json!({
            "track": names::writer(plan, track.writer),
            "cluster": plan.clusters()[plan.timeline_cluster(track.writer) as usize].name.as_str(),
            "kept": track.noted.records.len(),
            "dropped": track.noted.dropped,
            "senseless": track.noted.senseless,
        })
    });
    let amount = timeline.amount();
    json!({
        "plan": plan.machine().name.as_str(),
        "ticks_per_microsecond": timeline.ticks_per_microsecond,
        "kept": amount.kept,
        "dropped": amount.dropped,
        "senseless": amount.senseless,
        "tracks": tracks.collect::<Vec<_>>(),
    })
}

fn times(track: &Track) -> Vec<u64> {
    let records = track.noted.records.iter();
    records.map(|entry| entry.ticks).collect()
}

/// Microseconds in tenths of a nanosecond, so that they are told with no more digits than mean something.
fn rounded(microseconds: f64) -> f64 {
    (microseconds * 1e4).round() / 1e4
}

fn of_core(core: u32) -> Place {
    Place {
        pid: CORES,
        tid: 1 + u64::from(core),
    }
}

impl Output<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<()> {
        let event = serde_json::to_string(event).context("the timeline cannot be encoded")?;
        write!(self.text, "\n{event},")?;
        Ok(())
    }

    fn time(&self, ticks: u64) -> f64 {
        let time = ticks.saturating_sub(self.zero) as f64 / self.ticks_per_microsecond;
        rounded(time)
    }

    fn of_writer(&self, writer: Writer) -> Place {
        let place = self.writers.iter().position(|it| *it == writer);
        Place {
            pid: FIRST_CLUSTER + u64::from(self.plan.timeline_cluster(writer)),
            tid: FIRST_WRITER + place.unwrap_or(self.writers.len()) as u64,
        }
    }

    /// Microseconds of a slice for a moment: it ends before the writer notes something else, so that slices do not overlap.
    fn moment(&self, writer: Writer, ticks: u64) -> f64 {
        let place = self.writers.iter().position(|it| *it == writer);
        let times = place.and_then(|place| self.times.get(place));
        let next = times.and_then(|times| {
            let after = times.partition_point(|time| *time <= ticks);
            times.get(after)
        });
        let length = next.map_or(0.0, |next| self.time(*next) - self.time(ticks));
        rounded(length.min(MOMENT))
    }

    /// Names and order of the tracks.
    fn names(&mut self) -> Result<()> {
        let plan = self.plan;
        self.meta("process_name", Place { pid: CORES, tid: 0 }, "cores")?;
        for core in 0..plan.machine().cores {
            self.meta("thread_name", of_core(core), &format!("core {core}"))?;
        }
        for (pid, cluster) in (FIRST_CLUSTER..).zip(plan.clusters()) {
            let name = format!("cluster {}", cluster.name);
            self.meta("process_name", Place { pid, tid: 0 }, &name)?;
        }
        for writer in self.writers.clone() {
            let place = self.of_writer(writer);
            self.meta("thread_name", place, &names::writer(plan, writer))?;
        }
        Ok(())
    }

    fn meta(&mut self, what: &str, place: Place, name: &str) -> Result<()> {
        self.event(&Event {
            ph: "M",
            name: what,
            pid: place.pid,
            tid: place.tid,
            args: Some(json!({ "name": name })),
            ..Event::default()
        })?;
        let sort = what.replace("name", "sort_index");
        self.event(&Event {
            ph: "M",
            name: &sort,
            pid: place.pid,
            tid: place.tid,
            args: Some(json!({ "sort_index": place.pid * 10_000 + place.tid })),
            ..Event::default()
        })
    }

    fn span(&mut self, category: &str, name: &str, span: &Span, place: Place) -> Result<()> {
        let (start, end) = (self.time(span.start), self.time(span.end));
        self.event(&Event {
            ph: "X",
            name,
            cat: Some(category),
            ts: start,
            dur: Some(rounded(end - start)),
            pid: place.pid,
            tid: place.tid,
            ..Event::default()
        })
    }

    /// When a component was awake, which doorbells it rang, and where its lives begin.
    fn track(&mut self, track: &Track, sides: &Sides) -> Result<()> {
        let place = self.of_writer(track.writer);
        for span in cores::awake(track) {
            self.span("awake", "awake", &span, place)?;
        }
        for entry in &track.noted.records {
            let name = match entry.kind {
                Kind::Begins => "begins".to_owned(),
                Kind::Rang => {
                    let channel = Channel::from_raw(entry.channel);
                    match sides.of(track.writer, channel) {
                        Some((_, other)) => format!("wakes {}", names::writer(self.plan, other)),
                        // A server passes on what a component of another kernel has to tell.
                        None => "passes a wake-up on".to_owned(),
                    }
                }
                _ => continue,
            };
            let ts = self.time(entry.ticks);
            self.event(&Event {
                ph: "i",
                name: &name,
                cat: Some("doorbell"),
                ts,
                pid: place.pid,
                tid: place.tid,
                s: Some("t"),
                ..Event::default()
            })?;
        }
        Ok(())
    }

    /// A call: as long as it is under way for its client, and as what leads from each of its steps to the next one.
    fn call(&mut self, id: u64, call: &Call) -> Result<()> {
        let name = call.name();
        let client = self.of_writer(call.client);
        if let (Some(made), Some(ended)) = (call.made, call.ended) {
            let to = names::writer(self.plan, call.provider);
            let status = call.status().map(|status| format!("{status:?}"));
            for (ph, ticks, args) in [
                ("b", made, Some(json!({ "to": to, "status": status }))),
                ("e", ended, None),
            ] {
                self.event(&Event {
                    ph,
                    name: &name,
                    cat: Some("call"),
                    ts: self.time(ticks),
                    pid: client.pid,
                    tid: client.tid,
                    id: Some(id),
                    args,
                    ..Event::default()
                })?;
            }
        }
        let steps = [
            (call.made, call.client, "makes"),
            (call.taken, call.provider, "takes"),
            (call.answered, call.provider, "answers"),
            (call.ended, call.client, "has"),
        ];
        let seen: Vec<_> = steps
            .into_iter()
            .filter_map(|(at, who, does)| Some((at?, who, does)))
            .collect();
        let last = seen.len().saturating_sub(1);
        for (index, (ticks, who, does)) in seen.into_iter().enumerate() {
            let (ts, place) = (self.time(ticks), self.of_writer(who));
            self.event(&Event {
                ph: "X",
                name: &format!("{does} {name}"),
                cat: Some("message"),
                ts,
                dur: Some(self.moment(who, ticks)),
                pid: place.pid,
                tid: place.tid,
                ..Event::default()
            })?;
            let ph = match index {
                0 => "s",
                _ if index == last => "f",
                _ => "t",
            };
            if last == 0 {
                continue;
            }
            self.event(&Event {
                ph,
                name: &name,
                cat: Some("flow"),
                ts,
                pid: place.pid,
                tid: place.tid,
                id: Some(id),
                bp: Some("e"),
                ..Event::default()
            })?;
        }
        Ok(())
    }
}
