//! Syscalls and their completions: the messages of every ring.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::message::Payload;

pub use crate::interface::Call;

/// Bytes of text that one [`Call::Print`] carries.
pub const PRINT_SIZE: usize = 32;

/// In [`Syscall::block`]: no block.
pub const NO_BLOCK: u32 = u32::MAX;

/// A syscall: one asynchronous request, answered by exactly one [`Completion`]. The same message goes from a vcore to its
/// server, from a vcore to a service, and from one service to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Syscall {
    /// Chosen by the client, returned in the completion unchanged.
    pub tag: u64,
    /// A [`Call`].
    pub call: u16,
    /// A small number; which one says the call's row in [`crate::interface`].
    pub count: u16,
    /// What the call is about: a raw [`crate::handle::Handle`], or zero.
    pub handle: u32,
    /// Arguments; see the call's row.
    pub arguments: [u64; 4],
    /// Index of a block of the client's pool, or [`NO_BLOCK`].
    pub block: u32,
    /// Generation of the client.
    pub generation: u32,
}

impl Payload for Syscall {}

/// The one answer to a [`Syscall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Completion {
    /// The syscall's tag.
    pub tag: u64,
    /// A [`Status`].
    pub status: u32,
    /// The syscall's generation.
    pub generation: u32,
    /// Results; see the call's row in [`crate::interface`].
    pub result: [u64; 2],
    /// The syscall's block, now the client's again, or [`NO_BLOCK`] where it had none.
    pub block: u32,
    /// Zero.
    pub padding: u32,
    /// Zero.
    pub reserved: [u64; 2],
}

impl Payload for Completion {}

impl Completion {
    /// Words of a completion that say something.
    pub const WORDS: usize = 5;

    /// The completion of those words.
    #[inline(always)]
    pub fn of_words(words: [u64; Completion::WORDS]) -> Completion {
        let [tag, status, first, second, block] = words;
        Completion {
            tag,
            status: status as u32,
            generation: (status >> u32::BITS) as u32,
            result: [first, second],
            block: block as u32,
            padding: (block >> u32::BITS) as u32,
            reserved: [0; 2],
        }
    }

    /// The answer to a syscall that is refused. Blocks that the client may not use, or that another call has, do not come back with
    /// it.
    pub fn refusal(syscall: &Syscall, status: Status) -> Completion {
        let mut completion = Completion::of(syscall, status, [0; 2]);
        if status == Status::BadBlock {
            completion.block = NO_BLOCK;
        }
        completion
    }

    /// The answer to a syscall.
    #[inline]
    pub fn of(syscall: &Syscall, status: Status, result: [u64; 2]) -> Completion {
        Completion {
            tag: syscall.tag,
            status: status as u32,
            generation: syscall.generation,
            result,
            block: syscall.block,
            padding: 0,
            reserved: [0; 2],
        }
    }
}

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
    /// No component serves this call here.
    NoService = 12,
    /// The peer answered with something that is no answer.
    Malformed = 13,
    /// What was to be written can only be read.
    ReadOnly = 14,
    /// The volume is full.
    NoSpace = 15,
    /// There is something of that name already.
    Exists = 16,
    /// Something that is no folder stands where a folder has to be.
    NotAFolder = 17,
    /// A folder stands where a file has to be.
    IsAFolder = 18,
    /// The folder is not empty.
    NotEmpty = 19,
    /// What the volume holds contradicts itself; it has to be repaired.
    Corrupt = 20,
    /// A name or a path is longer than one can be.
    NameTooLong = 21,
    /// The path leads through too many symbolic links.
    TooManyLinks = 22,
    /// The volume was not closed, and cannot be recovered because it can only be read.
    Unclean = 23,
    /// The volume, or the file, has a feature that is not supported.
    Unsupported = 24,
    /// Nobody listens at that address.
    ConnectionRefused = 25,
    /// The peer has ended the connection, or does not answer any more.
    ConnectionReset = 26,
    /// The port is in use.
    AddressInUse = 27,
    /// The socket is not connected, or was shut down.
    NotConnected = 28,
    /// No way leads to that address.
    Unreachable = 29,
    /// It is longer than one can be.
    TooLong = 30,
}

impl Status {
    /// Every status, for tables and tests.
    pub const ALL: [Status; 31] = [
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
        Status::ReadOnly,
        Status::NoSpace,
        Status::Exists,
        Status::NotAFolder,
        Status::IsAFolder,
        Status::NotEmpty,
        Status::Corrupt,
        Status::NameTooLong,
        Status::TooManyLinks,
        Status::Unclean,
        Status::Unsupported,
        Status::ConnectionRefused,
        Status::ConnectionReset,
        Status::AddressInUse,
        Status::NotConnected,
        Status::Unreachable,
        Status::TooLong,
    ];

    /// The status that a peer sent; anything unknown is [`Status::Malformed`].
    pub fn from_raw(raw: u32) -> Status {
        Status::ALL
            .into_iter()
            .find(|&status| status as u32 == raw)
            .unwrap_or(Status::Malformed)
    }
}

/// Triage: who served a syscall. The client knows it by the connection that it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Route {
    /// The process's own runtime.
    Runtime = 0,
    /// The server of the process's cluster.
    Server = 1,
    /// A service of the same kernel instance.
    Local = 2,
    /// A service of another kernel instance.
    Remote = 3,
}

impl Route {
    /// How many routes there are.
    pub const COUNT: usize = 4;

    /// The route of a number, or `None` where there is no such route.
    pub fn from_raw(raw: u32) -> Option<Route> {
        [Route::Runtime, Route::Server, Route::Local, Route::Remote]
            .into_iter()
            .find(|&route| route as u32 == raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_means_what_it_meant() {
        for status in Status::ALL {
            assert_eq!(Status::from_raw(status as u32), status);
        }
        assert_eq!(Status::from_raw(31), Status::Malformed);
    }

    #[test]
    fn a_completion_is_its_first_words() {
        let completion = Completion {
            tag: 1,
            status: 2,
            generation: 3,
            result: [4, 5],
            block: 6,
            padding: 0,
            reserved: [0; 2],
        };
        let [words @ .., _, _] = completion.to_message();
        assert_eq!(Completion::of_words(words), completion);
    }

    #[test]
    fn a_syscall_survives_its_slot() {
        let syscall = Syscall {
            tag: 1,
            call: Call::Read as u16,
            count: 2,
            handle: 3,
            arguments: [4, 5, 6, 7],
            block: 8,
            generation: 9,
        };
        assert_eq!(Syscall::from_message(&syscall.to_message()), syscall);
    }
}
