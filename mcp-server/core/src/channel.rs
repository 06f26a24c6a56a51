//! The channels of this cluster, as the personality sees them.

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::plan::NONE;

use crate::calls::List;

/// Requests that one end of a channel may have unanswered.
///
/// A ring carries one end's requests and its answers to the other end's requests: half of it is for each, so that an
/// honest pair never fills it, and every end can always take out what is in it.
pub const CHANNEL_CREDITS: usize = RING_SLOTS / 2;

/// Generation of a channel whose clusters are both in their first incarnation.
pub const FIRST_CHANNEL_GENERATION: u32 = 0;

/// One channel; unused where the cluster is at neither of its ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelState {
    /// The cluster at the other end.
    pub peer: u32,
    pub used: bool,
    /// The peer died or broke the protocol: nothing is read from it or sent to it.
    pub lost: bool,
    /// The channel's generation: what carries another one is refused.
    pub generation: u32,
    /// Calls of this cluster's processes that wait to be sent.
    pub requests: List,
    /// Answers to the peer's requests that wait to be sent.
    pub answers: List,
    /// Requests that were sent and are not answered.
    pub unanswered: usize,
    /// Requests of the peer that are outstanding here.
    pub serving: usize,
    /// Files that the peer may have open here.
    pub handle_limit: usize,
}

impl ChannelState {
    pub(crate) const UNUSED: ChannelState = ChannelState {
        peer: NONE,
        used: false,
        lost: false,
        generation: FIRST_CHANNEL_GENERATION,
        requests: List::EMPTY,
        answers: List::EMPTY,
        unanswered: 0,
        serving: 0,
        handle_limit: 0,
    };

    /// Whether a message belongs to the channel's present generation.
    pub(crate) fn issued(&self, generation: u32) -> bool {
        cfg!(feature = "planted-missing-generation-check") || generation == self.generation
    }

    pub(crate) fn is_open(&self) -> bool {
        self.used && !self.lost
    }
}
