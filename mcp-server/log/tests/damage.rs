//! Images that were damaged after they were written: an error or a prefix, never something else.

mod common;

use atoll_log::{BLOCK, Error};
use common::application::Application;
use common::disk::Disk;
use common::log::{formatted, replay};
use common::random::Random;

/// An application with a few lives behind it, on a disk with nothing in its cache.
fn settled(random: &mut Random) -> Application {
    let mut app = Application::start(formatted(26));
    for _ in 0..3 {
        for _ in 0..random.below(12) {
            let record = vec![random.next() as u8; random.below(2500)];
            let _ = app.append(&record);
        }
        if random.percent(50) {
            while !app.writer.is_compacting() || app.is_taking_snapshot() {
                app.compact(random);
            }
        }
        app.writer.sync();
        app.drain(random);
        app.disk.flush();
        app.recover();
    }
    app.drain(random);
    app
}

#[test]
fn damage_is_an_error_or_an_end_behind_the_floor() {
    let (mut errors, mut ends, mut unharmed) = (0, 0, 0);
    for seed in 0..2000 {
        let mut random = Random(seed);
        let mut app = settled(&mut random);
        // What is behind the floor: records of this life.
        let floor = app.state().count;
        for _ in 0..random.below(8) {
            let _ = app.append(&vec![seed as u8; random.below(1500)]);
        }
        app.writer.sync();
        app.drain(&mut random);
        let mut image = app.disk.image().to_vec();
        for _ in 0..1 + random.below(3) {
            let bit = random.below(image.len() * 8);
            match random.below(3) {
                0 => image[bit / 8] ^= 1 << (bit % 8),
                1 => image[bit / 8 / 512 * 512..][..512].fill(random.next() as u8),
                // A write that went to another place.
                _ => {
                    let from = random.below(image.len() / BLOCK) * BLOCK;
                    let to = bit / 8 / BLOCK * BLOCK;
                    image.copy_within(from..from + BLOCK, to);
                }
            }
        }
        app.disk = Disk::of(image);
        match app.replayed() {
            Ok((_, state)) => {
                assert!(app.was(&state), "seed {seed}: {state:?} never was");
                assert!(
                    state.count >= floor,
                    "seed {seed}: {state:?} is before the floor"
                );
                ends += usize::from(state != app.state());
                unharmed += usize::from(state == app.state());
            }
            Err(Error::Read { .. } | Error::OutOfTurn | Error::Size) => panic!("seed {seed}"),
            Err(_) => errors += 1,
        }
    }
    println!("{errors} errors, {ends} ends behind the floor, {unharmed} unharmed");
    assert!(errors > 200 && ends > 50 && unharmed > 200);
}

#[test]
fn noise_is_no_log() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let bytes = (0..10 * BLOCK / 8).flat_map(|_| random.next().to_le_bytes());
        let mut image: Vec<u8> = bytes.collect();
        let replayed = replay(&Disk::of(image.clone()), |_| ()).map(|_| ());
        assert_eq!(replayed, Err(Error::NotALog));
        // With the headers of a log before it, the noise is no record.
        image[..2 * BLOCK].copy_from_slice(&formatted(10).image()[..2 * BLOCK]);
        let mut disk = Disk::of(image);
        let mut app = Application::start(disk);
        app.drain(&mut random);
        disk = Disk::of(app.disk.image().to_vec());
        let mut app = Application::start(disk);
        app.append(b"a record").unwrap();
        app.writer.sync();
        app.drain(&mut random);
        app.recover();
        assert_eq!(app.state().count, 1);
    }
}
