//! Tables that are right, damaged, and refused.

mod disk;

use atoll_abi::name::Name;
use atoll_gpt::{Damage, Extent, GptError, MOST_NAMES, Partitions, Table, TableCopy, Want};
use gpt_disk_types::{GptHeader, GptHeaderRevision, GptPartitionType, LbaLe, U32Le};

use disk::{Disk, entry};

const BLOCKS: u64 = 1 << 20;

/// Blocks of a table's usual entries.
fn entry_blocks(block_size: u32) -> u64 {
    16384 / u64::from(block_size)
}

fn extent(partitions: &Partitions, name: &str) -> Option<Extent> {
    partitions.extent(&Name::new(name).unwrap())
}

fn ordinary(block_size: u32) -> Disk {
    let partitions = [("system", 2048, 4095), ("data", 4096, 4096)];
    Disk::new(BLOCKS, block_size, &partitions)
}

#[track_caller]
fn refusal(disk: &Disk) -> GptError {
    let error = disk.find(&["system"]).unwrap_err();
    assert!(error.to_string().contains("; "), "{error}");
    error
}

/// What comes of an ordinary disk whose headers were changed.
fn changed(change: impl Fn(&mut GptHeader)) -> GptError {
    let mut disk = ordinary(512);
    let entries = [entry(&("system", 2048, 4095)), entry(&("data", 4096, 4096))].concat();
    disk.write_both(&entries, change);
    refusal(&disk)
}

#[test]
fn the_partitions_of_a_name_are_found() {
    for block_size in [512, 4096] {
        let found = ordinary(block_size)
            .find(&["data", "none", "system"])
            .unwrap();
        assert_eq!(found.copy(), TableCopy::Primary);
        assert_eq!(found.damage(), None);
        let system = Extent {
            first: 2048,
            blocks: 2048,
        };
        let data = Extent {
            first: 4096,
            blocks: 1,
        };
        assert_eq!(extent(&found, "system"), Some(system));
        assert_eq!(extent(&found, "data"), Some(data));
        assert_eq!(extent(&found, "none"), None);
        assert_eq!(extent(&found, "other"), None);
        assert_eq!(found.iter().count(), 3);
    }
}

#[test]
fn a_partition_beyond_two_tebibytes_is_found() {
    let blocks = 10 << 31;
    let disk = Disk::new(blocks, 512, &[("system", 9 << 31, blocks - 34)]);
    let found = extent(&disk.find(&["system"]).unwrap(), "system").unwrap();
    assert_eq!(found.first, 9 << 31);
    assert_eq!(found.blocks, (1 << 31) - 33);
    // The largest disk that can be told of.
    let disk = Disk::new(u64::MAX, 4096, &[("system", u64::MAX / 2, u64::MAX - 6)]);
    let found = extent(&disk.find(&["system"]).unwrap(), "system").unwrap();
    assert_eq!(found.first + found.blocks, u64::MAX - 5);
}

#[test]
fn a_name_is_all_of_it() {
    let longest = "abcdefghijklmnopqrstuvwxyz012345";
    let partitions = [
        ("system2", 100, 100),
        ("syste", 101, 101),
        ("System", 102, 102),
        (longest, 103, 103),
        ("abcdefghijklmnopqrstuvwxyz0123456789", 104, 104),
    ];
    let disk = Disk::new(BLOCKS, 512, &partitions);
    let found = disk.find(&["system", longest]).unwrap();
    assert_eq!(extent(&found, "system"), None);
    assert_eq!(extent(&found, longest).unwrap().first, 103);
}

#[test]
fn bytes_that_are_no_name_are_the_name_of_none() {
    let disk = Disk::new(BLOCKS, 512, &[("", 100, 100), ("?", 101, 101)]);
    let mut table = Table::new(disk.blocks, 512, &[Name::EMPTY]).unwrap();
    while let Want::Read { lba, blocks } = table.wants() {
        let content = (lba..lba + u64::from(blocks)).flat_map(|block| disk.content[&block].clone());
        table.feed(&content.collect::<Vec<_>>());
    }
    let found = table.result().unwrap();
    assert_eq!(found.extent(&Name::EMPTY), None);
}

