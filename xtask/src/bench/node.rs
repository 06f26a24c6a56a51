//! Atoll's node beside a Linux guest with Redis and nginx, in the same QEMU machine: how many requests both answer.

mod content;
mod counts;
mod figures;
mod linux;
mod machines;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::bench::Common;
use crate::bench::program::Program;
use crate::node::{KV, WEB};
use crate::progress::Progress;
use crate::tools::{Purpose, Tools};
use crate::{build, output, plan, scratch, setup};
use counts::Counts;
use figures::{Case, Figure, Rate, Round};
use linux::Linux;
use machines::Machine;
use table::table;

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// How many rounds to measure; the machines take turns, and each round begins with the other one.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Seconds for which each machine is asked in a round, of each case.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// The plan: a TOML file, or the name of one in `clusters/plans`, with a key-value store at port 6379 and a web server at port 80.
    #[arg(long, value_name = "PLAN", default_value = "node")]
    plan: String,
    /// Measure this part alone.
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
}

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What Atoll and Linux answer in a time.
    Throughput,
    /// What a request takes in Atoll, by component.
    Counts,
}

#[derive(Serialize)]
struct Report {
    throughput: Option<Throughput>,
    counts: Vec<Counts>,
}

/// What Atoll and Linux answered.
#[derive(Serialize)]
struct Throughput {
    rounds: u32,
    /// Of each measurement.
    seconds: f64,
    /// Version of the Linux guest's kernel.
    linux: String,
    /// How both stores make their content last: `None` where they do not, else Redis's word for when they flush.
    appendfsync: Option<String>,
    figures: Vec<Figure>,
    /// The most that Atoll and Linux took of a processor of the host while they were not asked.
    idle: [f64; 2],
    /// What else there is to know.
    remarks: Vec<String>,
}

/// What the load program tells.
#[derive(Deserialize)]
struct Counted {
    answers: u64,
    bytes: u64,
    seconds: f64,
}

/// Measures, prints a table, and writes the report; what the machines print goes beside it.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut file = options.common.claim_report("node.json")?;
    let tools = setup::complete(Purpose::Run)?;
    let program = Program::build("bench-load")?;
    let scratch = scratch::subfolder()?;
    let setting = Setting {
        logs: file.folder(),
        files: scratch.path().join("files"),
        scratch: scratch.path().to_path_buf(),
        program,
        tools,
    };
    content::write(&setting.files)?;
    let wants = |part| options.only.is_none_or(|only| only == part);
    let throughput = wants(Part::Throughput).then(|| compare(options, &setting));
    let throughput = throughput.transpose()?;
    let counts = wants(Part::Counts).then(|| counts::measure(&setting));
    let report = Report {
        throughput,
        counts: counts.transpose()?.unwrap_or_default(),
    };
    file.write(&report)?;
    output::print(&table(&report))?;
    let report = serde_json::to_value(&report).context("cannot encode the report")?;
    Ok(options.common.judge(&report))
}

/// What all parts use.
struct Setting {
    program: Program,
    tools: Tools,
    /// The folder of the files that the machines serve.
    files: PathBuf,
    /// A folder for temporary files.
    scratch: PathBuf,
    /// Where the machines' output goes.
    logs: PathBuf,
}

