//! What the writer gives the device, and when it says that records are durable.

mod common;

use atoll_log::{Action, DeviceFailed, Fault, MAX_RECORD, Position, RUN_BLOCKS, Refusal};
use common::log::{formatted, id, opened, records, replay, run};

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