#[test]
fn larger_entries_are_read() {
    for bytes in [256, 1024, 4096] {
        let mut disk = ordinary(512);
        let mut entries = vec![0; 4 * bytes];
        entries[3 * bytes..][..128].copy_from_slice(&entry(&("system", 7000, 7001)));
        disk.write_both(&entries, |header| {
            header.size_of_partition_entry = U32Le::from_u32(bytes as u32);
            header.number_of_partition_entries = U32Le::from_u32(4);
        });
        let found = disk.find(&["system"]).unwrap();
        assert_eq!(extent(&found, "system").unwrap().first, 7000);
    }
}

#[test]
fn a_table_without_entries_has_no_partitions() {
    let mut disk = ordinary(512);
    disk.write_both(&[], |_| ());
    assert_eq!(extent(&disk.find(&["system"]).unwrap(), "system"), None);
}

#[test]
fn the_backup_stands_in_for_a_primary_that_is_damaged() {
    for block_size in [512, 4096] {
        let good = ordinary(block_size);
        let check = |disk: &Disk, damage| {
            let found = disk.find(&["system"]).unwrap();
            assert_eq!(extent(&found, "system").unwrap().first, 2048);
            assert_eq!(found.copy(), TableCopy::Backup);
            assert_eq!(found.damage(), Some(damage));
        };
        for (byte, damage) in [
            (0, Damage::NoSignature),
            (12, Damage::HeaderSize),
            (24, Damage::HeaderChecksum),
            (60, Damage::HeaderChecksum),
        ] {
            let mut disk = good.clone();
            disk.damage(1, byte);
            check(&disk, damage);
        }
        for block in [2, 1 + entry_blocks(block_size)] {
            let mut disk = good.clone();
            disk.damage(block, block_size as usize - 1);
            check(&disk, Damage::EntriesChecksum);
        }
        for block in [1, 2, 1 + entry_blocks(block_size)] {
            let mut disk = good.clone();
            disk.unreadable.push(block);
            check(&disk, Damage::Unreadable);
        }
    }
}

#[test]
fn a_read_of_another_length_is_one_that_failed() {
    let mut table = Table::new(BLOCKS, 512, &[]).unwrap();
    table.feed(&[0; 511]);
    table.feed(&[]);
    assert_eq!(table.wants(), Want::Done);
    let both = GptError::BothUnusable {
        primary: Damage::Unreadable,
        backup: Damage::Unreadable,
    };
    assert_eq!(table.result(), Err(both));
    table.feed(&[0; 512]);
    table.failed();
    assert_eq!(table.result(), Err(both));
}

#[test]
fn what_cannot_be_a_disk_with_a_table_is_refused_at_once() {
    let refusal = |blocks, size, names: &[Name]| Table::new(blocks, size, names).err();
    assert_eq!(refusal(BLOCKS, 1024, &[]), Some(GptError::BlockSize(1024)));
    assert_eq!(refusal(BLOCKS, 0, &[]), Some(GptError::BlockSize(0)));
    assert_eq!(refusal(3, 512, &[]), Some(GptError::DiskTooSmall(3)));
    assert_eq!(refusal(0, 512, &[]), Some(GptError::DiskTooSmall(0)));
    let names = [Name::EMPTY; MOST_NAMES + 1];
    assert_eq!(refusal(BLOCKS, 512, &names), Some(GptError::TooManyNames));
}

#[test]
fn a_disk_without_a_table_is_refused() {
    let mut disk = ordinary(512);
    disk.content.clear();
    assert_eq!(refusal(&disk), GptError::NoTable);
}

