//! Frames on their way: the service's own blocks, and the calls to the driver that have them.

mod batch;

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::interface::{Request as _, request};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::net::{Checksum, ChecksumPlace, Received};
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::Status;
use atoll_call::{Actions, Answer};
use atoll_driver_client::Driver;

use crate::stack::{Checked, Wire};
use batch::Batch;

/// Blocks that the device has to receive into, as long as there are blocks.
const RECEIVING: usize = RING_SLOTS / 2;

/// Calls to transmit that the driver may have. With those that receive, and two calls that are about the device as a whole, they fill its
/// ring.
const CALLS: usize = RING_SLOTS - RECEIVING - 2;

/// Frames that it may have to transmit: as many blocks are left to receive into, and to read from what was received.
const TRANSMITTING: usize = ServiceKind::Sockets.own_blocks() - 2 * RECEIVING;

/// Bytes of the headers of a frame at most: of Ethernet, of IPv4 and of TCP with all options that there may be.
const HEADERS: usize = 14 + 60 + 60;

/// Bytes of the largest frame that is put together of several blocks.
const LONGEST_FRAME: usize = 1 << 14;

/// For what a call to the driver was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// To learn what the device is.
    Describe,
    /// To learn when the link is not as it was.
    AwaitLink,
    /// To receive into a block.
    Receive(u32),
    /// To transmit a frame of each of these blocks.
    Transmit(BlockList),
}

/// The service's own blocks.
pub(crate) struct Frames {
    pool: u32,
    /// Blocks that nobody uses.
    free: Vec<u32>,
    receiving: usize,
    /// Calls to transmit, and their frames. Those of the batch count.
    calls: usize,
    transmitting: usize,
    /// Frames that are to go with one call, and that the driver has not been asked to transmit.
    batch: Batch,
    /// Frames that have come in, and parts of them, in order.
    received: VecDeque<(u32, Received)>,
    /// The frame that is being read, at the beginning of as many bytes as the longest one had.
    incoming: Vec<u8>,
    /// The frame that is being written, likewise.
    outgoing: Vec<u8>,
    /// The device was stopped because it broke: nothing is asked of it until the driver's next life.
    has_failed: bool,
    /// Frames that came in and were longer than any that there may be.
    too_long: u64,
}

impl Frames {
    /// The blocks of a pool of so many.
    pub(crate) fn new(pool: u32, blocks: u32) -> Frames {
        Frames {
            pool,
            free: (0..blocks).rev().collect(),
            receiving: 0,
            calls: 0,
            transmitting: 0,
            batch: Batch::default(),
            received: VecDeque::new(),
            incoming: vec![0; BLOCK_SIZE],
            outgoing: vec![0; BLOCK_SIZE],
            has_failed: false,
            too_long: 0,
        }
    }

    /// Gives the driver blocks to receive into, as many as it is to have.
    pub(crate) fn post(&mut self, driver: &mut Driver<Job>) {
        while !self.has_failed && self.receiving < RECEIVING && self.free.len() > TRANSMITTING {
            let Some(block) = self.free.pop() else { return };
            self.receiving += 1;
            let call = request::ReceiveFrame { pool: self.pool }.encode();
            let call = BlockList::one(block).into_call(call);
            driver.ask(Job::Receive(block), call);
        }
    }

    /// The driver has said what the device is, so it works.
    pub(crate) fn begin(&mut self) {
        self.has_failed = false;
    }

    /// The driver has answered a call for a block that it was given to receive.
    pub(crate) fn on_received(&mut self, block: u32, answer: &Answer) {
        self.receiving -= 1;
        let received = match answer.status {
            Status::Done => Received::from_raw(answer.result).ok(),
            _ => None,
        };
        match received {
            Some(received) => self.received.push_back((block, received)),
            None => self.give_back(block, answer),
        }
    }

    /// The driver has answered a call for blocks that it was given to transmit.
    pub(crate) fn on_transmitted(&mut self, blocks: &BlockList, answer: &Answer) {
        self.calls -= 1;
        self.transmitting -= blocks.as_slice().len();
        for block in blocks.as_slice() {
            self.give_back(*block, answer);
        }
    }

    /// A block is nobody's, where no device uses it any more. Otherwise it is lost until the driver is known to be dead.
    fn give_back(&mut self, block: u32, answer: &Answer) {
        if answer.block_returned {
            self.free.push(block);
        }
        self.has_failed |= answer.status == Status::DeviceError;
    }

    /// The driver is dead, and its device quiet: no block is used.
    pub(crate) fn take_all_back(&mut self, blocks: u32) {
        self.free = (0..blocks).rev().collect();
        self.received.clear();
        self.batch = Batch::default();
        (self.receiving, self.calls, self.transmitting) = (0, 0, 0);
    }

