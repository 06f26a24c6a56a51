//! Groups of calls.

use super::*;

/// Calls with these blocks.
fn reads<const N: usize>(blocks: [u32; N]) -> [Syscall; N] {
    blocks.map(read)
}

/// Writes a group into a ring, which here is the messages in the order of the calls.
fn write(end: &mut ClientEnd<Keeps>, calls: &[Syscall], deadline: u64) -> (Group, Vec<Syscall>) {
    let mut writing = end.write_group(calls.iter(), |_, _| Keeps(true), deadline, 3);
    let mut messages: Vec<Message> = calls.iter().map(|_| writing.next_back()).collect();
    messages.reverse();
    let calls = messages.iter().map(Syscall::from_message).collect();
    (writing.sent(), calls)
}

#[test]
fn a_group_is_in_the_order_of_its_calls_whatever_credits_are_free() {
    let mut end = end();
    // Every third credit stays taken.
    let tags: Vec<u64> = (0..30)
        .map(|_| end.stage(read(NO_BLOCK), Keeps(true), NEVER, 0))
        .collect();
    let staged: Vec<Syscall> = end.staged().iter().map(Syscall::from_message).collect();
    end.sent();
    for (place, call) in staged.iter().enumerate().filter(|(place, _)| place % 3 > 0) {
        end.complete(&Completion::of(call, Status::Done, [0; 2]));
        end.take(tags[place]).unwrap();
    }
    let calls: Vec<Syscall> = (0..50).map(read).collect();
    let (mut group, sent) = write(&mut end, &calls, NEVER);
    assert_eq!((end.credits(), end.waiting()), (4, 60));
    assert_eq!(group.last(), Some(sent[49].tag));
    for (place, call) in sent.iter().enumerate() {
        assert_eq!((call.block, call.generation), (place as u32, 7));
        assert_eq!(group.first(), Some(call.tag));
        assert_eq!(end.take(call.tag), None);
        let result = [place as u64, 0];
        end.keep(&Completion::of(call, Status::Done, result), |_| true);
        assert_eq!(end.take(call.tag).unwrap().result, result);
        group.advance();
    }
    assert!(group.is_empty() && group.first().is_none() && group.last().is_none());
    assert_eq!(end.credits(), 54);
}

#[test]
fn a_group_that_is_staged_is_like_one_that_is_written() {
    let calls = reads([1, 2, 3]);
    let (mut written, mut staged) = (end(), end());
    let (group, sent) = write(&mut written, &calls, 10);
    let other = staged.stage_group(calls.iter(), |_, _| Keeps(true), 10, 3);
    let messages: Vec<Syscall> = staged.staged().iter().map(Syscall::from_message).collect();
    let blocks = |calls: &[Syscall]| calls.iter().map(|call| call.block).collect::<Vec<_>>();
    assert_eq!(blocks(&messages), blocks(&sent));
    for (mut group, sent, end) in [(group, sent, &written), (other, messages, &staged)] {
        assert_eq!((end.next_deadline(), end.blocks_in_flight()), (10, 3));
        for call in sent {
            assert_eq!(group.first(), Some(call.tag));
            group.advance();
        }
        assert!(group.is_empty());
    }
}

#[test]
fn a_group_that_is_not_asked_for_takes_nothing() {
    let mut end = end();
    let calls = reads([1, 2]);
    let _ = end.write_group(calls.iter(), |_: u16, _: bool| Keeps(true), NEVER, 0);
    assert_eq!((end.credits(), end.in_flight()), (RING_SLOTS, 0));
}

#[test]
fn the_last_call_is_known_however_a_group_is_made() {
    let calls = reads([1, 2, 3]);
    let waits = |_: u16, is_last: bool| Keeps(is_last);
    let (mut written, mut staged) = (end(), end());
    let mut writing = written.write_group(calls.iter(), waits, NEVER, 0);
    let _: Vec<Message> = calls.iter().map(|_| writing.next_back()).collect();
    let written_group = writing.sent();
    let staged_group = staged.stage_group(calls.iter(), waits, NEVER, 0);
    for (mut end, group) in [(written, written_group), (staged, staged_group)] {
        let (mut rest, last) = (group, group.last().unwrap());
        while let Some(tag) = rest.first() {
            let keeps = end.waiter(tag).unwrap().keeps_answer();
            assert_eq!(keeps, tag == last);
            rest.advance();
        }
    }
}
