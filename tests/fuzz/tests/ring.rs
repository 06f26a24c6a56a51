//! Ring state: a peer that writes any word at any place between two operations of an honest side. What the honest side
//! gets is a message or a typed error, its counts stay in bounds, and it comes to an end.

use atoll_abi::message::{MESSAGE_WORDS, Message};
use atoll_channel::{CAPACITY, Endpoint, PeerFault, SendError, Side};
use atoll_component_tests::window::{Attached, Window};
use atoll_fuzz::{Script, Seen, scribble};

const RUNS: usize = 4000;
const BYTES: usize = 1500;

/// What an honest side knows of its end: a fault is for good until the channel begins anew.
#[derive(Default)]
struct Closed {
    fault: Option<PeerFault>,
    /// Messages that had gone by when it began.
    begun: u64,
}

impl Closed {
    fn see<T: Copy>(&mut self, result: Result<T, PeerFault>, seen: &Seen) -> Option<T> {
        match (self.fault, result) {
            (Some(before), Err(now)) => assert_eq!(now, before, "a closed end fails as it did"),
            (Some(before), Ok(_)) => panic!("an end that was closed by {before} works again"),
            (None, Err(now)) => {
                assert!(!now.to_string().is_empty());
                seen.note("refused");
                self.fault = Some(now);
            }
            (None, Ok(value)) => return Some(value),
        }
        None
    }
}

/// One of the things that every side does now and then.
fn common(
    endpoint: &mut Endpoint,
    count: fn(&Endpoint) -> u64,
    closed: &mut Closed,
    script: &mut Script,
    seen: &Seen,
) {
    match script.below(8) {
        0..3 => {
            let alive = endpoint.reattach();
            seen.note(if alive { "reattached" } else { "peer dead" });
            assert!(!endpoint.receiver.peer_changed());
            *closed = Closed {
                fault: None,
                begun: count(endpoint),
            };
        }
        3 if script.once_in(8) => endpoint.close(),
        4 => endpoint.receiver.note_latency(script.raw()),
        _ => {
            let _ = (endpoint.receiver.telemetry(), endpoint.sender.telemetry());
            let _ = (endpoint.receiver.peer_dead(), endpoint.generation());
        }
    }
}

/// Takes all that is there: no more than a ring holds, if the peer does not write meanwhile.
fn drain(endpoint: &mut Endpoint, closed: &mut Closed, seen: &Seen) {
    for _ in 0..=CAPACITY {
        match closed.see(endpoint.receiver.receive(), seen) {
            Some(Some(_)) => seen.note("accepted"),
            Some(None) | None => return,
        }
    }
    panic!("a ring gives more messages than it has slots");
}

fn receive(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let window = Window::new();
    let mut peer = window.attach(Side::First);
    let mut attached = window.attach(Side::Second);
    let mut closed = Closed::default();
    while !script.is_done() {
        let endpoint = attached.endpoint();
        let before = endpoint.receiver.received();
        let mut taken = 0;
        // An end that is closed is soon begun anew, so that there is more to see.
        let act = script.below(if closed.fault.is_some() { 20 } else { 16 });
        let index = before - closed.begun;
        match act {
            0..4 => scribble(&window, &mut script, endpoint.generation(), index),
            4..7 => drop(peer.endpoint().sender.send(&script.message())),
            7 => {
                let _ = peer.endpoint().sender.stage(&[[1; MESSAGE_WORDS]; 3]);
            }
            8 => come_and_go(&window, &mut peer, &mut script),
            9 => {
                if let Some(Some(_)) = closed.see(endpoint.receiver.receive(), seen) {
                    seen.note("accepted");
                    taken = 1;
                }
            }
            10 => {
                let mut into = vec![[0; MESSAGE_WORDS]; 1 + script.below(100)];
                if let Some(count) = closed.see(endpoint.receiver.receive_batch(&mut into), seen) {
                    assert!(count <= into.len().min(CAPACITY));
                    seen.add("accepted", count as u64);
                    taken = count as u64;
                }
            }
            11 => {
                if let Some(Some(_)) = closed.see(endpoint.receiver.peek(), seen) {
                    // Between the two a peer may write what it likes.
                    if script.once_in(2) {
                        scribble(&window, &mut script, endpoint.generation(), index);
                    }
                    endpoint.receiver.advance();
                    taken = 1;
                }
            }
            12..14 => {
                let armed = endpoint.receiver.arm();
                if closed.see(armed, seen) == Some(true) {
                    seen.note("asleep");
                }
                if script.once_in(2) {
                    scribble(&window, &mut script, endpoint.generation(), index);
                }
                endpoint.receiver.disarm();
            }
            14 => {
                drain(endpoint, &mut closed, seen);
                continue;
            }
            _ => common(
                endpoint,
                |end| end.receiver.received(),
                &mut closed,
                &mut script,
                seen,
            ),
        }
        assert_eq!(attached.endpoint().receiver.received(), before + taken);
    }
    drain(attached.endpoint(), &mut closed, seen);
}

