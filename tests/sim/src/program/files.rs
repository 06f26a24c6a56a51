//! Calls of files, reads apart: open, stat and close, and handles that mean nothing any more.

use std::time::Duration;

use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request, request};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::Status;
use atoll_runtime::{EventQueue, batch, block_on, open, submit_all, with_timeout};
use atoll_scenarios::script::FILES;

use super::verdict::Call;
use super::{Open, Worker, violate};
use crate::gate;

const STAT: Call = Call::files("stat");
pub const OPEN: Call = Call::files("open").opens();

impl Worker {
    pub fn open_missing(&mut self) {
        let call = OPEN.certain(Status::NotFound);
        self.program.judge(call, || open("missing").wait());
    }

    pub fn open(&mut self) {
        let index = self.random.index(FILES.len());
        let (name, length) = FILES[index];
        let time = Duration::from_micros(1 + self.random.below(5));
        let file = match self.random.below(4) {
            0 => self
                .program
                .judge(OPEN.early(), || with_timeout(time, || open(name)).wait()),
            _ => self.program.judge(OPEN, || open(name).wait()),
        };
        let Some(file) = file else { return };
        if file.length() != length && !self.program.scenario.data_may_lie() {
            violate(&format!("result: {name} has {length} bytes, not {file:?}"));
        }
        self.files.push(Open { file, index });
    }

    /// Opens a file, of which the handle must mean nothing any more when the service or the process has another life.
    pub fn open_for_next_life(&mut self) {
        let queue = EventQueue::new();
        self.program.made(OPEN);
        queue.add(0, open(FILES[0].0));
        let Some(event) = queue.wait() else { return };
        self.program.ended(OPEN, event.status);
        if let Ok(file) = event.file() {
            let handle = event.result[0] as u32;
            gate::outside(|world| world.note_handle(self.program.process, handle));
            self.files.push(Open { file, index: 0 });
        }
    }

    pub fn use_stale_handle(&mut self) {
        let choice = self.random.next();
        let stale = gate::outside(|world| world.stale_handle(self.program.process, choice));
        let Some(file) = stale.and_then(Handle::from_raw) else {
            return;
        };
        gate::outside(|world| world.state.borrow_mut().tally.stale_handles += 1);
        let call = Call::files("stat of a stale handle").certain(Status::BadHandle);
        self.judge_raw(call, request::Stat { file }.encode());
    }

    pub fn close(&mut self) {
        let place = self.random.index(self.files.len());
        let Open { file, .. } = self.files.swap_remove(place);
        self.program
            .judge(Call::files("close"), || file.close().wait());
        // Where the call was lost, the service that has it open is gone.
        self.gone.push(file);
    }

    pub fn use_gone_file(&mut self) {
        if self.gone.is_empty() {
            return;
        }
        let file = self.gone[self.random.index(self.gone.len())];
        let call = Call::files("stat of a closed file").certain(Status::BadHandle);
        self.program.judge(call, || file.stat().wait());
    }

    fn check_length(&mut self, opened: Open, length: Option<u64>) {
        let expected = FILES[opened.index].1;
        if length.is_some_and(|length| length != expected) && !self.program.scenario.data_may_lie()
        {
            violate(&format!("result: a length of {length:?}, not {expected}"));
        }
    }

    pub fn stat(&mut self, opened: Open) {
        let time = Duration::from_micros(1 + self.random.below(5));
        let length = match self.random.below(3) {
            0 => self.program.judge(STAT.early(), || {
                with_timeout(time, || opened.file.stat()).wait()
            }),
            1 => self.program.judge(STAT.early(), || {
                let reply = opened.file.stat();
                let cancelled = reply.cancel().wait() == Ok(true);
                let result = reply.wait();
                if cancelled != (result == Err(Status::Cancelled)) {
                    violate(&format!(
                        "result: a stat that was cancelled ({cancelled}) ended with {result:?}"
                    ));
                }
                result
            }),
            _ => self.program.judge(STAT, || opened.file.stat().wait()),
        };
        self.check_length(opened, length);
    }

    /// Many calls with one publication, as many as there are credits where rings are to be filled.
    pub fn stat_many(&mut self, opened: Open) {
        let most = if self.program.scenario.deep {
            RING_SLOTS
        } else {
            6
        };
        let count = 1 + self.random.index(most);
        let requests = vec![opened.file.stat_request(); count];
        (0..count).for_each(|_| self.program.made(STAT));
        let mut lengths = Vec::with_capacity(count);
        submit_all(&requests).wait(|length| lengths.push(length));
        if lengths.len() != count {
            let answers = lengths.len();
            violate(&format!(
                "exactly once: {count} calls have {answers} answers"
            ));
        }
        for length in lengths {
            let length = self.program.judged(STAT, length);
            self.check_length(opened, length);
        }
    }

    pub fn stat_together(&mut self, opened: Open) {
        [STAT, STAT, OPEN]
            .into_iter()
            .for_each(|call| self.program.made(call));
        let (one, other, missing) =
            batch(|| (opened.file.stat(), opened.file.stat(), open("missing")));
        let lengths = block_on(async { [one.await, other.await] });
        for length in lengths {
            let length = self.program.judged(STAT, length);
            self.check_length(opened, length);
        }
        self.program
            .judged(OPEN.certain(Status::NotFound), missing.wait());
    }
}
