//! A volume that lies leads to errors: nothing panics, no operation goes on forever, and none allocates without bound.
//!
//! `ATOLL_MUTATIONS` is the number of mutations, `ATOLL_SEED` the seed of all.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use atoll_abi::syscall::Status;
use atoll_ext4::{Io, Operation, Outcome, Settings, State};
use common::{DISK, Host, MIB, Random, SECTOR, heap, image, scratch, setting};

/// Transfers of one operation at most, on a disk of 8 MiB.
const MOST_TRANSFERS: u64 = 20_000;

/// Bytes that are allocated at most, the disk aside.
const MOST_BYTES: usize = 48 * MIB;

fn base(options: &[&str]) -> Vec<u8> {
    let source = scratch();
    let at = |name: &str| source.path().join(name);
    std::fs::create_dir_all(at("a/b/c")).unwrap();
    for index in 0..150 {
        std::fs::write(at(&format!("a/b/file-of-a-long-name-{index}")), [7; 100]).unwrap();
    }
    std::fs::write(at("a/large"), vec![1; 300_000]).unwrap();
    std::os::unix::fs::symlink("a/b/c", at("short")).unwrap();
    std::os::unix::fs::symlink("./".repeat(100) + "a/large", at("long")).unwrap();
    let mut host = Host::mount(image(8, options, Some(source.path())));
    let file = host.create(b"/a/holes").unwrap().file;
    for index in 0..100 {
        host.write_bytes(file, index * 3000, &[1]).unwrap();
    }
    host.sync();
    host.disk
}

/// Does something of everything, and goes on after errors.
fn exercise(host: &mut Host, mut each: impl FnMut(&mut Host)) -> Result<usize, Status> {
    let mut errors = 0;
    host.settle(&[]);
    each(host);
    if let State::Failed(status) = host.system.state() {
        return Err(status);
    }
    let path = |path: &[u8]| -> Box<[u8]> { path.into() };
    let open = |name: &[u8]| Operation::Open {
        path: path(name),
        flags: Default::default(),
    };
    let mut operations = Vec::new();
    for name in [
        "/",
        "/a/b",
        "/short",
        "/long",
        "/a/large",
        "/a/holes",
        "/a/b/file-of-a-long-name-99",
    ] {
        operations.push(open(name.as_bytes()));
    }
    operations.extend([
        Operation::Space,
        Operation::MakeFolder {
            path: path(b"/a/b/new"),
        },
        Operation::Rename {
            from: path(b"/a/b/file-of-a-long-name-3"),
            to: path(b"/a/b/new/f"),
        },
        Operation::Rename {
            from: path(b"/a/b/file-of-a-long-name-4"),
            to: path(b"/a/b/file-of-a-long-name-5"),
        },
        Operation::Remove {
            path: path(b"/a/b/c"),
        },
        Operation::Remove {
            path: path(b"/a/b/file-of-a-long-name-9"),
        },
        Operation::Sync,
    ]);
    for operation in operations {
        let result = host.perform_with(operation, &[]);
        each(host);
        match result {
            Ok(Outcome::Opened(found)) => {
                let file = found.file;
                let further = [
                    Operation::List {
                        folder: file,
                        cursor: atoll_ext4::Cursor::START,
                        bytes: 4096,
                    },
                    Operation::Map {
                        file,
                        offset: 0,
                        bytes: u64::MAX,
                    },
                    Operation::Write {
                        file,
                        offset: 8192,
                        bytes: 8192,
                    },
                    Operation::WriteBytes {
                        file,
                        offset: found.size.min(1 << 40),
                        bytes: Box::new([5; 3000]),
                    },
                    Operation::Truncate { file, size: 5001 },
                    Operation::Close { file },
                ];
                for operation in further {
                    errors += usize::from(host.perform_with(operation, &[3; 8192]).is_err());
                    each(host);
                }
            }
            Ok(_) => {}
            Err(_) => errors += 1,
        }
    }
    Ok(errors)
}

