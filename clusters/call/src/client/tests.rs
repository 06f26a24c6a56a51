mod group;

use std::vec::Vec;

use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::{Completion, NO_BLOCK};

use super::*;

/// Keeps its answer, or not.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Keeps(bool);

impl Waiter for Keeps {
    fn keeps_answer(&self) -> bool {
        self.0
    }
}

fn end() -> ClientEnd<Keeps> {
    ClientEnd::new(7)
}

fn read(block: u32) -> Syscall {
    Syscall {
        block,
        generation: 7,
        ..request::BecomeMcp {}.encode()
    }
}

/// The service's answer to the last staged call.
fn answer(end: &mut ClientEnd<Keeps>, status: Status) -> Completion {
    let message = *end.staged().last().unwrap();
    end.sent();
    Completion::of(&Syscall::from_message(&message), status, [3, 4])
}

#[test]
fn a_call_ends_once() {
    let mut end = end();
    let tag = end.stage(read(5), Keeps(true), NEVER, 0);
    assert_eq!(Syscall::from_message(&end.staged()[0]).generation, 7);
    let completion = answer(&mut end, Status::Done);
    assert!(matches!(end.complete(&completion), Completed::Ended(_)));
    assert!(matches!(end.complete(&completion), Completed::Unmatched));
    assert_eq!(end.credits(), RING_SLOTS - 1);
    let kept = end.take(tag).unwrap();
    assert_eq!(
        (kept.status, kept.result, kept.block_returned),
        (Status::Done, [3, 4], true)
    );
    assert_eq!(end.take(tag), None);
    assert_eq!(
        (end.credits(), end.unmatched(), end.completed()),
        (RING_SLOTS, 1, 1)
    );
}

#[test]
fn credits_are_all_there_is() {
    let mut end = end();
    for _ in 0..RING_SLOTS {
        end.room(1).unwrap();
        end.stage(read(NO_BLOCK), Keeps(false), NEVER, 0);
    }
    assert_eq!(end.room(1), Err(Refused::NoCredit));
    assert_eq!(end.staged().len(), RING_SLOTS);
}

#[test]
fn a_call_that_ended_early_keeps_its_credit_and_its_block() {
    let mut end = end();
    let tag = end.stage(read(5), Keeps(false), NEVER, 0);
    let completion = answer(&mut end, Status::Done);
    let ended = end.end_early(tag, Status::Cancelled).unwrap();
    assert!(!ended.answer.block_returned);
    assert!(end.end_early(tag, Status::Cancelled).is_none());
    assert_eq!((end.credits(), end.blocks_in_flight()), (RING_SLOTS - 1, 1));
    assert!(matches!(
        end.complete(&completion),
        Completed::Late { block: Some(5) }
    ));
    assert_eq!((end.credits(), end.blocks_in_flight()), (RING_SLOTS, 0));
    assert!(matches!(end.complete(&completion), Completed::Unmatched));
}

#[test]
fn an_answer_that_is_kept_holds_its_credit_though_the_service_has_answered() {
    let mut end = end();
    let tag = end.stage(read(5), Keeps(true), NEVER, 0);
    let completion = answer(&mut end, Status::Done);
    assert!(end.end_early(tag, Status::Cancelled).is_some());
    assert!(matches!(
        end.complete(&completion),
        Completed::Late { block: Some(5) }
    ));
    assert_eq!(end.credits(), RING_SLOTS - 1);
    assert_eq!(end.take(tag).unwrap().status, Status::Cancelled);
    assert_eq!(end.credits(), RING_SLOTS);
}

#[test]
fn deadlines_end_calls_in_their_order() {
    let mut end = end();
    let tags: Vec<u64> = [30, 10, 20, NEVER]
        .into_iter()
        .map(|deadline| end.stage(read(NO_BLOCK), Keeps(false), deadline, 0))
        .collect();
    assert_eq!(end.next_deadline(), 10);
    assert!(end.expire(9).is_none());
    let mut ended = Vec::new();
    while let Some(next) = end.expire(20) {
        assert_eq!(next.answer.status, Status::TimedOut);
        ended.push(next.tag);
    }
    assert_eq!(ended, [tags[1], tags[2]]);
    assert_eq!((end.next_deadline(), end.waiting()), (30, 2));
}

#[test]
fn an_answer_in_time_has_no_deadline_any_more() {
    let mut end = end();
    end.stage(read(NO_BLOCK), Keeps(false), 10, 0);
    let completion = answer(&mut end, Status::Done);
    end.complete(&completion);
    assert_eq!(end.next_deadline(), NEVER);
    assert!(end.expire(u64::MAX - 1).is_none());
}

