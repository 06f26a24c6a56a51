//! What a network device, its driver and the service that uses it say of frames.

use crate::block::BLOCK_SIZE;
use crate::syscall::Status;

/// Bytes of the address of a device (EUI-48).
pub const ADDRESS_SIZE: usize = 6;

/// What a network device is and can do, as the results of [`crate::interface::Call::DescribeNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Its address; `None` where it has none of its own.
    pub address: Option<[u8; ADDRESS_SIZE]>,
    /// Bytes behind the Ethernet header of its largest frame.
    pub mtu: u16,
    /// It makes checksums of TCP and UDP of frames to transmit, where the frame says so.
    pub makes_checksums: bool,
    /// It says of received frames whose checksums it has checked, and which would have to be made.
    pub tells_checksums: bool,
    /// The link is up, or the device does not tell.
    pub link_is_up: bool,
}

const MTU_SHIFT: u32 = 48;
const HAS_ADDRESS: u64 = 1 << 0;
const MAKES_CHECKSUMS: u64 = 1 << 1;
const TELLS_CHECKSUMS: u64 = 1 << 2;
const LINK_IS_UP: u64 = 1 << 3;

impl Properties {
    /// As results.
    pub fn to_raw(self) -> [u64; 2] {
        let bit = |is: bool, bit: u64| if is { bit } else { 0 };
        let mut address = [0; 8];
        if let Some(own) = self.address {
            address[..ADDRESS_SIZE].copy_from_slice(&own);
        }
        [
            u64::from_le_bytes(address) | u64::from(self.mtu) << MTU_SHIFT,
            bit(self.address.is_some(), HAS_ADDRESS)
                | bit(self.makes_checksums, MAKES_CHECKSUMS)
                | bit(self.tells_checksums, TELLS_CHECKSUMS)
                | bit(self.link_is_up, LINK_IS_UP),
        ]
    }

    /// What a peer sent.
    ///
    /// # Errors
    /// [`Status::Malformed`] where no device is so.
    pub fn from_raw(raw: [u64; 2]) -> Result<Properties, Status> {
        let [first, flags] = raw;
        let [a, b, c, d, e, f, ..] = first.to_le_bytes();
        let has = |bit: u64| flags & bit != 0;
        let properties = Properties {
            address: has(HAS_ADDRESS).then_some([a, b, c, d, e, f]),
            mtu: (first >> MTU_SHIFT) as u16,
            makes_checksums: has(MAKES_CHECKSUMS),
            tells_checksums: has(TELLS_CHECKSUMS),
            link_is_up: has(LINK_IS_UP),
        };
        match properties.to_raw() == raw {
            true => Ok(properties),
            false => Err(Status::Malformed),
        }
    }
}

/// Where a checksum is in a frame: of the bytes from `start` to the end, at `start + offset`, with the sum of the pseudo header
/// in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChecksumPlace {
    /// The first byte that it covers.
    pub start: u16,
    /// Where it is, from there.
    pub offset: u16,
}

const OFFSET_SHIFT: u32 = 16;
const KIND_SHIFT: u32 = 32;

impl ChecksumPlace {
    /// Whether both are in a frame of so many bytes.
    pub fn is_within(self, length: u32) -> bool {
        u32::from(self.start) + u32::from(self.offset) + 2 <= length
    }

    fn to_raw(self) -> u64 {
        u64::from(self.start) | u64::from(self.offset) << OFFSET_SHIFT
    }

    fn of_raw(raw: u64) -> ChecksumPlace {
        ChecksumPlace {
            start: raw as u16,
            offset: (raw >> OFFSET_SHIFT) as u16,
        }
    }
}

/// The checksum that a device is to make in a frame, as a field of [`crate::interface::Call::TransmitFrame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChecksumToMake(pub Option<ChecksumPlace>);

impl ChecksumToMake {
    /// As a field.
    pub fn to_raw(self) -> u64 {
        self.0.map_or(0, |place| place.to_raw() | 1 << KIND_SHIFT)
    }

    /// What a client sent.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where it is none.
    pub fn from_raw(raw: u64) -> Result<ChecksumToMake, Status> {
        match raw >> KIND_SHIFT {
            0 if raw == 0 => Ok(ChecksumToMake(None)),
            1 => Ok(ChecksumToMake(Some(ChecksumPlace::of_raw(raw)))),
            _ => Err(Status::InvalidArgument),
        }
    }
}

/// Bytes of the frames of one [`crate::interface::Call::TransmitFrames`], each of which has a block of its own: a stream that is cut into
/// segments has all of one length but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLengths {
    /// Of each but the last one.
    pub each: u16,
    /// Of the last one.
    pub last: u16,
}

const LAST_SHIFT: u32 = 16;

impl FrameLengths {
    /// As a field.
    pub fn to_raw(self) -> u64 {
        u64::from(self.each) | u64::from(self.last) << LAST_SHIFT
    }

