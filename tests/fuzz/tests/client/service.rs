//! What the hostile service does: completions that are right, nearly right or anything, and its loss.

use std::collections::BTreeSet;

use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_call::{Completed, Loss};
use atoll_fuzz::Script;

use super::Run;

impl Run {
    /// The service sends a completion.
    pub fn complete(&mut self, completion: Completion) {
        let known = self.calls.get_mut(&completion.tag);
        let mut staged = self.end.staged().iter();
        // It may guess the tag of a call that it has not been sent.
        let sent = staged.all(|call| Syscall::from_message(call).tag != completion.tag);
        let asked = known.filter(|call| call.in_flight && sent).map(|call| {
            call.in_flight = false;
            (call.block, call.ended)
        });
        match (self.end.complete(&completion), asked) {
            (Completed::Ended(ended), Some((block, false))) => {
                assert_eq!(ended.tag, completion.tag);
                let returned = completion.block == block;
                assert_eq!(ended.answer.block_returned, returned);
                if ended.answer.status == Status::Done {
                    assert!(returned, "done, without its block");
                    assert_eq!(ended.answer.result, completion.result);
                }
                self.ended(ended);
            }
            (Completed::Late { block }, Some((lent, true))) => {
                let returned = completion.block == lent && lent != NO_BLOCK;
                assert_eq!(block, returned.then_some(lent));
                block.into_iter().for_each(|block| self.back(block));
                self.seen.note("late");
                self.forget(completion.tag);
            }
            (Completed::Unmatched, None) => {
                self.unmatched += 1;
                self.seen.note("unmatched");
            }
            (completed, _) => panic!("{completion:?} becomes {completed:?}"),
        }
    }

    /// A completion of a hostile service: mostly nearly right.
    pub fn answer(&mut self, script: &mut Script, hostile: bool) {
        if self.service.is_empty() && !hostile {
            return;
        }
        let index = script.below(self.service.len());
        let asked = self.service.get(index).copied().unwrap_or(Syscall {
            tag: script.word(&self.old),
            ..Syscall::EMPTY
        });
        let mut answer = Completion::of(&asked, Status::Done, [script.raw(), 1]);
        if hostile {
            match script.below(8) {
                0 => answer.status = script.word(&[3, 9, 10, 11, 13, 14]) as u32,
                1 => answer.block = script.word(&[0, 1, 15, 16, NO_BLOCK.into()]) as u32,
                2 => {
                    answer.status = Status::DeviceError as u32;
                    answer.block = NO_BLOCK;
                }
                3 => answer.tag = script.word(&self.old),
                4 => answer = Completion::from_message(&script.message()),
                5 => answer = Completion::from_message(&script.spoiled(answer.to_message())),
                _ => {}
            }
        }
        self.service.retain(|call| call.tag != answer.tag);
        for _ in 0..1 + usize::from(hostile && script.once_in(4)) {
            self.complete(answer);
        }
    }

    /// The service is lost, or there is another one.
    pub fn lose(&mut self, script: &mut Script) {
        if self.end.loss().is_some() {
            self.end.reconnect();
            return;
        }
        let loss = match script.below(2) {
            0 => Loss::Death,
            _ => Loss::Fault,
        };
        self.service.clear();
        let mut told = Vec::new();
        self.end.lose(loss, |completed| told.push(completed));
        let lost = self.calls.values().filter(|call| call.in_flight);
        assert_eq!(told.len(), lost.count());
        let lent: BTreeSet<u32> = self.calls.values().map(|call| call.block).collect();
        for call in self.calls.values_mut() {
            call.in_flight = false;
        }
        for completed in told {
            match completed {
                Completed::Ended(ended) => {
                    let block = self.calls[&ended.tag].block;
                    let returned = loss == Loss::Death || block == NO_BLOCK;
                    assert_eq!(ended.answer.block_returned, returned);
                    self.ended(ended);
                }
                Completed::Late { block: Some(block) } => {
                    assert!(loss == Loss::Death && lent.contains(&block));
                    self.back(block);
                }
                Completed::Late { block: None } => {}
                Completed::Unmatched => panic!("no completion came"),
            }
        }
        let tags: Vec<u64> = self.calls.keys().copied().collect();
        tags.into_iter().for_each(|tag| self.forget(tag));
        self.seen.note("service lost");
    }
}
