//! What a splice does: one step after the other, and what to do next when a call has ended.

use atoll_abi::block::{BLOCK_SIZE, MAX_CALL_BLOCKS, MAX_ORDER};
use atoll_abi::syscall::Status;
use heapless::Deque;

use super::chunk::{Chunk, Stage, Wanted};
use super::ends::{From, In, To};
use super::keeper::Keeper;
use super::stock::Stock;
use super::{Broken, End, Kept, Moved, Progress, Side, Splice};
use crate::block::{Source as Pool, size_of};
use crate::uthread;

/// Chunks that are on their way at a time.
const MOST_CHUNKS: usize = 8;

/// Chunks that a window is divided into.
const CHUNKS_OF_WINDOW: usize = 4;

/// Why nothing more is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// There is nothing more, or nothing more is wanted.
    Reached(End),
    /// The source failed.
    Failed(Status),
}

/// A splice that runs.
pub(super) struct Engine<'p> {
    pub(super) source: From,
    pub(super) to: To,
    pub(super) keeper: Option<Keeper>,
    progress: &'p Progress,
    pub(super) stock: Stock,
    /// What is on its way, in the order of the bytes.
    pub(super) chunks: Deque<Chunk, MOST_CHUNKS>,
    /// Pages that a read asks for.
    pub(super) pages: usize,
    pub(super) most_pages: usize,
    /// Bytes of the first block that are before the source's first one.
    pub(super) skip: usize,
    /// Where the next read begins.
    pub(super) at: u64,
    /// Where the last one ends at most.
    limit: u64,
    length: u64,
    pub(super) last: Option<Last>,
    /// How the sink failed.
    pub(super) failed: Option<Status>,
    /// What waits for a peer was given up.
    has_given_up: bool,
    /// Bytes that were sent.
    pub(super) sent: u64,
    pub(super) copied: u64,
}

