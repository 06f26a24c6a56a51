//! What requests cost in Atoll, component by component: instructions, kernel entries, messages, doorbells and copied bytes, in a machine
//! that counts instructions.
//!
//! Clients are outside, and how many of their requests come at once depends on the host; so what a component does for a request varies by how
//! well it is divided among others. The program `gauge` tells what the rings have counted, before and after. What it takes to ask it twice in
//! a row is subtracted; what it takes to make the connections is not.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Setting;
use super::content::FILES;
use super::machines::Machine;
use crate::node::{KV, WEB};
use crate::progress::Progress;
use crate::{build, locate, plan};

/// The plan, from the project's root.
const PLAN: &str = "tests/bench/plans/node.toml";

/// The port of `gauge`.
const GAUGE: u16 = 7070;

/// What a ring has counted: those of its sender, with what that has done on all of its rings and beside them, and how often the receiver
/// slept.
#[derive(Clone, Debug, Deserialize)]
pub struct Ring {
    from: String,
    to: String,
    sent: u64,
    batches: u64,
    doorbells: u64,
    sleeps: u64,
    ticks: u64,
    entries: u64,
    copied: u64,
}

/// What a component has done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Done {
    /// Its name.
    pub who: String,
    /// Instructions in which it did something. 0 of a process, which does not count them.
    pub instructions: f64,
    /// Kernel entries, likewise.
    pub entries: f64,
    /// Messages that it sent.
    pub messages: f64,
    /// Publications of these: so many went together.
    pub batches: f64,
    /// Doorbells that it rang.
    pub doorbells: f64,
    /// Times that it slept.
    pub sleeps: f64,
    /// Bytes of its clients' blocks that it copied.
    pub copied: f64,
}

/// What requests of one kind took.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// What was asked.
    pub what: String,
    pub connections: usize,
    pub pipeline: usize,
    pub requests: u64,
    /// For each request.
    pub each: Vec<Done>,
}

/// What is asked: the words of the load program, connections, pipeline and requests.
struct Case {
    port: u16,
    words: Vec<String>,
    connections: usize,
    pipeline: usize,
    requests: u64,
}

fn cases(has_web: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes = [(1, 1, 2000), (50, 16, 40_000)];
    for [what, bytes] in [["get", "3"], ["set", "3"], ["get", "1024"], ["set", "1024"]] {
        for (connections, pipeline, requests) in shapes {
            cases.push(Case {
                port: KV,
                words: [what, bytes].map(str::to_owned).into(),
                connections,
                pipeline,
                requests,
            });
        }
    }
    for (name, bytes) in FILES.iter().filter(|_| has_web) {
        for (connections, requests) in [(1, 200), (16, 400)] {
            cases.push(Case {
                port: WEB,
                words: ["file", &format!("/files/{name}"), &bytes.to_string()]
                    .map(str::to_owned)
                    .into(),
                connections,
                pipeline: 1,
                requests,
            });
        }
    }
    cases
}

/// Counts, in a machine of its own.
///
/// # Errors
/// Where it cannot be built or booted, or does not answer.
pub fn measure(setting: &Setting) -> Result<Vec<Counts>> {
    let plan = locate::root().join(PLAN);
    let loaded = plan::load(&plan.display().to_string())?;
    let built = build::build(&loaded, &setting.tools)?;
    let mut progress = Progress::new();
    let mut machine =
        Machine::counted_atoll(&built, &setting.files, &setting.logs, &[KV, WEB, GAUGE])?;
    let booted = machine.wait_until_it_serves()?;
    progress.line(&format!(
        "Atoll, with instructions counted, serves after {:.1} s",
        booted.as_secs_f64()
    ));
    let has_web = machine.has_file("/files/1k")?;
    let mut counts = Vec::new();
    for case in cases(has_web) {
        let what = case.words[..2].join(" ");
        let (connections, pipeline, requests) = (case.connections, case.pipeline, case.requests);
        progress.line(&format!("counting {what} pipelined by {pipeline}"));
        let ask = |answers: u64| {
            let mut words = vec![
                format!("--server={}", machine.server(case.port)),
                format!("--connections={connections}"),
                format!("--pipeline={pipeline}"),
                format!("--answers={answers}"),
            ];
            words.extend(case.words.iter().cloned());
            let asked = setting.program.run(&words);
            asked.with_context(|| format!("asked {what}"))
        };
        // Once for what is done the first time.
        ask(requests / 10)?;
        let times = [read(&machine)?, read(&machine)?];
        ask(requests)?;
        let after = read(&machine)?;
        machine.check()?;
        let [first, before] = times.map(|it| done(&it));
        counts.push(Counts {
            what,
            connections,
            pipeline,
            requests,
            each: each(&first, &before, &done(&after), requests),
        });
    }
    Ok(counts)
}

