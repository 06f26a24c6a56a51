//! What a service counts of its work.

use atoll_call::Service;

use super::Link;
use super::pools::Pools;
use crate::host::Host;

/// A service that can be counted.
type Counted<S> = Host<S, Link, Pools>;

/// Counts the ticks of a service's work where it has the feature `measured`, and tells them to all its peers.
#[derive(Default)]
pub(super) struct Meter {
    #[cfg(feature = "measured")]
    ticks: u64,
}

impl Meter {
    /// Has the service do something that may find nothing to do, and then counts for nothing. Tells whether it found something.
    ///
    /// The driver interrupts a service on their core; its ticks are its own.
    #[cfg(feature = "measured")]
    pub(super) fn count<S: Service>(
        &mut self,
        host: &mut Counted<S>,
        act: impl FnOnce(&mut Counted<S>) -> bool,
    ) -> bool {
        use atoll_channel::Work;
        use atoll_component::{meter, ticks};

        let of_driver = |host: &Counted<S>| {
            let driver = host.links().last();
            driver.map_or(0, |link| link.endpoint.peer_work().ticks)
        };
        let driver = of_driver(host);
        let start = ticks();
        let worked = act(host);
        let spent = ticks() - start;
        if worked {
            self.ticks += spent - (of_driver(host) - driver).min(spent);
            let work = Work {
                ticks: self.ticks,
                entries: meter::entries(),
                copied: meter::bytes_copied(),
            };
            host.links().for_each(|link| link.endpoint.tell_work(&work));
        }
        worked
    }

    /// Has the service do something; whether it found something to do.
    #[cfg(not(feature = "measured"))]
    #[inline(always)]
    pub(super) fn count<S: Service>(
        &mut self,
        host: &mut Counted<S>,
        act: impl FnOnce(&mut Counted<S>) -> bool,
    ) -> bool {
        act(host)
    }
}
