//! `sim`: runs seeds of the simulator, on all cores.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use atoll_abi::syscall::Status;
use atoll_plan::shown;
use atoll_sim::{Failure, SCENARIOS, Scenario, Tally, find, run};
use clap::{Parser, value_parser};
use serde_json::json;

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// Exit status of a program whose output nobody reads any more, as a shell has it for SIGPIPE.
const NOT_READ: u8 = 141;

/// Runs the personalities of whole machines over their real rings, in virtual time, with faults, from seeds.
///
/// Each seed runs one scenario, the next seed the next one; with --scenario all run that one. What a checker finds is told
/// with its seed, which replays it exactly, and the exit status is 1.
#[derive(Parser)]
#[command(name = "sim")]
struct Options {
    /// How many seeds to run [default: 1000, or 1 where --seed is given].
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Run only this scenario; `list` lists them.
    #[arg(long, value_name = "X")]
    scenario: Option<String>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
    /// Threads [default: one for each core].
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// What all threads share.
struct Work {
    only: Option<&'static Scenario>,
    first: u64,
    /// How many seeds after the first one the next one to run is.
    next: AtomicU64,
    /// How many are to be run.
    end: AtomicU64,
    done: AtomicU64,
    total: Mutex<Tally>,
    failure: Mutex<Option<Failure>>,
}

impl Work {
    fn go(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.end.load(Ordering::Relaxed) {
                return;
            }
            let seed = self.first + number;
            let scenario = self
                .only
                .unwrap_or(&SCENARIOS[(seed % SCENARIOS.len() as u64) as usize]);
            match run(scenario, seed) {
                Ok(outcome) => lock(&self.total).add(&outcome.tally),
                Err(failure) => {
                    // The seeds before it still run: the first failure is always the same one.
                    self.end.fetch_min(number, Ordering::Relaxed);
                    let mut first = lock(&self.failure);
                    if first.as_ref().is_none_or(|first| seed < first.seed) {
                        *first = Some(*failure);
                    }
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Runs all seeds on so many threads.
    fn go_on(&self, threads: usize) {
        let (begin, seeds) = (Instant::now(), self.end.load(Ordering::Relaxed));
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.go())).collect();
            let mut told = begin;
            while !threads.iter().all(|thread| thread.is_finished()) {
                thread::sleep(Duration::from_millis(5));
                if told.elapsed() >= PROGRESS {
                    told = Instant::now();
                    let done = self.done.load(Ordering::Relaxed);
                    let seconds = begin.elapsed().as_secs();
                    tell(&format!("{done} of {seeds} seeds, {seconds} s"));
                }
            }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn main() -> ExitCode {
    let (text, code) = simulate(&Options::parse());
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => code,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(NOT_READ),
        Err(error) => {
            tell(&format!(
                "error: cannot write to the standard output: {error}"
            ));
            ExitCode::FAILURE
        }
    }
}

/// Says something on the standard error stream. Where that cannot be written, there is none to tell.
fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Does what was asked. Gives what is to be printed of it.
fn simulate(options: &Options) -> (String, ExitCode) {
    let only = options.scenario.as_deref().map(|name| (name, find(name)));
    let only = match only {
        None => None,
        Some((_, Some(scenario))) => Some(scenario),
        Some((name, None)) => {
            let listed = SCENARIOS
                .iter()
                .map(|scenario| format!("{:<16} {}", scenario.name, scenario.about));
            let list = listed.collect::<Vec<_>>().join("\n");
            if name == "list" {
                return (list, ExitCode::SUCCESS);
            }
            tell(&format!(
                "error: there is no scenario {}; take one of the list",
                shown(name)
            ));
            return (list, ExitCode::FAILURE);
        }
    };
    let first = options.seed.unwrap_or(0);
    let seeds = options
        .seeds
        .unwrap_or(if options.seed.is_some() { 1 } else { 1000 });
    // The last seed is the largest number.
    let left = (u64::MAX - first).saturating_add(1);
    if seeds > left {
        tell(&format!(
            "only {left} of {seeds} seeds are left from {first} on"
        ));
    }
    let seeds = seeds.min(left);
    let work = Work {
        only,
        first,
        next: AtomicU64::new(0),
        end: AtomicU64::new(seeds),
        done: AtomicU64::new(0),
        total: Mutex::default(),
        failure: Mutex::default(),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    work.go_on(options.threads.map_or(cores, usize::from));
    if let Some(failure) = lock(&work.failure).as_ref() {
        return (failure.to_string(), ExitCode::FAILURE);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let total = lock(&work.total);
    let summary = match options.json {
        true => json_summary(&total, first, seeds, seconds),
        false => summary(&total, first, seeds, seconds),
    };
    (summary, ExitCode::SUCCESS)
}

fn by_status(total: &Tally) -> [(String, u64); Status::ALL.len()] {
    Status::ALL.map(|status| (format!("{status:?}"), total.ended(status)))
}

fn json_summary(total: &Tally, first: u64, seeds: u64, seconds: f64) -> String {
    let completions: serde_json::Map<_, _> = by_status(total)
        .into_iter()
        .map(|(name, count)| (name, json!(count)))
        .collect();
    let summary = json!({
        "first_seed": first,
        "seeds": seeds,
        "seconds": seconds,
        "calls": total.calls,
        "completions": completions,
        "ended_with_process": total.ended_with_process,
        "reads_checked": total.reads_checked,
        "messages": total.messages,
        "stale_refused": total.stale,
        "doorbells": total.doorbells,
        "kills": total.kills,
        "faults": total.faults,
        "power_cuts": total.power_cuts,
        "records_acknowledged": total.records_acknowledged,
        "records_replayed": total.records_replayed,
        "blocks_checked": total.blocks_checked,
        "sectors_written": total.sectors_written,
        "sectors_lost": total.sectors_lost,
        "points": total.points,
        "lost_wake_ups": 0,
    });
    format!("{summary:#}")
}

fn summary(total: &Tally, first: u64, seeds: u64, seconds: f64) -> String {
    let mut text =
        format!("{seeds} seeds from {first} on, {seconds:.1} s: no check was violated\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "calls: {}, of which", total.calls);
    for (name, count) in by_status(total).into_iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "  {count:>10} completed with {name}");
    }
    let _ = write!(
        text,
        "  {:>10} ended with their process or the power\n\
         reads whose data was compared: {}\n\
         messages: {}, refused as of an old generation: {}\n\
         doorbells: {}, lost wake-ups: 0\n\
         kills: {}, other faults: {}\n\
         cuts of the power: {}, sectors written: {}, lost with the power: {}\n\
         records acknowledged: {}, replayed and checked: {}, blocks without a log checked: {}\n\
         points at which others could act: {}",
        total.ended_with_process,
        total.reads_checked,
        total.messages,
        total.stale,
        total.doorbells,
        total.kills,
        total.faults,
        total.power_cuts,
        total.sectors_written,
        total.sectors_lost,
        total.records_acknowledged,
        total.records_replayed,
        total.blocks_checked,
        total.points
    );
    text
}
