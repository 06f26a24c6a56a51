//! A table of handles with generations.

use atoll_abi::handle::Handle;

/// Up to `N` values, each named by a [`Handle`] that is never valid again once its value was removed.
///
/// A generation comes round after 65535 uses of one entry.
#[derive(Clone, Copy, Debug)]
pub struct Handles<T: Copy, const N: usize> {
    entries: [Entry<T>; N],
}

#[derive(Clone, Copy, Debug)]
struct Entry<T: Copy> {
    generation: u16,
    value: Option<T>,
}

impl<T: Copy, const N: usize> Handles<T, N> {
    /// A table without values. `life` is a number that grows with each life of the client or of the service: handles of the
    /// lives before name nothing here for a long time.
    pub const fn new(life: u32) -> Self {
        let seed = if cfg!(feature = "planted-stale-handle") {
            0
        } else {
            // An odd multiplier spreads consecutive generations over the whole range.
            (life as u16).wrapping_mul(0x6487)
        };
        Handles {
            entries: [Entry {
                generation: seed,
                value: None,
            }; N],
        }
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.values().count()
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Adds a value; `None` where the table is full.
    pub fn insert(&mut self, value: T) -> Option<Handle> {
        let (index, entry) = self
            .entries
            .iter_mut()
            .enumerate()
            .find(|(_, entry)| entry.value.is_none())?;
        entry.generation = entry.generation.checked_add(1).unwrap_or(1);
        entry.value = Some(value);
        Some(Handle {
            index: u16::try_from(index).ok()?,
            generation: entry.generation,
        })
    }

    /// Removes every value.
    pub fn clear(&mut self) {
        for entry in &mut self.entries {
            entry.value = None;
        }
    }

    /// The value that a client's handle names.
    #[inline]
    pub fn get(&self, handle: Handle) -> Option<T> {
        let entry = self.entries.get(usize::from(handle.index))?;
        entry
            .value
            .filter(|_| entry.generation == handle.generation)
    }

    /// Removes the value that a client's handle names.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let value = self.get(handle)?;
        self.entries.get_mut(usize::from(handle.index))?.value = None;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_handle_is_not_the_next_one() {
        let mut handles = Handles::<u8, 1>::new(1);
        let first = handles.insert(1).unwrap();
        assert_eq!(handles.insert(2), None);
        assert_eq!(handles.get(first), Some(1));
        assert_eq!(handles.remove(first), Some(1));
        assert_eq!(handles.remove(first), None);
        let second = handles.insert(2).unwrap();
        assert_ne!(first, second);
        assert_eq!((handles.get(first), handles.get(second)), (None, Some(2)));
    }

    #[test]
    fn a_handle_of_an_earlier_life_names_nothing() {
        for generation in 1..1000 {
            let mut before = Handles::<u8, 4>::new(generation);
            let stale = before.insert(1).unwrap();
            let mut after = Handles::<u8, 4>::new(generation + 1);
            for _ in 0..64 {
                let handle = after.insert(2).unwrap();
                assert_eq!(after.get(stale), None, "a stale handle is accepted");
                after.remove(handle).unwrap();
            }
        }
    }

    #[test]
    fn generations_skip_zero() {
        let mut handles = Handles::<u8, 1>::new(0);
        for _ in 0..70_000 {
            let handle = handles.insert(1).unwrap();
            assert_ne!(handle.generation, 0);
            assert_eq!(handles.remove(handle), Some(1));
        }
    }

    #[test]
    fn what_was_never_issued_is_unknown() {
        let mut handles = Handles::<u8, 2>::new(0);
        handles.insert(1).unwrap();
        for raw in [1 << 16 | 1, 1 << 16 | 2, 2 << 16, u32::MAX] {
            let handle = Handle::from_raw(raw).unwrap();
            assert_eq!(handles.get(handle), None, "{raw:#x}");
        }
    }
}
