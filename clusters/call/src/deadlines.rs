//! Which of several deadlines is next: a binary heap that knows where each entry is.

/// Never, as a deadline.
pub const NEVER: u64 = u64::MAX;

const ABSENT: u16 = u16::MAX;

/// The deadlines of up to `N` things, each named by its index. Setting, removing and finding the next one take at most as
/// many steps as `N` has bits.
///
/// Invariant: `heap[..length]` is a binary heap by `deadlines`, and `places[id]` is where `id` is in it, or [`ABSENT`].
pub struct Deadlines<const N: usize> {
    deadlines: [u64; N],
    heap: [u16; N],
    places: [u16; N],
    length: usize,
}

impl<const N: usize> Default for Deadlines<N> {
    fn default() -> Self {
        Deadlines::new()
    }
}

impl<const N: usize> Deadlines<N> {
    /// No deadlines.
    pub const fn new() -> Deadlines<N> {
        const { assert!(N < ABSENT as usize) };
        Deadlines {
            deadlines: [NEVER; N],
            heap: [0; N],
            places: [ABSENT; N],
            length: 0,
        }
    }

    /// Sets the deadline of a thing, in place of the one that it had; [`NEVER`] removes it.
    pub fn set(&mut self, id: usize, deadline: u64) {
        self.remove(id);
        if deadline == NEVER || id >= N {
            return;
        }
        if let Some(own) = self.deadlines.get_mut(id) {
            *own = deadline;
        }
        self.put(self.length, id as u16);
        self.length += 1;
        self.rise(self.length - 1);
    }

    /// Removes the deadline of a thing, where it has one.
    #[inline]
    pub fn remove(&mut self, id: usize) {
        match self.places.get(id) {
            Some(&place) if place != ABSENT => self.remove_at(id, usize::from(place)),
            _ => {}
        }
    }

    /// Whether a thing has a deadline.
    #[inline]
    pub fn is_set(&self, id: usize) -> bool {
        self.places.get(id).is_some_and(|&place| place != ABSENT)
    }

    fn remove_at(&mut self, id: usize, place: usize) {
        self.length -= 1;
        let last = self.at(self.length);
        if let Some(own) = self.places.get_mut(id) {
            *own = ABSENT;
        }
        if place < self.length {
            self.put(place, last);
            self.rise(place);
            self.sink(place);
        }
    }

    /// The next deadline, and whose it is.
    #[inline]
    pub fn first(&self) -> Option<(usize, u64)> {
        if self.length == 0 {
            return None;
        }
        let id = self.at(0);
        Some((usize::from(id), self.deadline(id)))
    }

    /// The next deadline, or [`NEVER`].
    #[inline]
    pub fn next(&self) -> u64 {
        self.first().map_or(NEVER, |(_, deadline)| deadline)
    }

    fn at(&self, place: usize) -> u16 {
        self.heap.get(place).copied().unwrap_or(0)
    }

    fn deadline(&self, id: u16) -> u64 {
        self.deadlines
            .get(usize::from(id))
            .copied()
            .unwrap_or(NEVER)
    }

    fn put(&mut self, place: usize, id: u16) {
        if let (Some(entry), Some(own)) = (
            self.heap.get_mut(place),
            self.places.get_mut(usize::from(id)),
        ) {
            *entry = id;
            *own = place as u16;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        let (first, second) = (self.at(one), self.at(other));
        self.put(one, second);
        self.put(other, first);
    }

    fn before(&self, one: usize, other: usize) -> bool {
        self.deadline(self.at(one)) < self.deadline(self.at(other))
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.before(place, parent) {
                return;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.length && self.before(child, least) {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order() {
        let mut deadlines = Deadlines::<16>::new();
        let mut seed = 1u64;
        let mut set = [NEVER; 16];
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
            let id = (seed >> 33) as usize % 16;
            let deadline = match seed >> 40 & 3 {
                0 => NEVER,
                _ => seed >> 50,
            };
            deadlines.set(id, deadline);
            set[id] = deadline;
            let next = set.iter().copied().min().unwrap();
            assert_eq!(deadlines.next(), next);
            if let Some((id, deadline)) = deadlines.first() {
                assert_eq!(set[id], deadline);
            }
        }
    }

    #[test]
    fn what_does_not_exist_has_no_deadline() {
        let mut deadlines = Deadlines::<2>::new();
        deadlines.set(2, 5);
        deadlines.remove(7);
        assert_eq!(deadlines.first(), None);
        deadlines.set(1, 5);
        deadlines.remove(1);
        deadlines.remove(1);
        assert_eq!(deadlines.next(), NEVER);
    }
}
