use std::vec::Vec;

use super::*;

fn syscall(tag: u64, block: u32) -> Syscall {
    Syscall {
        tag,
        block,
        ..Syscall::EMPTY
    }
}

fn sent(end: &mut ServiceEnd<u32>, ring: usize) -> Vec<Completion> {
    let mut all = Vec::new();
    end.send(ring, |batch| {
        all.extend_from_slice(batch);
        Ok::<_, ()>(batch.len())
    })
    .unwrap();
    all
}

#[test]
fn a_parked_call_is_answered_once_and_to_its_ring() {
    let mut end = ServiceEnd::new([0, 1], 8);
    let first = end.park(0, &syscall(10, 3), 100).unwrap();
    let second = end.park(1, &syscall(11, 4), 101).unwrap();
    assert_eq!(end.parked(first), Some(&mut 100));
    assert_eq!(end.answer(second, Status::Done, [1, 2], true), Some(101));
    assert_eq!(end.answer(second, Status::Done, [1, 2], true), None);
    assert_eq!(end.next_answered(), Some(1));
    let answers = sent(&mut end, 1);
    assert_eq!(answers.len(), 1);
    assert_eq!(
        (answers[0].tag, answers[0].result, answers[0].block),
        (11, [1, 2], 4)
    );
    assert_eq!((end.next_answered(), end.live()), (None, 1));
    assert!(sent(&mut end, 0).is_empty());
    end.answer(first, Status::BadBlock, [0; 2], false);
    assert_eq!(sent(&mut end, 0)[0].block, atoll_abi::syscall::NO_BLOCK);
    assert_eq!(end.live(), 0);
}

#[test]
fn answers_keep_their_order() {
    let mut end = ServiceEnd::new([0], 64);
    let ids: Vec<_> = (0..50)
        .map(|tag| end.park(0, &syscall(tag, 0), 0).unwrap())
        .collect();
    for id in ids.iter().rev() {
        end.answer(*id, Status::Done, [0; 2], true);
    }
    let tags: Vec<u64> = sent(&mut end, 0).iter().map(|it| it.tag).collect();
    assert!(tags.iter().copied().eq((0..50).rev()));
}

#[test]
fn a_client_has_its_share_and_no_more() {
    let mut end = ServiceEnd::new([0, 0, 1], 10);
    assert_eq!((end.share(), end.room(0, 64)), (5, 5));
    for tag in 0..3 {
        end.park(0, &syscall(tag, 0), 0).unwrap();
    }
    // Both rings of a client use the same share.
    assert_eq!(
        (end.room(0, 64), end.room(1, 64), end.room(2, 64)),
        (2, 2, 5),
        "a client's share is exceeded"
    );
}

#[test]
fn what_is_taken_finds_room_for_its_completion() {
    let mut end = ServiceEnd::new([0], 1000);
    assert_eq!(end.room(0, RING_SLOTS), RING_SLOTS);
    let id = end.park(0, &syscall(1, 0), 0).unwrap();
    end.park(0, &syscall(2, 0), 0).unwrap();
    assert_eq!((end.room(0, 5), end.room(0, 1)), (3, 0));
    // An answer that is not sent still has its place.
    end.answer(id, Status::Done, [0; 2], true);
    assert_eq!(end.room(0, 5), 3);
    sent(&mut end, 0);
    assert_eq!(end.room(0, 5), 4);
}

#[test]
fn the_calls_of_a_lost_ring_end_unseen() {
    let mut end = ServiceEnd::new([0, 1], 4);
    let parked = end.park(0, &syscall(1, 0), 7).unwrap();
    let answered = end.park(0, &syscall(2, 0), 8).unwrap();
    end.answer(answered, Status::Done, [0; 2], true);
    assert_eq!(end.next_parked(0, None), Some(parked));
    assert_eq!(end.next_parked(0, Some(parked)), None);
    end.on_ring_lost(0);
    assert_eq!((end.live(), end.next_answered()), (1, None));
    assert_eq!(end.ring_of(parked), None);
    // What a device may have still counts against the share.
    assert_eq!(end.room(0, RING_SLOTS), 1);
    assert_eq!(end.answer(parked, Status::Done, [0; 2], true), Some(7));
    assert_eq!(end.room(0, RING_SLOTS), 2);
    assert_eq!((end.live(), sent(&mut end, 0).len()), (0, 0));
}

#[test]
fn a_client_that_loses_its_rings_leaves_the_share_of_the_others() {
    let mut end = ServiceEnd::new([0, 0, 1], 8);
    for round in 0..6 {
        let ring = round % 2;
        for tag in 0..end.room(ring, RING_SLOTS) as u64 {
            end.park(ring, &syscall(tag, 0), 0).unwrap();
        }
        end.on_ring_lost(ring);
    }
    assert_eq!((end.live(), end.room(2, RING_SLOTS)), (4, 4));
    for tag in 0..4 {
        assert!(
            end.park(2, &syscall(tag, 0), 0).is_some(),
            "more than the client's share"
        );
    }
}

#[test]
fn a_stale_name_names_nothing() {
    let mut end = ServiceEnd::new([0], 1);
    let first = end.park(0, &syscall(1, 0), 1).unwrap();
    assert_eq!(end.park(0, &syscall(2, 0), 2), None);
    end.answer(first, Status::Done, [0; 2], true);
    sent(&mut end, 0);
    end.park(0, &syscall(3, 0), 3).unwrap();
    assert_eq!(end.answer(first, Status::Done, [0; 2], true), None);
}

#[test]
fn the_answers_of_a_client_that_broke_its_ring_are_dropped() {
    let mut end = ServiceEnd::new([0], 2);
    let id = end.park(0, &syscall(1, 0), 1).unwrap();
    end.answer(id, Status::Done, [0; 2], true);
    assert_eq!(end.send(0, |_| Err("broken")), Err("broken"));
    assert_eq!((end.live(), end.next_answered()), (0, None));
}

#[test]
fn a_call_is_named_by_a_number() {
    let mut end = ServiceEnd::new([0], 300);
    let ids: Vec<_> = (0..300)
        .map(|tag| end.park(0, &syscall(tag, 0), tag as u32).unwrap())
        .collect();
    for (number, id) in ids.iter().enumerate() {
        let found = CallId::from_raw(id.to_raw());
        assert_eq!(
            (found, end.parked(found)),
            (*id, Some(&mut (number as u32)))
        );
    }
    end.answer(ids[7], Status::Done, [0; 2], true);
    for raw in [ids[7].to_raw(), 0, u64::MAX, 1 << 48 | ids[8].to_raw()] {
        assert_eq!(end.parked(CallId::from_raw(raw)), None, "{raw:#x}");
    }
}
