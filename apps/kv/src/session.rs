//! What is kept of a client.

use alloc::vec::Vec;
use core::ops::Range;

use crate::commands::{self, After};
use crate::reply::Reply;
use crate::request;
use crate::store::Store;

/// What all clients together may have sent that was not answered.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    used: usize,
}

impl Budget {
    /// So many bytes.
    pub fn new(most: usize) -> Budget {
        Budget { most, used: 0 }
    }

    /// Bytes that clients have.
    pub fn used(&self) -> usize {
        self.used
    }
}

/// A client: what it has sent that was not answered.
#[derive(Debug, Default)]
pub struct Session {
    bytes: Vec<u8>,
    /// Bytes of memory that it has of the budget.
    counted: usize,
    /// The budget was used up.
    is_refused: bool,
    /// Bytes of these that were answered.
    start: usize,
    /// The places of a request's arguments, kept for the next one.
    arguments: Vec<Range<usize>>,
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
}

impl Session {
    /// The client has sent bytes. Where all clients together have sent too much, this one ends.
    pub fn received(&mut self, budget: &mut Budget, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        // What is reserved at once is not more than the double of what there is.
        let needed = 2 * (self.bytes.len() + bytes.len());
        if needed > self.bytes.capacity() && budget.used - self.counted + needed > budget.most {
            self.is_refused = true;
            return;
        }
        self.bytes.extend(bytes);
        self.count(budget);
    }

    /// The client is gone.
    pub fn end(mut self, budget: &mut Budget) {
        self.bytes = Vec::new();
        self.count(budget);
    }

    fn count(&mut self, budget: &mut Budget) {
        budget.used -= self.counted;
        self.counted = self.bytes.capacity();
        budget.used += self.counted;
    }

    /// Answers the next request.
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget,
        answer: &mut Vec<u8>,
    ) -> Outcome {
        if self.is_refused {
            Reply(answer).error(format_args!(
                "ERR too many requests are under way, or too long ones"
            ));
            return Outcome::Ends;
        }
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let length = match request::parse(rest, &mut self.arguments) {
            Ok(Some(length)) => length,
            Ok(None) => {
                if rest.is_empty() {
                    // One long request must not keep its memory for as long as the client is there.
                    (self.bytes, self.start) = (Vec::new(), 0);
                    self.count(budget);
                }
                // Nor those of one that is not complete, which are found again.
                self.arguments = Vec::new();
                return Outcome::Needs;
            }
            Err(error) => {
                Reply(answer).error(format_args!("ERR {error}"));
                return Outcome::Ends;
            }
        };
        let places = self.arguments.iter();
        let arguments: Vec<&[u8]> = places.filter_map(|place| rest.get(place.clone())).collect();
        let after = commands::execute(store, &arguments, &mut Reply(answer));
        self.start += length;
        match after {
            After::GoesOn => Outcome::Answered,
            After::Ends => Outcome::Ends,
            After::Stops => Outcome::Stops,
        }
    }
}
