//! The device of these tests, and the memory of its queues.

use atoll_virtio_net::{Abilities, Offloads};

pub const DMA_SIZE: usize = 8 * 4096;
pub const DMA_PHYSICAL: u64 = 0x7_0000_0000;

pub const ABILITIES: Abilities = Abilities {
    address: Some([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
    mtu: 9000,
    mergeable: true,
    checksums: Offloads {
        transmit: true,
        receive: true,
    },
    tells_link: true,
};
