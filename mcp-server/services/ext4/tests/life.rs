//! A long life: the journal is full many times over, everything goes on, and the volume is what a model says.
//!
//! `ATOLL_STEPS` is the number of steps, `ATOLL_SEED` the seed.

mod common;

use std::collections::BTreeMap;

use atoll_abi::syscall::Status;
use common::{Host, Random, assert_clean, image, setting};

/// What did not fit may be there in part; counts it.
fn look_again(
    host: &mut Host,
    files: &mut BTreeMap<String, Vec<u8>>,
    path: &str,
    written: Result<(), Status>,
) -> usize {
    let Err(status) = written else { return 0 };
    assert_eq!(status, Status::NoSpace);
    match host.read(path.as_bytes()) {
        Ok(content) => files.insert(path.to_string(), content),
        Err(_) => files.remove(path),
    };
    1
}

#[test]
fn a_small_journal_is_used_again_and_again() {
    let steps = setting("ATOLL_STEPS", 2500);
    for (seed, mebibytes, options) in [
        (1, 32, &["-b", "1024", "-J", "size=1"][..]),
        (2, 32, &["-b", "4096", "-J", "size=4"]),
        // These two are full now and then.
        (3, 6, &["-b", "1024", "-J", "size=1"]),
        (4, 8, &["-b", "4096"]),
    ] {
        let seed = setting("ATOLL_SEED", 1) * 10 + seed;
        println!("seed {seed}, {steps} steps");
        let mut random = Random::new(seed);
        let mut host = Host::mount(image(mebibytes, options, None));
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut folders: Vec<String> = vec![String::new()];
        let mut full = 0;
        for step in 0..steps {
            let place = random.below(folders.len());
            let fresh = format!("{}/{step}-{}", folders[place], "x".repeat(random.below(80)));
            let index = random.below(files.len());
            let any = files.keys().nth(index).cloned();
            match (random.below(10), any) {
                (0..=3, _) if files.len() < 150 => {
                    let length = random.below(60_000);
                    let content = random.bytes(length);
                    let written = host.put(fresh.as_bytes(), &content);
                    files.insert(fresh.clone(), content);
                    full += look_again(&mut host, &mut files, &fresh, written);
                }
                (4, _) if folders.len() < 60 => match host.make_folder(fresh.as_bytes()) {
                    Ok(()) => folders.push(fresh),
                    Err(status) => assert_eq!(status, Status::NoSpace),
                },
                (5, Some(path)) => match host.rename(path.as_bytes(), fresh.as_bytes()) {
                    Ok(()) => {
                        let content = files.remove(&path).unwrap();
                        files.insert(fresh, content);
                    }
                    Err(status) => assert_eq!(status, Status::NoSpace),
                },
                (6, Some(path)) => {
                    let file = host.open(path.as_bytes()).unwrap().file;
                    let content = files.get_mut(&path).unwrap();
                    let offset = random.below(content.len() + 5000);
                    let length = random.below(9000) + 1;
                    let bytes = random.bytes(length);
                    let written = host.write_bytes(file, offset as u64, &bytes);
                    content.resize(content.len().max(offset + length), 0);
                    content[offset..offset + length].copy_from_slice(&bytes);
                    host.close(file);
                    full += look_again(&mut host, &mut files, &path, written);
                }
                (7, Some(path)) => {
                    let file = host.open(path.as_bytes()).unwrap().file;
                    let size = random.below(70_000);
                    host.truncate(file, size as u64).unwrap();
                    files.get_mut(&path).unwrap().resize(size, 0);
                    host.close(file);
                }
                (8, _) if folders.len() > 20 => {
                    // Mostly there is something in it.
                    let folder = folders[1 + random.below(folders.len() - 1)].clone();
                    let inside = format!("{folder}/");
                    let is_empty = !files
                        .keys()
                        .chain(&folders)
                        .any(|path| path.starts_with(&inside));
                    let expected = if is_empty {
                        Ok(())
                    } else {
                        Err(Status::NotEmpty)
                    };
                    assert_eq!(host.remove(folder.as_bytes()), expected);
                    folders.retain(|it| !is_empty || *it != folder);
                }
                (_, Some(path)) => {
                    host.remove(path.as_bytes()).unwrap();
                    files.remove(&path);
                }
                (_, None) => {}
            }
            if random.below(50) == 0 {
                host.sync();
            }
        }
        host.sync();
        println!("{full} writes did not fit");
        assert_clean(&host.disk);
        let mut again = Host::mount(host.disk.clone());
        for (path, content) in &files {
            assert!(host.read(path.as_bytes()).unwrap() == *content, "{path}");
            assert!(again.read(path.as_bytes()).unwrap() == *content, "{path}");
        }
    }
}
