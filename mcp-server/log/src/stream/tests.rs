use alloc::vec;

use super::*;

fn stream() -> Stream {
    let header = Header {
        identity: 1,
        blocks: 22,
        generation: 0,
        epoch: Epoch(1 << 32),
        floor: 0,
        area: 0,
    };
    Stream::new(&header, 1, header.epoch, 4096, vec![7; 100])
}

#[test]
fn what_was_taken_is_taken_again_only_with_more_behind_it() {
    let mut stream = stream();
    assert_eq!(stream.end(), 4196);
    assert!(stream.take(9, false).is_none());
    stream.append(&[1; 50]);
    let first = stream.take(9, false).unwrap();
    assert_eq!((first.first_block, first.bytes.len()), (13, BLOCK));
    assert_eq!(first.bytes[..100], [7; 100]);
    assert_eq!(first.bytes[166..], [0; BLOCK - 166]);
    assert!(stream.take(9, false).is_none());
    stream.append(&[2; 50]);
    let second = stream.take(9, false).unwrap();
    assert_eq!(second.first_block, 13);
    assert_eq!(second.bytes[..166], first.bytes[..166]);
}

#[test]
fn a_limit_leaves_the_rest() {
    let mut stream = stream();
    stream.append(&[1; 3 * BLOCK]);
    let whole = stream.take(2, false).unwrap();
    assert_eq!((whole.first_block, whole.bytes.len()), (13, 2 * BLOCK));
    let rest = stream.take(2, false).unwrap();
    assert_eq!((rest.first_block, rest.bytes.len()), (15, 2 * BLOCK));
    assert_eq!((stream.untaken(), stream.end()), (0, 4212 + 3 * 4096));
}

#[test]
fn of_whole_blocks_the_last_one_waits() {
    let mut stream = stream();
    stream.append(&[1; BLOCK]);
    assert_eq!(stream.take(2, true).unwrap().bytes.len(), BLOCK);
    assert_eq!(stream.untaken(), 116);
    assert!(stream.take(2, true).is_none());
    let last = stream.take(2, false).unwrap();
    assert_eq!(last.bytes[..117], [&[1; 116][..], &[0]].concat());
}

#[test]
fn an_area_is_filled_to_its_last_byte() {
    let mut stream = stream();
    let left = stream.left() as usize;
    assert_eq!(left, 10 * BLOCK - 4196);
    let longest = vec![1; left - RECORD_OVERHEAD];
    assert_eq!(
        stream.admits(&[longest.as_slice(), &[1]].concat()),
        Err(Refusal::Full)
    );
    assert_eq!(
        stream.admits(&vec![1; MAX_RECORD + 1]),
        Err(Refusal::TooLong)
    );
    stream.append(&longest);
    assert_eq!(stream.left(), 0);
    assert_eq!(stream.admits(&[]), Err(Refusal::Full));
    assert_eq!(stream.take(99, false).unwrap().bytes.len(), 9 * BLOCK);
}
