//! How everything that waits for room in a ring gets into it: batches, each with one publication.

use atoll_abi::block::{BlockOperation, BlockRequest, SECTOR_SIZE};
use atoll_abi::layout::{MAX_VCORES, RING_SLOTS};
use atoll_abi::message::{MESSAGE_WORDS, Message, Payload};
use atoll_abi::syscall::{ANSWER, Call, Completion, NO_BLOCK};
use zerocopy::FromZeros;

use crate::calls::{CallId, Entry, Stage};
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

/// Messages that are sent with one publication at most.
const BATCH: usize = RING_SLOTS / 2;

impl Personality {
    /// Sends what there is room for. Tells whether anything was sent, and whether a full ring keeps something back.
    pub(crate) fn deliver<E: Environment>(&mut self, environment: &mut E) -> (bool, bool) {
        let before = self.delivered;
        let mut stalled = false;
        match self.deliver_device(environment) {
            Sent::All => {}
            Sent::Full => stalled = true,
            Sent::Closed => self.lose_driver(),
        }
        for channel in 0..self.channel_end as u8 {
            match self.deliver_channel(channel, environment) {
                Sent::All => {}
                Sent::Full => stalled = true,
                Sent::Closed => self.lose_channel(channel),
            }
        }
        for process in 0..self.process_end {
            let mut waiting = self.finished.get(process).copied().unwrap_or(0);
            while waiting != 0 {
                let vcore = waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                stalled |= self.deliver_vcore(process, vcore, environment);
            }
        }
        (before != self.delivered, stalled)
    }

    /// Puts a completion in line for its vcore.
    pub(crate) fn put_in_line(&mut self, id: CallId, process: u8, vcore: u8) {
        let (process, vcore) = (usize::from(process), usize::from(vcore));
        let Some(tenant) = self.processes.get_mut(process) else {
            return;
        };
        if let Some(ring) = tenant.rings.get_mut(vcore) {
            self.calls.push(&mut ring.finished, id);
            const { assert!(MAX_VCORES <= u16::BITS as usize, "a bit for each vcore") };
            if let Some(bits) = self.finished.get_mut(process) {
                *bits |= 1 << vcore;
            }
        }
    }

    /// Sends the completions of one vcore. Tells whether its ring is full.
    pub(crate) fn deliver_vcore<E: Environment>(
        &mut self,
        process: usize,
        vcore: usize,
        environment: &mut E,
    ) -> bool {
        for _ in 0..RING_SLOTS.div_ceil(BATCH) {
            if self.nothing_in_line(process, vcore) {
                return false;
            }
            let mut batch = [Completion::new_zeroed(); BATCH];
            let count = self.line_up(process, vcore, &mut batch);
            let completions = batch.get(..count).unwrap_or_default();
            let Some(tenant) = self.processes.get_mut(process) else {
                return false;
            };
            let alive = tenant.state.is_alive();
            let Some(ring) = tenant.rings.get_mut(vcore) else {
                return false;
            };
            let sent = match environment.complete(process, vcore, completions) {
                Ok(sent) => sent.min(count),
                Err(SendRefused::Full) if alive => {
                    ring.refused = true;
                    return true;
                }
                Err(SendRefused::Closed) if alive => {
                    self.fault_process(process, environment);
                    return false;
                }
                // A dead process takes nothing any more.
                Err(_) => {
                    self.counters.dropped_completions += count as u64;
                    count
                }
            };
            if sent > 0 {
                ring.refused = false;
            }
            if cfg!(feature = "planted-double-completion") {
                let _ = environment.complete(process, vcore, completions.get(..1).unwrap_or(&[]));
            }
            let mut wakes = false;
            for _ in 0..sent {
                wakes |= self.retire_completion(process, vcore);
            }
            if wakes && let Some(tenant) = self.processes.get_mut(process) {
                let wakes = tenant.vcores.has_yielded(vcore) && tenant.state != State::Dying;
                if wakes && (tenant.many_core || vcore == 0) {
                    grant(tenant, process, Some(vcore), environment);
                }
            }
            if sent < count {
                return true;
            }
        }
        !self.nothing_in_line(process, vcore)
    }

    /// Whether a vcore has no completion in line, which is noted.
    fn nothing_in_line(&mut self, process: usize, vcore: usize) -> bool {
        let tenant = self.processes.get(process);
        let ring = tenant.and_then(|tenant| tenant.rings.get(vcore));
        let nothing = ring.is_none_or(|ring| ring.finished.is_empty());
        if nothing && let Some(bits) = self.finished.get_mut(process) {
            *bits &= !(1 << vcore);
        }
        nothing
    }

    /// Writes the next completions of one vcore; tells how many. They stay in line.
    fn line_up(&self, process: usize, vcore: usize, batch: &mut [Completion]) -> usize {
        let Some(tenant) = self.processes.get(process) else {
            return 0;
        };
        let mut next = tenant
            .rings
            .get(vcore)
            .and_then(|ring| ring.finished.first());
        let mut returned = tenant.returned.first();
        let mut count = 0;
        for completion in batch {
            let Some((id, entry)) = next.and_then(|id| Some((id, self.calls.get(id)?))) else {
                break;
            };
            let block = returned
                .and_then(|id| self.calls.get(id))
                .map_or(NO_BLOCK, |entry| entry.syscall.block);
            *completion = entry.completion(FIRST_GENERATION, block);
            next = self.calls.after(id);
            returned = returned.and_then(|id| self.calls.after(id));
            count += 1;
        }
        count
    }

