//! What stores the bytes of a splice, and how many of them are stored.

use atoll_abi::syscall::Status;

use super::chunk::{Chunk, Stage};
use super::ends::In;
use super::shift::Tail;
use super::stock::Stock;
use crate::block::{Block, size_of};

/// A store that is written from its beginning on.
pub(super) struct Keeper {
    store: In,
    /// Where the next bytes go.
    at: u64,
    tail: Tail,
    /// Bytes that were stored, from the first one on.
    pub(super) stored: u64,
    /// Why nothing more is stored.
    pub(super) broken: Option<Status>,
    /// A part was not stored: what is behind it does not count.
    is_torn: bool,
}

impl Keeper {
    pub(super) fn new(store: In) -> Keeper {
        Keeper {
            store,
            at: 0,
            tail: Tail::default(),
            stored: 0,
            broken: None,
            is_torn: false,
        }
    }

    fn room(&self) -> usize {
        usize::try_from(self.store.room() - self.at).unwrap_or(usize::MAX)
    }

    /// Begins to store what a chunk holds, as far as that fills blocks; how many bytes were copied for it.
    pub(super) fn store(&mut self, chunk: &mut Chunk, stock: &mut Stock) -> usize {
        let mut copied = 0;
        let mut bytes = chunk.length;
        chunk.stage = Stage::Done;
        if self.broken.is_some() {
            return copied;
        }
        if self.store.is_whole() {
            let blocks = chunk.blocks.iter_mut().map(Block::bytes_mut);
            let shifted = self.tail.shift(blocks, bytes);
            (bytes, copied) = (shifted.whole, shifted.copied);
        }
        if bytes > self.room() {
            bytes = self.room();
            self.broken = Some(Status::NoSpace);
        }
        if self.store.is_partition() {
            // It is written with all that the blocks hold.
            while size_of(&chunk.blocks) > bytes {
                stock.give(chunk.blocks.pop().into_iter().collect());
            }
            bytes = size_of(&chunk.blocks);
        }
        if self.broken.is_some() {
            // Not all of it is stored, whatever becomes of the rest.
            chunk.has_failed = true;
        }
        if bytes > 0 {
            let (store, at) = (self.store, self.at);
            chunk.begin(Stage::Storing(bytes), |blocks| {
                store.write(at, bytes, blocks)
            });
            self.at += bytes as u64;
        }
        copied
    }

    /// What is left at the end, and fills no block: the chunk with which it is stored, and how many bytes were copied for it. `waits` where
    /// a block is waited for.
    pub(super) fn store_tail(&mut self, stock: &mut Stock, waits: bool) -> Option<(Chunk, usize)> {
        if self.tail.length() == 0 || self.broken.is_some() {
            return None;
        }
        if self.room() < self.tail.length() {
            self.broken = Some(Status::NoSpace);
            return None;
        }
        let mut block = stock.last(waits)?;
        let length = self.tail.empty(block.bytes_mut());
        let call = self.store.write(self.at, length, block.alone());
        self.at += length as u64;
        Some((Chunk::last(length, call), length))
    }

    /// What a chunk was to store was stored, or why not.
    pub(super) fn was_stored(
        &mut self,
        chunk: &mut Chunk,
        length: usize,
        result: Result<(), Status>,
    ) {
        match result {
            Ok(()) => chunk.stored = chunk.stored.saturating_add(length as u64),
            Err(status) => {
                chunk.has_failed = true;
                self.broken.get_or_insert(status);
            }
        }
    }

    /// A chunk is over, as are all before it.
    pub(super) fn count(&mut self, chunk: &Chunk) {
        if !self.is_torn {
            self.stored += chunk.stored;
        }
        self.is_torn |= chunk.has_failed;
    }
}
