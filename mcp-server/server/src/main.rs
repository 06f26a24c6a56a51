//! The personality server of one cluster: binds `atoll-core` to rings, notifications and threads.
//!
//! The root task enters it with the number of its cluster (`atoll_abi::layout::entry`) in `rdi`; what else it has is where
//! `atoll_abi::layout` says.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod doorbells;
mod kernel;
mod windows;

use atoll_abi::layout::{entry, server_badge};
use atoll_abi::plan::Rank;
use atoll_channel::budget;
use atoll_component::ticks;
use atoll_core::Personality;
use atoll_server::{Host, WakePassing};

use crate::kernel::SeL4;

atoll_component::entry!(enter);

fn enter(number: u64, _: u64) -> ! {
    atoll_component::note_begin();
    atoll_component::heap::claim_arena();
    run(entry::index(number), entry::restarts(number) as u32)
}

/// Turns between two that look at the clock and at the wake-ups of others. A vcore that polls is answered sooner for it, and
/// the others wait for microseconds at most: before the server sleeps it looks at everything.
const SHORT_TURNS: u32 = 7;

/// The whole life of the server, of which there were `earlier` ones before.
fn run(cluster: usize, earlier: u32) -> ! {
    let again = earlier > 0;
    let plan = atoll_component::plan().expect("the root task maps a plan of this version");
    let windows = windows::take(plan, cluster);
    let mut passing = WakePassing::new(plan, cluster as u32, windows.wake_words);
    let personality = Personality::new(plan, cluster as u32);
    let kernel = SeL4::new(plan, cluster, windows.hpet, windows.procinfo);
    let mut host = Host::new(personality, windows.vcores, kernel);
    let own = &plan.clusters()[cluster];
    let polls = plan.hinders_nobody(Rank::Server, own.instance, own.first_core);
    let budget = if !polls {
        0
    } else {
        // Turns without work before it arms its rings and blocks.
        budget::calibrate(ticks, kernel::like_blocking, || !host.take_calls())
    };
    kernel::ready(budget);
    if again {
        // What the life before had taken, and not passed on.
        passing.pass_all(kernel::signal_connection);
    }
    for index in 0..plan.processes().len() {
        let Some(life) = host.kernel().life(index) else {
            continue;
        };
        if again {
            host.adopt(life.process, life.vcores, life.many_core, life.condemned);
        } else {
            host.start(life.process);
        }
    }
    if again {
        let states = host.kernel().frames();
        host.adopt_frames(&states, earlier);
    }
    // What was said before this life began is followed in its first turn.
    let mut notices = None;
    let mut idle = 0;
    // Turns before the next one that also looks at what changes rarely, or is dear to look at: the clock, the wake-ups to pass
    // on, and what the root task says of processes. It is noted in memory, so a server that never sleeps sees it, too.
    let mut short_turns = 0;
    loop {
        let worked = if short_turns > 0 {
            short_turns -= 1;
            host.take_calls()
        } else {
            short_turns = SHORT_TURNS;
            let mut worked = host.turn();
            let told = Some(host.kernel().notices());
            if told != notices {
                notices = told;
                for (process, _) in plan.processes_of(cluster as u32) {
                    if let Some((process, condemned)) = host.kernel().standing(process) {
                        worked |= host.follow(process, condemned);
                    }
                }
            }
            let doorbells = host.kernel().doorbells();
            let passed = passing.pass(
                |comparator| doorbells.interrupt(comparator),
                kernel::signal_connection,
            );
            host.kernel().publish_entries();
            worked || passed
        };
        if worked {
            idle = 0;
            continue;
        }
        idle += 1;
        if idle < budget {
            core::hint::spin_loop();
            continue;
        }
        let alarm = host.personality().next_alarm();
        let may_sleep =
            host.kernel().doorbells().set_alarm(alarm) && host.may_sleep() && !passing.pending();
        let badges = if may_sleep { kernel::wait() } else { 0 };
        if badges & server_badge::INTERRUPT != 0 {
            host.kernel().doorbells().acknowledge();
        }
        host.awake_by(badges);
        passing.awake_by(badges);
        idle = 0;
        // Whatever woke it, or kept it from sleeping, is looked for at once.
        short_turns = 0;
    }
}
