//! A server: the real host of the personality over real rings, with the main loop of the server on seL4.

use std::mem;
use std::rc::{Rc, Weak};

use atoll_abi::frame::FrameState;
use atoll_abi::process::{ProcInfo, ProcessId};
use atoll_channel::Side;
use atoll_core::Personality;
use atoll_core::state::State;
use atoll_core::vcore::VcoreSets;
use atoll_server::{Host, Kernel, Place, WakePassing};

use crate::port::Port;
use crate::simulation::Simulation;
use crate::state::Id;

/// A server.
pub struct Server {
    cluster: usize,
    host: Host<Port, SimulatedKernel>,
    passing: WakePassing,
    /// What it finds when it starts; `None` when it has started.
    begins: Option<Begins>,
    armed: bool,
    idle: u64,
    /// Turns before the next one that also looks at the clock and at wake-ups to pass on.
    short_turns: u32,
}

/// What a server finds when it starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// Processes that no server has started.
    Anew,
    /// What a life before left.
    Again,
}

/// Turns between two that look at everything.
const SHORT_TURNS: u32 = 2;

impl Server {
    /// A server that has started no process; `again` where one of its cluster died before.
    pub fn new(world: &Simulation, cluster: usize, again: bool) -> Server {
        let scenario = world.scenario;
        let ports = (0..scenario.all_processes()).map(|process| {
            let own = scenario.cluster_of(process) == cluster;
            let vcores = 0..if own { scenario.vcores } else { 0 };
            vcores.map(move |vcore| world.server_port(process, vcore, Side::Second, again))
        });
        let personality = Personality::new(&world.plan, cluster as u32);
        let kernel = SimulatedKernel {
            world: world.me.clone(),
            cluster,
        };
        Server {
            cluster,
            host: Host::new(personality, ports, kernel),
            passing: WakePassing::new(&world.plan, cluster as u32, |place| match place {
                Place::Requests(component) => world.requests_of(component).attach(),
                Place::Page { channel, end } => world.wake_pages[channel][end].attach(),
            }),
            begins: Some(match again {
                false => Begins::Anew,
                true => Begins::Again,
            }),
            armed: false,
            idle: 0,
            short_turns: 0,
        }
    }

    /// Whether it has looked at what it found.
    pub fn has_begun(&self) -> bool {
        self.begins.is_none()
    }

    /// Starts the processes of the cluster, or takes them over.
    fn begin(&mut self, world: &Simulation, begins: Begins) {
        let again = begins == Begins::Again;
        if again {
            let me = world.server(self.cluster);
            let wake = |connection| world.wake_own_side(self.cluster, connection, me);
            self.passing.pass_all(wake);
        }
        for index in world.processes_of(self.cluster) {
            let (standing, procinfo) = {
                let process = world.processes[index].borrow();
                (process.standing(), process.procinfo)
            };
            match standing {
                Some((process, condemned)) if again => {
                    let (vcores, many_core) = (VcoreSets::of(&procinfo), procinfo.many_core != 0);
                    self.host.adopt(process, vcores, many_core, condemned);
                }
                Some((process, _)) => self.host.start(process),
                None => {}
            }
        }
        if again {
            let (states, life) = world.frames[self.cluster].borrow_mut().adopt();
            self.host.adopt_frames(&states, life);
        }
    }

    /// Does what is noted of the processes of the cluster.
    fn follow(&mut self, world: &Simulation) -> bool {
        let mut worked = false;
        for index in world.processes_of(self.cluster) {
            let standing = world.processes[index].borrow().standing();
            if let Some((process, condemned)) = standing {
                worked |= self.host.follow(process, condemned);
            }
        }
        worked
    }

    /// Its personality.
    pub fn personality(&self) -> &Personality {
        self.host.personality()
    }

    /// One turn of its main loop.
    pub fn step(&mut self, world: &Simulation) {
        let me = world.server(self.cluster);
        if mem::take(&mut self.armed) {
            self.host.awake();
        }
        if let Some(begins) = self.begins.take() {
            self.begin(world, begins);
        }
        let worked = match self.short_turns.checked_sub(1) {
            Some(left) => {
                self.short_turns = left;
                self.host.take_calls()
            }
            None => {
                self.short_turns = SHORT_TURNS;
                let worked = self.host.turn() | self.follow(world);
                self.pass_wake_ups(world) || worked
            }
        };
        if !world.runs(me) {
            return;
        }
        if worked {
            self.idle = 0;
            return;
        }
        self.idle += 1;
        if self.idle < world.state.borrow_mut().random.below(4) {
            return;
        }
        self.idle = 0;
        self.short_turns = 0;
        let alarm = self.host.personality().next_alarm();
        let due = alarm.is_some_and(|alarm| alarm <= world.state.borrow().now);
        self.armed = !due
            && self.host.may_sleep()
            && !self.passing.pending()
            && world.state.borrow_mut().sleep(me, alarm);
        if !self.armed {
            self.host.awake();
        }
    }

