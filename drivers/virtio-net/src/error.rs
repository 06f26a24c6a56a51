//! Why the driver cannot go on, and what it refuses.

use core::fmt;

use atoll_virtio::VirtioError;

/// Why the driver cannot start, or why it has stopped its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverError {
    /// What is not about frames.
    Virtio(VirtioError),
    /// The plan has no such device, instance or core.
    NotInPlan {
        /// Index of the device.
        device: usize,
    },
    /// The device's largest frame is smaller than the specification allows.
    Mtu {
        /// Bytes behind the Ethernet header of its largest frame.
        found: u16,
    },
    /// The device received a frame without a whole header.
    ShortHeader {
        /// Bytes that it wrote.
        length: u32,
    },
    /// The device received a frame in no buffer, or in more than it has.
    BufferCount {
        /// Buffers that it claims.
        found: u16,
        /// Buffers that it had.
        posted: usize,
    },
}

impl DriverError {
    /// Whether a device that could not be started for this reason writes nothing; see [`VirtioError::leaves_quiet`].
    pub fn leaves_quiet(&self) -> bool {
        match self {
            DriverError::Virtio(error) => error.leaves_quiet(),
            DriverError::NotInPlan { .. } => false,
            _ => true,
        }
    }
}

impl From<VirtioError> for DriverError {
    fn from(error: VirtioError) -> DriverError {
        DriverError::Virtio(error)
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BROKEN: &str = "the device is broken: replace it or its emulator";
        match self {
            DriverError::Virtio(error) => error.fmt(f),
            DriverError::NotInPlan { device } => write!(
                f,
                "device {device} and its core are not in the plan; start the driver with the index of its device"
            ),
            DriverError::Mtu { found } => write!(
                f,
                "the device has an MTU of {found} bytes, the least is 68; give QEMU another host_mtu for it"
            ),
            DriverError::ShortHeader { length } => write!(
                f,
                "the device wrote {length} bytes of a frame, which is no whole header; {BROKEN}"
            ),
            DriverError::BufferCount { found, posted } => write!(
                f,
                "the device claims a frame in {found} buffers, 1 to {posted} can be; {BROKEN}"
            ),
        }
    }
}

impl core::error::Error for DriverError {}

/// Why a buffer is not taken for receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostError {
    /// The device has as many as it can; post it when one has come back.
    Full,
    /// It is too short for the device; give one of at least so many bytes.
    TooShort {
        /// Bytes of it.
        length: u32,
        /// Least bytes.
        least: u32,
    },
    /// The device was stopped; see [`Network::failure`](crate::Network::failure).
    Stopped,
}

/// Why a frame is not taken for transmitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The device has as many as it can; send it when one has been sent.
    Full,
    /// It has no segments, or more than [`MOST_SEGMENTS`](crate::MOST_SEGMENTS).
    Segments {
        /// How many.
        count: usize,
    },
    /// It is shorter than an Ethernet header, or longer than the device's largest frame.
    Length {
        /// Bytes of it.
        length: u64,
        /// Most bytes.
        most: u32,
    },
    /// Its checksum is not within it, or the device makes none: then the sender has to.
    Checksum,
    /// The device was stopped; see [`Network::failure`](crate::Network::failure).
    Stopped,
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PostError::Full => write!(f, "the receive queue is full; wait for a frame"),
            PostError::TooShort { length, least } => write!(
                f,
                "a receive buffer of {length} bytes is too short; give one of {least} or more"
            ),
            PostError::Stopped => write!(f, "the device was stopped; start the driver again"),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Full => write!(f, "the transmit queue is full; wait for a frame to be sent"),
            SendError::Segments { count } => write!(
                f,
                "a frame has {count} segments; give it 1 to {}",
                crate::MOST_SEGMENTS
            ),
            SendError::Length { length, most } => {
                write!(f, "a frame has {length} bytes; give it 14 to {most}")
            }
            SendError::Checksum => write!(
                f,
                "the device cannot make this checksum; make it before the frame is sent"
            ),
            SendError::Stopped => write!(f, "the device was stopped; start the driver again"),
        }
    }
}

impl core::error::Error for PostError {}
impl core::error::Error for SendError {}
