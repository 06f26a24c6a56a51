//! Who answers a request.

use alloc::format;

use super::exchange::Exchange;
use super::{Action, Connection, State, read, remove, store};
use crate::page;
use crate::path::FilePath;
use crate::request::{Method, Target};

/// Where the files of the volume are.
const FILES: &str = "/files";

impl Connection {
    /// Takes a request to whoever answers it.
    pub(super) fn route(&mut self, exchange: Exchange) -> Action {
        let method = exchange.request.method;
        if method == Method::Unknown {
            return self.send_problem(exchange, 501, "this method is not known here");
        }
        let Target::Path { path, query } = exchange.request.target.clone() else {
            return self.send_options(exchange, Method::ALLOWED);
        };
        if path == FILES && method.is_read() {
            let mut head = self.head(308);
            let slash = if query.is_some() { "/?" } else { "/" };
            head.field(
                "Location",
                format!("{FILES}{slash}{}", query.unwrap_or_default()),
            );
            return self.send_problem_with(exchange, head, "the files are a folder");
        }
        match path.strip_prefix(FILES) {
            Some(file) if file.starts_with('/') => self.route_file(exchange, file),
            _ => self.route_own(exchange, &path),
        }
    }

    /// A request about a file.
    fn route_file(&mut self, mut exchange: Exchange, target: &str) -> Action {
        let path = match FilePath::decode(target) {
            Ok(path) => path,
            Err(error) => return self.send_problem(exchange, 400, &format!("{error}")),
        };
        exchange.path = path;
        match exchange.request.method {
            Method::Get | Method::Head => {
                let path = exchange.path.as_str().into();
                self.state = State::Read(exchange, read::Step::Open);
                Action::Open(path)
            }
            Method::Put => self.begin_store(exchange, store::Step::Look),
            Method::Delete => self.begin_remove(exchange, remove::Step::Look),
            Method::Options => self.send_options(exchange, Method::ALLOWED),
            Method::NotAllowed | Method::Unknown => {
                self.send_not_allowed(exchange, Method::ALLOWED)
            }
        }
    }

    /// A request about what the server has itself.
    fn route_own(&mut self, exchange: Exchange, path: &str) -> Action {
        let step = match path {
            "/metrics.json" => Some(read::Step::Json),
            "/metrics" => Some(read::Step::Prometheus),
            _ => None,
        };
        let asset = page::asset(path);
        if step.is_none() && asset.is_none() {
            return self.send_problem(exchange, 404, "there is nothing at this path");
        }
        match (exchange.request.method, step, asset) {
            (Method::Get | Method::Head, Some(step), _) => {
                self.state = State::Read(exchange, step);
                Action::Measure
            }
            (Method::Get | Method::Head, _, Some(asset)) => self.send_asset(exchange, &asset),
            (Method::Options, ..) => self.send_options(exchange, Method::ALLOWED_TO_READ),
            _ => self.send_not_allowed(exchange, Method::ALLOWED_TO_READ),
        }
    }

    fn send_options(&mut self, exchange: Exchange, allowed: &str) -> Action {
        let mut head = self.head(204);
        head.field("Allow", allowed);
        self.send_empty(exchange, head)
    }

    fn send_not_allowed(&mut self, exchange: Exchange, allowed: &str) -> Action {
        let mut head = self.head(405);
        head.field("Allow", allowed);
        self.send_problem_with(
            exchange,
            head,
            "this cannot be done with what is at this path",
        )
    }
}