/// Measures what both machines answer.
fn compare(options: &Options, setting: &Setting) -> Result<Throughput> {
    let Setting { logs, tools, .. } = setting;
    let loaded = plan::load(&options.plan)?;
    let machine = loaded.plan.encode();
    let (cores, memory) = (machine.machine().cores, machine.machine().memory);
    let built = build::build(&loaded, tools)?;
    let linux = Linux::make(&setting.scratch, tools)?;

    let mut progress = Progress::new();
    let pace = machines::pace_of(cores);
    let mut atoll = Machine::atoll(&built, &setting.files, logs, &[KV, WEB])?;
    let booted = atoll.wait_until_it_serves()?;
    progress.line(&format!("Atoll serves after {:.1} s", booted.as_secs_f64()));
    let mut guest = Machine::linux(&linux, cores, memory, pace, logs, tools)?;
    let booted = guest.wait_until_it_serves()?;
    progress.line(&format!("Linux serves after {:.1} s", booted.as_secs_f64()));

    let mut remarks = Vec::new();
    let appendfsync = match_durability(&atoll, &guest)?;
    remarks.push(match &appendfsync {
        Some(word) => format!("both stores keep a log on a disk, flushed: {word}"),
        None => "both stores keep all in memory alone".to_owned(),
    });
    let has_web = atoll.has_file("/files/1k")?;
    if !has_web {
        remarks.push("no files over HTTP: nothing of Atoll answers at port 80".to_owned());
    } else if !guest.has_file("/files/1k")? {
        anyhow::bail!(
            "nginx of the Linux guest does not answer; see node-linux.log beside the report"
        );
    }

    let cases = Case::all(has_web);
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); cases.len()];
    for round in 0..options.runs {
        for (case, rounds) in cases.iter().zip(&mut rounds) {
            let both = [&mut atoll, &mut guest];
            let measured = measure(&setting.program, case, options, both, round % 2 == 1)?;
            let [own, others] = [measured.atoll.each_second, measured.linux.each_second];
            progress.line(&format!(
                "round {} of {}: {} pipelined by {}: {own:.0} / {others:.0} = {:.2}",
                round + 1,
                options.runs,
                case.name(),
                case.pipeline,
                own / others
            ));
            rounds.push(measured);
        }
    }
    drop(progress);

    let most = |value: fn(&Round) -> f64| rounds.iter().flatten().map(value).fold(0.0, f64::max);
    // While the one is asked, the other one is not.
    let idle = [most(|it| it.linux.other), most(|it| it.atoll.other)];
    let figures = cases.into_iter().zip(rounds);
    Ok(Throughput {
        rounds: options.runs,
        seconds: f64::from(options.seconds),
        linux: linux.version.clone(),
        appendfsync,
        figures: figures
            .map(|(case, rounds)| Figure::new(case, rounds))
            .collect(),
        idle,
        remarks,
    })
}

/// Has Redis make its content last in the way in which Atoll's store says that it does. When these flush, where they do.
fn match_durability(atoll: &Machine, linux: &Machine) -> Result<Option<String>> {
    let answer = atoll.command(&["CONFIG", "GET", "appendonly"])?;
    if value_of(&answer) != Some("yes") {
        return Ok(None);
    }
    let answer = atoll.command(&["CONFIG", "GET", "appendfsync"])?;
    let word = value_of(&answer).context("Atoll's store does not say when it flushes")?;
    for words in [["appendfsync", word], ["appendonly", "yes"]] {
        let [name, value] = words;
        let answer = linux.command(&["CONFIG", "SET", name, value])?;
        if !answer.starts_with("+OK") {
            anyhow::bail!("Redis refuses {name} {value}: {}", answer.trim());
        }
    }
    Ok(Some(word.to_owned()))
}

/// The value in an answer to `CONFIG GET` of one name: an array, or a map, of name and value.
fn value_of(answer: &str) -> Option<&str> {
    let mut lines = answer.split("\r\n");
    let first = lines.next()?;
    matches!(first, "*2" | "%1").then(|| lines.nth(3))?
}

/// Measures a case on both machines, on Linux first where that is wanted.
fn measure(
    program: &Program,
    case: &Case,
    options: &Options,
    [atoll, linux]: [&mut Machine; 2],
    linux_first: bool,
) -> Result<Round> {
    let measure = |asked: &mut Machine, other: &mut Machine| {
        asked.check()?;
        other.check()?;
        let before = (asked.cpu_seconds(), other.cpu_seconds());
        let time = 1000 * options.seconds;
        let mut words = vec![
            format!("--server={}", asked.server(case.port)),
            format!("--connections={}", case.connections),
            format!("--pipeline={}", case.pipeline),
            format!("--time={time}"),
        ];
        words.extend(case.what.iter().cloned());
        let counted = program.run(&words);
        let counted = counted.with_context(|| format!("asked {}", case.name()))?;
        let counted: Counted =
            serde_json::from_str(&counted).context("what the load counted cannot be read")?;
        let after = (asked.cpu_seconds(), other.cpu_seconds());
        let answers = case.answers(counted.answers, counted.bytes);
        anyhow::ensure!(answers > 0.0, "nothing was answered to {}", case.name());
        Ok(Rate {
            each_second: answers / counted.seconds,
            cpu_of_thousand: 1000.0 * (after.0 - before.0) / answers,
            other: (after.1 - before.1) / counted.seconds,
        })
    };
    let (atoll, linux) = match linux_first {
        false => {
            let own = measure(atoll, linux)?;
            (own, measure(linux, atoll)?)
        }
        true => {
            let others = measure(linux, atoll)?;
            (measure(atoll, linux)?, others)
        }
    };
    Ok(Round { atoll, linux })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_the_second_word_of_the_answer() {
        let answer = "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n";
        assert_eq!(value_of(answer), Some("yes"));
        assert_eq!(value_of("*0\r\n"), None);
        assert_eq!(value_of("-ERR unknown command\r\n"), None);
    }
}
