//! What hostile clients do: any calls, more than they may, broken rings, deaths and new lives.

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::file::Path;
use atoll_abi::interface::Call;
use atoll_abi::layout::{RING_SLOTS, service_badge};
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_component_tests::plan::BLOCKS;
use atoll_fuzz::Script;

use super::{PROCESS_OF, RINGS, Run};

/// Paths that calls have in their messages: the files of the disk, and what clients make.
const PATHS: [&str; 12] = [
    "input", "input", "empty", "empty", "other", "long", "/long", "absent", "new", "folder",
    "folder/x", "/",
];

/// Paths that are put into blocks: none of a file whose content the model follows.
const IN_BLOCKS: [&str; 4] = ["new", "folder/x", "folder", "/newer"];

impl Run {
    /// Blocks for a call: mostly free ones.
    fn blocks(&mut self, script: &mut Script, process: usize, count: usize) -> Vec<u32> {
        let model = self.model.borrow();
        let free = |block: &u32| !model.is_lent(process, *block);
        let mut blocks: Vec<u32> = (0..BLOCKS).filter(free).collect();
        if !blocks.is_empty() {
            let first = script.below(blocks.len());
            blocks.rotate_left(first);
        }
        blocks.truncate(count);
        if blocks.is_empty() || script.once_in(16) {
            let likely = [0, 1, 7, 8, NO_BLOCK.into()];
            blocks = vec![script.word(&likely) as u32];
        }
        blocks
    }

    /// A block of more than a page, of pages that are free; `None` where there is none.
    fn large_block(&self, script: &mut Script, process: usize) -> Option<BlockList> {
        let order = 1 + script.below(3) as u32;
        let model = self.model.borrow();
        let start = script.below(BLOCKS as usize) as u32;
        let places = (0..BLOCKS).map(|place| (start + place) % BLOCKS);
        let free = |first: &u32| {
            let pages = *first..first + (1 << order);
            pages.end <= BLOCKS && pages.into_iter().all(|page| !model.is_lent(process, page))
        };
        let first = places.into_iter().find(free)?;
        BlockList::of_order(order, &[first])
    }

    /// Writes to a block of a process, unless a call has it.
    fn fill(&self, process: usize, block: u32, bytes: &[u8]) {
        if block < BLOCKS && !self.model.borrow().is_lent(process, block) {
            self.memory.fill(process as u32, block, bytes);
        }
    }

    /// A path in a block; its length.
    fn path_in(&self, script: &mut Script, process: usize, block: u32) -> u64 {
        let path = script.pick(&IN_BLOCKS).unwrap_or("new");
        self.fill(process, block, path.as_bytes());
        script.mostly(path.len() as u64, &[0, 1, 4096, 4097])
    }

    /// The call with a path, which is in the message or in a block.
    fn with_path(&mut self, script: &mut Script, process: usize, call: Syscall) -> Syscall {
        if script.once_in(4) {
            let blocks = self.blocks(script, process, 1);
            let length = self.path_in(script, process, blocks[0]);
            let arguments = Path([length, 0, 0, 0]).0;
            return BlockList::one(blocks[0]).into_call(Syscall { arguments, ..call });
        }
        // What removes a file is mostly about one that clients have made.
        let paths = match call.call == Call::Open as u16 || script.once_in(16) {
            true => &PATHS[..],
            false => &IN_BLOCKS[..],
        };
        let path = script.pick(paths).unwrap_or("input");
        let arguments = Path::short(path.as_bytes()).expect("a short path").0;
        Syscall { arguments, ..call }
    }

