//! What a process may look at beyond its own: an observer, where the plan says `observer = true`, the plan and all connections of the
//! machine; an operator the connections of its cluster. Neither can change anything of it.

use core::{ptr, slice};

use atoll_abi::layout::{self, PAGE_SIZE, PLAN};
use atoll_abi::plan::Plan;
use atoll_channel::Telemetry;

use super::kernel::procinfo;

/// The plan of the machine; `None` where the process is no observer.
pub fn plan() -> Option<&'static Plan> {
    procinfo().is_observer().then_some(())?;
    let bytes = |length: usize| {
        let start = ptr::with_exposed_provenance::<u8>(PLAN);
        // SAFETY: the root task maps the encoded plan in every observer, read-only, as many pages as its size says, and
        // writes it only before: that it did it says on a page that only it and the server write.
        unsafe { slice::from_raw_parts(start, length) }
    };
    Plan::parse(bytes(Plan::size_of(bytes(PAGE_SIZE))?))
}

/// What both sides tell of one direction of a connection: `ring` 0 is that on which the client sends, 1 that on which the
/// provider does. `None` where there is no such ring, and where the process may not watch it: see
/// [`Plan::watched_by`].
pub fn telemetry(connection: usize, ring: usize) -> Option<Telemetry> {
    let watched = procinfo().watched;
    let bits = u64::BITS as usize;
    let word = watched.get(connection / bits)?;
    if ring >= 2 || word & 1 << (connection % bits) == 0 {
        return None;
    }
    let page = ptr::with_exposed_provenance(layout::telemetry(connection, ring));
    // SAFETY: the root task mapped the first page of the ring there: it says so by the connection's bit, on a page that only
    // the root task and the server write. The page stays mapped, and is used as such only.
    Some(unsafe { Telemetry::read(page) })
}