#[test]
fn a_foreign_block_is_no_answer() {
    for (block, expected) in [(6, Status::Malformed), (NO_BLOCK, Status::Malformed)] {
        let mut end = end();
        end.stage(read(5), Keeps(false), NEVER, 0);
        let mut completion = answer(&mut end, Status::Done);
        completion.block = block;
        let Completed::Ended(ended) = end.complete(&completion) else {
            panic!("the call has ended");
        };
        assert_eq!(ended.answer.status, expected);
        assert!(!ended.answer.block_returned);
    }
}

#[test]
fn a_call_that_fails_may_leave_its_block_behind() {
    let mut end = end();
    end.stage(read(5), Keeps(false), NEVER, 0);
    let mut completion = answer(&mut end, Status::PeerLost);
    completion.block = NO_BLOCK;
    let Completed::Ended(ended) = end.complete(&completion) else {
        panic!("the call has ended");
    };
    assert_eq!(ended.answer.status, Status::PeerLost);
    assert!(!ended.answer.block_returned);
}

#[test]
fn blocks_of_the_dead_come_back_and_those_of_a_liar_do_not() {
    for (loss, returned) in [(Loss::Death, true), (Loss::Fault, false)] {
        let mut end = end();
        let early = end.stage(read(1), Keeps(false), NEVER, 0);
        end.stage(read(2), Keeps(false), NEVER, 0);
        end.stage(read(NO_BLOCK), Keeps(false), NEVER, 0);
        end.end_early(early, Status::Cancelled);
        let (mut ended, mut blocks) = (Vec::new(), Vec::new());
        end.lose(loss, |each| match each {
            Completed::Ended(call) => ended.push(call.answer),
            Completed::Late { block } => blocks.extend(block),
            Completed::Unmatched => panic!("every call is known"),
        });
        let lost = |block_returned| Answer {
            status: Status::PeerLost,
            result: [0; 2],
            block_returned,
        };
        // They end in any order.
        ended.sort_by_key(|answer| answer.block_returned);
        assert_eq!(ended, [lost(returned), lost(true)]);
        assert_eq!(blocks, if returned { [1].as_slice() } else { &[] });
        assert_eq!(end.room(1), Err(Refused::Lost));
        end.lose(Loss::Death, |_| panic!("it was lost before"));
        end.reconnect();
        assert_eq!((end.room(RING_SLOTS), end.staged().len()), (Ok(()), 0));
    }
}

#[test]
fn an_answer_of_before_a_loss_means_nothing_after_it() {
    let mut end = end();
    end.stage(read(1), Keeps(false), NEVER, 0);
    let completion = answer(&mut end, Status::Done);
    end.lose(Loss::Death, |_| {});
    end.reconnect();
    end.stage(read(1), Keeps(false), NEVER, 0);
    assert!(matches!(end.complete(&completion), Completed::Unmatched));
    assert_eq!(end.blocks_in_flight(), 1);
}

#[test]
fn a_call_that_was_not_sent_has_no_answer() {
    let mut end = end();
    end.stage(read(NO_BLOCK), Keeps(false), NEVER, 0);
    let staged = Syscall::from_message(&end.staged()[0]);
    let guessed = Completion::of(&staged, Status::Done, [0; 2]);
    assert!(matches!(end.complete(&guessed), Completed::Unmatched));
    assert_eq!(end.in_flight(), 1);
    end.sent();
    assert!(matches!(end.complete(&guessed), Completed::Ended(_)));
}

#[test]
fn an_answer_that_is_only_kept_is_checked_like_any_other() {
    let mut end = end();
    let tag = end.stage(read(5), Keeps(true), 10, 2);
    let completion = Completion::of(
        &Syscall::from_message(&end.staged()[0]),
        Status::Done,
        [3, 4],
    );
    let refused = |end: &mut ClientEnd<Keeps>, completion: &Completion| {
        end.keep(completion, |_| panic!("its waiter is asked"))
            .is_none()
    };
    assert!(refused(&mut end, &completion), "it was not sent");
    end.sent();
    let other = Completion {
        tag: tag + RING_SLOTS as u64,
        ..completion
    };
    assert!(refused(&mut end, &other), "it was never made");
    assert!(end.keep(&completion, |_| false).is_none());
    assert_eq!((end.in_flight(), end.next_deadline()), (1, 10));
    let foreign = Completion {
        block: 6,
        ..completion
    };
    assert_eq!(end.keep(&foreign, |waiter| waiter.0), Some(2));
    assert!(refused(&mut end, &completion), "it has been answered");
    assert_eq!((end.in_flight(), end.next_deadline()), (0, NEVER));
    assert_eq!((end.credits(), end.completed()), (RING_SLOTS - 1, 1));
    let answer = end.take(tag).unwrap();
    assert_eq!(
        (answer.status, answer.block_returned),
        (Status::Malformed, false)
    );
    assert_eq!(end.credits(), RING_SLOTS);
    end.stage(read(5), Keeps(true), NEVER, 0);
    end.sent();
    assert!(
        refused(&mut end, &completion),
        "the credit has another call"
    );
}
