//! What an honest vcore sends and takes, as its rings show it: the runtime uses them without the simulator.

use atoll_abi::message::{MESSAGE_WORDS, Message, SLOT_SIZE};
use atoll_channel::{CAPACITY, window};

use crate::memory::Place;
use crate::simulation::Simulation;
use crate::state::Id;

/// One channel of a vcore, of which it is the first side.
pub struct Tap {
    window: usize,
    /// Incarnations of the sides in the generation that the vcore was seen in last.
    incarnations: [u64; 2],
    /// Messages that it has sent in that generation.
    sent: u64,
    /// Messages that it has taken.
    taken: u64,
}

/// Incarnations of both sides, as they are now.
pub fn incarnations(place: Place) -> [u64; 2] {
    [0, window::RING].map(|ring| place.peek(ring + window::INCARNATION))
}

/// The generation of a channel whose sides have these incarnations.
pub fn generation(incarnations: [u64; 2]) -> u32 {
    (window::stamp(incarnations, 0) >> 48) as u32
}

impl Tap {
    /// The channel of a window, of which the vcore has used nothing in this life.
    pub fn new(world: &Simulation, window: usize) -> Tap {
        Tap {
            window,
            incarnations: incarnations(*world.windows[window]),
            sent: 0,
            taken: 0,
        }
    }

    /// Notes what the vcore has done since it was looked at last.
    pub fn look(&mut self, world: &Simulation, me: Id) {
        if world.state.borrow().links.is_hostile(self.window) {
            // Its peer writes anything there.
            return;
        }
        let place = *world.windows[self.window];
        self.look_in_generation(world, me, place);
        let now = incarnations(place);
        if now != self.incarnations && has_begun(place, now) {
            *self = Tap::new(world, self.window);
            self.look_in_generation(world, me, place);
        }
    }

    fn look_in_generation(&mut self, world: &Simulation, me: Id, place: Place) {
        let generation = generation(self.incarnations);
        let before = self.sent;
        while place.peek(slot(self.sent)) == window::stamp(self.incarnations, self.sent + 1) {
            let at = slot(self.sent) + 8;
            let message: Message = std::array::from_fn(|word| place.peek(at + word * 8));
            world.vcore_sent(me, self.window, generation, &message, self.sent == before);
            self.sent += 1;
        }
        let taken = place.peek(window::RING + window::CONSUMED);
        let taken = taken.wrapping_sub(window::stamp(self.incarnations, 0));
        if taken >> 48 != 0 {
            // It has taken nothing in this generation.
            return;
        }
        for _ in self.taken..taken {
            world.vcore_took(me, self.window, generation);
        }
        self.taken = taken;
    }
}

/// Where the slot of a message is.
fn slot(message: u64) -> usize {
    const _: () = assert!(SLOT_SIZE == (1 + MESSAGE_WORDS) * 8);
    window::SLOTS + message as usize % CAPACITY * SLOT_SIZE
}

/// Whether the first side has sent or taken anything in the generation of these incarnations.
fn has_begun(place: Place, incarnations: [u64; 2]) -> bool {
    let taken = place.peek(window::RING + window::CONSUMED);
    place.peek(slot(0)) == window::stamp(incarnations, 1)
        || (taken.wrapping_sub(window::stamp(incarnations, 1)) >> 48 == 0)
}