    fn pass_wake_ups(&mut self, world: &Simulation) -> bool {
        let me = world.server(self.cluster);
        self.passing.pass(
            |comparator| {
                if world.point(me) {
                    let neighbour = world.server(comparator as usize);
                    world.state.borrow_mut().ring(me, neighbour, 0);
                }
            },
            |connection| {
                if world.point(me) {
                    world.wake_own_side(self.cluster, connection, me);
                }
            },
        )
    }

    /// What it would do something about: messages that it would take, or a wake-up to pass on.
    pub fn backlog(&self, world: &Simulation) -> Option<String> {
        let personality = self.host.personality();
        for index in 0..world.scenario.all_processes() {
            let Some(process) = personality.process(index) else {
                continue;
            };
            for (vcore, port) in self.host.links(index).enumerate() {
                let waiting = port.waiting_messages(world);
                let room = personality.room(process, vcore, port.free_slots(world));
                if waiting > 0 && room > 0 {
                    return Some(format!("{waiting} messages in window {}", port.window));
                }
            }
        }
        for index in world.processes_of(self.cluster) {
            if let Some((process, condemned)) = world.processes[index].borrow().standing() {
                let known = personality.process(index) == Some(process);
                let state = personality.state(process);
                let over = matches!(state, Some(State::Dying | State::Dead));
                if !known || (condemned && !over) {
                    return Some(format!("something to do about process {index}"));
                }
            }
        }
        let pending = self.passing.pending() && world.has_wake_up_to_pass_on(self.cluster);
        pending.then(|| "a wake-up to pass on".to_owned())
    }
}

/// What the personality has done to the simulated world.
pub struct SimulatedKernel {
    world: Weak<Simulation>,
    cluster: usize,
}

impl SimulatedKernel {
    /// A point before something is done; the simulation, where the server still lives.
    fn enter(&self) -> Option<(Rc<Simulation>, Id)> {
        let world = self.world.upgrade()?;
        let me = world.server(self.cluster);
        world.point(me).then_some((world, me))
    }
}

impl Kernel for SimulatedKernel {
    fn now(&mut self) -> u64 {
        let world = self.world.upgrade();
        world.map_or(0, |world| world.state.borrow().now)
    }

    fn start_vcore(&mut self, process: ProcessId, vcore: usize) {
        if let Some((world, _)) = self.enter() {
            world.start_vcore(usize::from(process.index), vcore);
        }
    }

    fn stop_vcore(&mut self, process: ProcessId, vcore: usize) {
        if let Some((world, _)) = self.enter() {
            let vcore = world.vcore(usize::from(process.index), vcore);
            world.state.borrow_mut().status[vcore].granted = false;
        }
    }

    fn wake_vcore(&mut self, process: ProcessId, vcore: usize) {
        if let Some((world, me)) = self.enter() {
            let vcore = world.vcore(usize::from(process.index), vcore);
            world.state.borrow_mut().ring(me, vcore, 0);
        }
    }

    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets) {
        if let Some((world, _)) = self.enter() {
            let mut process = world.processes[usize::from(process.index)].borrow_mut();
            process.procinfo = ProcInfo {
                granted: vcores.granted,
                started: vcores.started,
                resumes: vcores.resumes,
                ..process.procinfo
            };
        }
    }

    fn publish_alarms(&mut self, process: ProcessId, vcores: u64) {
        if let Some((world, _)) = self.enter() {
            let mut process = world.processes[usize::from(process.index)].borrow_mut();
            process.procinfo.alarms = vcores;
        }
    }

    fn publish_many_core(&mut self, process: ProcessId) {
        if let Some((world, _)) = self.enter() {
            let mut process = world.processes[usize::from(process.index)].borrow_mut();
            process.procinfo.many_core = 1;
        }
    }

    fn place_frame(&mut self, frame: usize, process: usize) {
        if let Some((world, _)) = self.enter() {
            world.frames[self.cluster]
                .borrow_mut()
                .place(frame, process);
        }
    }

    fn publish_frame(&mut self, frame: usize, state: FrameState) {
        if let Some((world, _)) = self.enter() {
            let now = world.state.borrow().now;
            let mut frames = world.frames[self.cluster].borrow_mut();
            frames.publish(now, frame, state);
        }
    }

    fn print_line(&mut self, process: ProcessId, line: &str) {
        if let Some((world, _)) = self.enter() {
            let mut process = world.processes[usize::from(process.index)].borrow_mut();
            process.lines.push(line.to_owned());
        }
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, _max_granted: u32) {
        if let Some((world, _)) = self.enter() {
            world.process_ended(process, status);
        }
    }
}
