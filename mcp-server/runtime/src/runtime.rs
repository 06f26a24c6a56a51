//! The runtime of a process.
//!
//! The state is here, what is done with it in the modules below: [submission] of calls, the [loop of a vcore](vcore_loop),
//! [waking](wake) of vcores, [ends](ending) of calls and of the
//! process, [giving back](leaving) of vcores.
#![deny(unsafe_code)]

mod ending;
mod leaving;
mod submission;
mod vcore;
mod vcore_loop;
mod wake;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use atoll_abi::frame::FrameState;
use atoll_abi::layout::MAX_VCORES;
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::Route;
use atoll_channel::budget;

use crate::block::Pools;
use crate::calls::Calls;
use crate::channel::Channel;
use crate::frame::FrameTable;
use crate::monitor::Monitor;
use crate::printer::Printer;
use crate::scheduler::Scheduler;
use crate::timers::Timers;
use crate::tls;
use crate::uthread::Uthread;
use crate::world::{Parts, World};
use ending::Ending;
use vcore::Vcore;
use wake::Sleepers;

pub(crate) use submission::{Submitted, SubmittedGroup};

/// Generation of the first life of a process.
const FIRST_GENERATION: u32 = 1;

/// A service that the process may use.
struct Port {
    service: Name,
    kind: Option<ServiceKind>,
    route: Route,
}

/// The runtime of a process.
pub struct Runtime {
    world: &'static dyn World,
    ticks_per_microsecond: u64,
    scheduler: Box<dyn Scheduler>,
    generation: u32,
    vcores: Vec<Vcore>,
    ports: Vec<Port>,
    pools: Pools,
    frames: FrameTable,
    sleepers: Sleepers,
    ending: Ending,
    many_core: AtomicBool,
    /// How often a vcore without work looks before it arms its rings.
    poll_budget: AtomicU32,
    /// Entries into the kernel of all vcores.
    entries: AtomicU64,
    /// Calls that the runtime has answered itself.
    own_answers: AtomicU64,
}

