//! What is on a disk: what is on stable storage, and what its cache holds.

use std::collections::BTreeMap;

use atoll_abi::block::SECTOR_SIZE;

/// The bytes of a sector.
pub type Sector = [u8; SECTOR_SIZE];

/// What a word of a sector reads as that was never written, where nothing else is said: the sector's number.
pub fn sector_word(sector: u64) -> u64 {
    sector ^ 0x5EC7_0000_0000_0000
}

/// The sectors of a disk. What is written is in the cache until it is flushed.
#[derive(Clone)]
pub struct Store {
    /// What a sector holds that was never written.
    initial: fn(u64) -> Sector,
    stable: BTreeMap<u64, Sector>,
    /// In the order in which they were written; the last one of a sector is what it reads as.
    cache: Vec<(u64, Sector)>,
}

impl Store {
    /// A disk whose sectors are of [`sector_word`]s.
    pub fn numbered() -> Store {
        Store::new(|sector| {
            let mut bytes = [0; SECTOR_SIZE];
            for word in bytes.chunks_exact_mut(8) {
                word.copy_from_slice(&sector_word(sector).to_le_bytes());
            }
            bytes
        })
    }

    /// A disk that was never written.
    pub fn new(initial: fn(u64) -> Sector) -> Store {
        Store {
            initial,
            stable: BTreeMap::new(),
            cache: Vec::new(),
        }
    }

    /// What a sector reads as.
    pub fn read(&self, sector: u64) -> Sector {
        let cached = self.cache.iter().rev().find(|(own, _)| *own == sector);
        match cached {
            Some((_, bytes)) => *bytes,
            None => self.read_stable(sector),
        }
    }

    /// What a sector holds on stable storage.
    pub fn read_stable(&self, sector: u64) -> Sector {
        let stable = self.stable.get(&sector);
        stable.copied().unwrap_or_else(|| (self.initial)(sector))
    }

    /// Writes a sector into the cache.
    pub fn write(&mut self, sector: u64, bytes: Sector) {
        self.cache.push((sector, bytes));
    }

    /// Puts on stable storage what the cache holds.
    pub fn flush(&mut self) {
        self.stable.extend(self.cache.drain(..));
    }

    /// Writes that are in the cache.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// The power is cut: of the writes in the cache, those reach stable storage that `lands` says so of, in any order.
    pub fn cut(&mut self, mut lands: impl FnMut() -> bool) {
        let mut cache = std::mem::take(&mut self.cache);
        cache.retain(|_| lands());
        self.stable.extend(cache);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_flushed_may_be_lost() {
        let mut store = Store::numbered();
        store.write(1, [1; SECTOR_SIZE]);
        store.flush();
        store.write(1, [2; SECTOR_SIZE]);
        store.write(2, [3; SECTOR_SIZE]);
        assert_eq!((store.read(1)[0], store.read_stable(1)[0]), (2, 1));
        let mut second = false;
        store.cut(|| std::mem::replace(&mut second, true));
        assert_eq!((store.read(1)[0], store.read(2)[0]), (1, 3));
        assert_eq!(store.cached(), 0);
    }
}
