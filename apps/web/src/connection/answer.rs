//! Answers that are sent at once.

use alloc::string::String;
use alloc::vec::Vec;

use super::exchange::Exchange;
use super::{Action, After, Connection, Failure, State};
use crate::page;
use crate::response::{self, Head};

const HTML: &str = "text/html; charset=utf-8";

impl Connection {
    /// A head with this status.
    pub(super) fn head(&self, status: u16) -> Head {
        Head::new(status, self.now)
    }

    /// Sends a head, and what is to follow it. The connection ends then where the client wants that, others wait for it, or the next request
    /// cannot be found.
    pub(super) fn send(
        &mut self,
        mut exchange: Exchange,
        head: Head,
        body: &[u8],
        after: After,
    ) -> Action {
        self.count(head.status());
        exchange.closes |= self.is_last || !exchange.can_go_on();
        let mut bytes = head
            .end(exchange.closes, exchange.request.is_old)
            .into_bytes();
        if !exchange.is_head() {
            bytes.extend_from_slice(body);
        }
        self.state = State::Answer(exchange, after);
        Action::Send(bytes)
    }

    /// Sends an answer that has a body.
    pub(super) fn send_whole(&mut self, exchange: Exchange, mut head: Head, body: &[u8]) -> Action {
        head.field("Content-Length", body.len());
        self.send(exchange, head, body, After::Request)
    }

    /// Sends an answer that has none, and no length.
    pub(super) fn send_empty(&mut self, exchange: Exchange, head: Head) -> Action {
        self.send(exchange, head, &[], After::Request)
    }

    /// Says what is wrong.
    pub(super) fn send_problem(&mut self, exchange: Exchange, status: u16, why: &str) -> Action {
        let head = self.head(status);
        self.send_problem_with(exchange, head, why)
    }

    /// Says what is wrong, with a head that has fields of its own.
    pub(super) fn send_problem_with(
        &mut self,
        exchange: Exchange,
        mut head: Head,
        why: &str,
    ) -> Action {
        let body = problem(&mut head, why);
        self.send_whole(exchange, head, body.as_bytes())
    }

    /// Says why something was not done. `changes` tells whether the request was to change something: then what is in the way contradicts
    /// it.
    pub(super) fn send_failure(
        &mut self,
        exchange: Exchange,
        failure: Failure,
        changes: bool,
    ) -> Action {
        let (status, why) = match (failure, changes) {
            (Failure::NotFound | Failure::NotAFolder, false) => {
                (404, "there is no file of that name on the volume")
            }
            (Failure::NotFound, true) => (409, "the folder of that file does not exist"),
            (Failure::NotAFolder, true) => (409, "a file stands where a folder has to be"),
            (Failure::IsAFolder, _) => (409, "a folder stands where a file has to be"),
            (Failure::NotEmpty, _) => (409, "the folder is not empty"),
            (Failure::ReadOnly, _) => (403, "the volume can only be read"),
            (Failure::Full, _) => (507, "the volume is full"),
            (Failure::Busy, _) => (503, "the files cannot be reached now; try again"),
            (Failure::Other, _) => (500, "the volume has failed"),
        };
        let mut head = self.head(status);
        if status == 503 {
            head.field("Retry-After", 1);
        }
        self.send_problem_with(exchange, head, why)
    }

    /// Says why the bytes of the client are no request that can be answered, and ends the connection.
    pub(super) fn refuse(&mut self, status: u16, why: &str) -> Action {
        self.count(status);
        let mut head = self.head(status);
        let body = problem(&mut head, why);
        head.field("Content-Length", body.len());
        let mut bytes: Vec<u8> = head.end(true, false).into_bytes();
        bytes.extend_from_slice(body.as_bytes());
        // Nobody knows what the rest is.
        self.input = Vec::new();
        self.state = State::Refuse;
        Action::Send(bytes)
    }

    fn count(&mut self, status: u16) {
        let class = usize::from(status / 100).wrapping_sub(1);
        if let Some(count) = self.answers.get_mut(class) {
            *count += 1;
        }
    }
}

/// The page that says what is wrong.
fn problem(head: &mut Head, why: &str) -> String {
    head.field("Content-Type", HTML);
    head.policy();
    head.field("Cache-Control", "no-store");
    page::problem(head.status(), response::reason(head.status()), why)
}