    /// What a client sent.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`] where a frame would be longer than its block.
    pub fn from_raw(raw: u64) -> Result<FrameLengths, Status> {
        let lengths = FrameLengths {
            each: raw as u16,
            last: (raw >> LAST_SHIFT) as u16,
        };
        let longest = usize::from(lengths.each.max(lengths.last));
        match lengths.to_raw() == raw && longest <= BLOCK_SIZE {
            true => Ok(lengths),
            false => Err(Status::InvalidArgument),
        }
    }
}

/// What is known of the checksums of a received frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: the receiver checks.
    Unknown,
    /// The device has checked the (outermost) checksum of TCP or UDP, and it is right.
    Checked,
    /// The frame comes from the same machine and has only the sum of the pseudo header. Its data is as it was sent, and who
    /// passes it on makes the checksum.
    Partial(ChecksumPlace),
}

/// A part of a received frame, which lies in one block, as the results of [`crate::interface::Call::ReceiveFrame`]. A device that has
/// larger frames than a block holds puts one into several, whose calls are answered one behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where it begins in the block, in bytes.
    pub offset: u16,
    /// Bytes of it.
    pub length: u16,
    /// The next call that is answered has more of the frame.
    pub more: bool,
    /// What is known of the frame's checksums; of parts behind the first one, nothing.
    pub checksum: Checksum,
}

const MORE: u64 = 1 << 32;
const CHECKED: u64 = 1;
const PARTIAL: u64 = 2;

impl Received {
    /// As results.
    pub fn to_raw(self) -> [u64; 2] {
        let place = u64::from(self.length) | u64::from(self.offset) << OFFSET_SHIFT;
        let more = if self.more { MORE } else { 0 };
        let checksum = match self.checksum {
            Checksum::Unknown => 0,
            Checksum::Checked => CHECKED << KIND_SHIFT,
            Checksum::Partial(place) => PARTIAL << KIND_SHIFT | place.to_raw(),
        };
        [place | more, checksum]
    }

    /// What a peer sent.
    ///
    /// # Errors
    /// [`Status::Malformed`] where no frame is so.
    pub fn from_raw(raw: [u64; 2]) -> Result<Received, Status> {
        let [first, second] = raw;
        let received = Received {
            length: first as u16,
            offset: (first >> OFFSET_SHIFT) as u16,
            more: first & MORE != 0,
            checksum: match second >> KIND_SHIFT {
                0 => Checksum::Unknown,
                CHECKED => Checksum::Checked,
                PARTIAL => Checksum::Partial(ChecksumPlace::of_raw(second)),
                _ => return Err(Status::Malformed),
            },
        };
        let end = usize::from(received.offset) + usize::from(received.length);
        match received.to_raw() == raw && end <= BLOCK_SIZE {
            true => Ok(received),
            false => Err(Status::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: ChecksumPlace = ChecksumPlace {
        start: 34,
        offset: 16,
    };

    #[test]
    fn lengths_of_frames_survive_and_none_is_longer_than_its_block() {
        for (each, last) in [(0, 0), (60, 1514), (4096, 14), (1, 4096)] {
            let lengths = FrameLengths { each, last };
            assert_eq!(FrameLengths::from_raw(lengths.to_raw()), Ok(lengths));
        }
        for raw in [4097, 4097 << 16, 1 << 32, u64::MAX] {
            assert_eq!(FrameLengths::from_raw(raw), Err(Status::InvalidArgument));
        }
    }

    #[test]
    fn properties_survive_results() {
        for (address, makes, tells, up) in [
            (Some([0x52, 0x54, 0, 1, 2, 0xff]), true, false, true),
            (None, false, true, false),
        ] {
            let properties = Properties {
                address,
                mtu: 9000,
                makes_checksums: makes,
                tells_checksums: tells,
                link_is_up: up,
            };
            assert_eq!(Properties::from_raw(properties.to_raw()), Ok(properties));
        }
        // An address without the flag that it has one, and a flag that there is not.
        for raw in [[1, 0], [0, 1 << 4], [0, u64::MAX]] {
            assert_eq!(Properties::from_raw(raw), Err(Status::Malformed));
        }
    }

    #[test]
    fn received_frames_survive_results() {
        for (checksum, more) in [
            (Checksum::Unknown, false),
            (Checksum::Checked, true),
            (Checksum::Partial(PLACE), false),
        ] {
            let received = Received {
                offset: 12,
                length: 1514,
                more,
                checksum,
            };
            assert_eq!(Received::from_raw(received.to_raw()), Ok(received));
        }
        let beyond = 12 << 16 | 4085;
        for raw in [[beyond, 0], [1 << 33, 0], [60, 3 << 32], [60, 1]] {
            assert_eq!(Received::from_raw(raw), Err(Status::Malformed), "{raw:x?}");
        }
    }

    #[test]
    fn a_checksum_to_make_survives_a_field() {
        for place in [None, Some(PLACE)] {
            let field = ChecksumToMake(place);
            assert_eq!(ChecksumToMake::from_raw(field.to_raw()), Ok(field));
        }
        for raw in [1, 2 << 32, u64::MAX] {
            let refused = ChecksumToMake::from_raw(raw);
            assert_eq!(refused, Err(Status::InvalidArgument), "{raw:#x}");
        }
    }
}
