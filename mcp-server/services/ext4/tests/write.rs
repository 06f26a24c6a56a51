//! What is written is what the tools of e2fsprogs read, and they find nothing wrong.

mod common;

use atoll_abi::syscall::Status;
use atoll_ext4::{MOST_WRITE, Operation, Outcome, Space};
use common::{Host, MIB, Random, assert_clean, dump, image};

fn space(host: &mut Host) -> Space {
    match host.perform(Operation::Space) {
        Ok(Outcome::Space(space)) => space,
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_of_every_size_are_written() {
    for options in [&["-b", "4096"][..], &["-b", "1024"]] {
        let mut host = Host::mount(image(48, options, None));
        let mut random = Random::new(3);
        let mut files = Vec::new();
        for size in [0, 1, 511, 512, 1024, 4095, 4096, 4097, 100_001, 8 * MIB] {
            let content = random.bytes(size);
            let (straight, copied) = (format!("/straight-{size}"), format!("/copied-{size}"));
            host.put(straight.as_bytes(), &content).unwrap();
            let file = host.create(copied.as_bytes()).unwrap().file;
            host.write_bytes(file, 0, &content).unwrap();
            host.close(file);
            files.push((straight, content.clone()));
            files.push((copied, content));
        }
        host.sync();
        for (path, content) in &files {
            assert!(host.read(path.as_bytes()).unwrap() == *content, "{path}");
        }
        let recovered = assert_clean(&host.disk);
        for (path, content) in files.iter().filter(|(_, it)| it.len() < MIB) {
            assert!(dump(&recovered, path) == *content, "{path}");
        }
        let mut again = Host::mount(host.disk.clone());
        for (path, content) in &files {
            assert!(again.read(path.as_bytes()).unwrap() == *content, "{path}");
        }
    }
}

/// The owner's data may be gone before it was transferred: its disk fails, or the owner dies.
#[test]
fn data_that_cannot_be_transferred_fails_that_write_alone() {
    let mut host = Host::mount(image(16, &["-b", "4096", "-J", "size=4"], None));
    let mut random = Random::new(9);
    let before = random.bytes(20_000);
    let file = host.create(b"/f").unwrap().file;
    host.write(file, 0, &before).unwrap();
    for (offset, length) in [(0, 8192), (8192, 20_000), (20_480, 4096), (65_536, 32_768)] {
        host.refuses_data = true;
        let failed = host.write(file, offset, &random.bytes(length));
        assert_eq!(failed, Err(Status::PeerLost), "{offset}");
        host.refuses_data = false;
        assert!(host.content(file) == before, "{offset}");
        let other = format!("/after-{offset}");
        host.put(other.as_bytes(), &before).unwrap();
    }
    host.write(file, 20_480, &before).unwrap();
    let mut content = before.clone();
    content.resize(20_480, 0);
    content.extend_from_slice(&before);
    host.sync();
    let recovered = assert_clean(&host.disk);
    assert!(dump(&recovered, "/f") == content);
    assert!(dump(&recovered, "/after-0") == before);
}

/// Any mix of writes and truncations leaves what the same on a vector leaves.
#[test]
fn a_file_is_as_a_vector_is() {
    for (seed, block) in [(1, 4096), (2, 1024), (3, 4096), (4, 1024)] {
        let size = block.to_string();
        let mut host = Host::mount(image(24, &["-b", &size], None));
        let mut random = Random::new(seed);
        let mut files: Vec<_> = (0..4)
            .map(|index| {
                (
                    host.create(format!("/{index}").as_bytes()).unwrap().file,
                    Vec::new(),
                )
            })
            .collect();
        for step in 0..400 {
            let index = random.below(4);
            let (file, model) = &mut files[index];
            let size = model.len();
            let most = random.below(20_000) + 1;
            let data = random.bytes(most);
            match random.below(5) {
                0 => {
                    let offset = random.below(size + 9000);
                    host.write_bytes(*file, offset as u64, &data).unwrap();
                    place(model, offset, &data);
                }
                1 | 2 => {
                    let offset = random.below(size / block + 3) * block;
                    let reaches_end = offset + data.len() >= size;
                    let length = match reaches_end {
                        true => data.len(),
                        false => data.len().next_multiple_of(block),
                    };
                    let mut data = data;
                    data.resize(length, 0x55);
                    host.write(*file, offset as u64, &data).unwrap();
                    place(model, offset, &data);
                }
                3 => {
                    let size = random.below(size * 5 / 4 + 100);
                    host.truncate(*file, size as u64).unwrap();
                    model.resize(size, 0);
                }
                _ => {
                    if random.below(4) == 0 {
                        host.sync();
                    }
                }
            }
            let (file, model) = &files[index];
            assert_eq!(host.stat(*file).size, model.len() as u64, "{seed} {step}");
            let content = host.content(*file);
            let wrong = content.iter().zip(model).position(|(a, b)| a != b);
            assert_eq!(wrong, None, "{seed} {step}");
        }
        host.sync();
        assert_clean(&host.disk);
        let mut again = Host::mount(host.disk.clone());
        for (index, (_, model)) in files.iter().enumerate() {
            assert!(again.read(format!("/{index}").as_bytes()).unwrap() == *model);
        }
    }
}

fn place(model: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if model.len() < end {
        model.resize(end, 0);
    }
    model[offset..end].copy_from_slice(data);
}

#[test]
fn what_is_behind_the_end_is_zero() {
    let mut host = Host::mount(image(16, &["-b", "4096"], None));
    let file = host.create(b"/f").unwrap().file;
    // The caller's block has other bytes behind the data.
    host.write(file, 0, &[7; 100]).unwrap();
    host.truncate(file, 3000).unwrap();
    let mut expected = vec![7; 100];
    expected.resize(3000, 0);
    assert_eq!(host.content(file), expected);
    host.write(file, 0, &[8; 3000]).unwrap();
    host.write(file, 8192, &[9; 5]).unwrap();
    expected = vec![8; 3000];
    expected.resize(8192, 0);
    expected.extend([9; 5]);
    assert_eq!(host.content(file), expected);
    host.sync();
    assert_clean(&host.disk);
}

#[test]
fn a_full_volume_stays_clean() {
    let mut host = Host::mount(image(8, &["-b", "4096"], None));
    let mut random = Random::new(5);
    let mut files = Vec::new();
    let full = loop {
        let path = format!("/file-{}", files.len());
        let content = random.bytes(90_000);
        match host.put(path.as_bytes(), &content) {
            Ok(()) => files.push((path, content)),
            Err(status) => break status,
        }
    };
    assert_eq!(full, Status::NoSpace);
    let last = host.open(files[0].0.as_bytes()).unwrap().file;
    assert_eq!(
        host.write_bytes(last, 90_000, &[1; 32_768]),
        Err(Status::NoSpace)
    );
    host.sync();
    assert_clean(&host.disk);
    for (path, content) in &files {
        let read = host.read(path.as_bytes()).unwrap();
        assert!(read[..90_000] == *content, "{path}");
    }
    for (path, _) in &files {
        host.remove(path.as_bytes()).unwrap();
    }
    host.close(last);
    host.put(b"/again", &[6; 90_000]).unwrap();
    host.sync();
    assert_clean(&host.disk);
}

/// What did not fit leaves no block behind that belongs to nothing.
#[test]
fn a_file_that_filled_the_volume_is_removed() {
    for block in ["1024", "4096"] {
        let mut host = Host::mount(image(16, &["-b", block], None));
        let free = space(&mut host).free_blocks;
        let file = host.create(b"/all").unwrap().file;
        let mut offset = 0;
        while host.write(file, offset, &[1; 32 << 10]).is_ok() {
            offset += 32 << 10;
        }
        host.sync();
        assert_clean(&host.disk);
        host.close(file);
        host.remove(b"/all").unwrap();
        host.sync();
        assert_clean(&host.disk);
        assert_eq!(space(&mut host).free_blocks, free);
    }
}

#[test]
fn what_is_written_wrongly_is_refused() {
    let mut host = Host::mount(image(16, &["-b", "4096"], None));
    let file = host.create(b"/f").unwrap().file;
    host.write(file, 0, &[1; 10_000]).unwrap();
    let most = u64::from(MOST_WRITE);
    for (offset, bytes) in [
        (1, 4096),
        (0, 100),
        (0, most + 1),
        (u64::MAX - 4095, 4096),
        (u64::MAX - 4095, 1),
    ] {
        let write = Operation::Write {
            file,
            offset,
            bytes: bytes as u32,
        };
        assert_eq!(
            host.perform(write),
            Err(Status::InvalidArgument),
            "{offset} {bytes}"
        );
    }
    assert!(host.truncate(file, u64::MAX).is_err());
    assert!(host.write_bytes(file, u64::MAX, &[1, 2]).is_err());
    assert_eq!(host.runs(file, 7, 1), Err(Status::InvalidArgument));
    let folder = host.open(b"/").unwrap().file;
    assert_eq!(host.write(folder, 0, &[1; 4096]), Err(Status::IsAFolder));
    assert_eq!(host.runs(folder, 0, 1), Err(Status::IsAFolder));
    assert_eq!(host.content(file), [1; 10_000]);
    host.sync();
    assert_clean(&host.disk);
}
