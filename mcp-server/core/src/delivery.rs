//! How calls finish, and how everything that waits for room in a ring gets into it.

use atoll_abi::block::{BlockOperation, BlockRequest, SECTOR_SIZE};
use atoll_abi::layout::{MAX_VCORES, RING_SLOTS};
use atoll_abi::message::Payload;
use atoll_abi::plan::{MAX_CHANNELS, MAX_PROCESSES};
use atoll_abi::syscall::{ANSWER, Call, Route, Status};

use crate::calls::{CallId, Origin, Stage};
use crate::channel::CHANNEL_CREDITS;
use crate::environment::{Environment, SendRefused};
use crate::local::grant;
use crate::personality::{FIRST_GENERATION, Personality};
use crate::process::State;

/// What became of a list of things to send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// All of it was sent, or what is left waits for an answer first.
    All,
    /// The ring is full.
    Full,
    /// The other side broke the ring.
    Closed,
}

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
        entry.status = status;
        entry.result = result;
        let entry = *entry;
        if entry.holds_block {
            self.blocks.give_back(entry.pool, entry.syscall.block);
        }
        match entry.origin {
            Origin::Vcore { process, vcore } => {
                let Some(tenant) = self.processes.get_mut(usize::from(process)) else {
                    return;
                };
                // A call has its remote route from when its place for a handle was taken.
                if entry.call == Some(Call::Open) && entry.route == Route::Remote {
                    tenant.opening = tenant.opening.saturating_sub(1);
                }
                if let Some(ring) = tenant.rings.get_mut(usize::from(vcore)) {
                    self.calls.push(&mut ring.finished, id);
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
            Origin::Volume => self.calls.remove(id),
        }
    }

    /// Sends what there is room for. Tells whether anything was sent, and whether a full ring keeps something back.
    pub(crate) fn deliver<E: Environment>(&mut self, environment: &mut E) -> (bool, bool) {
        let before = self.calls.live() + self.waiting_to_be_sent();
        let mut stalled = false;
        match self.deliver_device(environment) {
            Sent::All => {}
            Sent::Full => stalled = true,
            Sent::Closed => self.lose_driver(),
        }
        for channel in 0..MAX_CHANNELS as u8 {
            match self.deliver_channel(channel, environment) {
                Sent::All => {}
                Sent::Full => stalled = true,
                Sent::Closed => self.lose_channel(channel),
            }
        }
        for process in 0..MAX_PROCESSES {
            for vcore in 0..MAX_VCORES {
                stalled |= self.deliver_vcore(process, vcore, environment);
            }
        }
        let after = self.calls.live() + self.waiting_to_be_sent();
        (before != after, stalled)
    }

    fn waiting_to_be_sent(&self) -> usize {
        let requests = self.channels.iter().map(|state| state.requests.length());
        self.device.length() + requests.sum::<usize>()
    }

    /// Sends the finished calls of one vcore. Tells whether its ring is full.
    pub(crate) fn deliver_vcore<E: Environment>(
        &mut self,
        process: usize,
        vcore: usize,
        environment: &mut E,
    ) -> bool {
        for _ in 0..RING_SLOTS {
            let Some(tenant) = self.processes.get_mut(process) else {
                return false;
            };
            let Some(ring) = tenant.rings.get_mut(vcore) else {
                return false;
            };
            let Some((id, entry)) = ring
                .finished
                .first()
                .and_then(|id| Some((id, *self.calls.get(id)?)))
            else {
                return false;
            };
            let alive = tenant.state.is_alive();
            let sent = environment.complete(process, vcore, entry.completion(FIRST_GENERATION));
            match sent {
                Ok(()) => ring.refused = false,
                Err(SendRefused::Full) if alive => {
                    ring.refused = true;
                    return true;
                }
                Err(SendRefused::Closed) if alive => {
                    self.fault_process(process, environment);
                    return false;
                }
                // A dead process takes nothing any more.
                Err(_) => self.counters.dropped_completions += 1,
            }
            self.calls.pop(&mut ring.finished);
            ring.outstanding -= 1;
            tenant.outstanding -= 1;
            self.calls.remove(id);
            // The completion of its own yield is for when it is granted again.
            let wakes = tenant.vcores.has_yielded(vcore)
                && tenant.state != State::Dying
                && entry.call != Some(Call::YieldVcore);
            if wakes && (tenant.many_core || vcore == 0) {
                grant(tenant, process, Some(vcore), environment);
            }
        }
        false
    }

    fn deliver_device<E: Environment>(&mut self, environment: &mut E) -> Sent {
        while self.device_unanswered < RING_SLOTS {
            let Some((id, entry)) = self
                .device
                .first()
                .and_then(|id| Some((id, *self.calls.get(id)?)))
            else {
                break;
            };
            let request = BlockRequest {
                tag: self.calls.tag(id),
                operation: BlockOperation::Read as u32,
                pool: entry.pool,
                block: entry.syscall.block,
                sectors: entry.bytes.div_ceil(SECTOR_SIZE as u32),
                sector: entry.sector,
                reserved: [0; 3],
            };
            match environment.send_request(request) {
                Ok(()) => {}
                Err(SendRefused::Full) => return Sent::Full,
                Err(SendRefused::Closed) => return Sent::Closed,
            }
            self.calls.pop(&mut self.device);
            self.device_unanswered += 1;
            if let Some(entry) = self.calls.get_mut(id) {
                entry.stage = Stage::Device;
            }
        }
        Sent::All
    }

    fn deliver_channel<E: Environment>(&mut self, channel: u8, environment: &mut E) -> Sent {
        let index = usize::from(channel);
        // Each pass sends one message: an answer, or else a request for which there is a credit.
        for _ in 0..2 * RING_SLOTS {
            let Some(state) = self.channels.get(index).filter(|state| state.is_open()) else {
                return Sent::All;
            };
            let may_ask = state.unanswered < CHANNEL_CREDITS;
            let answer = state.answers.first();
            let request = state.requests.first().filter(|_| may_ask);
            let Some(id) = answer.or(request) else {
                return Sent::All;
            };
            let Some(entry) = self.calls.get(id) else {
                return Sent::All;
            };
            let message = if answer.is_some() {
                let mut completion = entry.completion(FIRST_GENERATION);
                completion.tag |= ANSWER;
                completion.to_message()
            } else {
                self.request(id, entry)
            };
            match environment.send_channel(index, message) {
                Ok(()) => {}
                Err(SendRefused::Full) => return Sent::Full,
                Err(SendRefused::Closed) => return Sent::Closed,
            }
            let Some(state) = self.channels.get_mut(index) else {
                return Sent::All;
            };
            if answer.is_some() {
                self.calls.pop(&mut state.answers);
                state.serving -= 1;
                self.calls.remove(id);
            } else {
                self.calls.pop(&mut state.requests);
                state.unanswered += 1;
                if let Some(entry) = self.calls.get_mut(id) {
                    entry.stage = Stage::Remote { channel };
                }
            }
        }
        Sent::All
    }
}
