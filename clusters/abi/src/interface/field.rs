//! How the fields of requests travel in a message.

use crate::file::{OpenFlags, Path};
use crate::handle::Handle;
use crate::name::Name;
use crate::net::{ChecksumToMake, FrameLengths};
use crate::socket::{SocketAddress, SocketOption};
use crate::syscall::Status;

/// A field of a request: how it travels in a message.
pub(super) trait Field<Raw>: Sized {
    fn to_raw(&self) -> Raw;
    fn from_raw(raw: Raw) -> Result<Self, Status>;
}

impl Field<u64> for u64 {
    fn to_raw(&self) -> u64 {
        *self
    }

    fn from_raw(raw: u64) -> Result<u64, Status> {
        Ok(raw)
    }
}

impl Field<u64> for u32 {
    fn to_raw(&self) -> u64 {
        u64::from(*self)
    }

    fn from_raw(raw: u64) -> Result<u32, Status> {
        u32::try_from(raw).map_err(|_| Status::InvalidArgument)
    }
}

impl Field<u32> for u32 {
    fn to_raw(&self) -> u32 {
        *self
    }

    fn from_raw(raw: u32) -> Result<u32, Status> {
        Ok(raw)
    }
}

impl Field<u32> for Handle {
    fn to_raw(&self) -> u32 {
        Handle::to_raw(*self)
    }

    fn from_raw(raw: u32) -> Result<Handle, Status> {
        Handle::from_raw(raw).ok_or(Status::BadHandle)
    }
}

impl Field<u32> for OpenFlags {
    fn to_raw(&self) -> u32 {
        self.bits()
    }

    fn from_raw(raw: u32) -> Result<OpenFlags, Status> {
        OpenFlags::from_raw(raw)
    }
}

impl Field<[u64; 4]> for Path {
    fn to_raw(&self) -> [u64; 4] {
        self.0
    }

    fn from_raw(raw: [u64; 4]) -> Result<Path, Status> {
        Ok(Path(raw))
    }
}

impl Field<[u64; 4]> for Name {
    fn to_raw(&self) -> [u64; 4] {
        self.to_words()
    }

    fn from_raw(raw: [u64; 4]) -> Result<Name, Status> {
        Name::from_words(raw).ok_or(Status::InvalidArgument)
    }
}

impl Field<[u64; 4]> for [u64; 4] {
    fn to_raw(&self) -> [u64; 4] {
        *self
    }

    fn from_raw(raw: [u64; 4]) -> Result<[u64; 4], Status> {
        Ok(raw)
    }
}

impl Field<u16> for u16 {
    fn to_raw(&self) -> u16 {
        *self
    }

    fn from_raw(raw: u16) -> Result<u16, Status> {
        Ok(raw)
    }
}

impl Field<u64> for ChecksumToMake {
    fn to_raw(&self) -> u64 {
        ChecksumToMake::to_raw(*self)
    }

    fn from_raw(raw: u64) -> Result<ChecksumToMake, Status> {
        ChecksumToMake::from_raw(raw)
    }
}

impl Field<u64> for FrameLengths {
    fn to_raw(&self) -> u64 {
        FrameLengths::to_raw(*self)
    }

    fn from_raw(raw: u64) -> Result<FrameLengths, Status> {
        FrameLengths::from_raw(raw)
    }
}

impl Field<u64> for SocketAddress {
    fn to_raw(&self) -> u64 {
        SocketAddress::to_raw(*self)
    }

    fn from_raw(raw: u64) -> Result<SocketAddress, Status> {
        SocketAddress::from_raw(raw)
    }
}

impl Field<u64> for SocketOption {
    fn to_raw(&self) -> u64 {
        *self as u64
    }

    fn from_raw(raw: u64) -> Result<SocketOption, Status> {
        SocketOption::from_raw(raw)
    }
}
