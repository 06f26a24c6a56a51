//! What is kept of a client.

mod budget;
mod client;

use alloc::vec::Vec;

pub use budget::Budget;
pub(crate) use client::{Client, Transaction};

use crate::commands::{self, After, Context};
use crate::reply::Reply;
use crate::request::{Parser, Place};
use crate::store::{Held, Store};

/// Bytes of memory that a client keeps while it has sent nothing that was not answered.
const KEPT: usize = 1024;

/// Words of a request that need no memory of their own.
const FEW: usize = 8;

/// A client: what it has sent that was not answered, what it has said of itself, and its transaction.
#[derive(Debug, Default)]
pub struct Session {
    bytes: Vec<u8>,
    /// Bytes of memory that it has of the budget, for what it has sent.
    counted: usize,
    /// The budget was used up.
    is_refused: bool,
    /// Bytes of these that were answered.
    start: usize,
    /// How far the request behind them was read.
    parser: Parser,
    /// It is whole, has so many bytes, and was not executed because the store was frozen.
    waiting: Option<usize>,
    client: Client,
}

/// What becomes of a client after a look at what it has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A request was answered.
    Answered,
    /// There is no whole request.
    Needs,
    /// It was answered for the last time.
    Ends,
    /// It has ended the program.
    Stops,
    /// Its request was not executed, because the store is frozen: it is as it was, and the next look has it executed.
    Waits,
}

impl Session {
    /// The client has sent bytes. Where all clients together have sent too much, this one ends.
    pub fn received(&mut self, budget: &Budget, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let needed = self.bytes.len() + bytes.len();
        let capacity = self.bytes.capacity();
        if needed > capacity {
            // What is reserved at once is not more than the double of what there is.
            let needed = needed.max(2 * capacity).max(64);
            if !budget.take(needed - capacity) {
                self.is_refused = true;
                return;
            }
            self.counted += needed - capacity;
            self.bytes.reserve_exact(needed - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        self.count(budget);
    }

    /// The client is gone. Whether nothing is kept of it any more: not so where the store is frozen, and then this is to be done again.
    #[must_use]
    pub fn end(&mut self, store: &Store, budget: &Budget) -> bool {
        let mut held = Held::none(store);
        let is_held = held.hold(self.client.watched_shards(store)).is_ok();
        if is_held {
            self.client.end_transaction(&mut held, budget);
            budget.give(core::mem::take(&mut self.counted));
        }
        is_held
    }

    fn count(&mut self, budget: &Budget) {
        let now = self.bytes.capacity() + self.parser.memory();
        if now != self.counted {
            budget.exchange(self.counted, now);
            self.counted = now;
        }
    }

    /// Answers the next request.
    pub fn step(&mut self, store: &Store, budget: &Budget, answer: &mut Vec<u8>) -> Outcome {
        if self.is_refused {
            Reply::new(answer, 0).error(format_args!(
                "ERR too many requests are under way, or too long ones"
            ));
            return Outcome::Ends;
        }
        let rest = self.bytes.get_mut(self.start..).unwrap_or_default();
        // One that waits was read, and reading it again would change it.
        let parsed = match self.waiting.take() {
            Some(length) => Ok(Some(length)),
            None => self.parser.parse(rest),
        };
        let length = match parsed {
            Ok(Some(length)) => length,
            Ok(None) => {
                if rest.is_empty() {
                    self.rest(budget);
                } else {
                    self.count(budget);
                    self.is_refused = budget.lacks(0);
                }
                if self.is_refused {
                    return self.step(store, budget, answer);
                }
                return Outcome::Needs;
            }
            Err(error) => {
                Reply::new(answer, 0).error(format_args!("ERR {error}"));
                return Outcome::Ends;
            }
        };
        let mut reply = Reply::new(answer, store.settings().longest_answer);
        reply.set_third(self.client.is_third);
        let mut context = Context {
            store: Held::none(store),
            client: &mut self.client,
            budget,
            reply: &mut reply,
        };
        let after = with_words(rest, self.parser.places(), |words| {
            commands::execute(&mut context, words)
        });
        if after == After::Waits {
            self.waiting = Some(length);
            return Outcome::Waits;
        }
        self.start += length;
        self.parser.begin();
        match after {
            After::Waits => Outcome::Waits,
            After::GoesOn => Outcome::Answered,
            After::Ends => Outcome::Ends,
            After::Stops => Outcome::Stops,
        }
    }

    /// Everything was answered: one long request must not keep its memory for as long as the client is there.
    fn rest(&mut self, budget: &Budget) {
        self.bytes.clear();
        self.start = 0;
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        self.count(budget);
    }
}

/// Does something with the words of a request.
fn with_words<R>(bytes: &[u8], places: &[Place], work: impl FnOnce(&[&[u8]]) -> R) -> R {
    let word = |place: &Place| bytes.get(place.range()).unwrap_or_default();
    let mut few: [&[u8]; FEW] = [&[]; FEW];
    match few.get_mut(..places.len()) {
        Some(words) => {
            for (to, place) in words.iter_mut().zip(places) {
                *to = word(place);
            }
            work(words)
        }
        None => work(&places.iter().map(word).collect::<Vec<_>>()),
    }
}