    /// The rest of a call of which the handle is known.
    fn fields(&mut self, script: &mut Script, process: usize, call: Call, handle: u64) -> Syscall {
        let block = BLOCK_SIZE as u64;
        let mut right = Syscall {
            call: call as u16,
            handle: handle as u32,
            ..Syscall::EMPTY
        };
        match call {
            Call::Open => {
                let flags = [0, 0, 0, 0, 1, 1, 1, 3, 5, 8];
                let flags = script.pick(&flags).unwrap_or_default();
                right.handle = script.mostly(flags, &[4, 15, 16]) as u32;
                self.with_path(script, process, right)
            }
            Call::Remove | Call::MakeFolder => self.with_path(script, process, right),
            Call::Rename => {
                let blocks = self.blocks(script, process, 2);
                let lengths =
                    [0, blocks.len() - 1].map(|at| self.path_in(script, process, blocks[at]));
                right.arguments[..2].copy_from_slice(&lengths);
                BlockList::of(&blocks).map_or(right, |list| list.into_call(right))
            }
            Call::Read | Call::Write | Call::List => {
                let count = 1 + script.below(3);
                let large = script.once_in(3).then(|| self.large_block(script, process));
                let list = large.flatten();
                let blocks = match &list {
                    Some(list) => list.pages_in(0..list.pages()).collect(),
                    None => self.blocks(script, process, count),
                };
                let size = blocks.len() as u64 * block;
                let offsets = [0, block, 2 * block, 4 * block, 6 * block];
                let offset = script.pick(&offsets).unwrap_or_default();
                right.arguments[0] = script.mostly(offset, &[513, u64::MAX, 1 << 40]);
                let length = script.pick(&[size, size, size - block + 100]);
                right.arguments[1] = script.mostly(length.unwrap_or_default(), &[0, 1]);
                if call == Call::Write {
                    self.serial += 1;
                    let bytes = self.serial.to_le_bytes().repeat(BLOCK_SIZE / 8);
                    blocks.iter().for_each(|it| self.fill(process, *it, &bytes));
                    // Within a block, now and then.
                    let within = script.mostly(0, &[1, 100, 512]);
                    right.arguments[0] = right.arguments[0].wrapping_add(within);
                }
                if call == Call::List && !script.once_in(8) {
                    right.arguments = [0; 4];
                }
                let list = list.or_else(|| BlockList::of(&blocks));
                list.map_or(right, |list| list.into_call(right))
            }
            Call::Truncate => {
                let likely = [0, 1, 100, 4096, 5000, 5 * block];
                right.arguments[0] = script.word(&likely);
                right
            }
            _ => {
                right.arguments = [script.word(&[0, 4096]), script.word(&[0]), 0, 0];
                right
            }
        }
    }

    fn call(&mut self, script: &mut Script, process: usize) -> Syscall {
        let open = self.model.borrow().open_handles(process);
        let call = match script.below(32) {
            // Without an open file there is little to try.
            12.. if open.is_empty() => Call::Open,
            0 => script.pick(Call::ALL).unwrap_or(Call::Stat),
            1..6 => Call::Open,
            6 => Call::MakeFolder,
            7 => Call::Remove,
            8 => Call::Rename,
            9 => Call::Space,
            10 => Call::Sync,
            11 => Call::List,
            12..15 => Call::Stat,
            15 | 16 => Call::Close,
            17..20 => Call::Write,
            20 => Call::Truncate,
            _ => Call::Read,
        };
        let handle = match script.pick(&open) {
            Some(handle) if !script.once_in(8) => handle,
            _ => script.word(&self.model.borrow().handles()),
        };
        let generation = u64::from(self.generations[process]);
        let right = Syscall {
            generation: script.mostly(generation, &[0, 1, generation]) as u32,
            ..self.fields(script, process, call, handle)
        };
        let message = match script.below(16) {
            0 => script.message(),
            1 => script.spoiled(right.to_message()),
            _ => right.to_message(),
        };
        self.serial += 1;
        let call = Syscall {
            // Whatever else it is, the model has to know it again.
            tag: self.serial << 8 | u64::from(script.byte()),
            ..Syscall::from_message(&message)
        };
        // Calls of a later life begin it.
        self.generations[process] = self.generations[process].max(call.generation);
        call
    }

