//! Syscalls and their completions: between a process and its server, and between servers.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::message::Payload;
use crate::time::Timeout;

/// Bytes of text that one [`Call::Print`] carries.
pub const PRINT_SIZE: usize = 32;

/// Between servers, both of which send requests and answers on one ring: set in the tag of an answer, clear in the tag
/// of a request.
pub const ANSWER: u64 = 1 << 63;

/// In [`Syscall::block`]: no block.
pub const NO_BLOCK: u32 = u32::MAX;

/// A syscall: one asynchronous request, answered by exactly one [`Completion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Syscall {
    /// Chosen by the caller, returned in the completion unchanged.
    pub tag: u64,
    /// A [`Call`].
    pub call: u16,
    /// Between servers: the block pool that `block` is in. From a process: its [`Timeout`], which its own server keeps.
    pub pool: u16,
    /// The file that the call is about: a raw [`crate::handle::Handle`], or zero.
    pub handle: u32,
    /// Arguments; see [`Call`].
    pub arguments: [u64; 4],
    /// Index of a block of the caller's pool, or [`NO_BLOCK`].
    pub block: u32,
    /// Generation of the caller: of the process, or of the calling cluster.
    pub generation: u32,
}

impl Payload for Syscall {}

impl Syscall {
    /// How long a process lets the call take.
    pub fn timeout(&self) -> Timeout {
        Timeout::from_raw(self.pool)
    }
}

/// What a syscall asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Call {
    /// Opens a file. `arguments`: its [`crate::name::Name`] as words. Result: handle, length in bytes.
    Open = 1,
    /// Tells a file's length. `handle`. Result: length in bytes.
    Stat = 2,
    /// Reads into a block. `handle`, `arguments[0]`: offset in bytes, a multiple of the block size; `arguments[1]`:
    /// bytes wanted, at most one block; `block`. Result: bytes read, 0 at the end of the file.
    Read = 3,
    /// Closes a file. `handle`.
    Close = 4,
    /// Prints text. `arguments`: up to [`PRINT_SIZE`] bytes; `block`: how many. A line ends with `\n`.
    Print = 5,
    /// Ends the process. `arguments[0]`: exit status.
    Exit = 6,
    /// Turns a single-core process into a many-core process.
    BecomeMcp = 7,
    /// Asks for vcores. `arguments[0]`: how many in all. Result: how many are granted now.
    RequestVcores = 8,
    /// Gives the calling vcore back.
    YieldVcore = 9,
    /// Takes back a call that the same vcore submitted. `arguments[0]`: its tag. Result: 1 where the call ended with
    /// [`Status::Cancelled`] because of it, 0 where there is no such call any more.
    Cancel = 10,
    /// Does nothing until its time-out, which it must have, and then ends with [`Status::TimedOut`].
    Sleep = 11,
}

impl Call {
    /// Every call, for tables and tests.
    pub const ALL: [Call; 11] = [
        Call::Open,
        Call::Stat,
        Call::Read,
        Call::Close,
        Call::Print,
        Call::Exit,
        Call::BecomeMcp,
        Call::RequestVcores,
        Call::YieldVcore,
        Call::Cancel,
        Call::Sleep,
    ];

    /// The call that a peer named, or `None` where there is no such call.
    pub fn from_raw(raw: u16) -> Option<Call> {
        Call::ALL.into_iter().find(|&call| call as u16 == raw)
    }
}

/// The one answer to a [`Syscall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Completion {
    /// The syscall's tag.
    pub tag: u64,
    /// A [`Status`].
    pub status: u32,
    /// Generation of the one who completed it.
    pub generation: u32,
    /// Results; see [`Call`].
    pub result: [u64; 2],
    /// A [`Route`]: who served the call.
    pub route: u32,
    /// The syscall's block, now the caller's again, or [`NO_BLOCK`]: it had none, or it ended early while a device or
    /// another cluster could still write it.
    pub block: u32,
    /// The block of an earlier call that ended early, now the caller's again, or [`NO_BLOCK`].
    pub returned: u32,
    /// Zero.
    pub padding: u32,
    /// Zero.
    pub reserved: u64,
}

impl Payload for Completion {}

/// How a syscall ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Status {
    /// It did what it says.
    Done = 0,
    /// No such call.
    UnknownCall = 1,
    /// An argument is out of range.
    InvalidArgument = 2,
    /// The handle is unknown or stale.
    BadHandle = 3,
    /// No file of that name.
    NotFound = 4,
    /// The block is not one of the caller's, or is in use.
    BadBlock = 5,
    /// The state of the process does not allow the call.
    NotAllowed = 6,
    /// Too many calls or open files; try again after a completion.
    Busy = 7,
    /// The device failed.
    DeviceError = 8,
    /// The call was cancelled.
    Cancelled = 9,
    /// The call's deadline passed.
    TimedOut = 10,
    /// The one who served it died or was reset.
    PeerLost = 11,
    /// Nobody serves this call here.
    NoService = 12,
    /// The peer answered with something that is no answer.
    Malformed = 13,
}

impl Status {
    /// Every status, for tables and tests.
    pub const ALL: [Status; 14] = [
        Status::Done,
        Status::UnknownCall,
        Status::InvalidArgument,
        Status::BadHandle,
        Status::NotFound,
        Status::BadBlock,
        Status::NotAllowed,
        Status::Busy,
        Status::DeviceError,
        Status::Cancelled,
        Status::TimedOut,
        Status::PeerLost,
        Status::NoService,
        Status::Malformed,
    ];

    /// The status that a peer sent; anything unknown is [`Status::Malformed`].
    pub fn from_raw(raw: u32) -> Status {
        Status::ALL
            .into_iter()
            .find(|&status| status as u32 == raw)
            .unwrap_or(Status::Malformed)
    }
}

/// Triage: who served a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Route {
    /// The process's own runtime.
    Runtime = 0,
    /// The server of the process's cluster.
    Server = 1,
    /// Another cluster.
    Remote = 2,
}

impl Route {
    /// The route that a peer named, or `None` where there is no such route.
    pub fn from_raw(raw: u32) -> Option<Route> {
        [Route::Runtime, Route::Server, Route::Remote]
            .into_iter()
            .find(|&route| route as u32 == raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_means_what_it_meant() {
        for call in Call::ALL {
            assert_eq!(Call::from_raw(call as u16), Some(call));
        }
        for status in Status::ALL {
            assert_eq!(Status::from_raw(status as u32), status);
        }
        assert_eq!(Call::from_raw(0), None);
        assert_eq!(Call::from_raw(12), None);
        assert_eq!(Status::from_raw(14), Status::Malformed);
    }

    #[test]
    fn a_syscall_survives_its_slot() {
        let syscall = Syscall {
            tag: 1,
            call: Call::Read as u16,
            pool: 2,
            handle: 3,
            arguments: [4, 5, 6, 7],
            block: 8,
            generation: 9,
        };
        assert_eq!(Syscall::from_message(&syscall.to_message()), syscall);
    }
}