    /// Forgets the first completion of a vcore, which was sent, and the block that went back with it. Tells whether it
    /// wakes the vcore.
    fn retire_completion(&mut self, process: usize, vcore: usize) -> bool {
        self.delivered += 1;
        let Some(tenant) = self.processes.get_mut(process) else {
            return false;
        };
        if let Some(back) = self.calls.pop(&mut tenant.returned) {
            tenant.outstanding -= 1;
            self.calls.remove(back);
        }
        let Some(ring) = tenant.rings.get_mut(vcore) else {
            return false;
        };
        let Some(id) = self.calls.pop(&mut ring.finished) else {
            return false;
        };
        ring.outstanding -= 1;
        // The completion of its own yield is for when it is granted again.
        let wakes = self.calls.get(id).map(|entry| entry.call) != Some(Some(Call::YieldVcore));
        self.told(id, process);
        wakes
    }

    fn deliver_device<E: Environment>(&mut self, environment: &mut E) -> Sent {
        while !self.device.is_empty() {
            let room = RING_SLOTS - self.device_unanswered;
            let mut batch = [BlockRequest::new_zeroed(); BATCH];
            let (mut count, mut next) = (0, self.device.first());
            for request in batch.iter_mut().take(room) {
                let Some((id, entry)) = next.and_then(|id| Some((id, self.calls.get(id)?))) else {
                    break;
                };
                *request = self.block_request(id, entry);
                next = self.calls.after(id);
                count += 1;
            }
            let Some(requests) = batch.get(..count).filter(|batch| !batch.is_empty()) else {
                return Sent::All;
            };
            let sent = match environment.send_requests(requests) {
                Ok(sent) => sent.min(count),
                Err(SendRefused::Full) => return Sent::Full,
                Err(SendRefused::Closed) => return Sent::Closed,
            };
            for _ in 0..sent {
                let Some(id) = self.calls.pop(&mut self.device) else {
                    break;
                };
                self.delivered += 1;
                self.device_unanswered += 1;
                if let Some(entry) = self.calls.get_mut(id) {
                    entry.stage = Stage::Device;
                }
            }
            if sent < count {
                return Sent::Full;
            }
        }
        Sent::All
    }

    fn block_request(&self, id: CallId, entry: &Entry) -> BlockRequest {
        BlockRequest {
            tag: self.calls.tag(id),
            operation: BlockOperation::Read as u32,
            pool: entry.pool,
            block: entry.syscall.block,
            sectors: entry.bytes.div_ceil(SECTOR_SIZE as u32),
            sector: entry.sector,
            reserved: [0; 3],
        }
    }

    /// Sends answers, and requests for which there are credits: the answers first, with one publication of each kind.
    fn deliver_channel<E: Environment>(&mut self, channel: u8, environment: &mut E) -> Sent {
        for answers in [true, false] {
            while self.has_messages(channel, answers) {
                let mut batch = [[0; MESSAGE_WORDS]; BATCH];
                let count = self.line_up_messages(channel, answers, &mut batch);
                let Some(messages) = batch.get(..count).filter(|batch| !batch.is_empty()) else {
                    break;
                };
                let sent = match environment.send_channel(usize::from(channel), messages) {
                    Ok(sent) => sent.min(count),
                    Err(SendRefused::Full) => return Sent::Full,
                    Err(SendRefused::Closed) => return Sent::Closed,
                };
                for _ in 0..sent {
                    self.retire_message(channel, answers);
                }
                if sent < count {
                    return Sent::Full;
                }
            }
        }
        Sent::All
    }

    /// Whether there are answers or requests for a channel, which may have to wait for credits.
    fn has_messages(&self, channel: u8, answers: bool) -> bool {
        self.channels
            .get(usize::from(channel))
            .is_some_and(|state| {
                let list = if answers {
                    &state.answers
                } else {
                    &state.requests
                };
                !list.is_empty()
            })
    }

    /// Writes the next answers or requests for a channel; tells how many. They stay in line.
    fn line_up_messages(&self, channel: u8, answers: bool, batch: &mut [Message]) -> usize {
        let Some(state) = self
            .channels
            .get(usize::from(channel))
            .filter(|state| state.is_open())
        else {
            return 0;
        };
        let credits = if cfg!(feature = "planted-unreserved-completion") {
            RING_SLOTS
        } else {
            CHANNEL_CREDITS - state.unanswered
        };
        let (list, limit) = match answers {
            true => (state.answers, batch.len()),
            false => (state.requests, credits),
        };
        let (mut count, mut next) = (0, list.first());
        for message in batch.iter_mut().take(limit) {
            let Some((id, entry)) = next.and_then(|id| Some((id, self.calls.get(id)?))) else {
                break;
            };
            *message = if answers {
                let mut completion = entry.completion(state.generation, NO_BLOCK);
                completion.tag |= ANSWER;
                completion.to_message()
            } else {
                self.request(id, entry, state.generation)
            };
            next = self.calls.after(id);
            count += 1;
        }
        count
    }

    /// Takes the first answer or request of a channel, which was sent, out of its line.
    fn retire_message(&mut self, channel: u8, answer: bool) {
        self.delivered += 1;
        let Some(state) = self.channels.get_mut(usize::from(channel)) else {
            return;
        };
        if answer {
            if let Some(id) = self.calls.pop(&mut state.answers) {
                state.serving -= 1;
                self.calls.remove(id);
            }
        } else if let Some(id) = self.calls.pop(&mut state.requests) {
            state.unanswered += 1;
            if let Some(entry) = self.calls.get_mut(id) {
                entry.stage = Stage::Remote { channel };
            }
        }
    }
}