    /// A client makes calls, mostly no more than it has credits.
    pub fn calls(&mut self, script: &mut Script) {
        let ring = script.below(RINGS);
        if script.once_in(16) {
            let count = RING_SLOTS / 2 + script.below(RING_SLOTS);
            (0..count).for_each(|_| self.stat(ring));
            return;
        }
        let process = PROCESS_OF[ring];
        let open = self.model.borrow().open_handles(process);
        if script.once_in(4)
            && let Some(handle) = script.pick(&open)
        {
            return self.burst(ring, script, handle);
        }
        for _ in 0..1 + script.below(8) {
            let call = self.call(script, process);
            self.send(ring, &call);
        }
    }

    /// A client reads and writes one file, with many calls under way.
    fn burst(&mut self, ring: usize, script: &mut Script, handle: u64) {
        let process = PROCESS_OF[ring];
        for _ in 0..4 + script.below(8) {
            let call = script.pick(&[Call::Read, Call::Write, Call::Write]);
            self.serial += 1;
            let call = Syscall {
                tag: self.serial << 8,
                generation: self.generations[process],
                ..self.fields(script, process, call.unwrap_or(Call::Read), handle)
            };
            self.send(ring, &call);
            // So that it is known which blocks the next one can have.
            self.rest();
            if script.once_in(4) {
                self.advance(script);
            }
        }
    }

    fn send(&mut self, ring: usize, call: &Syscall) {
        self.clients[ring].send_to_it(call);
        // A ring has no more slots.
        self.clients[ring].rings().incoming.truncate(RING_SLOTS);
        self.faulty[ring] |= self.under_way(ring) > RING_SLOTS;
        if std::mem::take(&mut self.clients[ring].rings().armed) {
            self.badges |= service_badge::client(ring);
        }
    }

    /// Calls that a client has under way: those that it has sent and of which it has not taken the completion.
    fn under_way(&self, ring: usize) -> usize {
        let rings = self.clients[ring].rings();
        let open = self.model.borrow().open_calls_of(ring);
        rings.incoming.len() + rings.outgoing.len() + open
    }

    fn stat(&mut self, ring: usize) {
        self.serial += 1;
        let call = Syscall {
            tag: self.serial << 8,
            call: Call::Stat as u16,
            generation: self.generations[PROCESS_OF[ring]],
            ..Syscall::EMPTY
        };
        self.send(ring, &call);
    }

    /// A client spends every credit that it has, and takes no completion before the service is at rest. The next call that it
    /// makes has to wake the service.
    pub fn spend(&mut self, ring: usize) {
        while self.under_way(ring) < RING_SLOTS {
            self.stat(ring);
        }
        self.rest();
        self.take(ring, RING_SLOTS);
        if self.faulty[ring] || !self.host.listens(ring, RING_SLOTS) {
            return;
        }
        if self.asleep && self.badges == 0 && self.under_way(ring) < RING_SLOTS {
            self.stat(ring);
            assert_ne!(
                self.badges, 0,
                "the service sleeps, and ring {ring} has a call"
            );
            self.seen.note("filled");
        }
    }

    /// A client takes some of its completions.
    pub fn take(&mut self, ring: usize, count: usize) -> bool {
        let mut any = false;
        for _ in 0..count {
            let Some(completion) = self.clients[ring].take::<Completion>() else {
                break;
            };
            any = true;
            self.seen.note(match Status::from_raw(completion.status) {
                Status::Done => "call done",
                Status::PeerLost => "call lost",
                Status::BadHandle => "bad handle",
                Status::BadBlock => "bad block",
                _ => "call refused",
            });
        }
        any
    }

    /// A client breaks its ring, dies, or comes back.
    pub fn change(&mut self, ring: usize, script: &mut Script) {
        let process = PROCESS_OF[ring];
        match script.below(4) {
            0 => {
                self.clients[ring].rings().broken = true;
                self.faulty[ring] = true;
                self.seen.note("broken ring");
            }
            1 => {
                self.clients[ring].rings().changed = Some((false, 0));
                self.seen.note("dead client");
            }
            _ => {
                if script.once_in(2) {
                    self.generations[process] = self.generations[process].saturating_add(1);
                }
                let generation = u32::from(script.byte());
                self.clients[ring].rings().changed = Some((true, generation));
                self.seen.note("client came back");
            }
        }
        self.badges |= service_badge::client(ring);
    }
}
