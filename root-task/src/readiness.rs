//! Whether an instance is ready: each of its components can be used, or stays down.

use alloc::vec::Vec;

use crate::lifecycle::Child;

/// The components that an instance waits for.
#[derive(Debug)]
pub struct Readiness {
    /// Those that have not said yet that they can be used; `None` when the instance has been reported as ready.
    awaited: Option<Vec<Child>>,
}

impl Readiness {
    /// Of an instance with these components.
    pub fn new(components: impl IntoIterator<Item = Child>) -> Readiness {
        Readiness {
            awaited: Some(components.into_iter().collect()),
        }
    }

    /// The components that are awaited.
    pub fn awaited(&self) -> impl Iterator<Item = Child> + '_ {
        self.awaited.iter().flatten().copied()
    }

    /// A component can be used: for the first time, or once more because it was started again.
    pub fn ready(&mut self, child: Child) {
        if let Some(awaited) = &mut self.awaited {
            awaited.retain(|awaited| *awaited != child);
        }
    }

    /// Whether the instance is ready, where some components may stay down: told once.
    pub fn reached(&mut self, stays_down: impl Fn(Child) -> bool) -> bool {
        let reached = self.awaited.is_some() && self.awaited().all(stays_down);
        if reached {
            self.awaited = None;
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Child::{Driver, Server, Service};

    #[test]
    fn a_component_that_starts_twice_is_awaited_once() {
        let mut readiness = Readiness::new([Driver(0), Server(0), Service(0)]);
        let none_down = |_| false;
        readiness.ready(Driver(0));
        readiness.ready(Service(0));
        // It was stopped, and started again with its driver.
        readiness.ready(Driver(0));
        readiness.ready(Service(0));
        assert!(!readiness.reached(none_down), "the server has not started");
        readiness.ready(Server(0));
        assert!(readiness.reached(none_down));
        assert!(!readiness.reached(none_down), "it is told once");
        readiness.ready(Server(0));
        assert!(!readiness.reached(none_down));
    }

    #[test]
    fn a_component_that_stays_down_is_not_awaited() {
        let mut readiness = Readiness::new([Driver(0), Service(0)]);
        readiness.ready(Service(0));
        assert!(!readiness.reached(|child| child == Service(0)));
        assert!(readiness.reached(|child| child == Driver(0)));
    }

    #[test]
    fn an_instance_without_components_is_ready() {
        assert!(Readiness::new([]).reached(|_| false));
    }
}
