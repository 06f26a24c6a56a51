//! What an honest process runs: a program of random calls against the runtime, which checks how each of them ends.
//!
//! Its uthreads are workers. They make calls in all ways that the runtime has, until the process has made as many as it is to
//! make in this run; then it looks whether everything has come back, and exits.

mod actions;
mod files;
mod frames;
mod log;
mod pages;
mod raw;
mod reads;
mod verdict;
mod writes;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use atoll_runtime::{
    File, Frame, JoinHandle, Runtime, become_mcp, exit, max_vcores, request_vcores, sleep,
    yield_now,
};
use atoll_scenarios::script;

use crate::gate;
use crate::machine::POOL_BLOCKS;
use crate::random::Random;
use crate::scenario::Scenario;
use verdict::Call;

/// Bytes of the stack of a uthread: builds without optimization need many.
const STACK: usize = 256 << 10;

/// How often a process looks whether its blocks have come back.
const LOOKS: usize = 2_000;

/// What the uthreads of a process know.
struct Program {
    process: usize,
    scenario: &'static Scenario,
}

/// A file that a worker has open.
#[derive(Clone, Copy)]
struct Open {
    file: File,
    /// Its index in the volume.
    index: usize,
}

/// One uthread that makes calls.
struct Worker {
    program: Arc<Program>,
    random: Random,
    files: Vec<Open>,
    /// Files that are closed, or of a service that died.
    gone: Vec<File>,
    frames: Vec<Frame>,
    /// Number and generation of the last frame that it gave.
    given: Option<(u32, u32)>,
    lines: u64,
}

/// Has vcore 0 of a process that begins run its program.
pub fn start(runtime: &'static Runtime, process: usize) {
    let scenario = gate::outside(|world| world.scenario);
    let program = Program { process, scenario };
    drop(spawn(runtime, program.process, move || {
        match (scenario.script, scenario.process_logs(process)) {
            (true, _) => program.follow_script(),
            _ if scenario.process_writes(process) => writes::main(&Arc::new(program)),
            (_, true) if scenario.pages => pages::main(&Arc::new(program)),
            (_, true) if scenario.without_log => raw::main(&Arc::new(program)),
            (_, true) => log::main(&Arc::new(program)),
            _ => main(&Arc::new(program)),
        }
    }));
}

/// Starts a uthread; a panic on it is something wrong.
fn spawn(
    runtime: &'static Runtime,
    process: usize,
    work: impl FnOnce() + Send + 'static,
) -> JoinHandle<()> {
    runtime.spawn(STACK, move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            violate(&format!(
                "panic: process {process}: {}",
                panic_text(&*panic)
            ));
        }
    })
}

/// What a panic says.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("of unknown kind")
}

/// Says that something is wrong.
pub fn violate(what: &str) {
    gate::outside(|world| world.violate(what.to_owned()));
}

fn number() -> u64 {
    gate::outside(|world| world.state.borrow_mut().random.next())
}

/// The first uthread of a process.
fn main(program: &Arc<Program>) {
    let mut random = Random::new(number());
    let exits_early = random.one_in(4);
    if max_vcores() > 1 || random.one_in(2) {
        let call = Call::server("become_mcp").refused();
        program.judge(call, || become_mcp().wait());
        let call = Call::server("request_vcores").refused();
        program.judge(call, || request_vcores(max_vcores()).wait());
    }
    let most = if program.scenario.deep { 8 } else { 4 };
    let workers = (0..1 + random.below(most)).map(|_| {
        let worker = Worker {
            program: program.clone(),
            random: Random::new(number()),
            files: Vec::new(),
            gone: Vec::new(),
            frames: Vec::new(),
            given: None,
            lines: 0,
        };
        spawn(Runtime::current(), program.process, || worker.work())
    });
    let workers: Vec<JoinHandle<()>> = workers.collect();
    if exits_early {
        for _ in 0..random.below(40) {
            yield_now();
        }
    } else {
        workers.into_iter().for_each(JoinHandle::join);
        if program.scenario.gives_frames {
            program.check_frames_went_home();
        }
        program.check_all_came_back();
    }
    program.exit();
}

impl Program {
    fn exit(&self) -> ! {
        gate::outside(|world| world.processes[self.process].borrow_mut().exiting = true);
        exit(script::EXIT_STATUS)
    }

    /// Whether there is a call left to make.
    fn takes_one(&self) -> bool {
        gate::outside(|world| {
            let remaining = &mut world.processes[self.process].borrow_mut().remaining;
            let left = remaining.checked_sub(1);
            *remaining = left.unwrap_or(0);
            left.is_some()
        })
    }

    /// No uthread has a call or a block any more: all blocks come back, and nothing came that no call had asked for.
    fn check_all_came_back(&self) {
        let runtime = Runtime::current();
        let process = self.process;
        let unmatched = runtime.unmatched_completions();
        if unmatched > 0 && !self.scenario.lying_service {
            violate(&format!(
                "exactly once: process {process} got {unmatched} completions which no call in flight has"
            ));
        }
        // Those that a service has which broke the protocol stay away.
        let blocks = POOL_BLOCKS as usize;
        let back = || match self.scenario.blocks_may_stay_away() {
            true => runtime.free_blocks() + runtime.blocks_in_flight() <= blocks,
            false => runtime.free_blocks() == blocks && runtime.blocks_in_flight() == 0,
        };
        for _ in 0..LOOKS {
            if back() {
                return;
            }
            let _ = sleep(Duration::from_micros(5)).wait();
        }
        let (free, away) = (runtime.free_blocks(), runtime.blocks_in_flight());
        violate(&format!(
            "conservation: of {blocks} blocks of process {process}, {free} are free and {away} in flight when no call has any"
        ));
    }
}

impl Worker {
    fn work(mut self) {
        while self.program.takes_one() {
            self.act();
        }
        while let Some(frame) = self.frames.pop() {
            self.drop_frame(frame);
        }
    }
}
