//! A service that answers each call at once, among fake links.

use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Actions, Event, Service};
use atoll_service::{Host, NoMemory};
use atoll_test_support::link::FakeLink;

/// Answers each call at once, and records what it is told. A call with a count asks the upstream.
#[derive(Default)]
pub struct Echo {
    events: Vec<String>,
    /// Of this ring something is under way.
    pub busy: std::rc::Rc<std::cell::Cell<Option<usize>>>,
}

impl Service for Echo {
    fn room(&self, _: usize, free: usize) -> usize {
        free.min(4)
    }

    fn is_quiet(&self, ring: usize) -> bool {
        self.busy.get() != Some(ring)
    }

    fn is_busy(&self) -> bool {
        self.busy.get().is_some()
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Calls { ring, calls } => {
                for call in calls {
                    if call.count > 0 {
                        actions.call(&[atoll_abi::message::Payload::to_message(call)]);
                    }
                    let done = Completion::of(call, Status::Done, [ring as u64, 0]);
                    actions.complete(ring, &[done]);
                }
            }
            Event::Completions(completions) => {
                self.events.push(format!("answered {}", completions.len()));
            }
            Event::Start => self.events.push("start".to_owned()),
            Event::ClientLost { ring } => self.events.push(format!("lost {ring}")),
            Event::ClientConnected { ring, generation } => {
                self.events
                    .push(format!("connected {ring} in {generation}"));
            }
            Event::UpstreamLost(loss) => self.events.push(format!("upstream lost by {loss:?}")),
            Event::UpstreamConnected => self.events.push("upstream connected".to_owned()),
            Event::Device => self.events.push("device".to_owned()),
            Event::Time => self.events.push("time".to_owned()),
        }
    }
}

pub type Echoes = Host<Echo, FakeLink, NoMemory>;

/// A host with so many clients, the clients' links, and the upstream's.
pub fn host(clients: usize) -> (Echoes, Vec<FakeLink>, FakeLink) {
    let links: Vec<FakeLink> = (0..clients).map(|_| FakeLink::default()).collect();
    let upstream = FakeLink::default();
    let mut host = Host::new(
        Echo::default(),
        links.clone(),
        Some(upstream.clone()),
        NoMemory,
    );
    host.start([]);
    (host, links, upstream)
}

pub fn call(count: u16) -> Syscall {
    Syscall {
        count,
        ..Syscall::EMPTY
    }
}

/// Turns until there is nothing to do.
pub fn rest(host: &mut Echoes) {
    while host.turn() {}
}

pub fn events(host: &Echoes) -> Vec<&str> {
    host.service().events.iter().map(String::as_str).collect()
}
