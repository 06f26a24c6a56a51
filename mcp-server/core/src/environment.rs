//! What the personality needs of the world.

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockRequest};
use atoll_abi::message::Message;
use atoll_abi::syscall::{Completion, Syscall};

/// The other side of a ring broke the ring's protocol; nothing more is read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerFault;

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendRefused {
    /// The ring has no room now: send again later.
    Full,
    /// The other side broke the ring's protocol: nothing can be sent any more.
    Closed,
}

/// The world of one [`crate::Personality`]: rings, vcores, and the root task.
///
/// Every function does bounded work and never blocks. Processes and channels are named by their index in the plan.
/// Implemented by the server on seL4, by the simulator, and by tests.
pub trait Environment {
    /// Nanoseconds on a clock that never goes backwards.
    fn now(&mut self) -> u64;

    /// Whether [`receive_syscalls`](Environment::receive_syscalls) may have something to give. `false` spares making room
    /// for syscalls that are not there; an environment that has no cheap way to tell says `true`.
    fn has_syscalls(&mut self, _process: usize, _vcore: usize) -> bool {
        true
    }

    /// Whether [`receive_channel`](Environment::receive_channel) may have something to give, likewise.
    fn has_messages(&mut self, _channel: usize) -> bool {
        true
    }

    /// Whether [`receive_replies`](Environment::receive_replies) may have something to give, likewise.
    fn has_replies(&mut self) -> bool {
        true
    }

    /// Takes as many syscalls as there are and fit from the ring of a vcore; tells how many.
    ///
    /// # Errors
    /// The process broke the ring; it will be ended.
    fn receive_syscalls(
        &mut self,
        process: usize,
        vcore: usize,
        into: &mut [Syscall],
    ) -> Result<usize, PeerFault>;

    /// Puts as many completions as there is room for into the ring of a vcore, with one publication, and wakes the vcore
    /// where it sleeps. Tells how many, at least one.
    ///
    /// # Errors
    /// Nothing was sent; see [`SendRefused`].
    fn complete(
        &mut self,
        process: usize,
        vcore: usize,
        completions: &[Completion],
    ) -> Result<usize, SendRefused>;

    /// How many completions in the ring of a vcore the process has not taken yet.
    fn unread(&mut self, process: usize, vcore: usize) -> usize;

    /// Takes as many messages as there are and fit from a channel; tells how many.
    ///
    /// # Errors
    /// The peer broke the ring; the channel will not be used any more, until it is opened again.
    fn receive_channel(&mut self, channel: usize, into: &mut [Message])
    -> Result<usize, PeerFault>;

    /// Puts as many messages as there is room for into a channel, with one publication, and wakes the peer where it
    /// sleeps. Tells how many, at least one.
    ///
    /// # Errors
    /// Nothing was sent; see [`SendRefused`].
    fn send_channel(&mut self, channel: usize, messages: &[Message]) -> Result<usize, SendRefused>;

    /// Takes as many replies of the cluster's block driver as there are and fit; tells how many.
    ///
    /// # Errors
    /// The driver broke the ring; it will not be used any more.
    fn receive_replies(&mut self, into: &mut [BlockReply]) -> Result<usize, PeerFault>;

    /// Sends as many requests as there is room for to the cluster's block driver, with one publication, and wakes it
    /// where it sleeps. Tells how many, at least one.
    ///
    /// # Errors
    /// Nothing was sent; see [`SendRefused`].
    fn send_requests(&mut self, requests: &[BlockRequest]) -> Result<usize, SendRefused>;

    /// Lets a vcore run: for the first time at its entry, later from where it was stopped.
    fn start_vcore(&mut self, process: usize, vcore: usize);

    /// Stops a vcore. It has stopped when this returns.
    fn stop_vcore(&mut self, process: usize, vcore: usize);

    /// Tells a process which vcores are granted now: a bitmap, vcore 0 in bit 0.
    fn publish_granted(&mut self, process: usize, granted: u64);

    /// Prints one line of a process, without its end. The text is at most [`crate::print::LINE_SIZE`] bytes and holds
    /// no control characters.
    fn print_line(&mut self, process: usize, line: &str);

    /// A process is dead: none of its vcores runs and none of its blocks is being written. Told once for each process.
    fn process_ended(&mut self, process: usize, status: u64, max_granted: u32);

    /// Copies a block of the server's own pool.
    fn server_block(&mut self, index: usize, into: &mut [u8; BLOCK_SIZE]);
}