impl Runtime {
    /// A runtime that lives for good.
    ///
    /// # Panics
    /// Where there are more than [`MAX_VCORES`] vcores, or a port has not one endpoint for each vcore.
    pub fn new(parts: Parts, scheduler: Box<dyn Scheduler>) -> &'static Runtime {
        let count = parts.endpoints.len();
        assert!(count <= MAX_VCORES);
        let mut ports = Vec::new();
        let mut endpoints = Vec::new();
        for port in parts.ports {
            assert_eq!(port.endpoints.len(), count);
            endpoints.push(port.endpoints.into_iter());
            ports.push(Port {
                service: port.service,
                kind: port.kind,
                route: port.route,
            });
        }
        let vcores = parts.endpoints.into_iter().map(|server| {
            let services = endpoints.iter_mut().filter_map(Iterator::next);
            Vcore::new(server, services, ports.len(), parts.generation)
        });
        let pools = Pools::held_back(parts.pool);
        if parts.generation <= FIRST_GENERATION {
            pools.release();
        }
        Box::leak(Box::new(Runtime {
            world: parts.world,
            ticks_per_microsecond: parts.world.ticks_per_microsecond().max(1),
            scheduler,
            generation: parts.generation,
            vcores: vcores.collect(),
            ports,
            pools,
            frames: FrameTable::new(parts.frames),
            sleepers: Sleepers::default(),
            ending: Ending::default(),
            many_core: AtomicBool::new(false),
            poll_budget: AtomicU32::new(budget::FLOOR),
            entries: AtomicU64::new(0),
            own_answers: AtomicU64::new(0),
        }))
    }

    /// The runtime of the vcore that calls.
    ///
    /// # Panics
    /// Where the calling thread is no vcore.
    pub fn current() -> &'static Runtime {
        Runtime::current_vcore().0
    }

    /// The runtime and number of the vcore that calls; a uthread may be on another one after it waited.
    pub(crate) fn current_vcore() -> (&'static Runtime, usize) {
        tls::current().unwrap_or_else(|| panic!("this thread is no vcore"))
    }

    /// The uthread that calls.
    pub(crate) fn running() -> Arc<Uthread> {
        let (runtime, vcore) = Runtime::current_vcore();
        let running = runtime.vcores[vcore].running.lock().clone();
        running.unwrap_or_else(|| panic!("only a uthread can wait"))
    }

    pub(crate) fn channel(&self, vcore: usize, channel: usize) -> &Channel {
        &self.vcores[vcore].channels[channel]
    }

    /// The calls of a vcore on a channel.
    pub(crate) fn calls(&self, vcore: usize, channel: usize) -> &Monitor<Calls> {
        &self.channel(vcore, channel).calls
    }

    /// The timers of a vcore.
    pub(crate) fn timers(&self, vcore: usize) -> &Monitor<Timers> {
        &self.vcores[vcore].timers
    }

    /// Starts a timer on the calling vcore, which ends when so many ticks have passed.
    pub(crate) fn start_timer(&self, vcore: usize, ticks: u64) -> crate::timers::TimerId {
        let deadline = self.world.ticks().saturating_add(ticks);
        let own = &self.vcores[vcore];
        own.note_deadline(deadline);
        own.timers.with(|timers| timers.start(deadline))
    }

    /// What the uthreads of a vcore print.
    pub(crate) fn printer(&self, vcore: usize) -> &Monitor<Printer> {
        &self.vcores[vcore].printer
    }

    /// The process's blocks.
    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }

    /// The frames that the process holds.
    pub(crate) fn frames(&self) -> &FrameTable {
        &self.frames
    }

    /// Who has a frame of the cluster.
    pub(crate) fn frame_state(&self, number: usize) -> FrameState {
        self.world.frame(number)
    }

    /// Ticks of a number of microseconds.
    pub(crate) fn ticks(&self, microseconds: u64) -> u64 {
        microseconds.saturating_mul(self.ticks_per_microsecond)
    }

    /// Generation of the process.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the process is known to be a many-core process.
    pub(crate) fn many_core(&self) -> bool {
        self.many_core.load(Ordering::Relaxed)
    }

    /// What the server tells the process, as it is now.
    pub(crate) fn procinfo(&self) -> ProcInfo {
        self.world.procinfo()
    }

    /// Bitmap of the vcores that are granted now.
    pub(crate) fn granted(&self) -> u64 {
        self.world.granted()
    }

    /// The first port to a service of a kind.
    pub(crate) fn port_of_kind(&self, kind: ServiceKind) -> Option<usize> {
        self.ports.iter().position(|port| port.kind == Some(kind))
    }

    /// Name and kind of the service of a port.
    pub(crate) fn port(&self, port: usize) -> Option<(Name, ServiceKind)> {
        let port = self.ports.get(port)?;
        Some((port.service, port.kind?))
    }

    /// How calls reach the service of a port.
    fn route(&self, port: usize) -> Route {
        self.ports[port].route
    }

    /// The world, for a use that enters the kernel.
    fn enter_kernel(&self) -> &'static dyn World {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.world
    }

    /// Counts a call that the runtime has answered itself.
    pub(crate) fn note_own_answer(&self) {
        self.own_answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Vcores that the process may ever have.
    pub fn max_vcores(&self) -> usize {
        self.vcores.len()
    }

    /// Vcores that are granted and are not being given back.
    pub(crate) fn staying(&self) -> usize {
        let granted = self.granted();
        let stays = |(vcore, own): &(usize, &Vcore)| granted & 1 << vcore != 0 && own.stays();
        self.vcores.iter().enumerate().filter(stays).count()
    }

    /// Pages of the blocks that are free in the common pool: what [`Block`](crate::Block) and a new [`Pool`](crate::Pool) may take.
    pub fn free_blocks(&self) -> usize {
        self.pools.free()
    }

    /// Pages of the blocks in flight, of all pools: those of calls that ended early, which have not come back yet.
    pub fn blocks_in_flight(&self) -> usize {
        self.pools.in_flight()
    }

    fn channels(&self) -> impl Iterator<Item = (usize, &Channel)> {
        self.vcores
            .iter()
            .flat_map(|vcore| vcore.channels.iter().enumerate())
    }

    fn sum(&self, count: impl Fn(&Calls) -> u64) -> u64 {
        self.channels()
            .map(|(_, channel)| channel.calls.with(|calls| count(calls)))
            .sum()
    }

    /// Completions so far that answered no call in flight, over all channels.
    pub fn unmatched_completions(&self) -> u64 {
        self.sum(Calls::unmatched)
    }

    /// Calls submitted so far that have not ended.
    pub fn outstanding(&self) -> usize {
        self.sum(|calls| calls.outstanding() as u64) as usize
    }

    /// Calls that ended so far by who served them, indexed by [`Route`]. Those that the runtime served itself never left the
    /// process.
    pub fn routes(&self) -> [u64; Route::COUNT] {
        let mut routes = [0; Route::COUNT];
        routes[Route::Runtime as usize] = self.own_answers.load(Ordering::Relaxed);
        for (number, channel) in self.channels() {
            let route = match number.checked_sub(1) {
                None => Route::Server,
                Some(port) => self.route(port),
            };
            routes[route as usize] += channel.calls.with(|calls| calls.answered());
        }
        routes
    }

    /// Doorbells so far that the process rang for its server and its services, over all vcores.
    pub fn doorbells(&self) -> u64 {
        self.channels().map(|(_, it)| it.doorbells()).sum()
    }

    /// How often the process has entered the kernel so far, to wake or to wait, over all vcores.
    pub fn kernel_entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Polls of an idle vcore before it blocks: as many as cost what blocking costs.
    pub fn poll_budget(&self) -> u32 {
        self.poll_budget.load(Ordering::Relaxed)
    }
}