/// Sectors that are read.
fn read_sectors(image: &[u8]) -> Vec<u64> {
    let mut host = Host::new(image.to_vec(), DISK, Settings::default());
    let mut sectors = Vec::new();
    while let Some(io) = host.system.wants() {
        if let Io::Read {
            sector,
            sectors: count,
        } = io
        {
            sectors.extend(sector..sector + u64::from(count));
        }
        host.step(&[]);
    }
    for name in [
        &b"/a/b"[..],
        b"/long",
        b"/a/holes",
        b"/a/b/file-of-a-long-name-99",
    ] {
        let path = name.into();
        let flags = Default::default();
        host.system.submit(Operation::Open { path, flags }).unwrap();
        while let Some(io) = host.system.wants() {
            if let Io::Read {
                sector,
                sectors: count,
            } = io
            {
                sectors.extend(sector..sector + u64::from(count));
            }
            host.step(&[]);
        }
        host.system.finished();
    }
    sectors.sort_unstable();
    sectors.dedup();
    sectors
}

fn mutate(image: &mut [u8], sectors: &[u64], random: &mut Random) {
    for _ in 0..random.below(4) + 1 {
        // What is zero is mostly not used.
        let any = |random: &mut Random| {
            let sector = sectors[random.below(sectors.len())] as usize;
            sector * SECTOR + random.below(SECTOR)
        };
        let mut at = any(random);
        for _ in 0..20 {
            if image[at] != 0 {
                break;
            }
            at = any(random);
        }
        let sector = at / SECTOR;
        match random.below(5) {
            0 => image[at] ^= 1 << random.below(8),
            1 => image[at] = random.next() as u8,
            2 => image[at..(at + 4).min((sector + 1) * SECTOR)].fill(0xFF),
            3 => image[at..(at + 4).min((sector + 1) * SECTOR)].fill(0),
            _ => {
                let other = sectors[random.below(sectors.len())] as usize * SECTOR;
                image.copy_within(other..other + SECTOR, sector * SECTOR);
            }
        }
    }
}

#[test]
fn a_volume_that_lies_leads_to_errors() {
    let seed = setting("ATOLL_SEED", 1);
    let mutations = setting("ATOLL_MUTATIONS", 2000);
    println!("ATOLL_SEED={seed} ATOLL_MUTATIONS={mutations}");
    let kinds = [
        &["-b", "1024"][..],
        &["-b", "1024", "-O", "^metadata_csum,^64bit"],
        &["-b", "4096", "-O", "^metadata_csum,^64bit"],
        &["-b", "1024", "-O", "^metadata_csum,^64bit,^extents"],
    ];
    let bases: Vec<_> = kinds.map(base).into();
    let sectors: Vec<_> = bases.iter().map(|base| read_sectors(base)).collect();
    let mut random = Random::new(seed);
    // On a volume that does not lie, what is asked of folders and links that is for files leads to errors too.
    let usual: Vec<_> = bases
        .iter()
        .map(|base| exercise(&mut Host::mount(base.clone()), |_| {}).unwrap())
        .collect();
    let (mut most_transfers, mut most_bytes) = (0, 0);
    let (mut refused, mut failed, mut unharmed) = (0, 0, 0);
    let mut panics = Vec::new();
    for number in 0..mutations {
        // Images with checksums mostly lead to the same error.
        let kind = [0, 1, 1, 2, 2, 1, 2, 3][random.below(8)];
        let mut disk = bases[kind].clone();
        mutate(&mut disk, &sectors[kind], &mut random);
        let before = heap::begin();
        let mut last = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut host = Host::new(disk, DISK, Settings::default());
            host.most_transfers = MOST_TRANSFERS;
            exercise(&mut host, |host| {
                most_transfers = most_transfers.max(host.transfers - last);
                last = host.transfers;
            })
        }));
        match outcome {
            Ok(Err(_)) => refused += 1,
            Ok(Ok(errors)) if errors == usual[kind] => unharmed += 1,
            Ok(Ok(_)) => failed += 1,
            Err(_) => panics.push(number),
        }
        let bytes = heap::most_since(before);
        most_bytes = most_bytes.max(bytes);
    }
    println!(
        "{mutations} mutations: {refused} were not mounted, {failed} led to errors, {unharmed} to none; at most {most_transfers} transfers, {most_bytes} bytes"
    );
    assert!(panics.is_empty(), "mutations that panicked: {panics:?}");
    assert!(most_bytes <= MOST_BYTES, "{most_bytes}");
    assert!(refused > 0 && failed > 0 && unharmed > 0);
}
