//! A table of handles with generations.

use atoll_abi::handle::Handle;

/// Up to `N` values, each named by a [`Handle`] that is never valid again once its value was removed.
///
/// A generation comes round after 65535 uses of one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handles<T: Copy, const N: usize> {
    entries: [Entry<T>; N],
}

#[derive(Clone, Copy, Debug)]
struct Entry<T: Copy> {
    generation: u16,
    value: Option<T>,
}

impl<T: Copy, const N: usize> Handles<T, N> {
    pub(crate) const fn new() -> Self {
        Handles {
            entries: [Entry {
                generation: 0,
                value: None,
            }; N],
        }
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> usize {
        self.values().count()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Adds a value; `None` where the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<Handle> {
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

    /// The value of a raw handle that a peer sent.
    pub(crate) fn get(&self, raw: u32) -> Option<T> {
        let handle = Handle::from_raw(raw)?;
        let entry = self.entries.get(usize::from(handle.index))?;
        entry
            .value
            .filter(|_| entry.generation == handle.generation)
    }

    /// Removes the value of a raw handle that a peer sent.
    pub(crate) fn remove(&mut self, raw: u32) -> Option<T> {
        let value = self.get(raw)?;
        let handle = Handle::from_raw(raw)?;
        self.entries.get_mut(usize::from(handle.index))?.value = None;
        Some(value)
    }

    /// Removes any one value.
    pub(crate) fn remove_any(&mut self) -> Option<T> {
        self.entries.iter_mut().find_map(|entry| entry.value.take())
    }

    /// Removes every value that is not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for entry in &mut self.entries {
            entry.value = entry.value.filter(&keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_handle_is_not_the_next_one() {
        let mut handles = Handles::<u8, 1>::new();
        let first = handles.insert(1).unwrap().to_raw();
        assert_eq!(handles.insert(2), None);
        assert_eq!(handles.get(first), Some(1));
        assert_eq!(handles.remove(first), Some(1));
        assert_eq!(handles.remove(first), None);
        let second = handles.insert(2).unwrap().to_raw();
        assert_ne!(first, second);
        assert_eq!((handles.get(first), handles.get(second)), (None, Some(2)));
    }

    #[test]
    fn generations_skip_zero() {
        let mut handles = Handles::<u8, 1>::new();
        for _ in 0..70_000 {
            let raw = handles.insert(1).unwrap().to_raw();
            assert_ne!(raw >> 16, 0);
            assert_eq!(handles.remove(raw), Some(1));
        }
    }

    #[test]
    fn what_was_never_issued_is_unknown() {
        let mut handles = Handles::<u8, 2>::new();
        handles.insert(1).unwrap();
        for raw in [0, 1, 1 << 16 | 1, 1 << 16 | 2, 2 << 16, u32::MAX] {
            assert_eq!(handles.get(raw), None, "{raw:#x}");
        }
    }
}
