//! Volumes and disks that cannot be used, or not for everything, and how operations are queued.

mod common;

use atoll_abi::disk::Properties;
use atoll_abi::syscall::Status;
use atoll_ext4::{Io, Operation, Settings, State};
use common::{DISK, Host, MIB, READ_ONLY, assert_clean, image};

#[test]
fn a_read_only_volume_is_not_written() {
    let mut writer = Host::mount(image(16, &["-b", "4096"], None));
    writer.put(b"/f", &[5; 10_000]).unwrap();
    writer.sync();
    // Its journal has to be replayed, which happens in memory.
    let mut host = Host::new(writer.disk.clone(), READ_ONLY, Settings::default());
    host.events = Some(Vec::new());
    host.settle(&[]);
    assert!(matches!(
        host.system.state(),
        State::Mounted {
            read_only: true,
            ..
        }
    ));
    assert_eq!(host.read(b"/f"), Ok(vec![5; 10_000]));
    let file = host.open(b"/f").unwrap().file;
    assert_eq!(host.create(b"/g").map(|_| ()), Err(Status::ReadOnly));
    assert_eq!(host.write(file, 0, &[1; 4096]), Err(Status::ReadOnly));
    assert_eq!(host.write_bytes(file, 0, &[1]), Err(Status::ReadOnly));
    assert_eq!(host.truncate(file, 0), Err(Status::ReadOnly));
    assert_eq!(host.remove(b"/f"), Err(Status::ReadOnly));
    assert_eq!(host.rename(b"/f", b"/g"), Err(Status::ReadOnly));
    assert_eq!(host.make_folder(b"/g"), Err(Status::ReadOnly));
    host.sync();
    assert!(host.disk == writer.disk);
    assert!(host.events.is_some_and(|events| events.is_empty()));
    // Without the memory for it there is a status of its own.
    let settings = Settings {
        recovered_blocks: 0,
        ..Settings::default()
    };
    let mut host = Host::new(writer.disk, READ_ONLY, settings);
    host.settle(&[]);
    assert_eq!(host.system.state(), State::Failed(Status::Unclean));
}

/// A disk whose own blocks are larger is read and written in whole ones, and one that keeps nothing is not flushed.
#[test]
fn disks_are_driven_as_they_are() {
    let disks = [(4096, true), (512, false), (1024, true)];
    for (block_size, caches) in disks {
        let properties = Properties {
            block_size,
            read_only: false,
            caches,
        };
        let image = image(16, &["-b", "4096"], None);
        let mut host = Host::new(image, properties, Settings::default());
        host.settle(&[]);
        host.put(b"/f", &[1; 70_001]).unwrap();
        let file = host.open(b"/f").unwrap().file;
        host.write_bytes(file, 100, &[2; 5000]).unwrap();
        host.truncate(file, 60_000).unwrap();
        host.close(file);
        host.sync();
        assert_clean(&host.disk);
    }
}

/// A file that is removed has a time when it was, which is never 0.
#[test]
fn where_nobody_knows_what_time_it_is() {
    let image = image(16, &["-b", "4096"], None);
    let mut host = Host::at(0, image, DISK, Settings::default());
    host.put(b"/f", &[1; 5000]).unwrap();
    let file = host.open(b"/f").unwrap();
    assert!(file.modified > 1_000_000_000);
    host.close(file.file);
    host.remove(b"/f").unwrap();
    host.sync();
    assert_clean(&host.disk);
}

#[test]
fn what_is_no_volume_is_refused() {
    let mut host = Host::new(vec![0; MIB], DISK, Settings::default());
    host.settle(&[]);
    assert_eq!(host.system.state(), State::Failed(Status::Corrupt));
    assert_eq!(host.open(b"/").map(|_| ()), Err(Status::Corrupt));
    let mut short = image(16, &["-b", "4096"], None);
    short.truncate(12 * MIB);
    let mut host = Host::new(short, DISK, Settings::default());
    host.settle(&[]);
    assert_eq!(host.system.state(), State::Failed(Status::Corrupt));
    let settings = Settings {
        journal_bytes: 1 << 20,
        ..Settings::default()
    };
    let mut host = Host::new(image(16, &["-b", "4096"], None), DISK, settings);
    host.settle(&[]);
    assert_eq!(host.system.state(), State::Failed(Status::Unsupported));
}

/// A service may be made in one thread and run in another.
#[test]
fn a_file_system_goes_to_another_thread() {
    let mut host = Host::mount(image(16, &["-b", "4096"], None));
    host.put(b"/f", &[1; 5000]).unwrap();
    let file = host.open(b"/f").unwrap().file;
    // In the middle of an operation.
    host.system
        .submit(Operation::Truncate { file, size: 9 })
        .unwrap();
    let moved = std::thread::spawn(move || {
        host.settle(&[]);
        host.system.finished().unwrap().1.unwrap();
        host.sync();
        host
    });
    assert_clean(&moved.join().unwrap().disk);
}

/// What is being done when a file system is dropped comes to its end with errors, and frees what it has.
#[test]
fn a_file_system_is_dropped_in_the_middle_of_an_operation() {
    let mut host = Host::mount(image(16, &["-b", "4096"], None));
    let file = host.create(b"/f").unwrap().file;
    let write = Operation::Write {
        file,
        offset: 0,
        bytes: 8192,
    };
    host.system.submit(write).unwrap();
    assert!(host.system.wants().is_some());
    let disk = std::mem::take(&mut host.disk);
    drop(host);
    drop(Host::new(disk.clone(), DISK, Settings::default()));
    assert_clean(&disk);
}

#[test]
fn operations_wait_in_order_and_are_bounded() {
    let settings = Settings {
        operations: 3,
        ..Settings::default()
    };
    let mut host = Host::new(image(16, &[], None), DISK, settings);
    let submitted: Vec<_> = (0..3)
        .map(|_| host.system.submit(Operation::Space).unwrap())
        .collect();
    assert_eq!(host.system.submit(Operation::Space), Err(Status::Busy));
    host.settle(&[]);
    let finished: Vec<_> = core::iter::from_fn(|| host.system.finished()).collect();
    let ids: Vec<_> = finished.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, submitted);
    assert!(host.system.submit(Operation::Space).is_ok());
}

/// A failed write ends writing: what the crate thinks is on the disk may not be there.
#[test]
fn after_a_failed_write_nothing_is_written() {
    let mut host = Host::mount(image(16, &["-b", "4096"], None));
    host.put(b"/f", b"before").unwrap();
    host.sync();
    let file = host.open(b"/f").unwrap().file;
    host.write(file, 0, &[2; 4096]).unwrap();
    host.system.submit(Operation::Sync).unwrap();
    while matches!(host.system.wants(), Some(Io::Read { .. })) {
        host.step(&[]);
    }
    assert!(matches!(host.system.wants(), Some(Io::Write { .. })));
    host.events = Some(Vec::new());
    host.system.completed(Err(Status::DeviceError));
    host.settle(&[]);
    let (_, result) = host.system.finished().unwrap();
    assert_eq!(result, Err(Status::DeviceError));
    assert!(host.put(b"/g", &[1; 5000]).is_err());
    assert!(host.done(Operation::Sync).is_err());
    assert!(host.events.is_some_and(|events| events.is_empty()));
    assert_clean(&host.disk);
}
