//! Whatever is on a disk: no panic, no more reads than the bound, and no partition that is not on the disk.

mod disk;

use atoll_gpt::{Damage, GptError, MOST_ENTRIES, MOST_ENTRY_BYTES, MOST_READS};
use gpt_disk_types::{Crc32, GptHeader, LbaLe, U32Le};
use proptest::prelude::*;

use disk::{Disk, checksum, entry};

const NAMES: [&str; 3] = ["system", "data", "a"];

/// Numbers at which something changes, and any others.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..40u64,
        (0..40u64).prop_map(|less| 4096 - less),
        (0..3u64).prop_map(|less| u64::MAX - less),
        any::<u64>(),
    ]
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![Just(128), Just(256), Just(4096), 0..1100u32, any::<u32>(),]
}

fn block_size() -> impl Strategy<Value = u32> {
    prop_oneof![Just(512), Just(4096)]
}

fn ordinary(block_size: u32) -> Disk {
    let partitions = [("system", 50, 99), ("data", 100, 1000), ("b", 2000, 2000)];
    Disk::new(4096, block_size, &partitions)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_changed(
        block_size in block_size(),
        changes in prop::collection::vec((any::<bool>(), 0..36u64, any::<u16>()), 0..8),
        unreadable in prop::option::of(0..4096u64),
    ) {
        let mut disk = ordinary(block_size);
        for (at_end, block, byte) in changes {
            let block = if at_end { 4095 - block } else { block };
            disk.damage(block, usize::from(byte));
        }
        disk.unreadable.extend(unreadable);
        let _ = disk.find(&NAMES);
    }

    #[test]
    fn any_header_with_its_right_checksum(
        block_size in block_size(),
        places in prop::array::uniform4(prop::option::of(number())),
        sizes in prop::array::uniform2(prop::option::of(small())),
        right_entries in any::<bool>(),
    ) {
        let mut disk = ordinary(block_size);
        let entries: Vec<u8> = NAMES.iter().zip([50, 60, 70])
            .flat_map(|(name, first)| entry(&(name, first, first + 3)))
            .collect();
        disk.write_both(&entries, |header: &mut GptHeader| {
            let [my, first, last, at] = places;
            header.my_lba = my.map_or(header.my_lba, LbaLe::from_u64);
            header.first_usable_lba = first.map_or(header.first_usable_lba, LbaLe::from_u64);
            header.last_usable_lba = last.map_or(header.last_usable_lba, LbaLe::from_u64);
            header.partition_entry_lba = at.map_or(header.partition_entry_lba, LbaLe::from_u64);
            let [count, size] = sizes;
            header.number_of_partition_entries =
                count.map_or(header.number_of_partition_entries, U32Le::from_u32);
            header.size_of_partition_entry =
                size.map_or(header.size_of_partition_entry, U32Le::from_u32);
            if right_entries {
                header.partition_entry_array_crc32 = entries_checksum(&entries, header);
            }
        });
        let _ = disk.find(&NAMES);
    }

    #[test]
    fn any_partitions_with_right_checksums(
        block_size in block_size(),
        partitions in prop::collection::vec((0..4usize, number(), number()), 0..20),
    ) {
        let names = ["system", "data", "a", "b"];
        let partitions: Vec<_> = partitions.into_iter()
            .map(|(name, first, last)| (names[name], first, last))
            .collect();
        let disk = Disk::new(4096, block_size, &partitions);
        let _ = disk.find(&NAMES);
    }
}

#[test]
fn the_bound_of_reads_is_the_least() {
    let mut disk = Disk::new(1 << 20, 512, &[]);
    // The last one is wrong in both tables.
    let entries = vec![0; (MOST_ENTRIES * MOST_ENTRY_BYTES) as usize];
    disk.write_both(&entries, |header| {
        header.number_of_partition_entries = U32Le::from_u32(MOST_ENTRIES);
        header.size_of_partition_entry = U32Le::from_u32(MOST_ENTRY_BYTES);
    });
    let last = 1 + entries.len() as u64 / 512;
    disk.damage(last, 511);
    disk.damage(disk.blocks - 2, 511);
    let (result, reads) = disk.find_and_count(&NAMES);
    let both = GptError::BothUnusable {
        primary: Damage::EntriesChecksum,
        backup: Damage::EntriesChecksum,
    };
    assert_eq!(result, Err(both));
    assert_eq!(reads, MOST_READS);
}

/// The checksum of what a header says are its entries, as far as that is within reason: zeros follow what is written.
fn entries_checksum(entries: &[u8], header: &GptHeader) -> Crc32 {
    let bytes = u64::from(header.number_of_partition_entries.to_u32())
        * u64::from(header.size_of_partition_entry.to_u32());
    let mut read = entries.to_vec();
    read.resize(bytes.min(4 << 20) as usize, 0);
    checksum(&read)
}
