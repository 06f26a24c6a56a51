//! `sim`: runs seeds of the simulator, on all cores.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use atoll_abi::syscall::Status;
use atoll_sim::{Failure, SCENARIOS, Scenario, Tally, find, run};
use clap::Parser;
use serde_json::json;

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// Runs the personalities of whole machines over their real rings, in virtual time, with faults, from seeds.
///
/// Each seed runs one scenario, the next seed the next one; with --scenario all run that one. What a checker finds is told
/// with its seed, which replays it exactly, and the exit status is 1.
#[derive(Parser)]
#[command(name = "sim")]
struct Options {
    /// How many seeds to run [default: 1000, or 1 where --seed is given].
    #[arg(long, value_name = "N")]
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
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// What all threads share.
struct Work {
    only: Option<&'static Scenario>,
    next: AtomicU64,
    end: AtomicU64,
    done: AtomicU64,
    total: Mutex<Tally>,
    failure: Mutex<Option<Failure>>,
}

impl Work {
    fn go(&self) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end.load(Ordering::Relaxed) {
                return;
            }
            let scenario = self
                .only
                .unwrap_or(&SCENARIOS[(seed % SCENARIOS.len() as u64) as usize]);
            match run(scenario, seed) {
                Ok(outcome) => lock(&self.total).add(&outcome.tally),
                Err(failure) => {
                    // The seeds before it still run: the first failure is always the same one.
                    self.end.fetch_min(seed, Ordering::Relaxed);
                    let mut first = lock(&self.failure);
                    if first.as_ref().is_none_or(|first| seed < first.seed) {
                        *first = Some(*failure);
                    }
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn main() -> ExitCode {
    let options = Options::parse();
    let only = match options.scenario.as_deref() {
        None => None,
        Some(name) => match find(name) {
            Some(scenario) => Some(scenario),
            None => {
                for scenario in &SCENARIOS {
                    println!("{:<16} {}", scenario.name, scenario.about);
                }
                if name == "list" {
                    return ExitCode::SUCCESS;
                }
                eprintln!("error: there is no scenario {name}; take one of the list above");
                return ExitCode::FAILURE;
            }
        },
    };
    let first = options.seed.unwrap_or(0);
    let seeds = options
        .seeds
        .unwrap_or(if options.seed.is_some() { 1 } else { 1000 });
    let work = Work {
        only,
        next: AtomicU64::new(first),
        end: AtomicU64::new(first.saturating_add(seeds)),
        done: AtomicU64::new(0),
        total: Mutex::default(),
        failure: Mutex::default(),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads.unwrap_or(cores).max(1))
            .map(|_| scope.spawn(|| work.go()))
            .collect();
        let mut told = begin;
        while !threads.iter().all(|thread| thread.is_finished()) {
            thread::sleep(Duration::from_millis(5));
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                let done = work.done.load(Ordering::Relaxed);
                eprintln!("{done} of {seeds} seeds, {} s", begin.elapsed().as_secs());
            }
        }
    });
    if let Some(failure) = lock(&work.failure).as_ref() {
        println!("{failure}");
        return ExitCode::FAILURE;
    }
    let seconds = begin.elapsed().as_secs_f64();
    summary(&lock(&work.total), first, seeds, seconds, options.json);
    ExitCode::SUCCESS
}

fn summary(total: &Tally, first: u64, seeds: u64, seconds: f64, as_json: bool) {
    let by_status = Status::ALL.map(|status| (format!("{status:?}"), total.ended(status)));
    if as_json {
        let by_status: serde_json::Map<_, _> = by_status
            .into_iter()
            .map(|(name, count)| (name, json!(count)))
            .collect();
        let summary = json!({
            "first_seed": first,
            "seeds": seeds,
            "seconds": seconds,
            "calls": total.calls,
            "completions": by_status,
            "ended_with_process": total.ended_with_process,
            "reads_checked": total.reads_checked,
            "messages": total.messages,
            "stale_refused": total.stale,
            "doorbells": total.doorbells,
            "kills": total.kills,
            "faults": total.faults,
            "points": total.points,
            "lost_wake_ups": 0,
        });
        println!("{summary:#}");
        return;
    }
    println!("{seeds} seeds from {first} on, {seconds:.1} s: no check was violated");
    println!("calls: {}, of which", total.calls);
    for (name, count) in by_status.into_iter().filter(|(_, count)| *count > 0) {
        println!("  {count:>10} completed with {name}");
    }
    println!(
        "  {:>10} ended with their process",
        total.ended_with_process
    );
    println!("reads whose data was compared: {}", total.reads_checked);
    println!(
        "messages: {}, refused as of an old generation: {}",
        total.messages, total.stale
    );
    println!("doorbells: {}, lost wake-ups: 0", total.doorbells);
    println!("kills: {}, other faults: {}", total.kills, total.faults);
    println!("points at which others could act: {}", total.points);
}
