//! What a worker does next, calls of files apart; and the script.

use std::fmt::Write;
use std::time::Duration;

use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_runtime::{
    Reply, connect, max_vcores, print, raw_call, request_vcores, sleep, yield_now, yield_vcore,
};
use atoll_scenarios::script::{Runner, SERVICE};

use super::files::OPEN;
use super::verdict::Call;
use super::{Program, Worker, violate};
use crate::gate;
use crate::machine::POOL_BLOCKS;

/// Nanoseconds that a sleep may take longer than it is to.
const OVERSLEPT: u64 = 200_000;

/// Files that one worker has open at most.
const MOST_OPEN: usize = 4;

/// Makes a call as it is written.
#[allow(unsafe_code, reason = "calls that no typed function makes")]
fn raw(syscall: Syscall) -> Completion {
    // SAFETY: the block that it names, if any, is none of the pool, or one of a process that acquires none.
    unsafe { raw_call(syscall) }
}

impl Worker {
    /// One call, or a few that belong together.
    pub fn act(&mut self) {
        let opened = match self.files.len() {
            0 => None,
            count => Some(self.files[self.random.index(count)]),
        };
        match (self.random.below(26), opened) {
            (0 | 9, _) => self.open_missing(),
            (1, _) => self.make_raw_calls(),
            (2, _) => self.print(),
            (3, Some(_)) => self.close(),
            (4 | 5, Some(opened)) => self.stat(opened),
            (6, Some(opened)) => self.stat_many(opened),
            (7, _) => self.sleep(),
            (8, _) => self.connect(),
            (10, _) => self.use_gone_file(),
            (11, _) => self.give_vcore_back(),
            (12, _) => self.ask_for_vcores(),
            (13, Some(opened)) => self.stat_together(opened),
            (14, _) => yield_now(),
            (_, Some(opened)) => self.read(opened),
            (_, None) if self.random.one_in(2) => self.open_for_next_life(),
            (_, None) => self.open(),
        }
        if self.program.scenario.gives_frames {
            self.act_on_frames();
        }
        if self.files.len() < MOST_OPEN && self.random.one_in(8) {
            self.open();
        }
        if self.random.one_in(4) {
            self.use_stale_handle();
        }
    }

    pub fn judge_raw(&mut self, call: Call, syscall: Syscall) -> Completion {
        self.program.made(call);
        let end = raw(syscall);
        self.program.ended(call, Status::from_raw(end.status));
        end
    }

    fn make_raw_calls(&mut self) {
        let mut unknown = Syscall::EMPTY;
        unknown.call = u16::MAX;
        self.judge_raw(
            Call::server("unknown").certain(Status::UnknownCall),
            unknown,
        );
        let read = request::Read {
            file: Handle {
                index: 0,
                generation: u16::MAX,
            },
            offset: 0,
            length: 1,
        };
        let read = Syscall {
            block: POOL_BLOCKS + 1,
            ..read.encode()
        };
        let call = Call::files("read of no file").certain(Status::BadHandle);
        self.judge_raw(call, read);
    }

    fn print(&mut self) {
        // Together as long as a batch of calls, where rings are to be filled.
        let most = if self.program.scenario.deep { 6 } else { 2 };
        let process = self.program.process;
        let mut lines = String::new();
        for _ in 0..1 + self.random.below(most) {
            self.lines += 1;
            let (line, more) = (self.lines, self.random.index(140));
            let _ = writeln!(lines, "<{process} {line} {:more$}>", "");
        }
        print!("{lines}");
    }

    fn sleep(&mut self) {
        let time = Duration::from_micros(1 + self.random.below(8));
        let begin = gate::now();
        let sleeps = sleep(time);
        if self.random.one_in(4) {
            let ended = sleeps.cancel().wait();
            let result = sleeps.wait();
            if (ended == Ok(true)) != (result == Err(Status::Cancelled)) {
                violate(&format!(
                    "result: a sleep that was cancelled ({ended:?}) ended with {result:?}"
                ));
            }
            return;
        }
        let result = sleeps.wait();
        let took = gate::now() - begin;
        let wanted = time.as_nanos() as u64;
        let server_died = gate::outside(|world| world.server_died(self.program.process));
        if result.is_err() || took < wanted || (took > wanted + OVERSLEPT && !server_died) {
            violate(&format!(
                "deadlines: a sleep of {wanted} ns ended after {took} ns with {result:?}"
            ));
        }
    }

    fn connect(&mut self) {
        let call = Call::server("connect");
        let service = self.program.judge(call, || connect(SERVICE).wait());
        if let Some(service) = service {
            let call = OPEN.certain(Status::NotFound);
            self.program.judge(call, || service.open("missing").wait());
        }
        let call = call.certain(Status::NotFound);
        self.program.judge(call, || connect("missing").wait());
    }

    /// Sleeps on, perhaps, when the vcore is gone.
    fn give_vcore_back(&mut self) {
        let sleeps = self.random.one_in(2);
        let time = Duration::from_micros(1 + self.random.below(20));
        let asleep = sleeps.then(|| sleep(time));
        let given_back = yield_vcore();
        if !matches!(given_back, Ok(()) | Err(Status::NotAllowed)) {
            violate(&format!(
                "result: a vcore was given back with {given_back:?}"
            ));
        }
        if let Some(Err(status)) = asleep.map(Reply::wait) {
            violate(&format!("result: a sleep ended with {status:?}"));
        }
    }

    fn ask_for_vcores(&mut self) {
        let count = 1 + self.random.index(max_vcores());
        let call = Call::server("request_vcores").refused();
        let granted = self.program.judge(call, || request_vcores(count).wait());
        if granted.is_some_and(|granted| granted > max_vcores()) {
            violate(&format!("result: {granted:?} vcores are granted"));
        }
    }
}

impl Program {
    /// The fixed calls that all worlds make.
    pub fn follow_script(&self) {
        let mut runner = Runner::new(self.process);
        let mut calls = 0;
        while let Some(syscall) = runner.next(calls) {
            let call = Call::server("step of the script").any();
            self.made(call);
            let end = raw(syscall);
            self.ended(call, Status::from_raw(end.status));
            runner.ended(&end);
            calls += 1;
        }
        gate::outside(|world| world.processes[self.process].borrow_mut().script = Some(runner));
        self.exit();
    }
}
