//! A connection of a client: one turn of it is to look at what the client has sent, and to carry out one action after the other, until it
//! waits for its client again.

use alloc::sync::Arc;
use alloc::vec::Vec;

use atoll_runtime::{Stream, with_timeout};
use atoll_web::connection::{Action, Connection, Event, Patience};
use atoll_web::lobby::Why;

use super::carry::{Carrier, Received, SENDING};
use super::shared::Shared;

/// How long, in milliseconds, and how much is received and dropped of a peer whose connection ends, so that it gets what was sent before it
/// learns that nobody listens.
const LINGER: u64 = 500;
const MOST_LINGERED: usize = 256 * 1024;

/// A connection, and where it is.
pub struct Client {
    connection: Connection,
    carrier: Carrier,
    /// What was received and not looked at, from the end to the beginning.
    pieces: Vec<Vec<u8>>,
    /// Where its end has begun: until when, in milliseconds, and how much what its peer still sends is dropped.
    lingers: Option<(u64, usize)>,
}

/// What becomes of a client after its turn.
pub enum Next {
    /// It waits for its peer.
    Waits {
        /// Until this time, in milliseconds.
        until: u64,
        /// The peer has begun nothing.
        is_idle: bool,
    },
    /// It is gone.
    Gone,
}

impl Client {
    /// A client that was just accepted; until when it may take for its first request.
    pub fn new(shared: &Arc<Shared>, stream: Stream) -> (Client, u64) {
        let mut connection = Connection::new(shared.settings);
        // It wants to receive.
        let _ = connection.start();
        let mut client = Client {
            connection,
            carrier: Carrier::new(shared, stream),
            pieces: Vec::new(),
            lingers: None,
        };
        let now = shared.milliseconds();
        let left = client.carrier.clock.left(Patience::Idle, now);
        (client, now + left)
    }

    /// Works on the connection until it waits for its peer again, or is gone.
    pub fn go_on(&mut self, why: Why) -> Next {
        if self.lingers.is_some() {
            return self.linger(why);
        }
        let event = match why {
            Why::Ready => self.carrier.receive(&mut self.pieces),
            Why::Late => Received::Late,
        };
        let mut action = self.take(event);
        loop {
            action = match action {
                Action::End => return self.end(),
                Action::Receive(_) if !self.pieces.is_empty() => self.take(Received::Bytes),
                Action::Receive(patience) => {
                    self.carrier.rest();
                    let now = self.carrier.shared.milliseconds();
                    match self.carrier.clock.left(patience, now) {
                        0 => self.take(Received::Late),
                        left => {
                            return Next::Waits {
                                until: now + left,
                                is_idle: patience == Patience::Idle,
                            };
                        }
                    }
                }
                other => {
                    self.tell_facts();
                    self.carrier.carry(&mut self.connection, other)
                }
            };
            let answers = self.connection.take_answers();
            self.carrier.shared.counters.add_answers(answers);
        }
    }

    /// Has the connection look at what was received.
    fn take(&mut self, received: Received) -> Action {
        self.tell_facts();
        let piece = self.pieces.pop();
        let event = match (received, &piece) {
            (Received::Bytes, Some(bytes)) => Event::Received(bytes),
            (Received::Bytes | Received::End, _) => Event::Ended,
            (Received::Late, _) => Event::Late,
        };
        if !matches!(event, Event::Received(_)) {
            self.carrier.peer_has_gone = true;
        }
        self.connection.handle(event)
    }

    /// Tells the connection what it has to know before it makes an answer.
    fn tell_facts(&mut self) {
        let shared = &self.carrier.shared;
        if shared.is_full() {
            self.connection.end_soon();
        }
        if let Some(now) = shared.seconds() {
            self.connection.set_time(now);
        }
    }

    /// Begins the end. What its peer still sends is dropped for a while: closed at once, the connection would be reset, and the peer might
    /// lose the answer.
    fn end(&mut self) -> Next {
        self.carrier.finish();
        let carrier = &self.carrier;
        let shuts = || with_timeout(SENDING, || carrier.stream.shut_down());
        if carrier.peer_has_gone || shuts().wait().is_err() {
            return self.close();
        }
        let until = carrier.shared.milliseconds() + LINGER;
        self.lingers = Some((until, MOST_LINGERED));
        Next::Waits {
            until,
            is_idle: true,
        }
    }

    /// Drops what the peer has sent after the end.
    fn linger(&mut self, why: Why) -> Next {
        self.pieces.clear();
        let received = match why {
            Why::Ready => self.carrier.receive(&mut self.pieces),
            Why::Late => Received::Late,
        };
        let dropped = self.pieces.drain(..).map(|piece| piece.len()).sum();
        let (until, left) = self.lingers.unwrap_or_default();
        let left = left.saturating_sub(dropped);
        self.lingers = Some((until, left));
        match received {
            Received::Bytes if left > 0 => Next::Waits {
                until,
                is_idle: true,
            },
            _ => self.close(),
        }
    }

    fn close(&mut self) -> Next {
        let stream = self.carrier.stream;
        let _ = with_timeout(SENDING, || stream.close()).wait();
        Next::Gone
    }
}
