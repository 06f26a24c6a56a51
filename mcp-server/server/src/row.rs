//! The rings of a server's vcores. Those in which something may be found soon are *polled*: looked at in every turn. The others
//! *rest*: they are armed, so that the vcore rings when it has sent something, and cost a turn nothing.
//!
//! A row of at most [`FEW`] rings is polled as a whole, always: no vcore of a small cluster has to ring for a server that is
//! awake.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use atoll_abi::layout::server_badge;
use atoll_channel::Link;

/// Rings that are polled however long nothing was found in them.
pub(crate) const FEW: usize = 8;

/// Long turns in which nothing is found in a ring before it rests, where more than [`FEW`] are polled.
const QUIET_TURNS: u8 = 16;

/// The link to a vcore.
pub(crate) struct Vcore<L> {
    pub(crate) link: L,
    pub(crate) process: usize,
    pub(crate) vcore: usize,
    /// The process broke the ring while the personality acted, and is to be told.
    pub(crate) broken: bool,
    /// Long turns since something was found.
    pub(crate) quiet: u8,
    /// Its number in the cluster.
    number: usize,
}

/// The links to all vcores of a cluster.
pub(crate) struct Row<L> {
    /// Those that are polled first.
    vcores: Box<[Vcore<L>]>,
    polled: usize,
    /// Where in the row each vcore is, by its number in the cluster.
    places: Box<[usize]>,
    /// For each process of the plan, the numbers of its vcores.
    numbers: Box<[Range<usize>]>,
    /// The processes of the cluster, by number.
    processes: Box<[usize]>,
    /// The resting ring that is looked at next.
    cursor: usize,
}

