//! File calls that go to another cluster, and those that come from one.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::message::{Message, Payload};
use atoll_abi::syscall::{ANSWER, Call, Completion, Route, Status, Syscall};

use crate::calls::{CallId, Early, Entry, Origin, Stage};
use crate::channel::CHANNEL_CREDITS;
use crate::files::{Client, check_range};
use crate::personality::Personality;
use crate::tenant::{FileRoute, HANDLES_PER_PROCESS};
use crate::triage::{Service, service};

impl Personality {
    /// Checks a process's file call and puts it in line for a channel.
    pub(crate) fn forward(&mut self, id: CallId, call: Call, process: usize, channel: u8) {
        if let Err(status) = self.try_forward(id, call, process, channel) {
            self.finish(id, status, [0; 2]);
        }
    }

    fn try_forward(
        &mut self,
        id: CallId,
        call: Call,
        process: usize,
        channel: u8,
    ) -> Result<(), Status> {
        let state = self
            .channels
            .get(usize::from(channel))
            .ok_or(Status::NoService)?;
        if !state.is_open() {
            return Err(Status::PeerLost);
        }
        let syscall = self.calls.get(id).ok_or(Status::NoService)?.syscall;
        let tenant = self.processes.get_mut(process).ok_or(Status::NoService)?;
        let pool = tenant.pool;
        let remote_handle = match call {
            Call::Open => {
                // A place for the handle is kept, so that the answer finds one.
                if tenant.remote.count() + tenant.opening >= HANDLES_PER_PROCESS {
                    return Err(Status::Busy);
                }
                tenant.opening += 1;
                0
            }
            // The handle is gone at once, whatever the answer will be.
            Call::Close => tenant
                .remote
                .remove(syscall.handle)
                .ok_or(Status::BadHandle)?,
            _ => tenant.remote.get(syscall.handle).ok_or(Status::BadHandle)?,
        };
        if call == Call::Read {
            check_range(syscall.arguments[0], syscall.arguments[1])?;
            self.hold_block(id, pool, syscall.block)?;
        }
        self.send_remote(id, channel, pool, remote_handle);
        Ok(())
    }

    /// Puts a checked call in line for a channel.
    pub(crate) fn send_remote(&mut self, id: CallId, channel: u8, pool: u32, remote_handle: u32) {
        if let Some(entry) = self.calls.get_mut(id) {
            entry.route = Route::Remote;
            entry.pool = pool;
            entry.remote_handle = remote_handle;
        }
        if let Some(state) = self.channels.get_mut(usize::from(channel)) {
            self.calls.push(&mut state.requests, id);
        }
    }

    /// A call as the peer of a channel gets it.
    pub(crate) fn request(&self, id: CallId, entry: &Entry, generation: u32) -> Message {
        Syscall {
            tag: self.calls.tag(id),
            pool: entry.pool as u16,
            handle: entry.remote_handle,
            generation,
            ..entry.syscall
        }
        .to_message()
    }

    /// Takes one message of a peer: a request, or an answer to one.
    pub(crate) fn on_message(&mut self, channel: u8, message: &Message) {
        if message[0] & ANSWER == 0 {
            self.on_request(channel, Syscall::from_message(message));
        } else {
            self.on_answer(channel, Completion::from_message(message));
        }
    }

    fn on_request(&mut self, channel: u8, syscall: Syscall) {
        let Some(state) = self.channels.get_mut(usize::from(channel)) else {
            return;
        };
        if !state.issued(syscall.generation) {
            // Of a generation that has ended: so have its calls.
            self.counters.stale_requests += 1;
            return;
        }
        if state.serving >= CHANNEL_CREDITS {
            // An honest peer counts its credits.
            self.lose_channel(channel);
            return;
        }
        let peer = state.peer;
        let Some(id) = self.calls.insert(syscall, Origin::Channel(channel)) else {
            // The shares of all clients together fit the table.
            debug_assert!(false, "the call table is full");
            return;
        };
        state.serving += 1;
        let Some(call) = Call::from_raw(syscall.call) else {
            self.finish(id, Status::UnknownCall, [0; 2]);
            return;
        };
        if service(call) != Service::FileCluster {
            self.finish(id, Status::NotAllowed, [0; 2]);
            return;
        }
        let pool = u32::from(syscall.pool);
        if call == Call::Read && self.blocks.owner(pool, peer).is_none() {
            self.finish(id, Status::BadBlock, [0; 2]);
            return;
        }
        if let Some(entry) = self.calls.get_mut(id) {
            entry.pool = pool;
        }
        self.admit_file_call(id, Client::Channel(channel));
    }

    fn on_answer(&mut self, channel: u8, answer: Completion) {
        let issued = self
            .channels
            .get(usize::from(channel))
            .is_some_and(|state| state.issued(answer.generation));
        let asked = self.calls.lookup(answer.tag & !ANSWER).and_then(|id| {
            let entry = *self.calls.get(id)?;
            (issued && entry.stage == Stage::Remote { channel }).then_some((id, entry))
        });
        let Some((id, entry)) = asked else {
            self.counters.stale_answers += 1;
            return;
        };
        if let Some(state) = self.channels.get_mut(usize::from(channel)) {
            state.unanswered = state.unanswered.saturating_sub(1);
        }
        let (status, result) = match Status::from_raw(answer.status) {
            Status::Done => match self.check_result(id, &entry, answer.result) {
                Some(result) => (Status::Done, result),
                None => (Status::Malformed, [0; 2]),
            },
            status => (status, [0; 2]),
        };
        if status == Status::Malformed {
            self.counters.malformed_answers += 1;
        }
        self.finish(id, status, result);
    }

    /// What a process is told of a peer's result; `None` where the peer's words make no sense.
    fn check_result(&mut self, id: CallId, entry: &Entry, result: [u64; 2]) -> Option<[u64; 2]> {
        let [first, second] = result;
        match entry.call? {
            Call::Open => {
                let raw = u32::try_from(first).ok()?;
                Handle::from_raw(raw)?;
                let Origin::Vcore { process, .. } = entry.origin else {
                    return None;
                };
                if entry.early != Early::No {
                    // Nobody waits for the handle any more.
                    self.calls.get_mut(id)?.orphan = Some(raw);
                    return Some([0; 2]);
                }
                let tenant = self.processes.get_mut(usize::from(process))?;
                let handle = tenant.remote.insert(raw)?;
                Some([u64::from(handle.to_raw()), second])
            }
            Call::Stat => Some([first, 0]),
            Call::Read => {
                let [_, wanted, ..] = entry.syscall.arguments;
                (first <= wanted.min(BLOCK_SIZE as u64)).then_some([first, 0])
            }
            _ => Some([0; 2]),
        }
    }

    /// The channel by which a process's files are reached, while it is open.
    pub(crate) fn file_channel(&self, process: usize) -> Option<u8> {
        let FileRoute::Channel(channel) = self.processes.get(process)?.files else {
            return None;
        };
        let state = self.channels.get(usize::from(channel))?;
        state.is_open().then_some(channel)
    }
}
