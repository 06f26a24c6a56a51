//! Pages that are pinned.
#![deny(unsafe_code)]

use atoll_pager::{Pin, Policy};

use super::Memory;
use super::frames::Frame;
use crate::block::Block;
use crate::sync::{RwLockReadGuard, RwLockWriteGuard};

/// A page that is pinned to be read, by any number of uthreads. It is in its frame until this is dropped.
pub struct Page<'p, P: Policy> {
    /// Dropped before the use ends: the next one to use the page must not find its frame locked.
    frame: Option<RwLockReadGuard<'p, Frame>>,
    use_of: Use<'p, P>,
}

/// A page that is pinned to be read and written, by one. It is in its frame until this is dropped.
pub struct PageMut<'p, P: Policy> {
    /// Dropped first, as that of a page that is read.
    frame: Option<RwLockWriteGuard<'p, Frame>>,
    use_of: Use<'p, P>,
}

/// The use of a page, which ends when it is dropped.
struct Use<'p, P: Policy> {
    memory: &'p Memory<P>,
    number: u64,
    /// `None` only while it is dropped.
    pin: Option<Pin>,
    written: bool,
}

impl<'p, P: Policy> Use<'p, P> {
    fn new(memory: &'p Memory<P>, pin: Pin) -> Use<'p, P> {
        Use {
            memory,
            number: pin.page(),
            pin: Some(pin),
            written: false,
        }
    }
}

impl<P: Policy> Drop for Use<'_, P> {
    fn drop(&mut self) {
        if let Some(pin) = self.pin.take() {
            let written = self.written;
            self.memory.map.with_notify(|map| map.unpin(pin, written));
        }
    }
}

impl<'p, P: Policy> Page<'p, P> {
    pub(super) fn new(memory: &'p Memory<P>, pin: Pin) -> Page<'p, P> {
        Page {
            frame: memory.frames.read(pin.frame()),
            use_of: Use::new(memory, pin),
        }
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.use_of.number
    }

    /// What it holds: [`BLOCK_SIZE`](atoll_abi::block::BLOCK_SIZE) bytes.
    pub fn bytes(&self) -> &[u8] {
        bytes_of(self.frame.as_deref())
    }
}

impl<'p, P: Policy> PageMut<'p, P> {
    pub(super) fn new(memory: &'p Memory<P>, pin: Pin) -> PageMut<'p, P> {
        PageMut {
            frame: memory.frames.write(pin.frame()),
            use_of: Use::new(memory, pin),
        }
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.use_of.number
    }

    /// What it holds: [`BLOCK_SIZE`](atoll_abi::block::BLOCK_SIZE) bytes.
    pub fn bytes(&self) -> &[u8] {
        bytes_of(self.frame.as_deref())
    }

    /// What it holds, to be written. The page is dirty from the end of this use on.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.use_of.written = true;
        let block = self.frame.as_deref_mut().and_then(Option::as_mut);
        block.map_or(&mut [], Block::bytes_mut)
    }
}

fn bytes_of(frame: Option<&Frame>) -> &[u8] {
    frame.and_then(Option::as_ref).map_or(&[], Block::bytes)
}
