//! Events in any order, as no host sends them.

mod common;

use atoll_web::conditional::Version;
use atoll_web::connection::{Action, Connection, Event, Failure, Found, FoundKind};
use atoll_web::listing::Entries;
use atoll_web::metrics::Node;
use common::SETTINGS;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What is told next: what the action waits for, or something else.
#[derive(Clone, Copy, Debug)]
enum Told {
    Right,
    Ended,
    Late,
    Done,
    Failed,
    Found,
    Listed,
    Measured,
}

const REQUESTS: &[&[u8]] = &[
    b"GET /files/a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /files/a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
    b"DELETE /files/a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    b"PUT /files/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    b"hello",
];

const FOUND: Found = Found {
    kind: FoundKind::File,
    version: Version {
        length: u64::MAX,
        modified: Some(u64::MAX),
        edition: 0,
    },
};

proptest! {
    /// A connection whose host is wrong ends; it neither panics nor goes on after its end, and what it has created it commits or discards
    /// once at most.
    #[test]
    fn any_events(
        requests in vec(select(REQUESTS.to_vec()), 1..6),
        told in vec(prop_oneof![
            6 => Just(Told::Right),
            1 => select(vec![Told::Ended, Told::Late, Told::Done, Told::Failed, Told::Found, Told::Listed, Told::Measured]),
        ], 0..60),
    ) {
        let (entries, node) = (Entries::default(), Node::default());
        let mut connection = Connection::new(SETTINGS);
        let mut action = connection.start();
        let mut requests = requests.iter().cycle();
        let mut has_file = false;
        for told in told {
            let right = match &action {
                Action::Receive(_) => Event::Received(requests.next().unwrap()),
                Action::Open(_) | Action::Look(_) => Event::Found(FOUND),
                Action::List => Event::Listed(&entries),
                Action::Measure => Event::Measured(&node),
                _ => Event::Done,
            };
            let event = match told {
                Told::Right => right,
                Told::Ended => Event::Ended,
                Told::Late => Event::Late,
                Told::Done => Event::Done,
                Told::Failed => Event::Failed(Failure::Busy),
                Told::Found => Event::Found(FOUND),
                Told::Listed => Event::Listed(&entries),
                Told::Measured => Event::Measured(&node),
            };
            let is_created = action == Action::Create && matches!(event, Event::Done);
            let was_over = action == Action::End;
            action = connection.handle(event);
            has_file |= is_created;
            prop_assert!(!was_over || action == Action::End);
            match &action {
                Action::Create => prop_assert!(!has_file),
                Action::Write(bytes) => prop_assert!(has_file && !bytes.is_empty()),
                Action::Commit(_) | Action::Discard => {
                    prop_assert!(has_file);
                    has_file = false;
                }
                Action::SendFile { offset, length } => {
                    prop_assert!(*length > 0 && offset.checked_add(*length).is_some());
                }
                _ => {}
            }
        }
    }
}
