//! What an earlier life, or a compaction that was given up, left on the disk.

mod common;

use atoll_log::RECORD_OVERHEAD;
use common::application::Application;
use common::disk::SECTOR;
use common::log::formatted;
use common::random::Random;
use common::state::sectors;

/// Blocks of the partition: each area has 24.
const BLOCKS: u64 = 50;

/// A cut of an application whose log begins at the block 2: of the sectors behind it, counted from the first, `lands` names those that
/// are on the disk.
fn cut(app: &mut Application, lands: &[usize]) {
    let first = 2 * 4096 / SECTOR;
    app.lose_in_flight(|| true);
    app.disk.cut_with(|sector, versions| {
        let landed = sector
            .checked_sub(first)
            .is_some_and(|it| lands.contains(&it));
        if landed { versions } else { 0 }
    });
    app.recover();
}

fn opened() -> (Application, Random) {
    let mut random = Random(7);
    let mut app = Application::start(formatted(BLOCKS));
    app.drain(&mut random);
    (app, random)
}

#[test]
fn what_an_earlier_life_left_behind_the_tail_never_comes_back() {
    // The first record does not land, and the second, behind the gap, does.
    let (mut app, mut random) = opened();
    app.append(&sectors(1, 1)).unwrap();
    app.append(&sectors(1, 2)).unwrap();
    app.writer.write_out();
    app.submit();
    cut(&mut app, &[1]);
    assert_eq!(app.state().count, 0);
    // The next life puts another record into the gap; its block's other sectors do not land.
    app.drain(&mut random);
    app.append(&sectors(1, 3)).unwrap();
    app.writer.write_out();
    app.submit();
    cut(&mut app, &[0]);
    assert_eq!(app.state().count, 1);
}

#[test]
fn a_record_that_two_lives_wrote_in_halves_does_not_bring_back_the_one_behind_it() {
    // The second half of the first record does not land, and the record behind it does.
    let (mut app, mut random) = opened();
    app.append(&sectors(2, 1)).unwrap();
    app.append(&sectors(1, 2)).unwrap();
    app.writer.write_out();
    app.submit();
    cut(&mut app, &[0, 2]);
    assert_eq!(app.state().count, 0);
    // The next life appends the same bytes, of which the second half lands: the first life's record would be whole now.
    app.drain(&mut random);
    app.append(&sectors(2, 1)).unwrap();
    app.writer.write_out();
    app.submit();
    cut(&mut app, &[1]);
    assert_eq!(app.state().count, 0);
}

#[test]
fn a_snapshot_that_was_given_up_is_not_taken_for_the_next_one() {
    for cut_between in [false, true] {
        let (mut app, mut random) = opened();
        app.writer.compact().unwrap();
        // Fillers: the application takes them for nothing, the records behind them it would count.
        for byte in [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] {
            let mut filler = vec![byte; SECTOR - RECORD_OVERHEAD];
            filler[0] = byte;
            app.writer.snapshot(&filler).unwrap();
        }
        app.drain(&mut random);
        app.disk.flush();
        app.abandon();
        if cut_between {
            app.cut(&mut random);
            app.recover();
            app.drain(&mut random);
        }
        app.append(&sectors(1, 9)).unwrap();
        app.writer.compact().unwrap();
        let mut filler = vec![1; SECTOR - RECORD_OVERHEAD];
        filler[0] = 1;
        app.writer.snapshot(&filler).unwrap();
        app.writer.commit().unwrap();
        app.writer.sync();
        app.drain(&mut random);
        assert_eq!(app.writer.generation(), 1);
        app.cut(&mut random);
        let (_, state) = app.replayed().unwrap();
        assert_eq!(state.count, 0, "an old snapshot comes back");
    }
}
