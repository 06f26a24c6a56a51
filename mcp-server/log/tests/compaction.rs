//! Compaction, and the room in an area.

mod common;

use atoll_log::{Action, RECORD_OVERHEAD, Refusal};
use common::log::{id, opened, records, replay, run};

#[test]
fn a_full_area_is_refused_stays_readable_and_is_compacted() {
    let (mut disk, mut writer) = opened(4);
    let longest = vec![3; writer.left() as usize - RECORD_OVERHEAD];
    let position = writer.append(&longest).unwrap();
    assert_eq!((writer.left(), writer.used()), (0, 4096));
    assert_eq!(writer.append(b""), Err(Refusal::Full));
    writer.sync();
    run(&mut disk, &mut writer);
    assert_eq!(writer.durable(), position);
    // It can be opened as often as need be.
    for _ in 0..3 {
        writer = replay(&disk, |record| assert_eq!(record, longest)).unwrap();
        run(&mut disk, &mut writer);
        assert!(writer.is_open());
        assert_eq!(writer.append(b""), Err(Refusal::Full));
    }
    writer.compact().unwrap();
    writer.snapshot(b"smaller").unwrap();
    writer.commit().unwrap();
    run(&mut disk, &mut writer);
    assert_eq!(writer.generation(), 1);
    writer.append(b"more").unwrap();
    writer.sync();
    run(&mut disk, &mut writer);
    assert_eq!(records(&disk), [b"smaller".to_vec(), b"more".to_vec()]);
}

#[test]
fn records_go_on_while_a_compaction_is_under_way() {
    let (mut disk, mut writer) = opened(50);
    writer.append(b"before").unwrap();
    writer.compact().unwrap();
    assert_eq!(writer.compact(), Err(Refusal::Compacting));
    let meanwhile = writer.append(b"meanwhile").unwrap();
    writer.sync();
    run(&mut disk, &mut writer);
    assert_eq!(writer.durable(), meanwhile);
    writer.snapshot(b"snapshot of before").unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.snapshot(b"x"), Err(Refusal::NotCompacting));
    assert_eq!(writer.commit(), Err(Refusal::NotCompacting));
    let joined = writer.append(b"joined").unwrap();
    assert_eq!(writer.generation(), 0);
    run(&mut disk, &mut writer);
    assert_eq!((writer.generation(), writer.durable()), (1, joined));
    assert!(!writer.is_compacting());
    let expected: [&[u8]; 3] = [b"snapshot of before", b"meanwhile", b"joined"];
    assert_eq!(records(&disk), expected);
}

#[test]
fn what_the_new_area_has_no_room_for_is_refused_when_records_go_to_both() {
    let (mut disk, mut writer) = opened(4);
    writer.append(b"before").unwrap();
    writer.compact().unwrap();
    writer.snapshot(&[2; 3500]).unwrap();
    writer.append(&[3; 500]).unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.append(&[4; 100]), Err(Refusal::Full));
    run(&mut disk, &mut writer);
    assert_eq!(
        (writer.generation(), writer.durable()),
        (1, writer.appended())
    );
    assert_eq!(writer.append(&[4; 100]), Err(Refusal::Full));
    assert_eq!(records(&disk), [vec![2; 3500], vec![3; 500]]);
}

#[test]
fn a_compaction_that_does_not_fit_is_given_up_and_the_log_goes_on() {
    let (mut disk, mut writer) = opened(4);
    assert_eq!(writer.snapshot(b"x"), Err(Refusal::NotCompacting));
    writer.compact().unwrap();
    writer.append(&[1; 2000]).unwrap();
    writer.snapshot(&[2; 3000]).unwrap();
    assert_eq!(writer.snapshot(&[2; 3000]), Err(Refusal::Full));
    assert_eq!(writer.commit(), Err(Refusal::Full));
    assert!(!writer.is_compacting());
    writer.append(b"on").unwrap();
    writer.sync();
    run(&mut disk, &mut writer);
    assert_eq!(records(&disk), [vec![1; 2000], b"on".to_vec()]);
}

#[test]
fn a_compaction_is_given_up_until_its_header_is_written() {
    let (mut disk, mut writer) = opened(50);
    writer.append(b"record").unwrap();
    writer.sync();
    run(&mut disk, &mut writer);
    for completed in 0..3 {
        writer.compact().unwrap();
        writer.snapshot(b"never seen").unwrap();
        writer.commit().unwrap();
        // The write of the snapshot, its flush.
        for _ in 0..completed {
            let action = id(writer.next_action());
            writer.completed(action, Ok(()));
        }
        writer.abandon();
        assert!(!writer.is_compacting());
        run(&mut disk, &mut writer);
        assert_eq!(writer.generation(), 0);
    }
    writer.compact().unwrap();
    writer.snapshot(b"snapshot").unwrap();
    writer.commit().unwrap();
    for _ in 0..2 {
        let action = writer.next_action();
        if let Some(Action::Write {
            id, first_block, ..
        }) = action
        {
            disk.write(first_block, writer.contents(id).unwrap(), || true);
        }
        writer.completed(id(action), Ok(()));
    }
    let header = writer.next_action();
    let Some(Action::Write {
        id, first_block: 0, ..
    }) = header
    else {
        panic!("{header:?}");
    };
    // Too late: it may be on the disk.
    writer.abandon();
    assert!(writer.is_compacting());
    disk.write(0, writer.contents(id).unwrap(), || true);
    writer.completed(id, Ok(()));
    run(&mut disk, &mut writer);
    assert_eq!(writer.generation(), 1);
    assert_eq!(records(&disk), [b"snapshot"]);
}
