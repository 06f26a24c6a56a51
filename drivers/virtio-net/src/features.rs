//! What is negotiated with the device, and what it says of itself (sections 5.1.3 and 5.1.4).

use atoll_abi::layout::PAGE_SIZE;
use atoll_pci::ConfigurationSpace;
use atoll_virtio::{Registers, Transport};
use bitflags::bitflags;

use crate::DriverError;
use crate::header::HEADER_SIZE;

/// Bytes behind the Ethernet header of the largest frame of a device that does not say it.
pub const STANDARD_MTU: u16 = 1500;
/// Least that a device may say (section 5.1.4.1).
const LEAST_MTU: u16 = 68;

/// Bytes of an Ethernet header.
pub(crate) const ETHERNET_HEADER: u32 = 14;
/// Bytes of a VLAN tag, which the MTU does not count either.
const TAG: u32 = 4;

// Offsets of fields.
const ADDRESS: u32 = 0;
pub(crate) const STATUS: u32 = 6;
const MTU: u32 = 10;

/// Bytes of the configuration that every device has: its address, though it may have no meaning.
pub(crate) const LEAST: u32 = 6;

bitflags! {
    /// Features that the driver uses, by their numbers (section 5.1.3).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Features: u64 {
        /// VIRTIO_NET_F_CSUM: it makes checksums of frames to transmit.
        const CHECKSUM = 1 << 0;
        /// VIRTIO_NET_F_GUEST_CSUM: it may leave checksums of received frames to be made, and says which it has checked.
        const GUEST_CHECKSUM = 1 << 1;
        /// VIRTIO_NET_F_MTU: it says its largest frame.
        const MTU = 1 << 3;
        /// VIRTIO_NET_F_MAC: it says its address.
        const ADDRESS = 1 << 5;
        /// VIRTIO_NET_F_MRG_RXBUF: it receives a frame into several buffers.
        const MERGEABLE = 1 << 15;
        /// VIRTIO_NET_F_STATUS: it says whether the link is up.
        const STATUS = 1 << 16;
    }
}

impl Features {
    /// Of the features of a device with so many bytes of configuration, those that the driver uses: a feature whose fields it does
    /// not have is not accepted.
    pub(crate) fn accepted(offered: u64, length: u32) -> Features {
        let mut accepted = Features::from_bits_truncate(offered);
        for (feature, end) in [
            (Features::ADDRESS, ADDRESS + 6),
            (Features::STATUS, STATUS + 2),
            (Features::MTU, MTU + 2),
        ] {
            accepted.set(feature, accepted.contains(feature) && end <= length);
        }
        accepted
    }
}

/// What the device does with checksums of TCP and UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offloads {
    /// It makes those of frames to transmit, where the frame says so.
    pub transmit: bool,
    /// It says of received frames which it has checked, and which their receiver would have to make.
    pub receive: bool,
}

/// What a device can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Its address; `None` where it has none of its own.
    pub address: Option<[u8; 6]>,
    /// Bytes behind the Ethernet header of its largest frame.
    pub mtu: u16,
    /// It receives a frame into several buffers.
    pub mergeable: bool,
    /// Checksums.
    pub checksums: Offloads,
    /// It says whether the link is up.
    pub tells_link: bool,
}

impl Abilities {
    /// Bytes of the largest frame, with its Ethernet header and a VLAN tag.
    pub fn largest_frame(&self) -> u32 {
        u32::from(self.mtu) + ETHERNET_HEADER + TAG
    }

    /// Whether a buffer of a page takes the largest frame, or a part of one.
    pub(crate) fn fits_a_page(&self) -> bool {
        self.mergeable || HEADER_SIZE + self.largest_frame() as usize <= PAGE_SIZE
    }

    /// What a device says of itself.
    pub(crate) fn read<C: ConfigurationSpace, R: Registers>(
        device: &Transport<C, R>,
        features: Features,
    ) -> Result<Abilities, DriverError> {
        let address = || {
            let mut address = [0; 6];
            for (offset, byte) in (ADDRESS..).zip(&mut address) {
                *byte = device.configuration8(offset);
            }
            address
        };
        let has = |feature| features.contains(feature);
        let mtu = match has(Features::MTU) {
            true => device.configuration16(MTU),
            false => STANDARD_MTU,
        };
        if mtu < LEAST_MTU {
            return Err(DriverError::Mtu { found: mtu });
        }
        Ok(Abilities {
            address: has(Features::ADDRESS).then(address),
            mtu,
            mergeable: has(Features::MERGEABLE),
            checksums: Offloads {
                transmit: has(Features::CHECKSUM),
                receive: has(Features::GUEST_CHECKSUM),
            },
            tells_link: has(Features::STATUS),
        })
    }
}
