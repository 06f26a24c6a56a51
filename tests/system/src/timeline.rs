//! `run --trace`: what is in a timeline agrees with what the system says otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::report::{channels, plan};
use crate::{Context, Failure, Test, TestResult, check, context, inputs};

/// Bytes of the input: enough for some hundred calls.
const INPUT: usize = 1 << 20;

/// Records that a window of the plan `timeline` keeps: a page, without its header of two records' size and without the oldest one.
const FEW: u64 = (4096 - 64) / 32 - 1;

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "timeline",
            "a timeline has a track for each core and component, and each call of the report from its client to the service and back",
            whole,
        ),
        Test::new(
            "timeline-dropped",
            "a timeline without room for all keeps the newest of each component, and says how many it has dropped",
            dropped,
        ),
    ]
}

/// A track: process and thread of the format.
type Place = (u64, u64);

/// A timeline that was read.
struct Timeline {
    events: Vec<Value>,
    /// Names of tracks, with those of their groups.
    names: BTreeMap<Place, String>,
    other: Value,
}

fn place(event: &Value) -> Place {
    let number = |key: &str| event[key].as_u64().unwrap_or(u64::MAX);
    (number("pid"), number("tid"))
}

impl Timeline {
    fn read(path: &Path) -> Result<Timeline, Failure> {
        let text = fs::read(path).with_context(|| format!("no timeline {}", path.display()))?;
        let mut trace: Value = serde_json::from_slice(&text).context("the timeline is not JSON")?;
        let events = match trace["traceEvents"].take() {
            Value::Array(events) => events,
            _ => Vec::new(),
        };
        let named = |what: &str| -> BTreeMap<Place, String> {
            let events = events
                .iter()
                .filter(|it| it["ph"] == "M" && it["name"] == what);
            let text = |it: &Value| it["args"]["name"].as_str().unwrap_or_default().to_owned();
            events.map(|it| (place(it), text(it))).collect()
        };
        let groups = named("process_name");
        let names = named("thread_name").into_iter().map(|(place, name)| {
            let group = groups.get(&(place.0, 0)).map_or("", String::as_str);
            (place, format!("{group}: {name}"))
        });
        Ok(Timeline {
            names: names.collect(),
            events,
            other: trace["otherData"].take(),
        })
    }

    /// Calls that have a beginning and an end, by track of the client and by who answered.
    fn calls(&self) -> BTreeMap<(String, String), u64> {
        let mut counts = BTreeMap::new();
        for event in self.events.iter().filter(|it| it["ph"] == "b") {
            let from = self.names.get(&place(event)).cloned().unwrap_or_default();
            let to = event["args"]["to"].as_str().unwrap_or_default().to_owned();
            *counts.entry((from, to)).or_default() += 1;
        }
        counts
    }

    /// Each slice of a track lies in another one of it or apart from it, which is what the format asks for.
    fn check_nesting(&self) -> TestResult {
        let mut slices: BTreeMap<Place, Vec<(f64, f64)>> = BTreeMap::new();
        for event in self.events.iter().filter(|it| it["ph"] == "X") {
            let number = |key: &str| event[key].as_f64().unwrap_or(f64::NAN);
            let (start, length) = (number("ts"), number("dur"));
            check!(start >= 0.0 && length >= 0.0, "{event}");
            slices
                .entry(place(event))
                .or_default()
                .push((start, start + length));
        }
        // Times are told in tenths of a nanosecond.
        const EXACT: f64 = 0.001;
        for (place, mut slices) in slices {
            slices.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.total_cmp(&one.1)));
            let mut open: Vec<f64> = Vec::new();
            for (start, end) in slices {
                while open.last().is_some_and(|last| *last <= start + EXACT) {
                    open.pop();
                }
                let fits = open.last().is_none_or(|last| end <= last + EXACT);
                check!(
                    fits,
                    "slices of {:?} overlap at {start}",
                    self.names.get(&place)
                );
                open.push(end);
            }
        }
        Ok(())
    }

    /// Each flow has a beginning and an end, and goes forward in time.
    fn check_flows(&self) -> TestResult {
        let mut flows: BTreeMap<u64, Vec<(&str, f64)>> = BTreeMap::new();
        for event in self.events.iter().filter(|it| it["cat"] == "flow") {
            let (id, step, time) = (&event["id"], &event["ph"], &event["ts"]);
            let parts = (id.as_u64(), step.as_str(), time.as_f64());
            let (Some(id), Some(step), Some(time)) = parts else {
                check!(false, "{event}");
                continue;
            };
            flows.entry(id).or_default().push((step, time));
        }
        check!(!flows.is_empty(), "there is no flow");
        for (id, steps) in flows {
            let ends = (steps.first().map(|it| it.0), steps.last().map(|it| it.0));
            let between = steps.iter().filter(|it| it.0 == "t").count();
            check!(ends == (Some("s"), Some("f")), "flow {id}: {steps:?}");
            check!(between + 2 == steps.len(), "flow {id}: {steps:?}");
            check!(
                steps.is_sorted_by(|one, next| one.1 <= next.1),
                "flow {id}: {steps:?}"
            );
        }
        Ok(())
    }
}

