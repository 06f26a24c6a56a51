//! One vcore of an honest process: the real runtime, as a coroutine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use atoll_channel::Side;
use atoll_runtime::Runtime;
use atoll_runtime::scheduler::Fifo;
use atoll_runtime::simulated::Coroutine;
use atoll_runtime::world::{Parts, PortParts, World};

use crate::gate::{self, Stop};
use crate::memory;
use crate::program::{self, panic_text};
use crate::simulation::Simulation;
use crate::tap::Tap;
use crate::world::ProcessWorld;

/// Bytes of the stack of a vcore's own loop.
const STACK: usize = 1 << 20;

/// Points that it passes in one step, at most.
const POINTS: u64 = 24;

/// A vcore.
pub struct Vcore {
    process: usize,
    vcore: usize,
    /// `None` before it is entered.
    coroutine: Option<Coroutine>,
    /// Its channels, to the server and to the service.
    taps: [Tap; 2],
}

impl Vcore {
    /// A vcore that was never entered in this life of the process.
    pub fn new(world: &Simulation, process: usize, vcore: usize) -> Vcore {
        Vcore {
            process,
            vcore,
            coroutine: None,
            taps: world
                .windows_of(process, vcore)
                .map(|window| Tap::new(world, window)),
        }
    }

    /// Goes on for some points, or until it sleeps.
    pub fn step(&mut self, world: &Simulation) {
        let me = world.vcore(self.process, self.vcore);
        let mut left = world.state.borrow_mut().random.below(POINTS);
        loop {
            let (process, vcore) = (self.process, self.vcore);
            let coroutine = self.coroutine.get_or_insert_with(|| {
                let entered = Coroutine::new(STACK, move || enter(process, vcore));
                entered.expect("memory for a stack")
            });
            let why = gate::resume(world, coroutine);
            for tap in &mut self.taps {
                tap.look(world, me);
            }
            let goes_on = match why {
                Stop::Point => world.point(me) && left > 0,
                // The one that has the lock has to go on.
                Stop::Lock => {
                    world.point(me);
                    false
                }
                Stop::Wait => !world.state.borrow_mut().sleep(me, None),
            };
            if !goes_on {
                return;
            }
            left = left.saturating_sub(1);
        }
    }

    /// What it would do something about, by window, where it sleeps.
    pub fn backlog(&self, world: &Simulation) -> Option<(usize, String)> {
        let runtime = world.processes[self.process].borrow().runtime?;
        let windows = world.windows_of(self.process, self.vcore);
        windows
            .into_iter()
            .enumerate()
            .find_map(|(channel, window)| {
                let attached = runtime.attached(self.vcore, channel)?;
                let state = world.state.borrow();
                let provider = &state.status[world.provider_of(window)];
                if !provider.alive || provider.runnable() {
                    // Its supervisor will ring, or it may be about to.
                    return None;
                }
                if attached.peer_changed && !state.links.is_hostile(window) {
                    return Some((window, "news of its peer".to_owned()));
                }
                let waiting = state.links.waiting(window, 1, attached.generation);
                let counts = waiting > 0 && !attached.lost;
                counts.then(|| (window, format!("{waiting} messages")))
            })
    }
}

/// The life of a vcore, from its entry on.
fn enter(process: usize, vcore: usize) {
    let world = ProcessWorld::new(process);
    let life = catch_unwind(AssertUnwindSafe(|| {
        let runtime = match vcore {
            0 => start(process),
            _ => gate::outside(|world| world.processes[process].borrow().runtime)
                .expect("vcore 0 is entered first"),
        };
        runtime.run(vcore);
    }));
    if let Err(panic) = life {
        program::violate(&format!(
            "panic: vcore {process}.{vcore}: {}",
            panic_text(&*panic)
        ));
    }
    // The process has ended; its server stops this vcore.
    loop {
        world.wait(vcore);
    }
}

/// What vcore 0 does when it is entered, as on seL4.
fn start(process: usize) -> &'static Runtime {
    let world: &'static ProcessWorld = Box::leak(Box::new(ProcessWorld::new(process)));
    let procinfo = world.procinfo();
    let vcores = 0..procinfo.max_vcores as usize;
    let attach = |channel: usize| {
        let places = vcores.clone().map(|vcore| {
            gate::outside(|world| *world.windows[world.windows_of(process, vcore)[channel]])
        });
        places.map(|place| place.attach_next(Side::First)).collect()
    };
    let endpoints = attach(0);
    let ports = procinfo.ports.iter().take(procinfo.port_count as usize);
    let ports = ports.zip(1..).map(|(port, channel)| PortParts {
        service: port.service,
        kind: atoll_abi::plan::ServiceKind::from_raw(port.kind),
        route: atoll_abi::syscall::Route::from_raw(port.route).expect("a route of the plan"),
        endpoints: attach(channel),
    });
    let ports: Vec<PortParts> = ports.collect();
    if procinfo.generation > 1 {
        // Those at the other sides learn that another life has begun, whether or not they sleep.
        world.ring_server();
        for vcore in vcores.clone() {
            (0..ports.len()).for_each(|port| world.ring_port(port, vcore));
        }
    }
    let parts = Parts {
        world,
        endpoints,
        ports,
        pool: gate::outside(|world| world.pools[process].of_process()),
        frames: gate::outside(|world| {
            let cluster = world.scenario.cluster_of(process);
            memory::frames_of_process(world.plan.frames_of(cluster as u32))
        }),
        generation: procinfo.generation,
    };
    let runtime = Runtime::new(parts, Box::new(Fifo::new()));
    gate::outside(|world| world.processes[process].borrow_mut().runtime = Some(runtime));
    program::start(runtime, process);
    runtime
}