#[test]
fn headers_with_the_right_checksum_are_still_checked() {
    let both = |damage| GptError::BothUnusable {
        primary: damage,
        backup: damage,
    };
    let revision = changed(|header| {
        header.revision = GptHeaderRevision(U32Le::from_u32(0x2_0000));
    });
    assert_eq!(revision, both(Damage::Revision));
    let place = changed(|header| header.my_lba = LbaLe::from_u64(7));
    assert_eq!(place, both(Damage::HeaderPlace));
    for (first, last) in [
        (1, 100),
        (100, 99),
        (100, BLOCKS - 1),
        (0, u64::MAX),
        (u64::MAX, u64::MAX),
    ] {
        let usable = changed(|header| {
            header.first_usable_lba = LbaLe::from_u64(first);
            header.last_usable_lba = LbaLe::from_u64(last);
        });
        assert_eq!(usable, both(Damage::UsableBlocks));
    }
    for first in [0, 1, 3, 4096, BLOCKS - 2, BLOCKS - 1, BLOCKS, u64::MAX] {
        let entries = changed(|header| {
            header.partition_entry_lba = LbaLe::from_u64(first);
            header.number_of_partition_entries = U32Le::from_u32(8);
        });
        assert_eq!(entries, both(Damage::EntriesPlace));
    }
}

#[test]
fn entries_of_an_odd_size_are_refused() {
    for bytes in [0, 1, 64, 127, 129, 384, 8192, u32::MAX] {
        let error = changed(|header| header.size_of_partition_entry = U32Le::from_u32(bytes));
        assert_eq!(error, GptError::EntrySize(bytes));
    }
}

#[test]
fn more_entries_than_the_bound_are_refused() {
    for entries in [1025, u32::MAX] {
        let error = changed(|header| {
            header.number_of_partition_entries = U32Le::from_u32(entries);
        });
        assert_eq!(error, GptError::TooManyEntries(entries));
    }
}

#[test]
fn partitions_that_contradict_themselves_or_each_other_are_refused() {
    let error = |partitions: &[(&str, u64, u64)]| refusal(&Disk::new(BLOCKS, 512, partitions));
    let last = BLOCKS - 34;
    assert_eq!(error(&[("a", 200, 199)]), GptError::Backwards(1));
    assert_eq!(error(&[("a", u64::MAX, 0)]), GptError::Backwards(1));
    for (first, end) in [(33, 40), (0, 0), (last, last + 1), (1 << 40, 1 << 41)] {
        let error = error(&[("fine", 50, 60), ("a", first, end)]);
        assert_eq!(error, GptError::Outside(2));
    }
    for other in [(150, 150), (100, 200), (50, 100), (200, 201), (50, 300)] {
        let pair = [("a", 100, 200), ("x", 400, 500), ("b", other.0, other.1)];
        assert_eq!(error(&pair), GptError::Overlap(1, 3));
    }
    let twice = [("system", 100, 100), ("system", 200, 200)];
    let name = Name::new("system").unwrap();
    assert_eq!(error(&twice), GptError::SameName(name));
    // A name that nobody looks for may be there twice.
    let fine = [("a", 34, 100), ("a", 101, last)];
    assert!(Disk::new(BLOCKS, 512, &fine).find(&["system"]).is_ok());
}

#[test]
fn more_partitions_than_the_bound_are_refused() {
    let mut disk = ordinary(512);
    let entries = |count: u64| -> Vec<u8> {
        // In descending order.
        let entries = (0..count).flat_map(|index| entry(&("a", 5000 - index, 5000 - index)));
        entries.collect()
    };
    disk.write_both(&entries(128), |_| ());
    assert!(disk.find(&["system"]).is_ok());
    disk.write_both(&entries(129), |_| ());
    assert_eq!(refusal(&disk), GptError::TooManyPartitions);
}

#[test]
fn what_damaged_entries_say_does_not_count() {
    let mut disk = Disk::new(BLOCKS, 512, &[("system", 200, 199)]);
    disk.damage(2, 127);
    disk.damage(BLOCKS - 33, 127);
    let both = GptError::BothUnusable {
        primary: Damage::EntriesChecksum,
        backup: Damage::EntriesChecksum,
    };
    assert_eq!(refusal(&disk), both);
}

#[test]
fn an_entry_without_a_type_is_unused() {
    let mut disk = ordinary(512);
    let mut unused = entry(&("system", 9, 8));
    unused[..16].copy_from_slice(&GptPartitionType::UNUSED.0.to_bytes());
    disk.write_both(&unused, |_| ());
    assert_eq!(extent(&disk.find(&["system"]).unwrap(), "system"), None);
}