impl<L: Link> Row<L> {
    /// The links to the vcores of each process of the plan, in order; none for the processes of other clusters.
    pub(crate) fn new<V>(processes: impl IntoIterator<Item = V>) -> Row<L>
    where
        V: IntoIterator<Item = L>,
    {
        let mut vcores = Vec::new();
        let mut numbers = Vec::new();
        let mut own = Vec::new();
        for (process, links) in processes.into_iter().enumerate() {
            let first = vcores.len();
            vcores.extend((first..).zip(links).map(|(number, link)| Vcore {
                link,
                process,
                vcore: number - first,
                broken: false,
                quiet: 0,
                number,
            }));
            numbers.push(first..vcores.len());
            if vcores.len() > first {
                own.push(process);
            }
        }
        Row {
            polled: vcores.len(),
            places: (0..vcores.len()).collect(),
            vcores: vcores.into_boxed_slice(),
            numbers: numbers.into_boxed_slice(),
            processes: own.into_boxed_slice(),
            cursor: 0,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.vcores.len()
    }

    /// How many are polled: those at the places from 0 on.
    #[inline]
    pub(crate) fn polled(&self) -> usize {
        self.polled
    }

    /// The link at a place.
    #[inline]
    pub(crate) fn at(&mut self, place: usize) -> Option<&mut Vcore<L>> {
        self.vcores.get_mut(place)
    }

    /// The links that are polled.
    pub(crate) fn iter_polled(&mut self) -> impl Iterator<Item = &mut Vcore<L>> {
        self.vcores.iter_mut().take(self.polled)
    }

    /// The numbers of the vcores of a process.
    fn numbers(&self, process: usize) -> Range<usize> {
        self.numbers.get(process).cloned().unwrap_or(0..0)
    }

    /// Vcores of a process.
    pub(crate) fn count(&self, process: usize) -> usize {
        self.numbers(process).len()
    }

    /// The link to a vcore of a process.
    #[inline]
    pub(crate) fn of(&mut self, process: usize, vcore: usize) -> Option<&mut Vcore<L>> {
        let place = self.place(process, vcore)?;
        self.vcores.get_mut(place)
    }

    /// Where the link to a vcore of a process is.
    #[inline]
    pub(crate) fn place(&self, process: usize, vcore: usize) -> Option<usize> {
        let numbers = self.numbers.get(process)?;
        let number = numbers.start + vcore;
        let place = self.places.get(number)?;
        (number < numbers.end).then_some(*place)
    }

    /// The links to the vcores of a process, by vcore.
    pub(crate) fn links(&self, process: usize) -> impl Iterator<Item = &L> {
        let places = self.places.get(self.numbers(process)).unwrap_or_default();
        let vcores = places.iter().filter_map(|place| self.vcores.get(*place));
        vcores.map(|vcore| &vcore.link)
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.vcores.swap(one, other);
        for place in [one, other] {
            self.places[self.vcores[place].number] = place;
        }
    }

    /// Polls the link to a vcore of a process, from now on.
    pub(crate) fn poll(&mut self, process: usize, vcore: usize) {
        if let Some(place) = self.place(process, vcore) {
            self.poll_at(place);
        }
    }

    fn poll_at(&mut self, place: usize) {
        let Some(own) = self.vcores.get_mut(place) else {
            return;
        };
        own.quiet = 0;
        if place >= self.polled {
            own.link.disarm();
            self.swap(place, self.polled);
            self.polled += 1;
        }
    }

    /// Has the links rest in which nothing was found for long, but for [`FEW`].
    pub(crate) fn rest_quiet(&mut self) {
        if self.polled <= FEW {
            return;
        }
        for place in (0..self.polled).rev() {
            let own = &mut self.vcores[place];
            own.quiet = own.quiet.saturating_add(1);
            if own.quiet >= QUIET_TURNS && self.polled > FEW && own.link.arm() {
                self.polled -= 1;
                self.swap(place, self.polled);
            }
        }
    }

    /// All links are armed, as far as anything would be taken from them: those beyond [`FEW`] rest.
    pub(crate) fn rest_all(&mut self) {
        self.polled = self.polled.min(FEW);
    }

    /// Looks at some of the resting links, in rotation, and polls those in which something is: a vcore that rings while the
    /// server is awake is not heard.
    pub(crate) fn look_at_resting(&mut self) {
        for _ in 0..FEW.min(self.vcores.len() - self.polled) {
            let next = self.cursor + 1;
            self.cursor = if next < self.vcores.len() {
                next.max(self.polled)
            } else {
                self.polled
            };
            self.wake_at(self.cursor);
        }
    }

    /// Polls the link at a place where it rests and something is in it, or its peer has changed.
    fn wake_at(&mut self, place: usize) {
        if let Some(own) = self.vcores.get_mut(place).filter(|_| place >= self.polled)
            && (own.link.peer_changed() || own.link.waiting())
        {
            self.poll_at(place);
        }
    }

    /// The server has been woken by the processes of some [badges](server_badge): those of their links that rest and in which
    /// something is are polled.
    pub(crate) fn wake(&mut self, badges: u64) {
        if self.polled == self.vcores.len() {
            return;
        }
        let mut bits = badges & server_badge::PROCESSES;
        while bits != 0 {
            let first = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            for number in (first..self.processes.len()).step_by(server_badge::PROCESS_BITS) {
                for number in self.numbers(self.processes[number]) {
                    self.wake_at(self.places[number]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::layout::COMPONENT_HEAP_SIZE;
    use atoll_abi::plan::MAX_CLUSTER_VCORES;
    use atoll_channel::{Doorbell, EndpointLink};

    use super::*;

    struct Bell {
        _number: usize,
    }

    impl Doorbell for Bell {
        fn ring(&mut self) {}
    }

    #[test]
    fn the_links_of_the_largest_cluster_leave_nearly_half_of_the_heap() {
        // The links as they are made, and the row of them, which is copied once when it has grown. With a timeline each has a place to note
        // things.
        let link = size_of::<EndpointLink<Bell>>();
        let bytes = MAX_CLUSTER_VCORES * (link + 2 * size_of::<Vcore<EndpointLink<Bell>>>());
        assert!(bytes <= COMPONENT_HEAP_SIZE / 16 * 9, "{bytes}");
    }
}
