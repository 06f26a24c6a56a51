//! Drivers and services that want to be woken after a time: a driver to see whether its device has answered meanwhile, a service
//! because something is due. They have no clock that wakes them.

use alloc::vec::Vec;

use crate::lifecycle::Child;

/// When each component is to be woken that wants to be, in milliseconds.
#[derive(Debug, Default)]
pub struct Watches(Vec<(Child, u64)>);

impl Watches {
    /// A component wants to be woken after so many milliseconds, and no more when it wanted before.
    pub fn begin(&mut self, child: Child, now: u64, milliseconds: u64) {
        self.end(child);
        self.0.push((child, now.saturating_add(milliseconds)));
    }

    /// A life of a component has ended.
    pub fn end(&mut self, child: Child) {
        self.0.retain(|(watching, _)| *watching != child);
    }

    /// When the next component is to be woken; `None` where none is.
    pub fn next_due(&self) -> Option<u64> {
        self.0.iter().map(|(_, due)| *due).min()
    }

    /// A component that is to be woken by now, once.
    pub fn take_due(&mut self, now: u64) -> Option<Child> {
        let place = self.0.iter().position(|(_, due)| *due <= now)?;
        Some(self.0.swap_remove(place).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Child::{Driver, Service};

    #[test]
    fn each_component_is_woken_once_when_its_time_is_up() {
        let mut watches = Watches::default();
        assert_eq!(
            (watches.next_due(), watches.take_due(u64::MAX)),
            (None, None)
        );
        for (child, time) in [(Driver(0), 50), (Service(0), 20), (Driver(2), 5)] {
            watches.begin(child, 10, time);
        }
        watches.end(Driver(2));
        watches.end(Driver(3));
        assert_eq!((watches.next_due(), watches.take_due(29)), (Some(30), None));
        assert_eq!(
            (watches.take_due(30), watches.take_due(30)),
            (Some(Service(0)), None)
        );
        assert_eq!(
            (watches.next_due(), watches.take_due(60)),
            (Some(60), Some(Driver(0)))
        );
        assert_eq!(watches.next_due(), None);
    }

    #[test]
    fn the_last_wish_of_a_component_counts() {
        let mut watches = Watches::default();
        watches.begin(Service(1), 0, 500);
        watches.begin(Service(1), 1, 10);
        assert_eq!(watches.next_due(), Some(11));
        watches.begin(Service(1), 2, u64::MAX);
        assert_eq!(watches.take_due(u64::MAX - 1), None);
        assert_eq!(watches.take_due(u64::MAX), Some(Service(1)));
        assert_eq!(watches.next_due(), None);
    }

    #[test]
    fn a_time_that_has_come_already_is_taken_at_once() {
        let mut watches = Watches::default();
        watches.begin(Service(0), 7, 0);
        assert_eq!(watches.take_due(7), Some(Service(0)));
    }
}
