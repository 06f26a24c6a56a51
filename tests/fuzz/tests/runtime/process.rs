//! What the process does, and which blocks it may name.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atoll_abi::block::BLOCK_SIZE;
use atoll_component_tests::plan::SERVICE;
use atoll_fuzz::Seen;
use atoll_runtime::{Block, become_mcp, connect, open, println, request_vcores, spawn, yield_now};

use super::peers::Host;

/// The blocks that the process has, by number: no two are the same one, and none is lent.
#[derive(Clone)]
pub struct Own {
    pub blocks: Arc<Mutex<BTreeSet<u32>>>,
    pub host: &'static Host,
    /// Address of block 0.
    pub base: usize,
}

impl Own {
    fn blocks(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self, block: &Block) -> u32 {
        ((block.bytes().as_ptr().addr() - self.base) / BLOCK_SIZE) as u32
    }

    /// The process gets a block.
    fn get(&self, block: Block) -> Block {
        let number = self.number(&block);
        let mut peers = self.host.peers();
        if !self.blocks().insert(number) {
            peers.wrong = Some("a block is named twice");
        }
        if peers.withheld.contains(&number) {
            peers.wrong = Some("a block is used that was never given back");
        }
        block
    }

    /// The process gives a block away.
    fn give(&self, block: Block) -> Block {
        self.blocks().remove(&self.number(&block));
        block
    }
}

/// What the process does, whatever the server and the service say.
pub fn process(own: Own, seen: &'static Seen) {
    let note = |good: bool| seen.note(if good { "call done" } else { "call failed" });
    note(become_mcp().wait().is_ok());
    note(request_vcores(1).wait().is_ok());
    note(connect(SERVICE).wait().is_ok());
    let file = open("input").wait();
    note(file.is_ok());
    println!("a process with peers that lie");
    let Ok(file) = file else { return };
    let readers: Vec<_> = (0..3u64)
        .map(|reader| {
            let own = own.clone();
            spawn(move || {
                let mut kept = Vec::new();
                for round in 0..3 {
                    let Some(block) = Block::try_acquire() else {
                        seen.note("no block");
                        return;
                    };
                    let block = own.give(own.get(block));
                    let wanted = [BLOCK_SIZE, 100, 0][round];
                    let read = file.read(reader * BLOCK_SIZE as u64, wanted, block);
                    match read.wait() {
                        Ok(block) => {
                            assert!(block.bytes().len() <= wanted);
                            seen.note("block read");
                            kept.push(own.get(block));
                        }
                        Err(error) => match error.block {
                            Some(block) => {
                                seen.note("read failed");
                                kept.push(own.get(block));
                            }
                            None => seen.note("block lost"),
                        },
                    }
                    yield_now();
                }
                kept.into_iter().for_each(|block| drop(own.give(block)));
            })
        })
        .collect();
    note(file.stat().wait().is_ok());
    // Nothing waits for these.
    drop(file.stat());
    if let Some(block) = Block::try_acquire() {
        drop(file.read(0, BLOCK_SIZE, block));
    }
    readers.into_iter().for_each(|reader| reader.join());
    note(file.close().wait().is_ok());
}
