//! Power cuts: what the disk had not flushed is there in part or not at all, sector by sector. After each cut a fresh file
//! system mounts, what was synced is as it was, no file holds what was never written to it, and `e2fsck` finds nothing but
//! what the journal and the list of orphans mend.
//!
//! `ATOLL_CUTS` is the number of cuts of each test, `ATOLL_SEED` the seed of all.

#[path = "../common/mod.rs"]
mod common;
mod workload;

use atoll_abi::file::OpenFlags;
use atoll_abi::syscall::Status;
use atoll_ext4::{Settings, State};
use rsext4::crc32c::{crc32c_append, crc32c_init};

use common::{DISK, Event, Host, Random, SECTOR, check, image, setting, what_is_wrong};
use workload::Workload;

/// The disk after a cut behind some event: what was written after the last flush is there in part.
fn after_cut(image: &[u8], events: &[Event], random: &mut Random) -> Vec<u8> {
    let mut image = image.to_vec();
    let is_flush = |event: &Event| matches!(event, Event::Flush);
    let flushed = events.iter().rposition(is_flush).map_or(0, |at| at + 1);
    // All, none, or a half of the sectors.
    let lands = random.below(4);
    for (index, event) in events.iter().enumerate() {
        let Event::Write { sector, bytes } = event else {
            continue;
        };
        for (place, part) in bytes.chunks(SECTOR).enumerate() {
            let has_landed = match lands {
                _ if index < flushed => true,
                0 => true,
                1 => false,
                _ => random.below(2) == 0,
            };
            if has_landed {
                let start = (*sector as usize + place) * SECTOR;
                image[start..start + SECTOR].copy_from_slice(part);
            }
        }
    }
    image
}

/// Mounts an image, and tells what that wrote.
fn recover(image: &[u8]) -> (Host, Vec<Event>) {
    let mut host = Host::new(image.to_vec(), DISK, Settings::default());
    host.events = Some(Vec::new());
    host.settle(&[]);
    let state = host.system.state();
    assert!(matches!(state, State::Mounted { .. }), "{state:?}");
    let events = host.events.take().unwrap();
    (host, events)
}

/// The checksum of a superblock of which only one sector was written is mended by the file system; a checker wants a backup.
fn mend_superblock(image: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    let has_checksums = image[1024 + 101] & 4 != 0;
    if has_checksums {
        let right = crc32c_append(crc32c_init(), &image[1024..2044]);
        image[2044..2048].copy_from_slice(&right.to_le_bytes());
    }
    image
}

/// Demands that a checker finds nothing but what the journal and the list of orphans mend.
fn assert_mended(image: &[u8]) {
    let (_, text) = check(&mend_superblock(image), true);
    let orphans = |line: &str| line.contains("orphaned inode") || line.starts_with("Inode bitmap");
    let wrong: Vec<&str> = what_is_wrong(&text)
        .into_iter()
        .filter(|line| !orphans(line))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{text}");
}

fn cut_everywhere(test: u64, options: &[&str]) {
    let seed = setting("ATOLL_SEED", 1) * 100 + test;
    let cuts = setting("ATOLL_CUTS", 100);
    println!(
        "ATOLL_SEED={} ATOLL_CUTS={cuts}: {options:?}",
        setting("ATOLL_SEED", 1)
    );
    let base = image(16, options, None);
    let mut workload = Workload::new(base, seed);
    let base = workload.host.disk.clone();
    for number in 0..160 {
        workload.step(number);
    }
    let create = OpenFlags::CREATE;
    workload.begin(&[]);
    workload.host.open_as(b"/f-left-open", create).unwrap();
    let events = workload.host.events.take().unwrap();
    let mut random = Random::new(seed + 50);
    let (_, unhindered) = recover(&base);
    let (mut recovered, mut twice) = (0, 0);
    for number in 0..cuts {
        let cut = random.below(events.len() + 1);
        let mut disk = after_cut(&base, &events[..cut], &mut random);
        println!("cut {number} behind {cut} of {} events", events.len());
        if random.below(2) == 0 {
            // The power goes again while the volume is recovered.
            let (_, events) = recover(&disk);
            let again = random.below(events.len() + 1);
            disk = after_cut(&disk, &events[..again], &mut random);
            twice += 1;
        }
        assert_mended(&disk);
        let (mut host, events) = recover(&disk);
        recovered += usize::from(events.len() > unhindered.len());
        workload.examine(&mut host, cut);
        if number % 2 == 0 {
            // It can be used.
            host.put(b"/f-after", &[1; 20_000]).unwrap();
            host.sync();
            assert_mended(&host.disk);
        }
    }
    println!("{cuts} cuts, {twice} of them twice, {recovered} with a journal to replay");
    assert!(twice > 0 && recovered > 0);
}

