//! Clients that are gone.

use atoll_abi::plan::MAX_SERVICES;

const _: () = assert!(MAX_SERVICES <= u64::BITS as usize);

/// The clients of a device that were lost, and of which it has not been told that the device has nothing of theirs any more. They are named
/// by their slots.
#[derive(Debug, Default)]
pub struct LostClients(u64);

impl LostClients {
    /// A client is lost.
    pub fn add(&mut self, slot: usize) {
        self.0 |= bit(slot);
    }

    /// There is a client again.
    pub fn remove(&mut self, slot: usize) {
        self.0 &= !bit(slot);
    }

    /// One of which the device has nothing any more, as `is_quiet` tells; each is told once.
    pub fn take(&mut self, is_quiet: impl Fn(usize) -> bool) -> Option<usize> {
        let mut slots = 0..u64::BITS as usize;
        let slot = slots.find(|slot| self.0 & bit(*slot) != 0 && is_quiet(*slot))?;
        self.remove(slot);
        Some(slot)
    }
}

/// The bit of a slot; none where there is no such slot.
fn bit(slot: usize) -> u64 {
    1_u64.checked_shl(slot as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lost_client_is_told_once_when_it_is_quiet() {
        let mut lost = LostClients::default();
        for slot in [3, 0, 5, 64] {
            lost.add(slot);
        }
        assert_eq!(lost.take(|slot| slot == 3), Some(3));
        assert_eq!(lost.take(|slot| slot == 3), None);
        lost.remove(0);
        assert_eq!([lost.take(|_| true), lost.take(|_| true)], [Some(5), None]);
    }
}
