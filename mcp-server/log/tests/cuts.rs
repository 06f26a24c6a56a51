//! Power cuts at every place, again and again.

mod common;

use atoll_log::{RECORD_OVERHEAD, Refusal};
use common::application::Application;
use common::disk::SECTOR;
use common::log::formatted;
use common::random::Random;
use common::state::{Tally, sectors};

/// Blocks of the partition: each area has 24.
const BLOCKS: u64 = 50;

/// What may happen in a run besides appends and cuts; in times of a hundred.
#[derive(Clone, Copy)]
struct Chances {
    compaction: u64,
    crash: u64,
    failure: u64,
}

/// A payload whose length likes the borders of sectors and whose contents are often those of another one, so that what an earlier life
/// left behind fits as often as it can.
fn payload(random: &mut Random) -> Vec<u8> {
    let border = SECTOR * (1 + random.below(3)) - RECORD_OVERHEAD - 1;
    let length = match random.below(8) {
        0 => random.below(20),
        1 => random.below(9000),
        2 => SECTOR - 1 + random.below(3),
        _ => border,
    };
    let byte = match random.below(4) {
        0 => random.next() as u8,
        other => other as u8 & 1,
    };
    vec![byte; length]
}

fn life(app: &mut Application, random: &mut Random, chances: Chances) {
    for _ in 0..random.below(60) {
        match random.below(10) {
            0..4 => {
                let record = payload(random);
                if app.append(&record) == Err(Refusal::Full) {
                    app.tally.full += 1;
                    app.compact(random);
                }
            }
            4 => app.writer.sync(),
            5 => app.writer.write_out(),
            6 | 7 => {
                app.submit();
                if random.percent(chances.failure) && app.fail(random).is_some() {
                    return;
                }
                app.complete(random);
            }
            8 if random.percent(20) => app.drain(random),
            _ if random.percent(chances.compaction) => app.compact(random),
            _ if random.percent(1) => app.abandon(),
            _ => {}
        }
    }
}

/// Lives that end by a cut, one after the other, and a calm one.
fn run(seed: u64, lives: usize, chances: Chances) -> Tally {
    let mut random = Random(seed);
    // In the larger one a snapshot takes more than one group.
    let blocks = if seed % 4 == 3 { 8 * BLOCKS } else { BLOCKS };
    let mut app = Application::start(formatted(blocks));
    for _ in 0..lives {
        life(&mut app, &mut random, chances);
        if app.writer.failed().is_none() && random.percent(chances.crash) {
            app.crash(&mut random);
        } else {
            app.cut(&mut random);
        }
        if random.percent(10) {
            app.read_with_errors(&mut random);
        }
        app.recover();
    }
    calm(&mut app, &mut random);
    app.tally
}

/// Nothing fails any more: what is appended becomes durable, and a compaction makes room.
fn calm(app: &mut Application, random: &mut Random) {
    app.drain(random);
    let generation = app.writer.generation();
    while app.writer.generation() == generation {
        app.compact(random);
        app.drain(random);
    }
    app.append(b"the last one").unwrap();
    app.writer.sync();
    app.drain(random);
    assert_eq!(app.writer.durable(), app.writer.appended());
    assert_eq!(app.acknowledged, app.state().count);
    app.cut(random);
    app.recover();
}

/// Runs seeds, 600 or as many as `ATOLL_LOG_SEEDS` says, each of so many lives, and sums up what happened.
fn seeds(lives: usize, chances: Chances) -> Tally {
    let wanted = std::env::var("ATOLL_LOG_SEEDS").ok();
    let count = wanted.map_or(600, |count| count.parse().unwrap());
    let mut sum = Tally::default();
    for seed in 0..count {
        let result = std::panic::catch_unwind(|| run(seed, lives, chances));
        let tally = result.unwrap_or_else(|panic| {
            println!("seed {seed}");
            std::panic::resume_unwind(panic)
        });
        sum.add(&tally);
    }
    println!("{count} seeds: {sum:?}");
    sum
}

#[test]
fn what_is_acknowledged_survives_every_cut() {
    let sum = seeds(
        12,
        Chances {
            compaction: 0,
            crash: 0,
            failure: 0,
        },
    );
    assert!(sum.cuts > 7000 && sum.acknowledged > 1000, "{sum:?}");
    // The interesting ends were seen.
    assert!(
        sum.kept_unacknowledged > 100 && sum.dropped > 100 && sum.full > 0,
        "{sum:?}"
    );
}

#[test]
fn a_compaction_is_whole_or_absent_after_every_cut() {
    let sum = seeds(
        12,
        Chances {
            compaction: 90,
            crash: 0,
            failure: 0,
        },
    );
    assert!(sum.cuts > 7000 && sum.commits > 1000, "{sum:?}");
    assert!(sum.cut_compactions > 1000, "{sum:?}");
}

#[test]
fn programs_that_end_and_devices_that_fail_lose_nothing_either() {
    let sum = seeds(
        12,
        Chances {
            compaction: 40,
            crash: 30,
            failure: 4,
        },
    );
    assert!(
        sum.crashes > 1000 && sum.failures > 200 && sum.read_errors > 50,
        "{sum:?}"
    );
}

#[test]
fn a_snapshot_of_several_groups_is_whole_or_absent_after_a_cut_at_every_step() {
    let mut random = Random(11);
    for steps in 0.. {
        let mut app = Application::start(formatted(16 * BLOCKS));
        app.drain(&mut random);
        for byte in 0..20 {
            app.append(&sectors(3, byte)).unwrap();
        }
        app.writer.compact().unwrap();
        for _ in 0..200 {
            app.writer.snapshot(&[1; 4096]).unwrap();
        }
        app.append(&sectors(1, 77)).unwrap();
        app.finish_snapshot(20);
        app.append(&sectors(1, 78)).unwrap();
        app.writer.sync();
        let mut completed = 0;
        while completed < steps {
            app.submit();
            if !app.complete(&mut random) {
                break;
            }
            completed += 1;
        }
        let generation = app.writer.generation();
        app.cut(&mut random);
        app.recover();
        assert!(app.writer.generation() >= generation);
        if completed < steps {
            // It was at rest: 200 blocks are four groups, of five writes, and there are three flushes and a header.
            assert!(
                generation == 1 && app.state().count == 22 && steps > 8,
                "{steps}"
            );
            return;
        }
    }
}
