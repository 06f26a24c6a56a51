//! A connection's uthread: it carries out one action after the other.

use core::sync::atomic::Ordering;
use core::time::Duration;

use atoll_runtime::splice::{Sink, Source};
use atoll_runtime::{
    BLOCK_SIZE, Block, Blocks, MAX_CALL_BLOCKS, Splice, Status, Stream, with_timeout,
};
use atoll_web::connection::{Action, Connection, Event, Failure, Found, Patience};
use atoll_web::patience::Clock;

use super::measure;
use super::shared::Shared;
use super::tree::Tree;
use super::upload::Upload;

/// How long a peer may take to have room for what one call sends.
const SENDING: Duration = Duration::from_secs(10);

/// How long, and how much, is received and dropped of a peer whose connection ends, so that it gets what was sent before it learns that
/// nobody listens.
const LINGER: Duration = Duration::from_millis(500);
const MOST_LINGERED: usize = 256 * 1024;

/// Blocks that sending a file has at a time. Beyond the first one it has only what is free.
const WINDOW: usize = 16;

/// A connection, and what it has.
struct Carrier<'s> {
    shared: &'s Shared,
    stream: Stream,
    clock: Clock,
    tree: Tree,
    upload: Option<Upload>,
    /// The peer has said that it sends nothing more, has reset the connection, or is waited for no longer.
    peer_has_gone: bool,
}

/// Serves a connection until it ends.
pub fn serve(shared: &Shared, stream: Stream) {
    let mut connection = Connection::new(shared.settings);
    let mut carrier = Carrier {
        shared,
        stream,
        clock: Clock::default(),
        tree: Tree::new(shared.volume),
        upload: None,
        peer_has_gone: false,
    };
    let mut action = connection.start();
    while action != Action::End {
        if shared.is_full() {
            connection.end_soon();
        }
        if let Some(now) = shared.seconds() {
            connection.set_time(now);
        }
        action = carrier.carry(&mut connection, action);
        shared.counters.add_answers(connection.take_answers());
    }
    carrier.end();
}

