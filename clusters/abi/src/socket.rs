//! What calls of sockets name: addresses, options, and the host's own place in its network.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::block::BLOCK_SIZE;
use crate::handle::Handle;
use crate::syscall::Status;

/// An address of IPv4 and a port, as a field or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketAddress {
    /// The address; 0.0.0.0 where none is named.
    pub address: [u8; 4],
    /// The port; 0 where none is named.
    pub port: u16,
}

const PORT_SHIFT: u32 = 32;

impl SocketAddress {
    /// None.
    pub const NONE: SocketAddress = SocketAddress {
        address: [0; 4],
        port: 0,
    };

    /// As a field or a result.
    pub fn to_raw(self) -> u64 {
        u64::from(u32::from_be_bytes(self.address)) | u64::from(self.port) << PORT_SHIFT
    }

    /// What a peer sent.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where it is no address.
    pub fn from_raw(raw: u64) -> Result<SocketAddress, Status> {
        let address = SocketAddress {
            address: (raw as u32).to_be_bytes(),
            port: (raw >> PORT_SHIFT) as u16,
        };
        match address.to_raw() == raw {
            true => Ok(address),
            false => Err(Status::InvalidArgument),
        }
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.address;
        write!(f, "{a}.{b}.{c}.{d}:{}", self.port)
    }
}

/// An option of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum SocketOption {
    /// 1: what is to be sent is sent at once, in segments of any size; 0: small ones wait for an acknowledgment.
    NoDelay = 1,
    /// Milliseconds after which a silent peer is asked whether it is there; 0: never.
    KeepAlive = 2,
    /// Milliseconds after which a connection is ended whose peer sends nothing, no acknowledgment either; 0: never. A peer that has nothing
    /// to say is ended too, unless it is asked often enough: see [`SocketOption::KeepAlive`].
    PeerTimeout = 3,
}

impl SocketOption {
    /// Every option, for tables and tests.
    pub const ALL: [SocketOption; 3] = [
        SocketOption::NoDelay,
        SocketOption::KeepAlive,
        SocketOption::PeerTimeout,
    ];

    /// What a peer sent.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where there is no such option.
    pub fn from_raw(raw: u64) -> Result<SocketOption, Status> {
        let mut all = SocketOption::ALL.into_iter();
        all.find(|option| *option as u64 == raw)
            .ok_or(Status::InvalidArgument)
    }
}

/// An entry of the block of [`crate::interface::Call::AwaitSockets`]: a socket at which something can be received or accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Ready {
    socket: u32,
    /// Zero.
    padding: u32,
}

impl Ready {
    /// Entries that a block holds.
    pub const IN_BLOCK: usize = BLOCK_SIZE / size_of::<Ready>();

    /// Of no socket.
    pub const NONE: Ready = Ready {
        socket: 0,
        padding: 0,
    };

    /// Of a socket.
    pub fn new(socket: Handle) -> Ready {
        Ready {
            socket: socket.to_raw(),
            padding: 0,
        }
    }

    /// The socket; `None` where it is none.
    pub fn socket(&self) -> Option<Handle> {
        Handle::from_raw(self.socket)
    }
}

/// The place of the host in its network, as the results of [`crate::interface::Call::DescribeHost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// Its address.
    pub address: [u8; 4],
    /// Bits of the address that its network has.
    pub prefix: u8,
    /// Where frames for other networks go; 0.0.0.0 where there is nobody.
    pub gateway: [u8; 4],
}

/// Bits of an address.
const ADDRESS_BITS: u8 = 32;

impl HostAddress {
    /// As results.
    pub fn to_raw(self) -> [u64; 2] {
        let number = |address| u64::from(u32::from_be_bytes(address));
        [
            number(self.address) | u64::from(self.prefix) << PORT_SHIFT,
            number(self.gateway),
        ]
    }

    /// What a peer sent.
    ///
    /// # Errors
    /// [`Status::Malformed`] where no host has that place.
    pub fn from_raw(raw: [u64; 2]) -> Result<HostAddress, Status> {
        let [first, second] = raw;
        let host = HostAddress {
            address: (first as u32).to_be_bytes(),
            prefix: (first >> PORT_SHIFT) as u8,
            gateway: (second as u32).to_be_bytes(),
        };
        match host.to_raw() == raw && host.prefix <= ADDRESS_BITS {
            true => Ok(host),
            false => Err(Status::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_address_survives_a_field() {
        let address = SocketAddress {
            address: [10, 0, 2, 15],
            port: 6379,
        };
        assert_eq!(SocketAddress::from_raw(address.to_raw()), Ok(address));
        assert_eq!(address.to_string(), "10.0.2.15:6379");
        assert_eq!(SocketAddress::from_raw(0), Ok(SocketAddress::NONE));
        let refused = SocketAddress::from_raw(1 << 48);
        assert_eq!(refused, Err(Status::InvalidArgument));
    }

    #[test]
    fn options_have_numbers() {
        for option in SocketOption::ALL {
            assert_eq!(SocketOption::from_raw(option as u64), Ok(option));
        }
        for raw in [0, 4, u64::MAX] {
            let refused = SocketOption::from_raw(raw);
            assert_eq!(refused, Err(Status::InvalidArgument));
        }
    }

    #[test]
    fn a_place_in_a_network_survives_results() {
        let host = HostAddress {
            address: [10, 0, 2, 15],
            prefix: 24,
            gateway: [10, 0, 2, 2],
        };
        assert_eq!(HostAddress::from_raw(host.to_raw()), Ok(host));
        for raw in [[33 << 32, 0], [1 << 40, 0], [0, 1 << 32]] {
            assert_eq!(HostAddress::from_raw(raw), Err(Status::Malformed));
        }
    }
}
