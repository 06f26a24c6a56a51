//! A disk with a volatile cache. A sector is written whole or not at all; after a power cut it holds any of the contents that it was
//! given since the last flush, or the one from before.

use std::collections::BTreeMap;

use atoll_log::BLOCK;

use super::random::Random;

pub const SECTOR: usize = 512;

/// The disk.
pub struct Disk {
    stable: Vec<u8>,
    /// By sector, what was written since the last flush, oldest first.
    cached: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    /// Blocks that cannot be read.
    pub unreadable: Vec<u64>,
}

impl Disk {
    pub fn blank(blocks: u64) -> Disk {
        Disk::of(vec![0; blocks as usize * BLOCK])
    }

    pub fn of(stable: Vec<u8>) -> Disk {
        Disk {
            stable,
            cached: BTreeMap::new(),
            unreadable: Vec::new(),
        }
    }

    pub fn blocks(&self) -> u64 {
        (self.stable.len() / BLOCK) as u64
    }

    /// What blocks hold, as a read shows it; `None` where one of them cannot be read.
    pub fn read(&self, blocks: std::ops::Range<u64>) -> Option<Vec<u8>> {
        if self.unreadable.iter().any(|block| blocks.contains(block)) {
            return None;
        }
        let bytes = blocks.start as usize * BLOCK..blocks.end as usize * BLOCK;
        let mut read = self.stable[bytes.clone()].to_vec();
        for (sector, contents) in self.cached.range(bytes.start / SECTOR..bytes.end / SECTOR) {
            let place = sector * SECTOR - bytes.start;
            read[place..place + SECTOR].copy_from_slice(contents.last().unwrap());
        }
        Some(read)
    }

    /// Writes those sectors of a run of blocks that `lands` names.
    pub fn write(&mut self, first_block: u64, bytes: &[u8], mut lands: impl FnMut() -> bool) {
        let first = first_block as usize * BLOCK / SECTOR;
        for (index, contents) in bytes.chunks_exact(SECTOR).enumerate() {
            if lands() {
                let versions = self.cached.entry(first + index).or_default();
                versions.push(contents.try_into().unwrap());
            }
        }
    }

    pub fn flush(&mut self) {
        self.cut_with(|_, versions| versions);
    }

    /// Power is lost. `choose` says for a sector which of its contents is on the disk: 0 is that of the last flush, then come those that were written
    /// since, of which there are so many.
    pub fn cut_with(&mut self, mut choose: impl FnMut(usize, usize) -> usize) {
        for (sector, versions) in std::mem::take(&mut self.cached) {
            if let Some(chosen) = choose(sector, versions.len()).checked_sub(1) {
                let place = sector * SECTOR;
                self.stable[place..place + SECTOR].copy_from_slice(&versions[chosen]);
            }
        }
    }

    /// Power is lost, and chance decides: for all sectors alike, or for each, with a different bias.
    pub fn cut(&mut self, random: &mut Random) {
        let bias = [0, 100, 10, 50, 90, 97][random.below(6)];
        self.cut_with(|_, versions| match random.percent(bias) {
            true => versions,
            false => random.below(versions),
        });
    }

    /// All bytes, where nothing is cached.
    pub fn image(&self) -> &[u8] {
        assert!(self.cached.is_empty());
        &self.stable
    }
}
