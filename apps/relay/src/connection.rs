//! One connection of a client: its line, the host that it wants, and what both send.

use alloc::sync::Arc;
use core::ops::AddAssign;
use core::time::Duration;

use atoll_relay::copies::{Header, State};
use atoll_relay::line::{Line, Step, Upstream};
use atoll_runtime::splice::{Broken, Kept, Moved, Progress, Sink, Source};
use atoll_runtime::{
    Block, SocketAddress, SocketOption, Splice, Status, Stream, println, try_spawn, with_timeout,
};

use crate::Relay;
use crate::kept::Place;

/// How long a client may take for its line, and a host to take the connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Milliseconds after which a silent peer is asked whether it is there, and after which it is ended where it does not answer.
const OPTIONS: [(SocketOption, u64); 2] = [
    (SocketOption::KeepAlive, 20_000),
    (SocketOption::PeerTimeout, 60_000),
];

/// Blocks that each direction of a connection has at most.
const WINDOW: usize = 16;

/// What was relayed.
#[derive(Clone, Copy, Default)]
pub struct Relayed {
    /// Bytes that hosts took of what clients sent.
    pub there: u64,
    /// Bytes that clients took of what hosts sent.
    pub back: u64,
    /// Bytes that processors copied for both, from and to this process's blocks.
    pub copied: u64,
    /// Bytes of copies.
    pub kept: u64,
}

impl AddAssign for Relayed {
    fn add_assign(&mut self, other: Relayed) {
        self.there += other.there;
        self.back += other.back;
        self.copied += other.copied;
        self.kept += other.kept;
    }
}

/// Relays a connection to its end, and closes it.
pub fn relay(relay: &Relay, client: Stream) -> Relayed {
    let relayed = match begin(relay, client) {
        Ok((upstream, host)) => {
            let relayed = both(relay, client, upstream, host);
            let _ = upstream.close().wait();
            relayed
        }
        Err(reason) => {
            println!("a client is not relayed: {reason}");
            Relayed::default()
        }
    };
    let _ = client.close().wait();
    relayed
}

/// Connects to where a client says.
fn begin(relay: &Relay, client: Stream) -> Result<(Stream, Upstream), &'static str> {
    let host = with_timeout(PATIENCE, || read_line(client))?;
    let Upstream { address, port } = host;
    let connects = with_timeout(PATIENCE, || {
        relay.network.connect(SocketAddress { address, port })
    });
    let upstream = connects
        .wait()
        .map_err(|_| "the host that it named takes no connection")?;
    for stream in [client, upstream] {
        for (option, value) in OPTIONS {
            // A connection without it lives longer than it has to.
            let _ = stream.set(option, value).wait();
        }
    }
    Ok((upstream, host))
}

fn read_line(client: Stream) -> Result<Upstream, &'static str> {
    let mut line = Line::new();
    loop {
        match line.step() {
            Step::Whole(host) => return Ok(host),
            Step::Wrong => return Err("its line is no `a.b.c.d:port`"),
            Step::Needs(most) => {
                let received = client.receive_at_most(most, Block::acquire().alone());
                let blocks = received.wait().map_err(|_| "its line did not come")?;
                match blocks.first().map(Block::bytes) {
                    Some(bytes) if !bytes.is_empty() => {
                        line.add(bytes);
                    }
                    _ => return Err("it ended before its line"),
                }
            }
        }
    }
}

/// One direction: what is relayed, and what stops the other one.
fn splice(from: Stream, to: Sink, own: &Progress, other: &Progress) -> Result<Moved, Broken> {
    let ended = Splice::new(Source::stream(from), to)
        .window(WINDOW)
        .progress(own)
        .run();
    if ended.is_err() {
        other.stop();
    }
    ended
}

/// Relays both directions until both have ended.
fn both(relay: &Relay, client: Stream, upstream: Stream, host: Upstream) -> Relayed {
    let place = relay
        .copies
        .take()
        .and_then(|place| begin_copy(place, host));
    if place.is_none() {
        println!("there is no copy of a connection to {host}; the partition is full");
    }
    let progress = Arc::new([Progress::new(), Progress::new()]);
    let shared = progress.clone();
    let back = try_spawn(move || {
        let [there, back] = &*shared;
        let moved = splice(upstream, Sink::stream(client), back, there);
        if moved.is_ok() {
            let _ = client.shut_down().wait();
        }
        moved
    });
    let Ok(back) = back else {
        println!("a client is not relayed: there is no uthread for it; the plan gives too few");
        return Relayed::default();
    };
    let sink = match &place {
        Some(place) => Sink::tee(upstream, place.store()),
        None => Sink::stream(upstream),
    };
    let [there, other] = &*progress;
    let moved = splice(client, sink, there, other);
    if moved.is_ok() {
        let _ = upstream.shut_down().wait();
    }
    let (sent, kept) = (Sum::of(&moved), kept(&moved));
    if let Some(place) = place {
        end_copy(place, host, kept);
    }
    let back = Sum::of(&back.join());
    println!(
        "relayed {} bytes to {host} and {} back, {} of them kept",
        sent.bytes, back.bytes, kept.bytes
    );
    Relayed {
        there: sent.bytes,
        back: back.bytes,
        copied: sent.copied + back.copied,
        kept: kept.bytes,
    }
}

/// What a splice moved, however it ended.
struct Sum {
    bytes: u64,
    copied: u64,
}

impl Sum {
    fn of(moved: &Result<Moved, Broken>) -> Sum {
        match *moved {
            Ok(Moved { bytes, copied, .. }) => Sum { bytes, copied },
            Err(Broken { moved, copied, .. }) => Sum {
                bytes: moved,
                copied,
            },
        }
    }
}

fn kept(moved: &Result<Moved, Broken>) -> Kept {
    let kept = match moved {
        Ok(moved) => moved.kept,
        Err(broken) => broken.kept,
    };
    kept.unwrap_or(Kept {
        bytes: 0,
        broken: None,
    })
}

/// Has a place be that of a copy; `None` where that cannot be.
fn begin_copy(place: Place, host: Upstream) -> Option<Place> {
    let begun = place.note(Header {
        state: State::Begun,
        upstream: host,
        bytes: 0,
    });
    match begun {
        Ok(()) => Some(place),
        Err(status) => {
            println!("a copy was not begun: {status:?}; look at the log of the driver");
            None
        }
    }
}

/// Notes what has become of a copy.
fn end_copy(place: Place, host: Upstream, kept: Kept) {
    let state = match kept.broken {
        None => State::Whole,
        Some(status) => {
            let reason = match status {
                Status::NoSpace => "its place is full",
                _ => "it was not written; look at the log of the driver",
            };
            println!(
                "the copy of a connection to {host} ends behind {} bytes: {reason}",
                kept.bytes
            );
            State::Cut
        }
    };
    let noted = place.note(Header {
        state,
        upstream: host,
        bytes: kept.bytes,
    });
    if let Err(status) = noted {
        println!("what became of a copy was not noted: {status:?}; look at the log of the driver");
    }
}
