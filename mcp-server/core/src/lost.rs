//! What happens when a peer or the block driver dies or breaks its protocol.
//!
//! Its calls end with [`Status::PeerLost`] and give their blocks back: whoever says that a peer is dead has seen to it that
//! nothing of it, and no device of it, writes any more. A peer that broke its protocol and lives may still write to those
//! blocks: a process that uses such a block again trusts it.

use atoll_abi::syscall::{Call, Status};

use crate::calls::{Entry, List, Origin, Stage};
use crate::channel::ChannelState;
use crate::files::{Client, Volume};
use crate::personality::Personality;
use crate::tenant::FileRoute;

impl Personality {
    /// Begins a channel anew after its peer died and came back, in a generation of which both ends have the number.
    pub fn open_channel(&mut self, channel: u8, generation: u32) {
        self.lose_channel(channel);
        if let Some(state) = self.channels.get_mut(usize::from(channel))
            && state.used
        {
            state.lost = false;
            state.generation = generation;
        }
    }

    /// Closes a channel, because its peer died or broke the protocol: ends the calls that went by it, forgets those that
    /// came by it.
    pub fn lose_channel(&mut self, channel: u8) {
        let Some(state) = self
            .channels
            .get_mut(usize::from(channel))
            .filter(|state| state.is_open())
        else {
            return;
        };
        let (mut requests, mut answers) = (state.requests, state.answers);
        *state = ChannelState {
            lost: true,
            requests: List::EMPTY,
            answers: List::EMPTY,
            unanswered: 0,
            serving: 0,
            ..*state
        };
        self.counters.lost_channels += 1;
        while let Some(id) = self.calls.pop(&mut answers) {
            self.calls.remove(id);
        }
        while let Some(id) = self.calls.pop(&mut requests) {
            self.finish(id, Status::PeerLost, [0; 2]);
        }
        let came_by_it = |entry: &Entry| entry.origin == Origin::Channel(channel);
        self.waiting = self.take_out(self.waiting, Status::PeerLost, came_by_it);
        self.device = self.take_out(self.device, Status::PeerLost, came_by_it);
        // What the block driver has stays until it has answered, but it is answered to nobody.
        for id in self.calls.ids() {
            if let Some(entry) = self.calls.get_mut(id)
                && came_by_it(entry)
            {
                entry.origin = Origin::Nobody;
            }
        }
        self.finish_stage(Stage::Remote { channel }, Status::PeerLost);
        self.files.close_all(Client::Channel(channel));
        for tenant in &mut self.processes {
            if tenant.files == FileRoute::Channel(channel) {
                tenant.remote.retain(|_| false);
            }
        }
    }

    /// Gives the block driver up: ends the calls that went to it, and every file call from now on.
    pub(crate) fn lose_driver(&mut self) {
        if self.device_lost {
            return;
        }
        self.device_lost = true;
        self.device_unanswered = 0;
        if self.files.volume == Volume::Loading {
            self.files.volume = Volume::Failed(Status::PeerLost);
        }
        let mut device = core::mem::take(&mut self.device);
        while let Some(id) = self.calls.pop(&mut device) {
            self.finish(id, Status::PeerLost, [0; 2]);
        }
        self.finish_stage(Stage::Device, Status::PeerLost);
    }

    fn finish_stage(&mut self, stage: Stage, status: Status) {
        for id in self.calls.ids() {
            if self.calls.get(id).is_some_and(|entry| entry.stage == stage) {
                self.finish(id, status, [0; 2]);
            }
        }
    }

    /// Takes a process's calls out of every list where they wait for something, and cancels them.
    ///
    /// Calls that are with the driver or a peer stay: nobody can take them back. Calls that close a file stay too, so
    /// that the file is closed.
    pub(crate) fn cancel_waiting(&mut self, process: usize) {
        let own = |entry: &Entry| {
            let of_it = matches!(
                entry.origin,
                Origin::Vcore { process: owner, .. } if usize::from(owner) == process
            );
            of_it && entry.call != Some(Call::Close)
        };
        for id in self.calls.ids() {
            let asleep = |entry: &Entry| entry.stage == Stage::Asleep && own(entry);
            if self.calls.get(id).is_some_and(asleep) {
                self.finish(id, Status::Cancelled, [0; 2]);
            }
        }
        self.waiting = self.take_out(self.waiting, Status::Cancelled, own);
        self.device = self.take_out(self.device, Status::Cancelled, own);
        for channel in 0..self.channel_end {
            let Some(list) = self.channels.get(channel).map(|state| state.requests) else {
                break;
            };
            let kept = self.take_out(list, Status::Cancelled, own);
            if let Some(state) = self.channels.get_mut(channel) {
                state.requests = kept;
            }
        }
    }

    /// Ends those calls of a list that match; the list of those that stay, in order.
    fn take_out(
        &mut self,
        mut list: List,
        status: Status,
        matches: impl Fn(&Entry) -> bool,
    ) -> List {
        let mut kept = List::EMPTY;
        while let Some(id) = self.calls.pop(&mut list) {
            if self.calls.get(id).is_some_and(&matches) {
                self.finish(id, status, [0; 2]);
            } else {
                self.calls.push(&mut kept, id);
            }
        }
        kept
    }
}
