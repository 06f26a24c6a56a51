//! A log on a disk, without an application.

use atoll_log::{Action, ActionId, BLOCK, Error, Replay, Step, Writer, format};

use super::disk::Disk;

/// Replays a disk.
pub fn replay(disk: &Disk, mut each: impl FnMut(&[u8])) -> Result<Writer, Error> {
    let mut replay = Replay::new(disk.blocks());
    // A replay that does not end is a defect: each step reads a block or gives a record.
    for _ in 0..1_000_000 {
        match replay.step()? {
            Step::Read(blocks) => match disk.read(blocks.clone()) {
                Some(bytes) => replay.feed(blocks.start, &bytes).unwrap(),
                None => replay.read_failed(),
            },
            Step::Record(record) => each(record),
            Step::End => return replay.into_writer(),
        }
    }
    panic!("the replay does not end");
}

/// A blank disk of so many blocks on which an empty log was made.
pub fn formatted(blocks: u64) -> Disk {
    let mut disk = Disk::blank(blocks);
    let mut headers = [[0; BLOCK]; 2];
    format(blocks, 0x1dea_7e57_0000_0001, &mut headers).unwrap();
    disk.write(0, headers.as_flattened(), || true);
    disk.flush();
    disk
}

/// An opened log on a disk of so many blocks.
pub fn opened(blocks: u64) -> (Disk, Writer) {
    let mut disk = formatted(blocks);
    let mut writer = replay(&disk, |_| panic!("it is not empty")).unwrap();
    assert!(!writer.is_open());
    run(&mut disk, &mut writer);
    assert!(writer.is_open() && writer.is_idle());
    (disk, writer)
}

/// Carries actions out until there are none; how many writes and flushes there were.
pub fn run(disk: &mut Disk, writer: &mut Writer) -> (usize, usize) {
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

pub fn records(disk: &Disk) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    replay(disk, |record| records.push(record.to_vec())).unwrap();
    records
}

pub fn id(action: Option<Action>) -> ActionId {
    match action {
        Some(Action::Write { id, .. } | Action::Flush { id }) => id,
        None => panic!("no action is given"),
    }
}
