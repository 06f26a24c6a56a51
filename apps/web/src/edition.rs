//! What tells versions of a file apart that have one time.
//!
//! A file has a time of whole seconds, and on a machine that does not know the time of day always the same one. Its length and its time
//! may then be the same before and after a change, and a tag of these alone would name two versions. So a tag has a third part, the *edition*: a number of the life of the server, and how often something was changed in this life whose path
//! shares a slot with the file's. A file that is opened while such a change goes on has an edition of its own, which no other one has:
//! nobody can tell whether it is what was there before.

use core::sync::atomic::{AtomicU64, Ordering};

const SLOTS: usize = 256;

/// Changes of the files of a slot.
#[derive(Debug, Default)]
struct Slot {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// How often files were changed by this life of the server.
#[derive(Debug)]
pub struct Editions {
    life: u64,
    slots: [Slot; SLOTS],
    /// Editions that were given to one file each.
    single: AtomicU64,
}

/// What was known before a file was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    changes: u64,
    is_calm: bool,
}

impl Editions {
    /// Those of a life of the server. The number should differ from life to life.
    pub const fn new(life: u64) -> Editions {
        Editions {
            life,
            slots: [const {
                Slot {
                    begun: AtomicU64::new(0),
                    ended: AtomicU64::new(0),
                }
            }; SLOTS],
            single: AtomicU64::new(0),
        }
    }

    /// Changes what is at a path.
    pub fn change<R>(&self, path: &str, work: impl FnOnce() -> R) -> R {
        let slot = self.slots.get(slot(path));
        let add = |count: Option<&AtomicU64>| count.map(|it| it.fetch_add(1, Ordering::SeqCst));
        add(slot.map(|slot| &slot.begun));
        let result = work();
        add(slot.map(|slot| &slot.ended));
        result
    }

    /// To be asked before a file is opened.
    pub fn before(&self, path: &str) -> Before {
        let Some(slot) = self.slots.get(slot(path)) else {
            return Before {
                changes: 0,
                is_calm: false,
            };
        };
        // In this order: where they are equal, no change was under way when the second one was read.
        let ended = slot.ended.load(Ordering::SeqCst);
        let begun = slot.begun.load(Ordering::SeqCst);
        Before {
            changes: begun,
            is_calm: begun == ended,
        }
    }

    /// The edition of a file that has been opened, and whether it may have been changed in this life.
    pub fn of(&self, path: &str, before: Before) -> (u64, bool) {
        let is_known = before.is_calm && self.before(path) == before;
        let (kind, number) = match is_known {
            true => (0, before.changes),
            false => (1, self.single.fetch_add(1, Ordering::Relaxed)),
        };
        let edition = hash(self.life ^ kind, &number.to_le_bytes());
        (edition, !is_known || before.changes > 0)
    }
}

fn slot(path: &str) -> usize {
    hash(0, path.as_bytes()) as usize % SLOTS
}

/// Mixes a number and bytes (FNV-1a, and a last step that spreads the bits).
pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xCBF2_9CE4_8422_2325 ^ seed.rotate_left(u64::BITS / 2);
    let mixed = bytes.iter().fold(start, |mixed, byte| {
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
        let open = |editions: &Editions, path| editions.of(path, editions.before(path));
        let editions = Editions::new(7);
        let first = open(&editions, "/a");
        assert!(!first.1);
        assert_eq!(open(&editions, "/a"), first);
        assert_ne!(open(&Editions::new(8), "/a"), first);
        editions.change("/a", || ());
        let second = open(&editions, "/a");
        assert!(second.1 && second.0 != first.0);
        assert_eq!(open(&editions, "/a"), second);
        assert_eq!(open(&editions, "/b"), first, "they share no slot");
    }

    #[test]
    fn what_is_opened_during_a_change_is_like_nothing_else() {
        let editions = Editions::new(7);
        let early = editions.before("/a");
        let (one, other) = editions.change("/a", || {
            let inside = editions.before("/a");
            (editions.of("/a", inside), editions.of("/a", early))
        });
        let late = editions.of("/a", early);
        let calm = editions.of("/a", editions.before("/a"));
        let all = [one, other, late, calm];
        for (place, edition) in all.iter().enumerate() {
            assert!(edition.1, "it may have changed");
            assert!(all[..place].iter().all(|it| it.0 != edition.0));
        }
    }
}
