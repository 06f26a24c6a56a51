//! What a service counts of its work.

use atoll_call::Service;
use atoll_channel::{Doorbell, EndpointLink};

use crate::host::Host;
use crate::links::Memory;

/// A service or driver that can be counted.
type Counted<S, D, M> = Host<S, EndpointLink<D>, M>;

/// Counts the ticks of a service's or driver's work where it has the feature `measured`, and tells them to all its peers.
#[derive(Default)]
pub struct Meter {
    #[cfg(feature = "measured")]
    ticks: u64,
}

impl Meter {
    /// Has the service do something that may find nothing to do, and then counts for nothing. Tells whether it found something.
    ///
    /// A driver on the core of a service interrupts it; its ticks are its own.
    #[cfg(feature = "measured")]
    pub fn count<S: Service, D: Doorbell, M: Memory>(
        &mut self,
        host: &mut Counted<S, D, M>,
        act: impl FnOnce(&mut Counted<S, D, M>) -> bool,
    ) -> bool {
        use atoll_channel::Work;
        use atoll_component::{meter, ticks};

        let of_driver = |host: &Counted<S, D, M>| {
            let driver = host.upstream();
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
    pub fn count<S: Service, D: Doorbell, M: Memory>(
        &mut self,
        host: &mut Counted<S, D, M>,
        act: impl FnOnce(&mut Counted<S, D, M>) -> bool,
    ) -> bool {
        act(host)
    }
}
