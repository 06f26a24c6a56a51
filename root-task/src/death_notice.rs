//! How a component learns that another one is gone: a word in the first page of the ring on which that one sent, and a
//! doorbell.

use atoll_abi::connection::wake_words;
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_channel::WakeWords;
use sel4::{VmAttributes, cap};

use crate::authority::{Authority, ROOT_TASK};
use crate::component::Page;
use crate::interrupts::with_hpet;

/// Pages of a window where its two rings begin: the one on which the first side sends, and that of the second side.
pub const RINGS: [usize; 2] = [0, RING_WINDOW_SIZE / 2 / PAGE_SIZE];

/// What the root task keeps to announce the death of one side of a window.
pub struct DeathNotice {
    /// A capability of the root task's own, because one capability maps a page at one place.
    page: Page,
    doorbell: Doorbell,
}

/// How the other side of a window is woken.
pub enum Doorbell {
    /// By its notification, with the badge that it expects.
    Notification(cap::Notification),
    /// By its server, which another kernel instance runs.
    OtherKernel {
        /// The wake page of the channel between the two clusters, a capability of the root task's own.
        wake_page: Page,
        /// Which end of that channel has the cluster of this instance.
        end: usize,
        /// The number of the connection.
        connection: usize,
        /// The page of the HPET's registers, likewise, and the comparator of the other cluster; none where it polls.
        comparator: Option<(Page, u32)>,
    },
}

impl DeathNotice {
    /// That of the side that sends on the ring that begins with `page`.
    pub fn new(authority: &mut Authority, page: Page, doorbell: Doorbell) -> DeathNotice {
        DeathNotice {
            page: authority.share(page, ROOT_TASK),
            doorbell,
        }
    }

    /// Says that the side is dead, and wakes the other one.
    pub fn announce(&self, authority: &mut Authority) {
        authority.with_page(self.page, VmAttributes::DEFAULT, |mapped| {
            // SAFETY: the page is the first one of a ring, and mapped writable while this runs.
            unsafe { atoll_channel::announce_lost_on(mapped.address()) };
        });
        self.doorbell.ring(authority);
    }
}

impl Doorbell {
    fn ring(&self, authority: &mut Authority) {
        match self {
            Doorbell::Notification(notification) => notification.signal(),
            Doorbell::OtherKernel {
                wake_page,
                end,
                connection,
                comparator,
            } => {
                authority.with_page(*wake_page, VmAttributes::DEFAULT, |mapped| {
                    let words = mapped.address().wrapping_add(wake_words(*end));
                    // SAFETY: the page is mapped while this runs, which is as long as the words are used; that these are
                    // in it is asserted below.
                    unsafe { WakeWords::attach(words) }.set(*connection);
                });
                let Some((registers, comparator)) = comparator else {
                    return;
                };
                // Where even this is overtaken, the other server takes the bit when it next looks.
                let _ = with_hpet(authority, *registers, |hpet| hpet.ring(*comparator));
            }
        }
    }
}

const _: () = assert!(wake_words(2) <= PAGE_SIZE);
