//! What a connection wants done, done.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;

use atoll_runtime::splice::{Sink, Source};
use atoll_runtime::{BLOCK_SIZE, Block, Blocks, MAX_CALL_BLOCKS, Splice, Stream, with_timeout};
use atoll_web::connection::{Action, Connection, Event, Failure, Found};
use atoll_web::patience::Clock;

use super::measure;
use super::shared::Shared;
use super::tree::Tree;
use super::upload::Upload;

/// How long a peer may take to have room for what one call sends.
pub const SENDING: Duration = Duration::from_secs(10);

/// How long the service may take to give what it said that there is.
const RECEIVING: Duration = Duration::from_secs(10);

/// Blocks that sending a file has at a time: pieces of 64 KiB, of which each takes a call of the file and one of the connection. Beyond the
/// first block it has only what is free.
const WINDOW: usize = 64;

/// What carries out what a connection wants done.
pub struct Carrier {
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// The connection's stream.
    pub stream: Stream,
    /// How much time the peer has left.
    pub clock: Clock,
    tree: Tree,
    upload: Option<Upload>,
    /// The peer has said that it sends nothing more, has reset the connection, or is waited for no longer.
    pub peer_has_gone: bool,
}

/// What came of receiving.
#[derive(Clone, Copy)]
pub enum Received {
    /// Bytes.
    Bytes,
    /// The peer sends nothing more.
    End,
    /// Nothing, in the time that the peer had.
    Late,
}

impl Carrier {
    /// That of a connection of which nothing was received.
    pub fn new(shared: &Arc<Shared>, stream: Stream) -> Carrier {
        Carrier {
            shared: shared.clone(),
            stream,
            clock: Clock::default(),
            tree: Tree::new(shared.volume),
            upload: None,
            peer_has_gone: false,
        }
    }

    fn open(&mut self, path: &str) -> Result<Found, Failure> {
        let shared = &self.shared;
        self.tree.open(&shared.editions, path, shared.seconds())
    }

    /// Carries an action out; the next one.
    pub fn carry(&mut self, connection: &mut Connection, action: Action) -> Action {
        if !matches!(action, Action::Write(_)) {
            self.clock.restart();
        }
        match action {
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
            Action::Measure => connection.handle(Event::Measured(&measure::node(&self.shared))),
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
            // Not carried out here.
            Action::Receive(_) | Action::End => Action::End,
        }
    }

    /// Receives what has come, as far as there are blocks free: pieces, the last one first. None of the blocks is kept, so that connections
    /// never wait for each other's.
    pub fn receive(&mut self, pieces: &mut Vec<Vec<u8>>) -> Received {
        let first = Block::acquire();
        let mut blocks = Blocks::new();
        // No more than a call may have.
        let _ = blocks.push(first);
        while blocks.len() < MAX_CALL_BLOCKS
            && let Some(block) = Block::try_acquire()
        {
            let _ = blocks.push(block);
        }
        // Something is there: it is not waited for, unless the service says so and has nothing.
        let receives = with_timeout(RECEIVING, || self.stream.receive_blocks(blocks));
        let Ok(blocks) = receives.wait() else {
            return Received::End;
        };
        let filled = blocks.iter().map(Block::bytes);
        let filled = filled.filter(|bytes| !bytes.is_empty());
        pieces.extend(filled.map(<[u8]>::to_vec));
        pieces.reverse();
        let bytes = pieces.iter().map(Vec::len).sum::<usize>();
        self.clock.received(bytes);
        let count = &self.shared.counters.received;
        count.fetch_add(bytes as u64, Ordering::Relaxed);
        match bytes {
            0 => Received::End,
            _ => Received::Bytes,
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

    /// The connection waits for its peer: nothing is open meanwhile.
    pub fn rest(&mut self) {
        self.tree.close();
    }

    /// The connection ends: what was uploaded is gone.
    pub fn finish(&mut self) {
        self.discard();
        self.tree.close();
    }

    fn discard(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.discard();
        }
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