fn run(context: &Context, name: &str, plan: &str) -> Result<(Value, Timeline), Failure> {
    let folder = context.folder(name)?;
    let input = inputs::write(&folder, &inputs::random(INPUT))?;
    let path = folder.join("timeline.json");
    let shown = path.display().to_string();
    let (ended, report) = context.run(plan, &input, &folder, &["--trace", &shown])?;
    context::expect_pass(&ended, &report)?;
    inputs::check_digest(&report, &input, false)?;
    let timeline = Timeline::read(&path)?;
    timeline.check_nesting()?;
    timeline.check_flows()?;
    let kept = &timeline.other["kept"];
    check!(
        ended.stderr.contains(&format!("{kept} records")),
        "what is kept is not told: {}",
        ended.stderr
    );
    Ok((report, timeline))
}

fn whole(context: &Context) -> TestResult {
    let (report, timeline) = run(context, "timeline", "2x2")?;
    let other = &timeline.other;
    check!(other["dropped"] == 0 && other["senseless"] == 0, "{other}");
    for track in [
        "cores: core 0",
        "cores: core 3",
        "cluster io: server",
        "cluster io: service files",
        "cluster io: driver of disk0",
        "cluster compute: server",
        "cluster compute: digest vcore 0",
        "cluster compute: digest vcore 1",
    ] {
        let place = timeline.names.iter().find(|(_, name)| *name == track);
        let Some((place, _)) = place else {
            check!(false, "there is no track {track}");
            continue;
        };
        let slices = timeline.events.iter().filter(|it| it["ph"] == "X");
        let on_it = slices.filter(|it| self::place(it) == *place).count();
        check!(on_it > 0, "nothing is on the track {track}");
    }
    // What crossed each channel, as its two ends have counted it.
    let calls = timeline.calls();
    let told = channels(&report, "digest");
    check!(told.len() == 2, "{told:?}");
    for channel in told {
        let (service, vcore) = (&channel["service"], &channel["vcore"]);
        let client = format!("cluster compute: digest vcore {vcore}");
        let provider = format!("service {}", service.as_str().unwrap_or_default());
        let noted = calls.get(&(client, provider)).copied().unwrap_or(0);
        check!(
            channel["sent"] == noted && channel["received"] == noted,
            "the timeline has {noted} calls of {channel}"
        );
    }
    // The service reads what it is asked for, from the driver.
    let driver = (
        "cluster io: service files".to_owned(),
        "driver of disk0".to_owned(),
    );
    let reads = calls.get(&driver).copied().unwrap_or(0);
    check!(
        reads > 0,
        "the service asked its driver for nothing: {calls:?}"
    );
    Ok(())
}

fn dropped(context: &Context) -> TestResult {
    let (_, timeline) = run(context, "timeline-dropped", &plan("timeline"))?;
    let tracks = timeline.other["tracks"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    check!(!tracks.is_empty(), "{}", timeline.other);
    for track in &tracks {
        let (kept, dropped) = (number(&track["kept"]), number(&track["dropped"]));
        check!(kept == FEW || kept < FEW && dropped == 0, "{track}");
    }
    let total = tracks
        .iter()
        .map(|track| number(&track["dropped"]))
        .sum::<u64>();
    check!(
        total > 0 && timeline.other["dropped"] == total,
        "{}",
        timeline.other
    );
    // The newest are kept: that the program's last call, which prints the result, has ended.
    let printed = timeline
        .events
        .iter()
        .any(|it| it["ph"] == "e" && it["name"] == "Print");
    check!(printed, "the newest records are not kept");
    Ok(())
}
