//! Requests that store a file.
//!
//! What is stored has no name that a client could ask for until all of it is on stable storage; then it gets its path at once, in place of
//! what was there. So nobody ever reads a half of it, and a request that fails leaves what was there.

use super::exchange::Exchange;
use super::{Action, Connection, Event, Failure, FoundKind, Patience, State};
use crate::conditional::Verdict;
use crate::request::Body;
use crate::response;

/// What a request that stores waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What is at its path.
    Look,
    /// A file without a name. There was a file at the path, or not.
    Create { existed: bool },
    /// The end of telling the client to go on.
    Continue(Upload),
    /// More of the body.
    Body(Upload),
    /// The end of a write.
    Write(Upload),
    /// The end of all.
    Commit(Upload),
    /// The end of the file, because of this; then nothing is answered where the client has gone.
    Discard(Option<Problem>),
}

/// A file that is being stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Upload {
    existed: bool,
    /// Bytes of it so far.
    bytes: u64,
}

/// Why nothing is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Something was not done.
    Failed(Failure),
    /// The client is told this.
    Answer(u16, &'static str),
}

const TOO_LARGE: Problem = Problem::Answer(413, "files of that length are not taken here");

impl Connection {
    /// Begins to store, where the request says what and how much.
    pub(super) fn begin_store(&mut self, exchange: Exchange, step: Step) -> Action {
        let problem = match exchange.request.body {
            _ if exchange.path.is_folder() => Some(Problem::Answer(
                409,
                "a file has a name that does not end with a slash",
            )),
            _ if exchange.request.is_part => Some(Problem::Answer(
                400,
                "a part of a file cannot be stored; send all of it",
            )),
            Body::None => Some(Problem::Answer(411, "Content-Length is missing")),
            Body::Length(length) if length > self.settings.most_upload => Some(TOO_LARGE),
            Body::Length(_) | Body::Chunked => None,
        };
        if let Some(problem) = problem {
            return self.send_store_problem(exchange, problem);
        }
        let path = exchange.path.as_str().into();
        self.state = State::Store(exchange, step);
        Action::Look(path)
    }

    pub(super) fn store_goes_on(
        &mut self,
        exchange: Exchange,
        step: Step,
        event: Event<'_>,
    ) -> Action {
        match (step, event) {
            (Step::Look, event) => self.judge_store(exchange, event),
            (Step::Create { existed }, Event::Done) => {
                self.begin_body(exchange, Upload { existed, bytes: 0 })
            }
            (Step::Continue(upload) | Step::Write(upload), Event::Done) => {
                self.take_body(exchange, upload)
            }
            (Step::Body(upload), Event::Received(bytes)) => {
                self.input.extend_from_slice(bytes);
                self.take_body(exchange, upload)
            }
            (Step::Body(_), Event::Late) => self.discard(
                exchange,
                Some(Problem::Answer(408, "the file did not come in time")),
            ),
            (Step::Write(_), Event::Failed(failure)) => {
                self.discard(exchange, Some(Problem::Failed(failure)))
            }
            (Step::Commit(upload), Event::Done) => self.send_stored(exchange, upload),
            (Step::Create { .. } | Step::Commit(_), Event::Failed(failure)) => {
                self.send_store_problem(exchange, Problem::Failed(failure))
            }
            // The client has gone.
            (Step::Continue(_) | Step::Body(_), _) => self.discard(exchange, None),
            (Step::Discard(Some(problem)), _) => self.send_store_problem(exchange, problem),
            _ => Action::End,
        }
    }

    /// Knows what is at the path, and judges the conditions.
    fn judge_store(&mut self, exchange: Exchange, event: Event<'_>) -> Action {
        let current = match event {
            Event::Found(found) if found.kind == FoundKind::File => Some(found.version),
            Event::Found(_) => return self.send_failure(exchange, Failure::IsAFolder, true),
            Event::Failed(Failure::NotFound) => None,
            Event::Failed(failure) => return self.send_failure(exchange, failure, true),
            _ => return Action::End,
        };
        let conditions = &exchange.request.conditions;
        match conditions.judge(current.as_ref(), false, self.now) {
            Verdict::Proceed => {
                let existed = current.is_some();
                self.state = State::Store(exchange, Step::Create { existed });
                Action::Create
            }
            Verdict::Malformed => {
                self.send_problem(exchange, 400, "a condition is no list of tags")
            }
            Verdict::NotModified | Verdict::Failed => {
                self.send_problem(exchange, 412, "the file is another version")
            }
        }
    }

    /// There is a file to store to. A client that waits to be told so is told, unless it has begun.
    fn begin_body(&mut self, mut exchange: Exchange, upload: Upload) -> Action {
        let waits = core::mem::take(&mut exchange.waits);
        if !waits || !self.input.is_empty() {
            return self.take_body(exchange, upload);
        }
        self.state = State::Store(exchange, Step::Continue(upload));
        Action::Send(alloc::format!("HTTP/1.1 100 {}\r\n\r\n", response::reason(100)).into_bytes())
    }

    /// Writes what has come of the body; receives more of it; or ends.
    fn take_body(&mut self, mut exchange: Exchange, mut upload: Upload) -> Action {
        let data = match exchange.take_data(&mut self.input) {
            Ok(data) => data,
            Err(_) => {
                return self.discard(
                    exchange,
                    Some(Problem::Answer(
                        400,
                        "a chunk or trailer is malformed or too long",
                    )),
                );
            }
        };
        upload.bytes = upload.bytes.saturating_add(data.len() as u64);
        if upload.bytes > self.settings.most_upload {
            return self.discard(exchange, Some(TOO_LARGE));
        }
        if !data.is_empty() {
            self.state = State::Store(exchange, Step::Write(upload));
            return Action::Write(data);
        }
        if exchange.body.is_finished() {
            let path = exchange.path.as_str().into();
            self.state = State::Store(exchange, Step::Commit(upload));
            return Action::Commit(path);
        }
        self.state = State::Store(exchange, Step::Body(upload));
        Action::Receive(Patience::Body)
    }

    fn discard(&mut self, exchange: Exchange, problem: Option<Problem>) -> Action {
        self.state = State::Store(exchange, Step::Discard(problem));
        Action::Discard
    }

    fn send_store_problem(&mut self, mut exchange: Exchange, problem: Problem) -> Action {
        match problem {
            Problem::Failed(failure) => self.send_failure(exchange, failure, true),
            Problem::Answer(status, why) => {
                // What a client sent that was late, or wrong, has no end that could be found.
                exchange.closes |= matches!(status, 400 | 408 | 413);
                self.send_problem(exchange, status, why)
            }
        }
    }

    fn send_stored(&mut self, exchange: Exchange, upload: Upload) -> Action {
        if upload.existed {
            let head = self.head(204);
            return self.send_empty(exchange, head);
        }
        let mut head = self.head(201);
        let target = exchange.path.as_target();
        head.field(
            "Location",
            alloc::format!("/files{}", target.trim_end_matches('/')),
        );
        self.send_whole(exchange, head, &[])
    }
}