/// What the rings have counted by now.
fn read(machine: &Machine) -> Result<Vec<Ring>> {
    let answer = machine.line(GAUGE, "?")?;
    serde_json::from_str(&answer).context("what `gauge` tells cannot be read")
}

/// What each component has done by now, in the order in which the rings name them.
fn done(rings: &[Ring]) -> Vec<Done> {
    let mut all: Vec<Done> = Vec::new();
    for ring in rings {
        let it = of(&mut all, &ring.from);
        // It tells the same on each of its rings, one after the other.
        it.instructions = it.instructions.max(ring.ticks as f64);
        it.entries = it.entries.max(ring.entries as f64);
        it.copied = it.copied.max(ring.copied as f64);
        it.messages += ring.sent as f64;
        it.batches += ring.batches as f64;
        it.doorbells += ring.doorbells as f64;
        let it = of(&mut all, &ring.to);
        it.sleeps = it.sleeps.max(ring.sleeps as f64);
    }
    all
}

fn of<'a>(all: &'a mut Vec<Done>, who: &str) -> &'a mut Done {
    let known = all.iter().position(|it| it.who == who);
    let index = known.unwrap_or_else(|| {
        all.push(Done {
            who: who.to_owned(),
            ..Done::default()
        });
        all.len() - 1
    });
    &mut all[index]
}

/// What was done for each request between the last two of three times; as much as between the first two was done to tell it.
fn each(first: &[Done], before: &[Done], after: &[Done], requests: u64) -> Vec<Done> {
    let all = first.iter().zip(before).zip(after);
    all.map(|((first, before), after)| {
        let of = |value: fn(&Done) -> f64| {
            let told = value(before) - value(first);
            (value(after) - value(before) - told) / requests as f64
        };
        Done {
            who: after.who.clone(),
            instructions: of(|it| it.instructions),
            entries: of(|it| it.entries),
            messages: of(|it| it.messages),
            batches: of(|it| it.batches),
            doorbells: of(|it| it.doorbells),
            sleeps: of(|it| it.sleeps),
            copied: of(|it| it.copied),
        }
    })
    .collect()
}

/// The part of the table about it.
pub fn lines(all: &[Counts]) -> Vec<String> {
    let mut lines = vec![
        "counts of Atoll for each request, by component; processes do not count instructions and entries".to_owned(),
        format!(
            "{:<14} {:>11} {:>8} {:<8} {:>12} {:>8} {:>9} {:>8} {:>9} {:>7} {:>9}",
            "what", "connections", "pipeline", "who", "instructions", "entries", "messages",
            "batches", "doorbells", "sleeps", "copied"
        ),
    ];
    for counts in all {
        let busy = counts.each.iter().filter(|it| it.messages.abs() >= 0.001);
        for it in busy {
            lines.push(format!(
                "{:<14} {:>11} {:>8} {:<8} {:>12.0} {:>8.3} {:>9.2} {:>8.3} {:>9.3} {:>7.3} {:>9.0}",
                counts.what,
                counts.connections,
                counts.pipeline,
                it.who,
                it.instructions,
                it.entries,
                it.messages,
                it.batches,
                it.doorbells,
                it.sleeps,
                it.copied
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(from: &str, to: &str, sent: u64, ticks: u64, sleeps: u64) -> Ring {
        let text = format!(
            r#"{{"from":"{from}","to":"{to}","sent":{sent},"batches":1,"doorbells":2,"sleeps":{sleeps},"ticks":{ticks},"entries":4,"copied":5}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn messages_add_up_and_what_is_told_on_each_ring_does_not() {
        let rings = [
            ring("net", "net0", 10, 1000, 7),
            ring("net0", "net", 20, 50, 8),
            ring("kv", "net", 30, 0, 9),
            ring("net", "kv", 40, 990, 3),
        ];
        let all = done(&rings);
        let names: Vec<&str> = all.iter().map(|it| it.who.as_str()).collect();
        assert_eq!(names, ["net", "net0", "kv"]);
        let net = &all[0];
        assert_eq!(
            (net.messages, net.instructions, net.copied),
            (50.0, 1000.0, 5.0)
        );
        assert_eq!((net.doorbells, net.sleeps), (4.0, 9.0));
        assert_eq!(all[2].sleeps, 3.0);
    }

    #[test]
    fn what_it_takes_to_tell_is_no_part_of_a_request() {
        let at = |ticks| done(&[ring("net", "net0", ticks / 10, ticks, 0)]);
        let each = each(&at(100), &at(200), &at(1300), 10);
        assert_eq!((each[0].instructions, each[0].messages), (100.0, 10.0));
        let counts = Counts {
            what: "get 3".to_owned(),
            connections: 1,
            pipeline: 1,
            requests: 10,
            each,
        };
        let lines = lines(&[counts]);
        // `net0` has sent nothing.
        assert_eq!(lines.len(), 3);
        assert!(lines[2].starts_with("get 3") && lines[2].contains(" 100 "));
    }
}
