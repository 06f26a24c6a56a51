//! How calls end: with their result, or early, because the caller took them back or their time was up.
//!
//! Every call ends exactly once for its caller. One that ends early while it is with the driver or a peer stays in the
//! table until they have answered, because they may still write its block: the block goes back to the process with a
//! later completion. A file that such a call opened, or should have closed, is closed.

use atoll_abi::syscall::{Call, NO_BLOCK, Route, Status, Syscall};

use crate::calls::{CallId, Early, NEVER, Origin, Stage};
use crate::environment::Environment;
use crate::personality::Personality;

/// Most calls whose time is up that one step ends; the others end in the next ones.
const DUE: usize = 32;

impl Personality {
    /// Ends a call that is in no list: gives its block back and puts its completion in line.
    pub(crate) fn finish(&mut self, id: CallId, status: Status, result: [u64; 2]) {
        let Some(entry) = self.calls.get_mut(id) else {
            return;
        };
        if matches!(entry.stage, Stage::Free | Stage::Finished) {
            debug_assert!(false, "a call finished twice");
            return;
        }
        entry.stage = Stage::Finished;
        if entry.early == Early::No {
            entry.status = status;
            entry.result = result;
        }
        let entry = *entry;
        if entry.holds_block {
            self.blocks.give_back(entry.pool, entry.syscall.block);
        }
        match entry.origin {
            Origin::Vcore { process, vcore } => {
                // A call has its remote route from when its place for a handle was taken.
                if entry.call == Some(Call::Open)
                    && entry.route == Route::Remote
                    && let Some(tenant) = self.processes.get_mut(usize::from(process))
                {
                    tenant.opening = tenant.opening.saturating_sub(1);
                }
                match entry.early {
                    Early::No => self.put_in_line(id, process, vcore),
                    Early::InLine => {}
                    Early::Told => self.told(id, usize::from(process)),
                }
            }
            Origin::Channel(channel) => {
                let Some(state) = self.channels.get_mut(usize::from(channel)) else {
                    return;
                };
                if state.is_open() {
                    self.calls.push(&mut state.answers, id);
                } else {
                    self.calls.remove(id);
                }
            }
            Origin::Closing { process } => {
                self.calls.remove(id);
                if let Some(tenant) = self.processes.get_mut(usize::from(process)) {
                    tenant.outstanding -= 1;
                }
            }
            Origin::Volume | Origin::Nobody => self.calls.remove(id),
        }
    }

    /// Goes on with a call whose caller has its completion: removes it, unless it is still away, or its block or a file
    /// has to go back first.
    pub(crate) fn told(&mut self, id: CallId, process: usize) {
        let Some(entry) = self.calls.get_mut(id) else {
            return;
        };
        let late = entry.early == Early::Told;
        entry.early = Early::Told;
        if entry.is_away() {
            return;
        }
        let Some(tenant) = self.processes.get_mut(process) else {
            return;
        };
        // Its completion went without the block where it had its completion first.
        if late && entry.holds_block && tenant.is_alive() {
            self.calls.push(&mut tenant.returned, id);
        } else if let Some(handle) = entry.orphan.take() {
            entry.origin = Origin::Closing {
                process: process as u8,
            };
            entry.call = Some(Call::Close);
            entry.syscall = closing();
            entry.early = Early::No;
            entry.deadline = NEVER;
            entry.holds_block = false;
            entry.stage = Stage::Held;
            let pool = tenant.pool;
            match self.file_channel(process) {
                Some(channel) => self.send_remote(id, channel, pool, handle),
                None => self.finish(id, Status::PeerLost, [0; 2]),
            }
        } else {
            tenant.outstanding -= 1;
            self.calls.remove(id);
        }
    }

    /// Ends a call for its caller, wherever it is.
    fn end_early(&mut self, id: CallId, status: Status) {
        let Some(entry) = self.calls.get_mut(id) else {
            return;
        };
        let Origin::Vcore { process, vcore } = entry.origin else {
            return;
        };
        if entry.is_away() {
            entry.early = Early::InLine;
            entry.status = status;
            entry.result = [0; 2];
            self.put_in_line(id, process, vcore);
            return;
        }
        // The handle is gone for the process, so the file is closed all the same.
        if entry.call == Some(Call::Close) && entry.route == Route::Remote {
            entry.orphan = Some(entry.remote_handle);
        }
        if entry.stage != Stage::Asleep {
            let lists = [&mut self.waiting, &mut self.device];
            let requests = self.channels.iter_mut().map(|state| &mut state.requests);
            let mut lists = lists.into_iter().chain(requests);
            let found = lists.any(|list| self.calls.unlink(list, id));
            debug_assert!(found, "a call that waits is in a list");
        }
        self.finish(id, status, [0; 2]);
    }

    /// Serves a vcore's wish to take one of its calls back. Tells whether that ended the call.
    pub(crate) fn cancel(&mut self, asks: CallId, origin: Origin, tag: u64) -> bool {
        let Some(id) = self.calls.find(asks, origin, tag) else {
            return false;
        };
        self.end_early(id, Status::Cancelled);
        true
    }

    /// Notes a call's time-out, which begins now.
    pub(crate) fn note_deadline<E: Environment>(&mut self, id: CallId, environment: &mut E) {
        let Some(entry) = self.calls.get_mut(id) else {
            return;
        };
        if let Some(microseconds) = entry.syscall.timeout().microseconds() {
            let long = microseconds.saturating_mul(1000);
            entry.deadline = environment.now().saturating_add(long);
            self.earliest = self.earliest.min(entry.deadline);
        }
    }

    /// Ends calls whose time is up, in the order of their deadlines.
    pub(crate) fn expire<E: Environment>(&mut self, environment: &mut E) -> bool {
        if self.earliest == NEVER {
            return false;
        }
        let now = environment.now();
        if now < self.earliest {
            return false;
        }
        self.earliest = NEVER;
        // The calls that end now, the first deadline first; the table is in no order.
        let mut due = [(NEVER, None); DUE];
        for id in self.calls.ids() {
            let Some(deadline) = self.calls.deadline(id) else {
                continue;
            };
            // Pushes the later ones back, and the last one out.
            let mut pushed = (deadline, Some(id));
            if deadline <= now {
                for place in due.iter_mut().filter(|place| deadline < place.0) {
                    core::mem::swap(place, &mut pushed);
                }
            }
            self.earliest = self.earliest.min(pushed.0);
        }
        for id in due.into_iter().filter_map(|(_, id)| id) {
            self.end_early(id, Status::TimedOut);
        }
        due[0].1.is_some()
    }

    /// When the personality has to be stepped again, on the environment's clock, even if nothing happens before.
    pub fn next_deadline(&self) -> Option<u64> {
        (self.earliest != NEVER).then_some(self.earliest)
    }
}

/// A call of the server itself that closes a file in another cluster.
pub(crate) fn closing() -> Syscall {
    Syscall {
        tag: 0,
        call: Call::Close as u16,
        pool: 0,
        handle: 0,
        arguments: [0; 4],
        block: NO_BLOCK,
        generation: 0,
    }
}