/// The peer dies, is said to be dead, or comes back.
fn come_and_go(window: &std::sync::Arc<Window>, peer: &mut Attached, script: &mut Script) {
    match script.below(4) {
        0 => window.announce_lost(Side::First),
        1 => *peer = window.attach_again(Side::First),
        2 => peer.endpoint().close(),
        _ => drop(peer.endpoint().reattach()),
    }
}

fn send(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let window = Window::new();
    let mut peer = window.attach(Side::First);
    let mut attached = window.attach(Side::Second);
    let mut closed = Closed::default();
    let messages: [Message; 100] = [[7; MESSAGE_WORDS]; 100];
    while !script.is_done() {
        let endpoint = attached.endpoint();
        let sender = &mut endpoint.sender;
        let before = sender.sent();
        let mut sent = 0;
        let act = script.below(if closed.fault.is_some() { 20 } else { 16 });
        let index = before - closed.begun;
        match act {
            0..4 => scribble(&window, &mut script, endpoint.generation(), index),
            4..6 => drop(peer.endpoint().receiver.receive()),
            6 => drop(peer.endpoint().receiver.arm()),
            7 => come_and_go(&window, &mut peer, &mut script),
            8 => sent = count_accepted(sender.send(&messages[0]).map(|_| 1), &mut closed, seen),
            9..11 => {
                let wanted = script.below(messages.len());
                let result = sender.send_batch(&messages[..wanted]);
                sent = count_accepted(result.map(|(count, _)| count), &mut closed, seen);
                assert!(sent <= wanted);
            }
            11 => {
                let wanted = script.below(messages.len());
                let result = sender.stage(&messages[..wanted]);
                let publishes = script.once_in(2);
                let result = result.map(|staged| if publishes { staged.publish().0 } else { 0 });
                sent = count_accepted(result, &mut closed, seen);
            }
            12..14 => {
                if let Some(free) = closed.see(sender.free(), seen) {
                    assert!(free <= CAPACITY);
                    // Exactly as many fit as there was said to be room for.
                    let result = sender.send_batch(&messages);
                    let wanted = count_accepted(result.map(|(count, _)| count), &mut closed, seen);
                    assert!(
                        closed.fault.is_some() || wanted == free,
                        "{wanted} of {free}"
                    );
                    sent = wanted;
                }
            }
            14 => sender.note_doorbell(),
            _ => common(
                endpoint,
                |end| end.sender.sent(),
                &mut closed,
                &mut script,
                seen,
            ),
        }
        assert!(sent <= CAPACITY);
        assert_eq!(attached.endpoint().sender.sent(), before + sent as u64);
    }
}

/// How many messages a send took.
fn count_accepted(result: Result<usize, SendError>, closed: &mut Closed, seen: &Seen) -> usize {
    let result = match result {
        Err(SendError::Full) => {
            seen.note("full");
            Ok(0)
        }
        Err(SendError::Peer(fault)) => Err(fault),
        Ok(count) => Ok(count),
    };
    let count = closed.see(result, seen).unwrap_or(0);
    seen.add("accepted", count as u64);
    count
}

#[test]
fn a_hostile_producer() {
    let seen = Seen::new();
    bolero::check!()
        .with_iterations(RUNS)
        .with_generator(bolero::produce::<Vec<u8>>().with().len(0..=BYTES))
        .for_each(|bytes| receive(bytes, &seen));
    seen.require(
        "a_hostile_producer",
        &["accepted", "refused", "asleep", "reattached", "peer dead"],
    );
}

#[test]
fn a_hostile_consumer() {
    let seen = Seen::new();
    bolero::check!()
        .with_iterations(RUNS)
        .with_generator(bolero::produce::<Vec<u8>>().with().len(0..=BYTES))
        .for_each(|bytes| send(bytes, &seen));
    seen.require(
        "a_hostile_consumer",
        &["accepted", "refused", "full", "reattached", "peer dead"],
    );
}
