//! How the others learn that a server is gone: a word in the first page of the ring on which it sent, and a doorbell.

use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_hpet::Hpet;
use sel4::{VmAttributes, cap};

use crate::authority::Authority;
use crate::component::Page;

/// Page of a window where the ring begins on which the first side sends.
pub const RING_OF_FIRST: usize = 0;
/// Page of a window where the ring begins on which the second side sends.
pub const RING_OF_SECOND: usize = RING_WINDOW_SIZE / 2 / PAGE_SIZE;

/// What the root task keeps of one window of a server, to say of the server that it is dead.
pub struct Obituary {
    /// A capability of the root task's own, because one capability maps a page at one place.
    page: cap::Granule,
    bell: Bell,
}

/// How the other side of a window is woken.
pub enum Bell {
    /// It polls.
    None,
    /// By a notification.
    Notification(cap::Notification),
    /// By a comparator of the HPET: the page of its registers, a capability of the root task's own.
    Hpet(cap::Granule, u32),
}

impl Obituary {
    /// That of the ring on which a server sends, which begins with `page`.
    pub fn new(authority: &mut Authority, page: Page, bell: Bell) -> Obituary {
        Obituary {
            page: authority.share(page, "root-task"),
            bell,
        }
    }

    /// Says that the server is dead, and wakes the other side.
    pub fn announce(&self, authority: &mut Authority) {
        authority.with_page(self.page, VmAttributes::DEFAULT, |mapped| {
            // SAFETY: the page is the first one of a ring, and mapped writable while this runs.
            unsafe { atoll_channel::announce_lost_on(mapped.address()) };
        });
        match &self.bell {
            Bell::None => {}
            Bell::Notification(notification) => notification.signal(),
            Bell::Hpet(page, comparator) => {
                authority.with_page(*page, VmAttributes::UNCACHEABLE, |mapped| {
                    // SAFETY: the page holds the HPET's registers and is mapped uncached while this runs.
                    let hpet = unsafe { Hpet::new(mapped.address()) };
                    // Where even this is overtaken, the peer finds out when it next looks.
                    let _ = hpet.ring(*comparator);
                });
            }
        }
    }
}
