//! What the device says of itself: its features and its configuration (section 5.2.4).

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::disk::Properties;
use atoll_pci::ConfigurationSpace;
use atoll_virtio::{Registers, Transport};
use bitflags::bitflags;

use crate::DriverError;
use crate::disk::Abilities;
use crate::queue::MOST_SEGMENTS;

// Offsets of fields.
const CAPACITY: u32 = 0;
const SEGMENTS: u32 = 12;
const BLOCK: u32 = 20;
const MOST_DISCARDED: u32 = 36;
const MOST_ZEROED: u32 = 48;

/// Bytes of the configuration that every device has.
pub(super) const LEAST: u32 = 8;

bitflags! {
    /// Features that the driver uses, by their numbers (section 5.2.3).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Features: u64 {
        /// VIRTIO_BLK_F_SEG_MAX: a request has at most so many segments.
        const SEGMENTS = 1 << 2;
        /// VIRTIO_BLK_F_RO: it cannot be written.
        const READ_ONLY = 1 << 5;
        /// VIRTIO_BLK_F_BLK_SIZE: its blocks have so many bytes.
        const BLOCK_SIZE = 1 << 6;
        /// VIRTIO_BLK_F_FLUSH: what it wrote may be in its memory only, until it is flushed. A device that does not offer it
        /// has written what it says that it has written.
        const FLUSH = 1 << 9;
        /// VIRTIO_BLK_F_DISCARD: it is told what is not needed any more.
        const DISCARD = 1 << 13;
        /// VIRTIO_BLK_F_WRITE_ZEROES: it writes zeroes by itself.
        const WRITE_ZEROES = 1 << 14;
    }
}

impl Features {
    /// Of the features of a device with so many bytes of configuration, those that the driver uses: a feature whose fields it does
    /// not have is not accepted.
    pub(super) fn accepted(offered: u64, length: u32) -> Features {
        let mut accepted = Features::from_bits_truncate(offered);
        for (feature, field) in [
            (Features::SEGMENTS, SEGMENTS),
            (Features::BLOCK_SIZE, BLOCK),
            (Features::DISCARD, MOST_DISCARDED),
            (Features::WRITE_ZEROES, MOST_ZEROED),
        ] {
            accepted.set(feature, accepted.contains(feature) && field + 4 <= length);
        }
        accepted
    }
}

/// What the device can do.
pub(super) fn abilities<C: ConfigurationSpace, R: Registers>(
    device: &Transport<C, R>,
    features: Features,
) -> Result<Abilities, DriverError> {
    let field = |offset| device.configuration32(offset);
    let sectors = u64::from(field(CAPACITY + 4)) << 32 | u64::from(field(CAPACITY));
    let of = |feature, offset| features.contains(feature).then(|| field(offset));
    let block_size = of(Features::BLOCK_SIZE, BLOCK).unwrap_or(512);
    let properties = Properties {
        block_size,
        read_only: features.contains(Features::READ_ONLY),
        caches: features.contains(Features::FLUSH),
    };
    if Properties::from_raw(properties.to_raw()).is_err() {
        return Err(DriverError::BlockSize {
            size: block_size,
            most: BLOCK_SIZE as u32,
        });
    }
    // Of whole blocks: a request may have no part of one.
    let whole = |sectors: u32| sectors - sectors % properties.sectors_per_block();
    let segments = of(Features::SEGMENTS, SEGMENTS).map_or(MOST_SEGMENTS, |it| it as usize);
    Ok(Abilities {
        sectors,
        properties,
        segments: segments.clamp(1, MOST_SEGMENTS),
        zero: whole(of(Features::WRITE_ZEROES, MOST_ZEROED).unwrap_or(0)),
        discard: whole(of(Features::DISCARD, MOST_DISCARDED).unwrap_or(0)),
    })
}