    /// Whether a frame may be taken to transmit.
    pub(crate) fn may_transmit(&self) -> bool {
        let has_room = self.calls < CALLS && self.transmitting < TRANSMITTING;
        !self.has_failed && has_room && !self.free.is_empty()
    }

    /// Frames that came in and were longer than any may be.
    pub(crate) fn too_long(&self) -> u64 {
        self.too_long
    }

    /// Whether frames are with the driver that are to be sent.
    pub(crate) fn is_transmitting(&self) -> bool {
        self.transmitting > 0
    }

    /// Takes the next frame that has come in whole, and reads it with `read`, which may send. Whether there was one.
    pub(crate) fn take<A: Actions>(
        &mut self,
        driver: &mut Driver<Job>,
        actions: &mut A,
        read: impl FnOnce(&[u8], Checked, &mut Out<'_, A>),
    ) -> bool {
        let parts = self.received.iter();
        let Some(last) = parts.map(|(_, part)| part).position(|part| !part.more) else {
            // A device that never ends a frame must not keep all blocks.
            if self.received.len() >= RECEIVING {
                self.too_long += 1;
                self.drop_received();
            }
            return false;
        };
        let mut frame = core::mem::take(&mut self.incoming);
        let mut length = 0;
        let mut checked = Checked::No;
        for number in 0..=last {
            let Some((block, part)) = self.received.pop_front() else {
                break;
            };
            if number == 0 && part.checksum != Checksum::Unknown {
                checked = Checked::Transport;
            }
            let start = length;
            length += usize::from(part.length);
            if frame.len() < length {
                frame.resize(length, 0);
            }
            if let Some(bytes) = frame.get_mut(start..length) {
                actions.read_bytes(self.pool, block, part.offset.into(), bytes);
            }
            self.free.push(block);
        }
        match frame.get(..length.min(LONGEST_FRAME)) {
            Some(bytes) if bytes.len() == length => {
                read(bytes, checked, &mut Out::new(self, driver, actions));
            }
            _ => self.too_long += 1,
        }
        self.incoming = frame;
        true
    }

    /// Has a frame transmitted that a block holds: with those before it, as far as one call takes them.
    fn transmit(
        &mut self,
        driver: &mut Driver<Job>,
        block: u32,
        length: u16,
        checksum: Option<ChecksumPlace>,
    ) {
        self.transmitting += 1;
        if !self.batch.add(block, length, checksum) {
            self.send(driver);
            self.batch = Batch::of(block, length, checksum);
        }
        if self.batch.is_first() {
            self.calls += 1;
        }
    }

    /// Asks the driver to transmit what it has not been asked for: to be called when nothing more is written for now.
    pub(crate) fn send(&mut self, driver: &mut Driver<Job>) {
        if let Some((blocks, call)) = core::mem::take(&mut self.batch).into_call(self.pool) {
            driver.ask(Job::Transmit(blocks), call);
        }
    }

    fn drop_received(&mut self) {
        while let Some((block, _)) = self.received.pop_front() {
            self.free.push(block);
        }
    }
}

/// Where frames go: into blocks, and with these to the driver.
pub(crate) struct Out<'a, A> {
    frames: &'a mut Frames,
    driver: &'a mut Driver<Job>,
    actions: &'a mut A,
}

impl<'a, A: Actions> Out<'a, A> {
    pub(crate) fn new(
        frames: &'a mut Frames,
        driver: &'a mut Driver<Job>,
        actions: &'a mut A,
    ) -> Out<'a, A> {
        Out {
            frames,
            driver,
            actions,
        }
    }
}

impl<A: Actions> Wire for Out<'_, A> {
    fn has_room(&self) -> bool {
        !self.driver.is_lost() && self.frames.may_transmit()
    }

    fn transmit<R>(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> (R, Option<ChecksumPlace>),
    ) -> R {
        let mut frame = core::mem::take(&mut self.frames.outgoing);
        if frame.len() < length {
            frame.resize(length, 0);
        }
        let bytes = frame.get_mut(..length).unwrap_or_default();
        // Nothing of an earlier frame goes out with this one, whatever of its headers is not written. What is behind them is written whole.
        let headers = bytes.get_mut(..length.min(HEADERS));
        headers.unwrap_or_default().fill(0);
        let (written, checksum) = write(bytes);
        if let Some(block) = self.frames.free.pop() {
            let pool = self.frames.pool;
            self.actions.write_bytes(pool, block, 0, bytes);
            // A frame is shorter than a block.
            self.frames
                .transmit(self.driver, block, length as u16, checksum);
        }
        self.frames.outgoing = frame;
        written
    }
}
