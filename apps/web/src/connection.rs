//! One connection: events in, actions out.
//!
//! A connection wants one thing done at a time ([`Action`]), and goes on when it is told how that ended ([`Event`]). It touches nothing
//! itself, so whoever carries the actions out decides how to wait, and tests give it a tree of files in memory.
//!
//! Requests are answered one after the other, each with one answer. Nothing is received while one is being answered, so what a client may
//! send ahead is bounded by what was received at once, and by [`HEAD_LIMIT`](crate::request::HEAD_LIMIT).

mod answer;
mod exchange;
mod read;
mod remove;
mod route;
mod store;

use alloc::string::String;
use alloc::vec::Vec;

use crate::conditional::Version;
use crate::listing::Entries;
use crate::metrics::Node;
use crate::request::{HeadScan, Refusal, Request};
use exchange::Exchange;

/// Bytes of a body that nobody wants, which are received and dropped so that the connection can be used again. Where there may be more it
/// ends.
pub const MOST_DROPPED: u64 = 64 * 1024;

/// What holds for the connections of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most bytes of a file that is uploaded.
    pub most_upload: u64,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// To begin a request.
    Idle,
    /// To complete a head that has begun.
    Head,
    /// To go on with a body.
    Body,
}

/// What is to be done next. What an `Open` has opened is closed by the next `Open`, `Look`, `Receive` or `End`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To receive, then [`Event::Received`], [`Event::Ended`] or [`Event::Late`].
    Receive(Patience),
    /// To send these bytes, then [`Event::Done`] or [`Event::Failed`].
    Send(Vec<u8>),
    /// To open a file or folder, then [`Event::Found`] or [`Event::Failed`].
    Open(String),
    /// To find out what is at a path, then as `Open`.
    Look(String),
    /// To send a part of the open file, then [`Event::Done`], or [`Event::Failed`] where not all of it could be sent.
    SendFile {
        /// Where it begins.
        offset: u64,
        /// Its bytes, at least one.
        length: u64,
    },
    /// To list the open folder, then [`Event::Listed`] or [`Event::Failed`].
    List,
    /// To find out what is known of the node, then [`Event::Measured`].
    Measure,
    /// To begin a file that has no name yet where a client could ask for it, then [`Event::Done`] or [`Event::Failed`].
    Create,
    /// To write these bytes behind the ones before in that file, then [`Event::Done`] or [`Event::Failed`].
    Write(Vec<u8>),
    /// To put the file on stable storage and give it this path, in place of what was there, then [`Event::Done`], or [`Event::Failed`]
    /// where that is not so; then the file is gone.
    Commit(String),
    /// To have the file gone, then [`Event::Done`].
    Discard,
    /// To remove the file or empty folder at a path, then [`Event::Done`] or [`Event::Failed`].
    Remove(String),
    /// To close the connection: what was sent is still delivered, and what comes in is dropped. A file that was created and not
    /// committed is gone. No event follows.
    End,
}

/// How an action ended.
#[derive(Clone, Copy, Debug)]
pub enum Event<'e> {
    /// These bytes came.
    Received(&'e [u8]),
    /// The client sends nothing more.
    Ended,
    /// Nothing came in time.
    Late,
    /// It was done.
    Done,
    /// It was not done.
    Failed(Failure),
    /// This is at the path.
    Found(Found),
    /// These are the entries.
    Listed(&'e Entries),
    /// This is the node.
    Measured(&'e Node),
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: FoundKind,
    /// Which version of it.
    pub version: Version,
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Something that has no content.
    Other,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// There is nothing of that name.
    NotFound,
    /// A file stands where a folder has to be.
    NotAFolder,
    /// A folder stands where a file has to be.
    IsAFolder,
    /// The folder is not empty.
    NotEmpty,
    /// The volume can only be read.
    ReadOnly,
    /// The volume is full.
    Full,
    /// It may be possible later: others use what it takes, or who does it is being started again.
    Busy,
    /// Something else.
    Other,
}

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
