//! What happens when a peer or the block driver breaks its protocol.
//!
//! Its calls end with [`Status::PeerLost`] and give their blocks back. The peer may still write to those blocks: as long
//! as lost peers are not reset, a process that reuses such a block trusts them.

use atoll_abi::plan::MAX_CHANNELS;
use atoll_abi::syscall::{Call, Status};

use crate::calls::{CALLS, List, Origin, Stage};
use crate::channel::ChannelState;
use crate::files::{Client, Volume};
use crate::personality::Personality;
use crate::tenant::FileRoute;

impl Personality {
    /// Closes a channel: ends the calls that went by it, forgets those that came by it.
    pub(crate) fn lose_channel(&mut self, channel: u8) {
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
        for _ in 0..CALLS {
            let Some(id) = self.calls.in_stage(stage).next() else {
                break;
            };
            self.finish(id, status, [0; 2]);
        }
    }

    /// Takes a process's calls out of every list where they wait for something, and cancels them.
    ///
    /// Calls that are with the driver or a peer stay: nobody can take them back. Calls that close a file stay too, so
    /// that the file is closed.
    pub(crate) fn cancel_waiting(&mut self, process: usize) {
        let mut list = core::mem::take(&mut self.waiting);
        self.waiting = self.cancel_in(&mut list, process);
        let mut list = core::mem::take(&mut self.device);
        self.device = self.cancel_in(&mut list, process);
        for channel in 0..MAX_CHANNELS {
            let Some(state) = self.channels.get_mut(channel) else {
                break;
            };
            let mut list = core::mem::take(&mut state.requests);
            let kept = self.cancel_in(&mut list, process);
            if let Some(state) = self.channels.get_mut(channel) {
                state.requests = kept;
            }
        }
    }

    fn cancel_in(&mut self, list: &mut List, process: usize) -> List {
        let mut kept = List::EMPTY;
        while let Some(id) = self.calls.pop(list) {
            let cancelled = self.calls.get(id).is_some_and(|entry| {
                let own = matches!(entry.origin, Origin::Vcore { process: p, .. } if usize::from(p) == process);
                own && entry.call != Some(Call::Close)
            });
            if cancelled {
                self.finish(id, Status::Cancelled, [0; 2]);
            } else {
                self.calls.push(&mut kept, id);
            }
        }
        kept
    }
}
