//! The personality server of one cluster: binds `atoll-core` to rings, notifications and threads.
//!
//! The root task enters it with the index of its cluster in `rdi`; what else it has is where `atoll_abi::layout` says.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod kernel;
mod rings;
mod world;

use atoll_abi::layout::alarm::faulted;
use atoll_abi::plan::{MAX_PROCESSES, Plan};
use atoll_abi::process::FAULTED;
use atoll_channel::budget;
use atoll_core::{Personality, Progress};
use spin::Mutex;

use crate::rings::Rings;
use crate::world::World;

static PERSONALITY: Mutex<Personality> = Mutex::new(Personality::vacant());
static RINGS: Mutex<Rings> = Mutex::new(Rings::none());

/// Whether a vcore runs on the server's core: while the server polls there, the one that it waits for does not run.
fn shares_core(plan: &Plan, cluster: usize) -> bool {
    let core = plan.clusters()[cluster].first_core;
    let own = plan
        .processes()
        .iter()
        .filter(|process| process.cluster as usize == cluster);
    own.flat_map(|process| process.cores.iter().take(process.vcores as usize))
        .any(|vcore| *vcore == core)
}

/// The whole life of the server.
fn run(cluster: usize) -> ! {
    let plan = atoll_component::plan().expect("the root task maps a plan of this version");
    let mut rings = RINGS.lock();
    rings.attach(&plan, cluster);
    let mut personality = PERSONALITY.lock();
    personality.configure(&plan, cluster as u32);
    let mut world = World::new(&plan, cluster, &mut rings);
    kernel::ready();
    personality.start(&mut world);
    let budget = if shares_core(&plan, cluster) {
        0
    } else {
        // Steps without work before it arms its rings and blocks.
        budget::calibrate(kernel::ticks, kernel::like_blocking, || {
            personality.step(&mut world) == Progress::Idle
        })
    };
    let mut idle = 0;
    loop {
        let renewed = world.renew(&mut personality);
        let progress = personality.step(&mut world);
        world.publish_entries();
        match progress {
            _ if renewed => continue,
            Progress::Worked => {
                idle = 0;
                continue;
            }
            // An honest process or peer never fills a ring, because it has credits for what it asks. What a dishonest one
            // keeps back goes on at the next wake-up; nobody spins for it.
            Progress::Idle | Progress::Stalled => idle += 1,
        }
        if idle < budget {
            core::hint::spin_loop();
            continue;
        }
        if world.set_alarm(&personality) && world.arm(&personality) {
            let badges = kernel::wait();
            world.acknowledge();
            for process in (0..MAX_PROCESSES).filter(|process| badges & faulted(*process) != 0) {
                personality.lose_process(process, FAULTED, &mut world);
            }
        }
        world.disarm();
        idle = 0;
    }
}