impl Carrier<'_> {
    fn open(&mut self, path: &str) -> Result<Found, Failure> {
        let shared = self.shared;
        self.tree.open(&shared.editions, path, shared.seconds())
    }

    /// Carries an action out; the next one.
    fn carry(&mut self, connection: &mut Connection, action: Action) -> Action {
        if !matches!(action, Action::Receive(_) | Action::Write(_)) {
            self.clock.restart();
        }
        match action {
            Action::Receive(patience) => {
                self.tree.close();
                self.receive(connection, patience)
            }
            Action::Send(bytes) => connection.handle(event(self.send(&bytes))),
            Action::Open(path) => {
                let found = self.open(&path);
                connection.handle(found.map_or_else(Event::Failed, Event::Found))
            }
            Action::Look(path) => {
                let found = self.open(&path);
                self.tree.close();
                connection.handle(found.map_or_else(Event::Failed, Event::Found))
            }
            Action::SendFile { offset, length } => {
                let sent = self.send_file(offset, length);
                connection.handle(event(sent))
            }
            Action::List => match self.tree.list() {
                Ok(entries) => connection.handle(Event::Listed(&entries)),
                Err(failure) => connection.handle(Event::Failed(failure)),
            },
            Action::Measure => connection.handle(Event::Measured(&measure::node(self.shared))),
            Action::Create => {
                let begun = Upload::begin(self.shared.volume, &self.shared.upload_name());
                let begun = begun.map(|upload| self.upload = Some(upload));
                connection.handle(event(begun))
            }
            Action::Write(bytes) => {
                let written = match &mut self.upload {
                    Some(upload) => upload.write(&bytes),
                    None => Err(Failure::Other),
                };
                connection.handle(event(written))
            }
            Action::Commit(path) => {
                let committed = match self.upload.take() {
                    Some(upload) => upload.commit(&self.shared.editions, &path),
                    None => Err(Failure::Other),
                };
                connection.handle(event(committed))
            }
            Action::Discard => {
                self.discard();
                connection.handle(Event::Done)
            }
            Action::Remove(path) => {
                let removed = self.tree.remove(&self.shared.editions, &path);
                connection.handle(event(removed))
            }
            Action::End => Action::End,
        }
    }

    /// Receives for as long as the client has left. No other block is held meanwhile, so that connections never wait for each other's.
    fn receive(&mut self, connection: &mut Connection, patience: Patience) -> Action {
        let left = self.clock.left(patience, self.shared.milliseconds());
        if left == 0 {
            self.peer_has_gone = true;
            return connection.handle(Event::Late);
        }
        let block = Block::acquire();
        let receives = with_timeout(Duration::from_millis(left), || self.stream.receive(block));
        match receives.wait() {
            Ok(block) if !block.bytes().is_empty() => {
                let bytes = block.bytes();
                self.clock.received(bytes.len());
                let count = &self.shared.counters.received;
                count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                connection.handle(Event::Received(bytes))
            }
            Err(error) if error.status == Status::TimedOut => {
                self.peer_has_gone = true;
                connection.handle(Event::Late)
            }
            _ => {
                self.peer_has_gone = true;
                connection.handle(Event::Ended)
            }
        }
    }

    /// Sends bytes, as many in a call as there are blocks free.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (length, blocks) = fill(rest);
            let sends = with_timeout(SENDING, || self.stream.send(length, blocks));
            if sends.wait().is_err() {
                self.peer_has_gone = true;
                return Err(Failure::Other);
            }
            self.count_sent(length as u64);
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends a part of the open file: from the device's block to the network, without a copy here.
    fn send_file(&mut self, offset: u64, length: u64) -> Result<(), Failure> {
        let file = self.tree.file().ok_or(Failure::Other)?;
        let splice = Splice::new(Source::file(file, offset), Sink::stream(self.stream));
        let splice = splice.length(length).window(WINDOW).patience(SENDING);
        let moved = splice.run().map_or_else(|it| it.moved, |it| it.bytes);
        self.count_sent(moved);
        match moved == length {
            true => Ok(()),
            false => Err(Failure::Other),
        }
    }

    fn count_sent(&self, bytes: u64) {
        let count = &self.shared.counters.sent;
        count.fetch_add(bytes, Ordering::Relaxed);
    }

    fn discard(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.discard();
        }
    }

    /// Closes the connection. What its peer still sends is dropped for a while: closed at once, the connection would be reset, and the
    /// peer might lose the answer.
    fn end(mut self) {
        self.discard();
        self.tree.close();
        let shuts = || with_timeout(SENDING, || self.stream.shut_down());
        if !self.peer_has_gone && shuts().wait().is_ok() {
            let until = self.shared.milliseconds() + LINGER.as_millis() as u64;
            let mut dropped = 0;
            while dropped < MOST_LINGERED {
                let left = until.saturating_sub(self.shared.milliseconds());
                if left == 0 {
                    break;
                }
                let block = Block::acquire();
                let left = Duration::from_millis(left);
                match with_timeout(left, || self.stream.receive(block)).wait() {
                    Ok(block) if !block.bytes().is_empty() => dropped += block.bytes().len(),
                    _ => break,
                }
            }
        }
        let _ = with_timeout(SENDING, || self.stream.close()).wait();
    }
}

fn event(result: Result<(), Failure>) -> Event<'static> {
    match result {
        Ok(()) => Event::Done,
        Err(failure) => Event::Failed(failure),
    }
}

/// Blocks with the first of these bytes, and how many those are. It waits for one block, and takes more where they are free.
pub fn fill(bytes: &[u8]) -> (usize, Blocks) {
    let mut blocks = Blocks::new();
    let mut length = 0;
    for part in bytes.chunks(BLOCK_SIZE).take(MAX_CALL_BLOCKS) {
        let block = match length {
            0 => Some(Block::acquire()),
            _ => Block::try_acquire(),
        };
        let Some(mut block) = block else {
            break;
        };
        if let Some(to) = block.bytes_mut().get_mut(..part.len()) {
            to.copy_from_slice(part);
        }
        length += part.len();
        // No more than a call may have.
        let _ = blocks.push(block);
    }
    (length, blocks)
}
