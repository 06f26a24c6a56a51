//! What it costs to block on Linux, in floors, and how long polling pays.

use std::hint::{black_box, spin_loop};
use std::os::fd::OwnedFd;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use atoll_channel::SendError;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::{read, write};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::candidate::{Atoll, Candidate, Receiver as _, Window};
use crate::floor::{TRIPS, chunk_times};
use crate::pair::{self, Pair};
use crate::pin::{Cores, pin};
use crate::statistics::{Spread, median};

/// Time that the comparison of budgets may take; it is less on a machine that has little else to do.
const LIMIT: Duration = Duration::from_secs(10);

/// A doorbell of the host: an eventfd.
pub struct Event(OwnedFd);

impl Event {
    /// An event that has not been rung.
    #[allow(clippy::new_without_default, reason = "it takes a file descriptor")]
    pub fn new() -> Event {
        Event(eventfd(0, EventfdFlags::empty()).expect("there is a file descriptor left"))
    }

    /// Rings it.
    pub fn ring(&self) {
        write(&self.0, &1u64.to_ne_bytes()).expect("an event can be rung");
    }

    /// Blocks until it was rung.
    pub fn wait(&self) {
        read(&self.0, &mut [0; 8]).expect("an event can be read");
    }
}

impl atoll_channel::Doorbell for &Event {
    fn ring(&mut self) {
        Event::ring(self);
    }
}

/// A round trip of two threads that block on an eventfd each.
pub fn event_round_trip(cores: Cores, chunks: usize) -> Pair {
    let (there, back) = (Event::new(), Event::new());
    let timed = || {
        chunk_times(chunks, TRIPS, || {
            for _ in 0..TRIPS {
                there.ring();
                back.wait();
            }
        })
    };
    let peer = || {
        for _ in 0..chunks * TRIPS {
            there.wait();
            back.ring();
        }
    };
    pair::measure(cores, chunks, timed, peer)
}

/// As [`event_round_trip`], with threads that wait for their eventfd in `epoll_wait`.
pub fn epoll_round_trip(cores: Cores, chunks: usize) -> Pair {
    let (there, back) = (Event::new(), Event::new());
    let timed = || {
        let set = watch(&back);
        chunk_times(chunks, TRIPS, || {
            for _ in 0..TRIPS {
                there.ring();
                wait(&set, &back);
            }
        })
    };
    let peer = || {
        let set = watch(&there);
        for _ in 0..chunks * TRIPS {
            wait(&set, &there);
            back.ring();
        }
    };
    pair::measure(cores, chunks, timed, peer)
}

fn watch(event: &Event) -> OwnedFd {
    let set = epoll::create(epoll::CreateFlags::empty()).expect("there is a file descriptor left");
    let data = epoll::EventData::new_u64(0);
    epoll::add(&set, &event.0, data, epoll::EventFlags::IN).expect("an event can be watched");
    set
}

fn wait(set: &OwnedFd, event: &Event) {
    let mut events = Vec::with_capacity(1);
    epoll::wait(set, spare_capacity(&mut events), None).expect("a set can be waited for");
    event.wait();
}

/// How long a consumer polls before it blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Polls.
    pub polls: u64,
    /// Whether the number was calibrated rather than chosen.
    pub calibrated: bool,
}

impl Budget {
    /// The constants that the calibrated budget is compared with; the last one never blocks.
    pub const CONSTANTS: [u64; 5] = [0, 100, 1_000, 10_000, u64::MAX];
}

/// What one burst cost, all in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// CPU time of the consumer from the burst before on, and of the producer to ring.
    pub cpu: f64,
    /// From the send to the receipt.
    pub latency: f64,
    /// Whether the consumer blocked.
    pub slept: bool,
}

impl Cost {
    /// A nanosecond of CPU time weighs as much as one of latency.
    pub fn total(&self) -> f64 {
        self.cpu + self.latency
    }
}

/// Lengths of the gaps before bursts, in what blocking costs: a budget has to do well whatever its process waits for, and
/// each constant is worst at the length that is just beyond it, so they lie close where that can be.
pub const GAPS: [f64; 14] = [
    0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.5, 2.0, 4.0, 8.0,
];

/// Sends one message after each gap to a consumer that polls so often, then blocks; tells what each cost.
pub fn bursts(cores: Cores, gaps: &[u64], polls: u64) -> Vec<Cost> {
    let (_window, mut first, mut second) = Window::attach();
    let event = Event::new();
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as u64;
    pin(cores[0]);
    // A consumer that is not there yet would find the first bursts waiting.
    let there = Barrier::new(2);
    thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            pin(cores[1]);
            there.wait();
            let mut before = cpu_time();
            let mut received = Vec::with_capacity(gaps.len());
            for _ in gaps {
                let (sent, slept) = receive(&mut second.receiver, &event, polls);
                let latency = now() - sent;
                let cpu = cpu_time();
                received.push(Cost {
                    cpu: (cpu - before) as f64,
                    latency: latency as f64,
                    slept,
                });
                before = cpu;
            }
            received
        });
        there.wait();
        let mut due = now();
        let rung: Vec<u64> = gaps
            .iter()
            .map(|gap| {
                due = due.max(now()) + gap;
                while now() < due {
                    spin_loop();
                }
                send(&mut first.sender, &event, now)
            })
            .collect();
        let mut costs = consumer.join().expect("the consumer does not panic");
        for (cost, rung) in costs.iter_mut().zip(rung) {
            cost.cpu += rung as f64;
        }
        costs
    })
}

