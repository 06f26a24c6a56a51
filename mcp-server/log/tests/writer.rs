//! What the writer gives the device, and when it says that records are durable.

mod common;

use atoll_log::{
    Action, ActionId, DeviceFailed, Fault, MAX_RECORD, Position, RECORD_OVERHEAD, RUN_BLOCKS,
    Refusal, Writer,
};
use common::application::{formatted, replay};
use common::disk::Disk;

/// An opened log on a disk of so many blocks.
fn opened(blocks: u64) -> (Disk, Writer) {
    let mut disk = formatted(blocks);
    let mut writer = replay(&disk, |_| panic!("it is not empty")).unwrap();
    assert!(!writer.is_open());
    run(&mut disk, &mut writer);
    assert!(writer.is_open() && writer.is_idle());
    (disk, writer)
}

/// Carries actions out until there are none; how many writes and flushes there were.
fn run(disk: &mut Disk, writer: &mut Writer) -> (usize, usize) {
    let (mut writes, mut flushes) = (0, 0);
    while let Some(action) = writer.next_action() {
        let id = match action {
            Action::Write {
                id, first_block, ..
            } => {
                writes += 1;
                disk.write(first_block, writer.contents(id).unwrap(), || true);
                id
            }
            Action::Flush { id } => {
                flushes += 1;
                disk.flush();
                id
            }
        };
        writer.completed(id, Ok(()));
    }
    (writes, flushes)
}

fn records(disk: &Disk) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    replay(disk, |record| records.push(record.to_vec())).unwrap();
    records
}

fn id(action: Option<Action>) -> ActionId {
    match action {
        Some(Action::Write { id, .. } | Action::Flush { id }) => id,
        None => panic!("no action is given"),
    }
}

#[test]
fn a_life_begins_with_a_flush_and_its_header() {
    let disk = formatted(50);
    let mut writer = replay(&disk, |_| ()).unwrap();
    let barrier = writer.next_action();
    assert!(matches!(barrier, Some(Action::Flush { .. })));
    assert_eq!(writer.next_action(), None);
    writer.completed(id(barrier), Ok(()));
    let header = writer.next_action();
    assert!(matches!(
        header,
        Some(Action::Write {
            first_block: 1,
            blocks: 1,
            ..
        })
    ));
    assert_eq!(writer.next_action(), None);
    writer.completed(id(header), Ok(()));
    let flush = writer.next_action();
    assert!(matches!(flush, Some(Action::Flush { .. })));
    writer.completed(id(flush), Ok(()));
    assert!(writer.is_open());
    assert_eq!(writer.next_action(), None);
}

#[test]
fn one_flush_serves_all_that_was_appended_meanwhile() {
    let (_, mut writer) = opened(50);
    let first = writer.append(b"first").unwrap();
    assert_eq!(
        writer.next_action(),
        None,
        "nobody asked for it to be written"
    );
    writer.sync();
    let write = writer.next_action();
    let gathered = (0..100).map(|_| writer.append(b"gathered").unwrap());
    let last = gathered.last().unwrap();
    writer.sync();
    assert_eq!(writer.next_action(), None);
    writer.completed(id(write), Ok(()));
    assert_eq!(writer.durable(), Position::START);
    let flush = writer.next_action();
    writer.completed(id(flush), Ok(()));
    assert_eq!(writer.durable(), first);
    let write = writer.next_action();
    // This group has all of it: asking again is no reason for another one.
    writer.sync();
    writer.completed(id(write), Ok(()));
    let flush = writer.next_action();
    writer.completed(id(flush), Ok(()));
    assert_eq!(writer.durable(), last);
    writer.sync();
    assert_eq!(writer.next_action(), None);
}

#[test]
fn what_is_written_out_is_flushed_later() {
    let (mut disk, mut writer) = opened(50);
    let position = writer.append(b"everysec").unwrap();
    writer.write_out();
    assert_eq!(run(&mut disk, &mut writer), (1, 0));
    assert_eq!(writer.durable(), Position::START);
    writer.write_out();
    assert_eq!(run(&mut disk, &mut writer), (0, 0));
    writer.sync();
    assert_eq!(run(&mut disk, &mut writer), (0, 1));
    assert_eq!(writer.durable(), position);
}

#[test]
fn the_writes_of_a_group_are_in_flight_at_once_and_complete_in_any_order() {
    let (mut disk, mut writer) = opened(2000);
    let long = vec![5; MAX_RECORD];
    assert_eq!(
        writer.append(&[long.as_slice(), &[1]].concat()),
        Err(Refusal::TooLong)
    );
    writer.append(&long).unwrap();
    writer.append(b"short").unwrap();
    writer.sync();
    let mut given = Vec::new();
    while let Some(action) = writer.next_action() {
        given.push(action);
    }
    assert_eq!(given.len(), MAX_RECORD / 4096 / RUN_BLOCKS + 1);
    for action in given.iter().rev() {
        let Action::Write {
            id,
            first_block,
            blocks,
        } = *action
        else {
            panic!("a flush overtakes its writes");
        };
        let contents = writer.contents(id).unwrap();
        assert_eq!(contents.len(), blocks as usize * 4096);
        disk.write(first_block, contents, || true);
        writer.completed(id, Ok(()));
        writer.completed(id, Err(DeviceFailed));
    }
    assert_eq!(run(&mut disk, &mut writer), (0, 1));
    assert_eq!(writer.durable(), writer.appended());
    assert_eq!(records(&disk), [long, b"short".to_vec()]);
}

#[test]
fn names_that_the_device_does_not_have_change_nothing() {
    let (_, mut writer) = opened(50);
    writer.append(b"x").unwrap();
    writer.sync();
    let write = id(writer.next_action());
    writer.completed(write, Ok(()));
    let flush = id(writer.next_action());
    writer.completed(write, Err(DeviceFailed));
    writer.completed(write, Ok(()));
    assert_eq!((writer.failed(), writer.durable()), (None, Position::START));
    writer.completed(flush, Ok(()));
    writer.completed(flush, Err(DeviceFailed));
    assert_eq!(
        (writer.failed(), writer.durable()),
        (None, writer.appended())
    );
    assert_eq!(writer.contents(write), None);
    assert!(!writer.fill(write, 0, &mut [0; 4096]));
}

#[test]
fn a_failure_ends_the_writer_and_acknowledges_nothing() {
    for fault in [Fault::Write, Fault::Flush] {
        let (_, mut writer) = opened(50);
        writer.append(b"lost").unwrap();
        writer.sync();
        let mut action = id(writer.next_action());
        if fault == Fault::Flush {
            writer.completed(action, Ok(()));
            action = id(writer.next_action());
        }
        writer.completed(action, Err(DeviceFailed));
        assert_eq!(writer.failed(), Some(fault));
        writer.completed(action, Ok(()));
        writer.sync();
        assert_eq!(writer.next_action(), None, "a flush is tried again");
        assert_eq!(writer.durable(), Position::START);
        let failed = Err(Refusal::Failed(fault));
        assert_eq!(writer.append(b"x"), failed.map(|()| Position::START));
        assert_eq!((writer.compact(), writer.commit()), (failed, failed));
    }
}

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
