//! Requests that read: files, folders, figures, and the page.

use alloc::format;

use super::exchange::Exchange;
use super::{Action, After, Connection, Event, Found, FoundKind, State};
use crate::conditional::Verdict;
use crate::date;
use crate::listing::Entries;
use crate::mime;
use crate::page::Asset;
use crate::range::{self, Wanted};
use crate::request::{Method, Target};
use crate::response::Head;

/// What a request that reads waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What is at its path.
    Open,
    /// The entries of the folder there.
    List,
    /// The node, to be shown as JSON.
    Json,
    /// The node, to be shown to Prometheus.
    Prometheus,
}

impl Connection {
    pub(super) fn read_goes_on(
        &mut self,
        exchange: Exchange,
        step: Step,
        event: Event<'_>,
    ) -> Action {
        match (step, event) {
            (Step::Open, Event::Found(found)) => match (found.kind, exchange.path.is_folder()) {
                (FoundKind::Folder, true) => {
                    self.state = State::Read(exchange, Step::List);
                    Action::List
                }
                (FoundKind::Folder, false) => self.send_slash(exchange),
                (FoundKind::File, false) => self.send_file(exchange, &found),
                (FoundKind::File, true) => {
                    self.send_problem(exchange, 404, "this is a file and no folder")
                }
                (FoundKind::Other, _) => {
                    self.send_problem(exchange, 403, "this is neither a file nor a folder")
                }
            },
            (Step::List, Event::Listed(entries)) => self.send_listing(exchange, entries),
            (Step::Json, Event::Measured(node)) => {
                self.send_figures(exchange, "application/json", node.to_json().as_bytes())
            }
            (Step::Prometheus, Event::Measured(node)) => {
                let text = node.to_prometheus();
                self.send_figures(
                    exchange,
                    "text/plain; version=0.0.4; charset=utf-8",
                    text.as_bytes(),
                )
            }
            (_, Event::Failed(failure)) => self.send_failure(exchange, failure, false),
            _ => Action::End,
        }
    }

    /// The page of a folder has links that begin at the folder: it is asked for with a slash.
    fn send_slash(&mut self, exchange: Exchange) -> Action {
        let mut head = self.head(308);
        head.field("Location", format!("/files{}", exchange.path.as_target()));
        self.send_problem_with(exchange, head, "this is a folder")
    }

    fn send_file(&mut self, exchange: Exchange, found: &Found) -> Action {
        let version = &found.version;
        let conditions = &exchange.request.conditions;
        match conditions.judge(Some(version), true, self.now) {
            Verdict::Proceed => {}
            Verdict::NotModified => {
                let mut head = self.head(304);
                describe(&mut head, found);
                return self.send_empty(exchange, head);
            }
            Verdict::Failed => {
                return self.send_problem(exchange, 412, "the file is another version");
            }
            Verdict::Malformed => {
                return self.send_problem(exchange, 400, "a condition is no list of tags");
            }
        }
        let wanted = match &exchange.request.range {
            Some(range)
                if exchange.request.method == Method::Get
                    && conditions.range_holds(version, self.now) =>
            {
                range::wanted(range, version.length)
            }
            _ => Wanted::Whole,
        };
        let all = version.length;
        let (status, offset, length) = match wanted {
            Wanted::Whole => (200, 0, all),
            Wanted::Part { offset, length } => (206, offset, length),
            Wanted::Nothing => {
                let mut head = self.head(416);
                head.field("Content-Range", format!("bytes */{all}"));
                return self.send_problem_with(exchange, head, "the file is shorter than that");
            }
        };
        let mut head = self.head(status);
        describe(&mut head, found);
        head.field("Content-Type", mime::of(exchange.path.name()));
        head.field("Content-Length", length);
        if status == 206 {
            let last = offset + length - 1;
            head.field("Content-Range", format!("bytes {offset}-{last}/{all}"));
        }
        let after = match length > 0 && !exchange.is_head() {
            true => After::File { offset, length },
            false => After::Request,
        };
        self.send(exchange, head, &[], after)
    }

    fn send_listing(&mut self, exchange: Exchange, entries: &Entries) -> Action {
        let asks = match &exchange.request.target {
            Target::Path { query, .. } => query.as_deref(),
            Target::Server => None,
        };
        let is_json = match asks {
            Some("json") => true,
            Some("html") => false,
            _ => exchange.request.prefers_json,
        };
        let mut head = self.head(200);
        head.field("Cache-Control", "no-cache");
        head.field("Vary", "Accept");
        let (mime, body) = match is_json {
            true => ("application/json", entries.to_json(&exchange.path)),
            false => ("text/html; charset=utf-8", entries.to_html(&exchange.path)),
        };
        head.field("Content-Type", mime);
        head.policy();
        self.send_whole(exchange, head, body.as_bytes())
    }

    fn send_figures(&mut self, exchange: Exchange, mime: &str, body: &[u8]) -> Action {
        let mut head = self.head(200);
        head.field("Content-Type", mime);
        head.field("Cache-Control", "no-store");
        self.send_whole(exchange, head, body)
    }

    /// Sends a part of the page.
    pub(super) fn send_asset(&mut self, exchange: Exchange, asset: &Asset) -> Action {
        let tag = asset.tag();
        let is_known = exchange.request.conditions.knows_tag(&tag);
        let mut head = self.head(if is_known { 304 } else { 200 });
        head.field("ETag", tag);
        head.field("Cache-Control", "no-cache");
        if is_known {
            return self.send_empty(exchange, head);
        }
        head.field("Content-Type", asset.mime);
        head.policy();
        self.send_whole(exchange, head, asset.bytes)
    }
}

/// What answers about a version of a file say of it, whether they have it or not.
fn describe(head: &mut Head, found: &Found) {
    head.field("ETag", found.version.tag());
    if let Some(modified) = found.version.modified {
        head.field("Last-Modified", date::format(modified));
    }
    head.field("Accept-Ranges", "bytes");
    head.field("Cache-Control", "no-cache");
}