/// Receives a message; tells what it holds and whether the receiver blocked.
fn receive(receiver: &mut atoll_channel::Receiver, event: &Event, polls: u64) -> (u64, bool) {
    let (mut empty, mut slept) = (0, false);
    loop {
        if let Some(message) = receiver.receive().expect("the peer is honest") {
            return (message[0], slept);
        }
        if empty < polls {
            empty += 1;
            spin_loop();
        } else {
            empty = 0;
            if receiver.arm().expect("the peer is honest") {
                slept = true;
                event.wait();
                receiver.disarm();
            }
        }
    }
}

/// Sends the time; tells how long it took to ring, where that was needed.
fn send(sender: &mut atoll_channel::Sender, event: &Event, now: impl Fn() -> u64) -> u64 {
    let sent = now();
    loop {
        match sender.send(&[sent; 7]) {
            Ok(wake) if wake.needed() => {
                sender.wake(wake, &mut &*event);
                return now() - sent;
            }
            Ok(_) => return 0,
            // The consumer was kept from running for a long while.
            Err(SendError::Full) => spin_loop(),
            Err(SendError::Peer(fault)) => panic!("{fault}"),
        }
    }
}

/// CPU time of this thread in nanoseconds.
fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What polling and blocking cost here, and the budget that follows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Calibration {
    /// Nanoseconds that a block and its wake cost: CPU time of both sides and latency.
    pub blocking: f64,
    /// Nanoseconds of one empty poll.
    pub poll: f64,
    /// Polls that cost as much as blocking: who polls so long before it blocks never pays more than twice what the best
    /// choice would have cost.
    pub polls: u64,
}

/// Measures what blocking costs and derives the budget.
pub fn calibrate(cores: Cores, bursts_of_run: u64, repeats: usize) -> Calibration {
    // Long enough for the consumer to sleep each time.
    let gaps = vec![100_000; bursts_of_run as usize];
    let runs = (0..repeats).map(|_| bursts(cores, &gaps, 0));
    // The lower quartile: what else runs on the machine can only make it more.
    let blocking = Spread::of(runs.flatten().map(|cost| cost.total())).map_or(0.0, |it| it.lower);
    let (_sender, mut receiver) = Atoll::ring();
    let poll = median(chunk_times(64, 256, || {
        for _ in 0..256 {
            assert!(black_box(receiver.receive()).is_none());
            spin_loop();
        }
    }));
    Calibration {
        blocking,
        poll,
        polls: (blocking / poll) as u64,
    }
}

/// What one budget cost.
#[derive(Clone, Debug, Serialize)]
pub struct BudgetResult {
    /// The budget.
    pub budget: Budget,
    /// For each of [`GAPS`], CPU time and latency of a burst, over what blocking costs: the median over all runs.
    pub costs: Vec<f64>,
    /// The most that it pays over the budget that is best for one of the gaps.
    pub regret: f64,
    /// Part of the bursts before which the consumer blocked.
    pub sleeps: f64,
}

/// Compares the calibrated budget with constants, on the same gaps; the calibrated one comes first.
pub fn compare_budgets(
    cores: Cores,
    calibration: &Calibration,
    bursts_of_run: u64,
    repeats: usize,
) -> Vec<BudgetResult> {
    let calibrated = Budget {
        polls: calibration.polls,
        calibrated: true,
    };
    let constants = Budget::CONSTANTS.map(|polls| Budget {
        polls,
        calibrated: false,
    });
    let budgets: Vec<_> = std::iter::once(calibrated).chain(constants).collect();
    // By budget, then by gap.
    let mut runs = vec![vec![Vec::new(); GAPS.len()]; budgets.len()];
    let end = Instant::now() + LIMIT;
    for round in (0..repeats).take_while(|round| *round == 0 || Instant::now() < end) {
        for (at, gap) in GAPS.iter().enumerate() {
            let gaps = vec![(gap * calibration.blocking) as u64; bursts_of_run as usize];
            for place in 0..budgets.len() {
                let place = (place + round) % budgets.len();
                runs[place][at].extend(bursts(cores, &gaps, budgets[place].polls));
            }
        }
    }
    let mut results: Vec<_> = budgets
        .into_iter()
        .zip(runs)
        .map(|(budget, runs)| summarize(budget, &runs, calibration.blocking))
        .collect();
    let best: Vec<f64> = (0..GAPS.len())
        .map(|at| {
            results
                .iter()
                .map(|result| result.costs[at])
                .fold(f64::INFINITY, f64::min)
        })
        .collect();
    for result in &mut results {
        let ratios = result
            .costs
            .iter()
            .zip(&best)
            .map(|(cost, best)| cost / best);
        result.regret = ratios.fold(0.0, f64::max);
    }
    results
}

fn summarize(budget: Budget, runs: &[Vec<Cost>], blocking: f64) -> BudgetResult {
    let costs = runs.iter().map(|run| {
        let spread = Spread::of(run.iter().map(|cost| cost.total() / blocking));
        spread.map_or(f64::NAN, |spread| spread.median)
    });
    let all = runs.iter().flatten().count();
    let slept = runs.iter().flatten().filter(|cost| cost.slept).count();
    BudgetResult {
        budget,
        costs: costs.collect(),
        regret: f64::NAN,
        sleeps: slept as f64 / all as f64,
    }
}
