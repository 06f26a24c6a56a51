//! What a simulator needs of a runtime whose vcores are coroutines of one thread.
//!
//! The simulator resumes one vcore after the other. A vcore suspends itself where others are to act: in what it asks of its
//! [`World`](crate::world::World), before an access to a ring
//! ([`atoll_channel::simulated::set_hook`]), and while it waits for a lock, which another vcore holds that was suspended.

extern crate std;

use core::cell::Cell;

use crate::runtime::Runtime;

pub use crate::context::coroutine::{Coroutine, suspend};
pub use crate::stack::reclaim_stacks;

std::thread_local! {
    static RELAX: Cell<fn()> = const { Cell::new(core::hint::spin_loop) };
}

/// Has every wait for a lock on the calling thread call a function, again and again.
pub fn set_relax(relax: fn()) {
    RELAX.set(relax);
}

/// What a vcore does while it waits for a lock.
pub struct Relax;

impl spin::RelaxStrategy for Relax {
    fn relax() {
        RELAX.get()();
    }
}

/// How a channel of a vcore that waits is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The generation of the channel that the vcore knows.
    pub generation: u32,
    /// It takes no completion of this generation any more.
    pub lost: bool,
    /// Its peer has died or come back, and the vcore has done nothing about it.
    pub peer_changed: bool,
}

impl Runtime {
    /// How a channel of a vcore is attached that waits: the one to the server, or that of a port behind it. `None` where the
    /// vcore does not listen to it, because it is being given back, and where another one uses its rings just now.
    pub fn attached(&self, vcore: usize, channel: usize) -> Option<Attached> {
        match self.listens(vcore, channel) {
            true => self.channel(vcore, channel).attached(),
            false => None,
        }
    }

    /// Tells which blocks of one page are free, in whatever pool; `false` where that is being changed just now.
    pub fn show_free_blocks(&self, show: impl FnOnce(&[u32])) -> bool {
        self.pools().show_free(show)
    }
}
