//! Requests that remove a file or an empty folder.

use super::exchange::Exchange;
use super::{Action, Connection, Event, FoundKind, State};
use crate::conditional::Verdict;

/// What a request that removes waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What is at its path.
    Look,
    /// The end of it.
    Remove,
}

impl Connection {
    pub(super) fn begin_remove(&mut self, exchange: Exchange, step: Step) -> Action {
        if exchange.path.is_root() {
            return self.send_problem(exchange, 403, "the root stays");
        }
        let path = exchange.path.as_str().into();
        self.state = State::Remove(exchange, step);
        Action::Look(path)
    }

    pub(super) fn remove_goes_on(
        &mut self,
        exchange: Exchange,
        step: Step,
        event: Event<'_>,
    ) -> Action {
        match (step, event) {
            (Step::Look, Event::Found(found)) => {
                let is_folder = found.kind == FoundKind::Folder;
                if exchange.path.is_folder() && !is_folder {
                    return self.send_problem(exchange, 404, "this is a file and no folder");
                }
                let conditions = &exchange.request.conditions;
                match conditions.judge(Some(&found.version), false, self.now) {
                    Verdict::Proceed => {
                        let path = exchange.path.as_str().into();
                        self.state = State::Remove(exchange, Step::Remove);
                        Action::Remove(path)
                    }
                    Verdict::Malformed => {
                        self.send_problem(exchange, 400, "a condition is no list of tags")
                    }
                    _ => self.send_problem(exchange, 412, "the file is another version"),
                }
            }
            (Step::Remove, Event::Done) => {
                let head = self.head(204);
                self.send_empty(exchange, head)
            }
            (_, Event::Failed(failure)) => self.send_failure(exchange, failure, false),
            _ => Action::End,
        }
    }
}
