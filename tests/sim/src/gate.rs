//! The border between the simulator and the processes: how a vcore goes on, where it stops so that others act, and how its
//! world is reached from inside.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use atoll_channel::simulated::{Access, set_hook};
use atoll_runtime::simulated::{Coroutine, set_relax, suspend};

use crate::heap;
use crate::simulation::Simulation;

/// Why a vcore stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Others may act.
    Point,
    /// Another vcore has to release a lock first.
    Lock,
    /// It waits for its doorbell.
    Wait,
}

/// Nanoseconds of an access to a ring.
const ACCESS: u64 = 2;

/// Weight of a store among the accesses up to the next point: what others see of a vcore are its stores.
const STORE: u64 = 6;

/// The largest weight of the accesses between two points.
const DISTANCE: u64 = 48;

thread_local! {
    /// The simulation whose vcore runs.
    static WORLD: RefCell<Option<Rc<Simulation>>> = const { RefCell::new(None) };
    static NOW: Cell<u64> = const { Cell::new(0) };
    /// The weight of the accesses up to the next point.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    /// Every store is a point.
    static EVERY_STORE: Cell<bool> = const { Cell::new(false) };
    static STOP: Cell<Stop> = const { Cell::new(Stop::Point) };
}

/// Makes the calling thread one that runs simulated vcores.
pub fn install() {
    set_hook(Some(accesses));
    set_relax(|| stop(Stop::Lock));
}

/// Lets a vcore go on until it stops.
pub fn resume(world: &Simulation, vcore: &mut Coroutine) -> Stop {
    {
        let state = &mut *world.state.borrow_mut();
        NOW.set(state.now);
        LEFT.set(1 + state.random.below(DISTANCE));
        EVERY_STORE.set(state.kill_test);
    }
    WORLD.set(world.me.upgrade());
    heap::set_of_process(true);
    let goes_on = vcore.resume();
    heap::set_of_process(false);
    WORLD.set(None);
    assert!(goes_on, "a vcore waits when its process has ended");
    let state = &mut *world.state.borrow_mut();
    state.now = state.now.max(NOW.get());
    STOP.get()
}

/// Stops the vcore that calls.
pub fn stop(why: Stop) {
    STOP.set(why);
    suspend();
}

fn accesses(access: Access) {
    // The simulator uses rings, too.
    if !heap::is_of_process() {
        return;
    }
    NOW.set(NOW.get() + ACCESS);
    let weight = match access {
        Access::Load => 1,
        Access::Store if EVERY_STORE.get() => u64::MAX,
        Access::Store => STORE,
    };
    match LEFT.get().checked_sub(weight) {
        Some(left) => LEFT.set(left),
        None => stop(Stop::Point),
    }
}

/// The time, for the vcore that calls.
pub fn now() -> u64 {
    NOW.get()
}

/// Does something in the simulation of the vcore that calls, in which nobody else acts meanwhile. What it keeps must not be
/// on the heap of the process, which ends.
pub fn outside<R>(work: impl FnOnce(&Simulation) -> R) -> R {
    let before = heap::set_of_process(false);
    let world = WORLD.with_borrow(Option::clone);
    let world = world.expect("a vcore runs in a simulation");
    let result = work(&world);
    drop(world);
    heap::set_of_process(before);
    result
}

/// As [`outside`], at a point.
pub fn ask<R>(work: impl FnOnce(&Simulation) -> R) -> R {
    stop(Stop::Point);
    outside(work)
}
