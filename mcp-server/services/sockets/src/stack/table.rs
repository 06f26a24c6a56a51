//! Sockets by their handles.

use alloc::vec::Vec;

use atoll_abi::handle::Handle;

/// Up to a number of values, each named by a [`Handle`] that is not valid again for a long time once its value was removed: a generation
/// comes round after 65535 uses of one place.
pub(crate) struct Table<T> {
    places: Vec<Place<T>>,
    /// Places without a value.
    free: Vec<u16>,
    most: usize,
    /// The generation from which new places begin.
    seed: u16,
}

struct Place<T> {
    generation: u16,
    value: Option<T>,
}

impl<T> Table<T> {
    /// A table of at most so many values. `life` grows with each life of the service: handles of the lives before name nothing here for
    /// a long time.
    pub(crate) fn new(most: usize, life: u32) -> Table<T> {
        Table {
            places: Vec::new(),
            free: Vec::new(),
            most: most.min(usize::from(u16::MAX)),
            // An odd multiplier spreads consecutive lives over the whole range.
            seed: (life as u16).wrapping_mul(0x6487),
        }
    }

    /// Whether another value may be added.
    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.places.len() < self.most
    }

    /// Adds a value; `None` where the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<Handle> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < self.most => {
                self.places.push(Place {
                    generation: self.seed,
                    value: None,
                });
                u16::try_from(self.places.len() - 1).ok()?
            }
            None => return None,
        };
        let place = self.places.get_mut(usize::from(index))?;
        place.generation = place.generation.checked_add(1).unwrap_or(1);
        place.value = Some(value);
        Some(Handle {
            index,
            generation: place.generation,
        })
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        let place = self.places.get(usize::from(handle.index))?;
        let value = place.value.as_ref();
        value.filter(|_| place.generation == handle.generation)
    }

    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let place = self.places.get_mut(usize::from(handle.index))?;
        let value = place.value.as_mut();
        value.filter(|_| place.generation == handle.generation)
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Option<T> {
        let place = self.places.get_mut(usize::from(handle.index))?;
        if place.generation != handle.generation {
            return None;
        }
        let value = place.value.take()?;
        self.free.push(handle.index);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_handle_names_nothing() {
        let mut table = Table::new(2, 7);
        let first = table.insert('a').unwrap();
        let second = table.insert('b').unwrap();
        assert_eq!((table.insert('c'), table.has_room()), (None, false));
        assert_eq!(table.remove(first), Some('a'));
        assert_eq!(table.remove(first), None);
        let third = table.insert('c').unwrap();
        assert_eq!(table.get(first), None, "a stale handle");
        assert_eq!(table.get_mut(third), Some(&mut 'c'));
        assert_eq!(table.get(second), Some(&'b'));
    }

    #[test]
    fn a_handle_of_an_earlier_life_names_nothing() {
        for life in 1..1000 {
            let stale = Table::new(1, life).insert(0).unwrap();
            let mut after = Table::new(1, life + 1);
            for _ in 0..64 {
                let handle = after.insert(1).unwrap();
                assert_eq!(after.get(stale), None, "a stale handle is accepted");
                after.remove(handle).unwrap();
            }
        }
    }
}
