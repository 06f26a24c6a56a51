//! The header before each frame (section 5.1.6), `struct virtio_net_hdr`.

use atoll_abi::net::{Checksum, ChecksumPlace};

/// Bytes of a header. A modern device has all fields, whatever was negotiated.
pub const HEADER_SIZE: usize = 12;

/// VIRTIO_NET_HDR_F_NEEDS_CSUM: a checksum is to be made.
const TO_BE_MADE: u8 = 1;
/// VIRTIO_NET_HDR_F_DATA_VALID: the checksum was checked.
const CHECKED: u8 = 2;
/// VIRTIO_NET_HDR_GSO_NONE: the frame is whole.
const WHOLE: u8 = 0;

/// How the driver reads the headers that the device writes at the beginning of receive buffers.
pub trait Headers {
    /// The first bytes of a posted buffer, read once.
    fn read(&self, buffer: u32) -> [u8; HEADER_SIZE];
}

/// The header of a received frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) checksum: Checksum,
    /// The frame is to be cut into packets, or was put together of several.
    pub(crate) is_segmented: bool,
    /// Buffers of the frame.
    pub(crate) buffers: u16,
}

impl Header {
    /// Of a device that may say something of checksums, or not.
    pub(crate) fn read(bytes: [u8; HEADER_SIZE], checksums: bool) -> Header {
        let [
            flags,
            segmentation,
            _,
            _, // its header's length, a hint
            _,
            _, // the size of its segments
            start_low,
            start_high,
            offset_low,
            offset_high,
            buffers_low,
            buffers_high,
        ] = bytes;
        let checksum = match flags {
            // Without the feature there are no flags, and nothing is made of what the device writes there.
            _ if !checksums => Checksum::Unknown,
            flags if flags & TO_BE_MADE != 0 => Checksum::Partial(ChecksumPlace {
                start: u16::from_le_bytes([start_low, start_high]),
                offset: u16::from_le_bytes([offset_low, offset_high]),
            }),
            flags if flags & CHECKED != 0 => Checksum::Checked,
            _ => Checksum::Unknown,
        };
        Header {
            checksum,
            is_segmented: segmentation != WHOLE,
            buffers: u16::from_le_bytes([buffers_low, buffers_high]),
        }
    }
}

/// The header of a frame to transmit (section 5.1.6.2): its first 8 bytes, and its last 4.
pub(crate) fn outgoing(checksum: Option<ChecksumPlace>) -> (u64, u32) {
    match checksum {
        None => (WHOLE.into(), 0),
        Some(ChecksumPlace { start, offset }) => (
            u64::from(TO_BE_MADE) | u64::from(start) << 48,
            offset.into(),
        ),
    }
}
