//! What tells versions of a file apart where nobody knows the time.
//!
//! No clock of a machine of Atoll tells the time of day, so a file that was written has the time at which its volume was written last by a
//! host. Its length and its time may then be the same before and after a change, and a tag of these alone would name two versions. So a
//! tag has a third part, the *edition*: a number of the life of the server, and how often something was changed in this life whose path
//! shares a slot with the file's.

use core::sync::atomic::{AtomicU64, Ordering};

const SLOTS: usize = 256;

/// How often files were changed by this life of the server.
#[derive(Debug)]
pub struct Editions {
    life: u64,
    changes: [AtomicU64; SLOTS],
}

impl Editions {
    /// Those of a life of the server. The number should differ from life to life.
    pub const fn new(life: u64) -> Editions {
        Editions {
            life,
            changes: [const { AtomicU64::new(0) }; SLOTS],
        }
    }

    /// What is at a path has been changed.
    pub fn change(&self, path: &str) {
        if let Some(changes) = self.changes.get(slot(path)) {
            changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The edition of a file.
    pub fn of(&self, path: &str) -> u64 {
        let changes = self.changes(path);
        hash(self.life ^ changes.rotate_left(u64::BITS / 2), &[])
    }

    /// How often this life has changed what is at a path; more often, where other paths share its slot.
    pub fn changes(&self, path: &str) -> u64 {
        let changes = self.changes.get(slot(path));
        changes.map_or(0, |changes| changes.load(Ordering::Relaxed))
    }
}

fn slot(path: &str) -> usize {
    hash(0, path.as_bytes()) as usize % SLOTS
}

/// Mixes a number and bytes (FNV-1a, and a last step that spreads the bits).
pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mixed = bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325 ^ seed, |mixed, byte| {
            (mixed ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
        });
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^ mixed >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_changes_with_the_file_and_with_the_life() {
        let editions = Editions::new(7);
        let first = editions.of("/a");
        assert_eq!(editions.of("/a"), first);
        assert_ne!(Editions::new(8).of("/a"), first);
        let other = editions.of("/b");
        editions.change("/a");
        assert_ne!(editions.of("/a"), first);
        assert_eq!(editions.changes("/a"), 1);
        assert_eq!(editions.of("/b"), other, "they share no slot");
    }
}
