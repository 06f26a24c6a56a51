//! Finds the partitions of the services of a device, before it serves them.

use alloc::vec::Vec;
use core::fmt;

use atoll_abi::name::Name;
use atoll_abi::plan::MAX_SERVICES;
use atoll_abi::plan::Plan;
use atoll_gpt::{GptError, MOST_NAMES, Partitions, Table, Want};
use atoll_virtio::{Device, Segment};

const _: () = assert!(
    MAX_SERVICES <= MOST_NAMES,
    "a table is asked for the partitions of all services"
);

use crate::Disk;
use crate::queue::{Operation, Request};
use crate::service::Extent;

/// Finds the partition of each service of a device, by slot; `None` where the disk has none of its name, which `log` is told.
/// Nothing else uses the disk meanwhile.
pub fn find<D: Device>(
    disk: &mut Disk<D>,
    plan: &Plan,
    device: usize,
    log: impl Fn(&dyn fmt::Display),
) -> Vec<Option<Extent>> {
    let services = plan.services_of_device(device);
    let names: Vec<Name> = services.map(|(_, service)| service.partition).collect();
    let found = match read(disk, &names) {
        Ok(found) => found,
        Err(error) => {
            log(&error);
            return names.iter().map(|_| None).collect();
        }
    };
    if let Some(damage) = found.damage() {
        log(&format_args!(
            "the backup partition table is used: {damage}"
        ));
    }
    let unit = u64::from(disk.abilities().properties.sectors_per_block());
    let extent = |name: &Name| {
        let extent = found.extent(name);
        if extent.is_none() {
            log(&format_args!(
                "the disk has no partition `{name}`; make one, or name another one in the plan"
            ));
        }
        // No overflow: the table lies on the disk.
        extent.map(|extent| Extent {
            first: extent.first * unit,
            sectors: extent.blocks * unit,
        })
    };
    names.iter().map(extent).collect()
}

fn read<D: Device>(disk: &mut Disk<D>, names: &[Name]) -> Result<Partitions, GptError> {
    let abilities = disk.abilities();
    let block_size = abilities.properties.block_size;
    let unit = u64::from(abilities.properties.sectors_per_block());
    let mut table = Table::new(abilities.sectors / unit, block_size, names)?;
    // As many reads as the table's reader has a bound for.
    while let Want::Read { lba, blocks } = table.wants() {
        let mut bytes = [0; atoll_gpt::READ_BYTES as usize];
        let length = (blocks * block_size) as usize;
        let part = bytes.get_mut(..length);
        match part.filter(|_| read_spare(disk, lba * unit, blocks * unit as u32)) {
            Some(part) => {
                for (index, word) in part.chunks_exact_mut(8).enumerate() {
                    word.copy_from_slice(&disk.queue().spare_word(index).to_le_bytes());
                }
                table.feed(part);
            }
            None => table.failed(),
        }
    }
    table.result()
}

/// Reads sectors into the driver's own page; whether the device did. A device that never answers is noticed by the root task,
/// which gives a driver a time to start.
fn read_spare<D: Device>(disk: &mut Disk<D>, sector: u64, sectors: u32) -> bool {
    let data = [Segment {
        length: sectors * atoll_abi::block::SECTOR_SIZE as u32,
        ..disk.spare()
    }];
    let request = Request {
        operation: Operation::Read,
        sector,
        sectors,
        data: &data,
    };
    if disk.stage(&request).is_none() {
        return false;
    }
    disk.publish();
    loop {
        if let Some(finished) = disk.collect() {
            return finished.success;
        }
        core::hint::spin_loop();
    }
}
