//! What a driver says of a disk.

use atoll_abi::disk::Properties;

/// What a driver says of an ordinary disk of so many sectors.
pub fn description(sectors: u64) -> [u64; 2] {
    let properties = Properties {
        block_size: 512,
        read_only: false,
        caches: true,
    };
    [sectors, properties.to_raw()]
}