/// What is large is freed in steps, each of which survives a cut.
#[test]
fn a_large_file_goes_in_steps() {
    let mut host = Host::mount(image(64, &["-b", "1024"], None));
    host.put(b"/large", &[3; 24 << 20]).unwrap();
    host.put(b"/other", &[4; 24 << 20]).unwrap();
    host.sync();
    let base = host.disk.clone();
    host.events = Some(Vec::new());
    let file = host.open(b"/large").unwrap().file;
    host.truncate(file, 5001).unwrap();
    host.close(file);
    host.remove(b"/other").unwrap();
    host.sync();
    let events = host.events.take().unwrap();
    let flushes = events.iter().filter(|it| matches!(it, Event::Flush));
    assert!(flushes.count() > 20);
    let mut random = Random::new(9);
    for _ in 0..20 {
        let cut = random.below(events.len() + 1);
        let disk = after_cut(&base, &events[..cut], &mut random);
        assert_mended(&disk);
        let (mut host, _) = recover(&disk);
        let mut large = host.read(b"/large").unwrap();
        assert!(large.len() >= 5001);
        // What is behind the new end in its block may be zeroed already.
        let end = large.len().min(5120);
        large[5001..end].fill(3);
        assert!(large.iter().all(|&byte| byte == 3));
        match host.read(b"/other") {
            Ok(other) => assert!(other.len() == 24 << 20 && other.iter().all(|&byte| byte == 4)),
            Err(status) => assert_eq!(status, Status::NotFound),
        }
        host.sync();
        assert_mended(&host.disk);
    }
}

/// A volume that was never mounted says that it needs no recovery.
#[test]
fn the_first_mount() {
    for options in [&["-b", "4096"][..], &["-b", "1024"]] {
        let base = image(8, options, None);
        let (mut host, mut events) = recover(&base);
        host.events = Some(Vec::new());
        host.put(b"/f", &[1; 9000]).unwrap();
        host.sync();
        events.extend(host.events.take().unwrap());
        let mut random = Random::new(13);
        for cut in 0..=events.len() {
            let disk = after_cut(&base, &events[..cut], &mut random);
            assert_mended(&disk);
            let (mut host, _) = recover(&disk);
            match host.read(b"/f") {
                Ok(found) => assert!(found.len() <= 9000 && found.iter().all(|&byte| byte == 1)),
                Err(status) => assert_eq!(status, Status::NotFound),
            }
            host.put(b"/g", &[2; 9000]).unwrap();
            host.sync();
            assert_mended(&host.disk);
            let mut again = recover(&host.disk).0;
            assert_eq!(again.read(b"/g"), Ok(vec![2; 9000]));
        }
    }
}

/// A tree of extents that is built anew is there as a whole or not at all.
#[test]
fn a_deep_tree_is_old_or_new() {
    let mut host = Host::mount(image(16, &["-b", "1024"], None));
    let file = host.create(b"/deep").unwrap().file;
    for index in 0..2000 {
        host.write_bytes(file, index * 2048, &[7; 1024]).unwrap();
    }
    host.sync();
    let whole = host.content(file);
    let base = host.disk.clone();
    host.events = Some(Vec::new());
    host.truncate(file, 1_500_001).unwrap();
    host.sync();
    host.truncate(file, 5000).unwrap();
    host.close(file);
    host.remove(b"/deep").unwrap();
    host.sync();
    let events = host.events.take().unwrap();
    let mut random = Random::new(11);
    for _ in 0..25 {
        let cut = random.below(events.len() + 1);
        let disk = after_cut(&base, &events[..cut], &mut random);
        assert_mended(&disk);
        let (mut host, _) = recover(&disk);
        match host.read(b"/deep") {
            Ok(found) => {
                assert!(found.len() <= whole.len());
                // What is behind a new end in its block may be zeroed already.
                let zeroed = |at: usize| {
                    let behind = |end: usize| (end..end.next_multiple_of(1024)).contains(&at);
                    found[at] == 0 && (behind(5000) || behind(1_500_001))
                };
                let right = |at: usize| found[at] == whole[at] || zeroed(at);
                assert!((0..found.len()).all(right));
            }
            Err(status) => assert_eq!(status, Status::NotFound),
        }
        host.sync();
        assert_mended(&host.disk);
    }
}

#[test]
fn blocks_of_4096_bytes() {
    cut_everywhere(1, &["-b", "4096"]);
}

#[test]
fn blocks_of_1024_bytes() {
    cut_everywhere(2, &["-b", "1024"]);
}

#[test]
fn without_checksums() {
    cut_everywhere(3, &["-b", "4096", "-O", "^metadata_csum,^64bit"]);
}
