//! One connection: events in, actions out.
//!
//! A connection wants one thing done at a time ([`Action`]), and goes on when it is told how that ended ([`Event`]). It touches nothing
//! itself, so whoever carries the actions out decides how to wait, and tests give it a tree of files in memory.
//!
//! Requests are answered one after the other, each with one answer. Nothing is received while one is being answered, so what a client may
//! send ahead is bounded by what was received at once, and by [`HEAD_LIMIT`](crate::request::HEAD_LIMIT).

mod action;
mod answer;
mod exchange;
mod read;
mod remove;
mod route;
mod store;

use alloc::vec::Vec;

pub use action::{Action, Event, Failure, Found, FoundKind, Patience, Settings};

use crate::request::{HeadScan, Refusal, Request};
use exchange::Exchange;

/// Bytes of a body that nobody wants, which are received and dropped so that the connection can be used again. Where there may be more it
/// ends.
pub const MOST_DROPPED: u64 = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    settings: Settings,
    now: Option<u64>,
    /// The answer to the request in hand is the last one.
    is_last: bool,
    /// What was received and not looked at.
    input: Vec<u8>,
    scan: HeadScan,
    /// An empty line was skipped before the request.
    has_skipped: bool,
    state: State,
    answers: [u64; 5],
}

/// What a connection waits for.
#[derive(Debug)]
enum State {
    /// The rest of a head.
    Head,
    /// The rest of a body that nobody wants.
    Drop(Exchange),
    /// The end of sending an answer.
    Answer(Exchange, After),
    /// The end of sending a refusal.
    Refuse,
    /// What answers to a request that reads.
    Read(Exchange, read::Step),
    /// What answers to one that stores.
    Store(Exchange, store::Step),
    /// What answers to one that removes.
    Remove(Exchange, remove::Step),
    /// Nothing more.
    Over,
}

/// What follows the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// The next request.
    Request,
    /// A part of a file.
    File {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(settings: Settings) -> Connection {
        Connection {
            settings,
            now: None,
            is_last: false,
            input: Vec::new(),
            scan: HeadScan::default(),
            has_skipped: false,
            state: State::Head,
            answers: [0; 5],
        }
    }

    /// Tells the time, in seconds since 1970. Without it answers have no date.
    pub fn set_time(&mut self, now: u64) {
        self.now = Some(now);
    }

    /// Has the connection end with the next answer whose head was not made yet: others wait for their turn.
    pub fn end_soon(&mut self) {
        self.is_last = true;
    }

    /// How many answers were made since this was asked last, by the first digit of their status.
    pub fn take_answers(&mut self) -> [u64; 5] {
        core::mem::take(&mut self.answers)
    }

    /// Bytes that were received and not looked at.
    pub fn buffered(&self) -> usize {
        self.input.len()
    }

    /// The first action.
    pub fn start(&mut self) -> Action {
        self.next_request()
    }

    /// The next action, after the one before has ended. An event that does not belong to that one ends the connection.
    pub fn handle(&mut self, event: Event<'_>) -> Action {
        match (core::mem::replace(&mut self.state, State::Over), event) {
            (State::Head, Event::Received(bytes)) => {
                self.input.extend_from_slice(bytes);
                self.look_for_head()
            }
            (State::Head, Event::Late) if !self.scan.is_new() => {
                self.refuse(408, "the request did not come in time")
            }
            (State::Drop(exchange), Event::Received(bytes)) => {
                self.input.extend_from_slice(bytes);
                self.drop_body(exchange)
            }
            (State::Answer(exchange, After::Request), Event::Done) => self.finish(exchange),
            (State::Answer(exchange, After::File { offset, length }), Event::Done) => {
                self.state = State::Answer(exchange, After::Request);
                Action::SendFile { offset, length }
            }
            (State::Read(exchange, step), event) => self.read_goes_on(exchange, step, event),
            (State::Store(exchange, step), event) => self.store_goes_on(exchange, step, event),
            (State::Remove(exchange, step), event) => self.remove_goes_on(exchange, step, event),
            // A refusal has been sent; the client has gone; or something failed in the midst of an answer, which nothing can mend.
            _ => Action::End,
        }
    }

    /// Begins with the next request, of which something may have come already.
    fn next_request(&mut self) -> Action {
        self.scan = HeadScan::default();
        self.has_skipped = false;
        self.look_for_head()
    }

    fn look_for_head(&mut self) -> Action {
        self.skip_empty_line();
        let is_half_line = self.scan.is_new() && self.input == b"\r";
        let found = match is_half_line {
            true => Ok(None),
            false => self.scan.look(&self.input),
        };
        match found {
            Ok(Some(length)) => self.take_head(length),
            Ok(None) => {
                let patience = match self.input.is_empty() {
                    true => Patience::Idle,
                    false => Patience::Head,
                };
                self.state = State::Head;
                Action::Receive(patience)
            }
            Err(refusal) => self.refuse_request(refusal),
        }
    }

    /// A client may send one empty line more behind a body, as old ones did.
    fn skip_empty_line(&mut self) {
        if !self.has_skipped && self.scan.is_new() && self.input.starts_with(b"\r\n") {
            self.has_skipped = true;
            self.input.drain(..2);
        }
    }

    fn take_head(&mut self, length: usize) -> Action {
        let request = Request::parse(self.input.get(..length).unwrap_or_default());
        self.input.drain(..length.min(self.input.len()));
        match request {
            Ok(request) => self.route(Exchange::new(request)),
            Err(refusal) => self.refuse_request(refusal),
        }
    }

    /// An answer has been sent whole.
    fn finish(&mut self, exchange: Exchange) -> Action {
        if exchange.closes {
            return Action::End;
        }
        self.drop_body(exchange)
    }

    /// Drops what is left of a body, then looks at the next request.
    fn drop_body(&mut self, mut exchange: Exchange) -> Action {
        match exchange.take_data(&mut self.input) {
            Err(_) => Action::End,
            Ok(_) if exchange.body.is_finished() => self.next_request(),
            Ok(_) => {
                self.state = State::Drop(exchange);
                Action::Receive(Patience::Body)
            }
        }
    }

    fn refuse_request(&mut self, refusal: Refusal) -> Action {
        self.refuse(refusal.status(), &alloc::format!("{refusal}"))
    }
}