impl<'p> Engine<'p> {
    pub(super) fn new(splice: Splice<'_>, pool: Pool, progress: &'p Progress) -> Engine<'p> {
        let (source, to) = (splice.source.0, splice.sink.0);
        let store = match to {
            To::Stream { copy, .. } => copy.map(|store| store.0),
            To::Store(store) => Some(store.0),
        };
        let share = match source.is_stream() {
            true => (splice.window / 2).clamp(1, MAX_CALL_BLOCKS),
            false => (splice.window / CHUNKS_OF_WINDOW).clamp(1, MAX_CALL_BLOCKS << MAX_ORDER),
        };
        // A call writes a partition by whole blocks of the process, so that these must not be larger than what is in them.
        let is_ragged = matches!(source, From::File { .. });
        let order = match source.is_stream() || is_ragged && store.is_some_and(In::is_partition) {
            true => 0,
            false => share.ilog2(),
        };
        progress.tell(0, 0);
        Engine {
            source,
            to,
            keeper: store.map(Keeper::new),
            progress,
            stock: Stock::new(pool, splice.window, order),
            chunks: Deque::new(),
            // A connection on which little comes takes one block.
            pages: if source.is_stream() { 1 } else { share },
            most_pages: share,
            skip: source.skip(),
            at: 0,
            limit: splice.length.min(source.size()),
            length: splice.length,
            last: None,
            failed: None,
            has_given_up: false,
            sent: 0,
            copied: 0,
        }
    }

    /// Runs it to its end.
    pub(super) fn run(mut self) -> Result<Moved, Broken> {
        self.move_all();
        self.progress.end();
        let kept = match (self.to, &self.keeper) {
            (To::Stream { .. }, Some(keeper)) => Some(Kept {
                bytes: keeper.stored,
                broken: keeper.broken,
            }),
            _ => None,
        };
        let (moved, copied) = (self.moved(), self.copied);
        let (side, status) = match (self.failed, self.last) {
            (Some(status), _) => (Side::Sink, status),
            (None, Some(Last::Failed(status))) => (Side::Source, status),
            (None, Some(Last::Reached(end))) => {
                return Ok(Moved {
                    bytes: moved,
                    copied,
                    kept,
                    end,
                });
            }
            // It reads until there is a reason not to.
            (None, None) => (Side::Source, Status::Malformed),
        };
        Err(Broken {
            moved,
            copied,
            kept,
            side,
            status,
        })
    }

    /// Bytes that have certainly reached the sink.
    fn moved(&self) -> u64 {
        match (self.to, &self.keeper) {
            (To::Store(_), Some(keeper)) => keeper.stored,
            _ => self.sent,
        }
    }

    /// Moves all that there is, or as far as that can be.
    fn move_all(&mut self) {
        loop {
            self.settle();
            self.begin_all();
            if !self.has_given_up {
                if self.failed.is_some() {
                    self.give_up();
                } else if self.progress.stops() && !self.has_ended() {
                    self.last = Some(Last::Reached(End::Stopped));
                    self.give_up();
                }
            }
            self.pop();
            self.read();
            self.progress.tell(self.moved(), self.copied);
            if self.chunks.is_empty() && !self.begin_tail() {
                return;
            }
            self.wait();
        }
    }

    /// Whether all is done that there was to do, but for what fills no block.
    fn has_ended(&self) -> bool {
        self.last.is_some() && self.chunks.iter().all(Chunk::is_over)
    }

    /// Waits until a call has ended, or the splice is to stop.
    fn wait(&mut self) {
        let heeds = !self.has_given_up;
        uthread::wait_for(|waker| {
            let mut any = false;
            for chunk in &mut self.chunks {
                any |= chunk.look(waker);
            }
            let stops = heeds
                && match waker {
                    Some(waker) => self.progress.stops_or_wakes(waker),
                    None => self.progress.stops(),
                };
            (any || stops).then_some(())
        });
    }

    /// Reads nothing more, sends nothing more, and waits for no peer. What is read by a device, or is to be kept, is waited for.
    fn give_up(&mut self) {
        self.has_given_up = true;
        self.last.get_or_insert(Last::Reached(End::Stopped));
        let waits = !self.source.is_stream();
        for chunk in &mut self.chunks {
            chunk.give_up(waits);
        }
    }

    /// Nothing is read any more, and what was read behind the first so many chunks is not wanted.
    pub(super) fn end_behind(&mut self, chunks: usize, last: Last) {
        // Whatever was known of the end was known of one that does not come any more.
        self.last = Some(last);
        for chunk in self.chunks.iter_mut().skip(chunks) {
            chunk.give_up(true);
        }
    }

    /// Takes out what is over, in order.
    fn pop(&mut self) {
        while self.chunks.front().is_some_and(Chunk::is_over)
            && let Some(chunk) = self.chunks.pop_front()
        {
            if let Some(keeper) = &mut self.keeper {
                keeper.count(&chunk);
            }
            self.stock.give(chunk.blocks);
        }
    }

    /// Begins what can be begun with what is there, in order.
    fn begin_all(&mut self) {
        let mut is_turn = true;
        for chunk in &mut self.chunks {
            match (&chunk.stage, self.to, &mut self.keeper) {
                (Stage::Full, To::Stream { stream, .. }, _) if is_turn => {
                    let length = chunk.length;
                    chunk.begin(Stage::Sending, |blocks| stream.send(length, blocks));
                }
                (Stage::Full, To::Store(_), Some(keeper)) if is_turn => {
                    self.copied += keeper.store(chunk, &mut self.stock) as u64;
                    self.failed = self.failed.or(keeper.broken);
                }
                (Stage::Sent, _, Some(keeper)) => {
                    self.copied += keeper.store(chunk, &mut self.stock) as u64;
                }
                _ => {}
            }
            if matches!(chunk.stage, Stage::Done)
                && let Some(wanted) = chunk.rest.take()
            {
                if chunk.blocks.is_empty() {
                    // Who stored the copy has died, and has them still.
                    chunk.blocks = self.stock.replace(wanted.length.div_ceil(BLOCK_SIZE));
                }
                let (now, later) = wanted.split(size_of(&chunk.blocks));
                chunk.rest = later;
                let source = self.source;
                chunk.begin(Stage::Reading(now), |blocks| {
                    source.read(now.at, now.length, blocks)
                });
            }
            is_turn &= matches!(chunk.stage, Stage::Sent | Stage::Storing(_) | Stage::Done)
                && chunk.rest.is_none();
        }
    }

    /// Begins to read as much as there are blocks for.
    fn read(&mut self) {
        while self.last.is_none() && !self.chunks.is_full() {
            if self.at >= self.limit {
                self.last = Some(Last::Reached(match self.limit == self.length {
                    true => End::Length,
                    false => End::Source,
                }));
                return;
            }
            // On a connection one call at a time, because they would be answered in any order; beyond what is known to be there too.
            let is_alone = self.source.is_stream() || self.at >= self.source.known();
            if is_alone && self.chunks.iter().any(Chunk::is_reading) {
                return;
            }
            let left = usize::try_from(self.limit - self.at).unwrap_or(usize::MAX);
            let skip = if self.at == 0 { self.skip } else { 0 };
            // A short file takes few blocks.
            let likely = match self.source.known().checked_sub(self.at) {
                None | Some(0) => left,
                Some(known) => left.min(usize::try_from(known).unwrap_or(usize::MAX)),
            };
            let pages = match skip {
                0 => self.pages.min(likely.div_ceil(BLOCK_SIZE)),
                _ => 1,
            };
            let blocks = self.stock.take(pages);
            if blocks.is_empty() {
                return;
            }
            let length = left.min(size_of(&blocks) - skip);
            let wanted = Wanted {
                at: self.at,
                length,
            };
            let call = self.source.read(self.at, skip + length, blocks);
            if !self.source.is_stream() {
                self.at += length as u64;
            }
            // There was room.
            let _ = self.chunks.push_back(Chunk::reading(wanted, call));
        }
    }

    /// Begins to store what is left at the end and fills no block; whether there is anything.
    fn begin_tail(&mut self) -> bool {
        let waits = matches!(self.last, Some(Last::Reached(End::Length | End::Source)));
        let Some(keeper) = &mut self.keeper else {
            return false;
        };
        let stored = keeper.store_tail(&mut self.stock, waits && self.failed.is_none());
        if let To::Store(_) = self.to {
            self.failed = self.failed.or(keeper.broken);
        }
        let Some((chunk, copied)) = stored else {
            return false;
        };
        self.copied += copied as u64;
        // None is on its way.
        let _ = self.chunks.push_back(chunk);
        true
    }
}
