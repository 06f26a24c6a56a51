//! The runtime of a process, and the loop of each of its vcores.
#![deny(unsafe_code)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::spin_loop;
use core::iter::once;
use core::mem;
use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::message::Payload;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Route, Status, Syscall};
use atoll_abi::time::Timeout;
use atoll_channel::{Wake, budget};

use crate::block::BlockPool;
use crate::calls::{Calls, Effects, Group, Loss, Refused};
use crate::context;
use crate::incoming::Incoming;
use crate::monitor::Monitor;
use crate::pending::Pending;
use crate::print::Printer;
use crate::scheduler::Scheduler;
use crate::tls;
use crate::uthread::Uthread;
use crate::world::{Parts, World};

/// The runtime of a process.
pub struct Runtime {
    world: &'static dyn World,
    scheduler: Box<dyn Scheduler>,
    generation: u32,
    pub(crate) vcores: Vec<Vcore>,
    pub(crate) pool: BlockPool,
    /// Bitmap of the vcores that sleep, or are about to, and that nobody has begun to wake.
    sleepers: AtomicU64,
    ended: AtomicBool,
    /// The server is dead.
    lost: AtomicBool,
    /// Exit status of a process that could not tell its server.
    exiting: spin::Mutex<Option<u64>>,
    many_core: AtomicBool,
    /// How often a vcore without work looks before it arms its ring.
    poll_budget: AtomicU32,
    /// Entries into the kernel of all vcores.
    entries: AtomicU64,
    /// Calls that the runtime has answered itself.
    own_answers: AtomicU64,
    /// Blocks that came back and were not away.
    stray_blocks: AtomicU64,
}

/// One vcore.
pub(crate) struct Vcore {
    pub(crate) calls: Monitor<Calls>,
    /// Used by the vcore itself only.
    incoming: spin::Mutex<Incoming>,
    /// The vcore has no server any more: nothing is received.
    closed: AtomicBool,
    /// The calls of the running uthread are kept back until the batch that they belong to is whole.
    holding: AtomicBool,
    /// Time-out of the calls of the running uthread, as it is sent.
    timeout: AtomicU16,
    pub(crate) printer: Monitor<Printer>,
    running: spin::Mutex<Option<Arc<Uthread>>>,
    /// The vcore is being given back: it runs no uthreads and is not woken for any.
    leaving: AtomicBool,
}

impl Runtime {
    /// A runtime that lives for good.
    ///
    /// # Panics
    /// Where there are more than [`MAX_VCORES`] endpoints.
    pub fn new(parts: Parts, scheduler: Box<dyn Scheduler>) -> &'static Runtime {
        assert!(parts.endpoints.len() <= MAX_VCORES);
        let vcores = parts.endpoints.into_iter().map(|endpoint| Vcore {
            calls: Monitor::new(Calls::new(endpoint.sender)),
            incoming: spin::Mutex::new(Incoming::new(endpoint.receiver)),
            closed: AtomicBool::new(false),
            holding: AtomicBool::new(false),
            timeout: AtomicU16::new(0),
            printer: Monitor::new(Printer::default()),
            running: spin::Mutex::new(None),
            leaving: AtomicBool::new(false),
        });
        Box::leak(Box::new(Runtime {
            world: parts.world,
            scheduler,
            generation: parts.generation,
            vcores: vcores.collect(),
            pool: BlockPool::new(parts.pool),
            sleepers: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            exiting: spin::Mutex::new(None),
            many_core: AtomicBool::new(false),
            poll_budget: AtomicU32::new(budget::FLOOR),
            entries: AtomicU64::new(0),
            own_answers: AtomicU64::new(0),
            stray_blocks: AtomicU64::new(0),
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

    /// Vcores that the process may ever have.
    pub fn max_vcores(&self) -> usize {
        self.vcores.len()
    }

    /// Blocks that nobody owns.
    pub fn free_blocks(&self) -> usize {
        self.pool.free()
    }

    /// Blocks of calls that ended early, which have not come back yet.
    pub fn away_blocks(&self) -> usize {
        self.pool.away()
    }

    /// Completions so far that answered no outstanding call, over all vcores, and blocks that came back and were not away.
    pub fn stray_completions(&self) -> u64 {
        let completions: u64 = self.over_vcores(|calls| calls.strays()).sum();
        completions + self.stray_blocks.load(Ordering::Relaxed)
    }

    fn over_vcores<R>(&self, look: impl Fn(&mut Calls) -> R) -> impl Iterator<Item = R> {
        self.vcores
            .iter()
            .map(move |vcore| vcore.calls.look(|calls| look(calls)))
    }

    /// Calls submitted so far that have no completion yet.
    pub fn outstanding(&self) -> usize {
        self.over_vcores(|calls| calls.outstanding()).sum()
    }

    /// Calls so far by who served them, indexed by [`Route`]. Those that the runtime served itself never left the process.
    pub fn routes(&self) -> [u64; 3] {
        let mut routes = [0; 3];
        for served in self.over_vcores(|calls| calls.routes()) {
            for (sum, part) in routes.iter_mut().zip(served) {
                *sum += part;
            }
        }
        routes[Route::Runtime as usize] += self.own_answers.load(Ordering::Relaxed);
        routes
    }

    /// Counts a call that the runtime has answered itself.
    pub(crate) fn note_own_answer(&self) {
        self.own_answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Polls of an idle vcore before it blocks: as many as cost what blocking costs.
    pub fn poll_budget(&self) -> u32 {
        self.poll_budget.load(Ordering::Relaxed)
    }

    /// Whether the process is known to be a many-core process.
    pub(crate) fn many_core(&self) -> bool {
        self.many_core.load(Ordering::Relaxed)
    }

    /// What the server tells the process, as it is now.
    pub(crate) fn procinfo(&self) -> ProcInfo {
        self.world.procinfo()
    }

    /// Vcores that are granted and are not being given back.
    pub(crate) fn staying(&self) -> usize {
        let granted = self.procinfo().granted;
        let stays = |(vcore, own): (usize, &Vcore)| {
            granted & 1 << vcore != 0 && !own.leaving.load(Ordering::SeqCst)
        };
        self.vcores.iter().enumerate().filter(|v| stays(*v)).count()
    }

    /// Doorbells so far that the process rang for its server, over all vcores.
    pub fn doorbells(&self) -> u64 {
        self.over_vcores(|calls| calls.doorbells()).sum()
    }

    /// How often the process has entered the kernel so far, to wake somebody or to wait, over all vcores.
    pub fn kernel_entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// The world, for a use that enters the kernel.
    fn enter(&self) -> &'static dyn World {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.world
    }

    /// Whether the process has ended.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Takes a uthread that has become ready.
    pub(crate) fn ready(&'static self, uthread: Arc<Uthread>) {
        self.scheduler.ready(uthread);
        // A vcore's own loop looks for ready uthreads next, and wakes another vcore where it leaves some.
        let own_loop = tls::current().is_some_and(|(runtime, vcore)| {
            core::ptr::eq(runtime, self)
                && !context::in_fiber()
                && !self.vcores[vcore].leaving.load(Ordering::Relaxed)
        });
        if !own_loop {
            self.wake_sleeper();
        }
    }

    /// Wakes one vcore that sleeps. With `sleep`: either that vcore sees the uthread that was made ready before, or this
    /// sees that it sleeps.
    fn wake_sleeper(&self) {
        loop {
            let sleepers = self.sleepers.load(Ordering::SeqCst);
            if sleepers == 0 {
                return;
            }
            let vcore = sleepers.trailing_zeros();
            if self.sleepers.fetch_and(!(1 << vcore), Ordering::SeqCst) & 1 << vcore != 0 {
                self.enter().wake_vcore(vcore as usize);
                return;
            }
        }
    }

    /// The loop of a vcore: runs ready uthreads, takes completions in, and sleeps where there is neither. Returns when
    /// the process has ended.
    pub fn run(&'static self, vcore: usize) {
        tls::enter(self, vcore);
        if vcore == 0 {
            self.calibrate(vcore);
        }
        while !self.ended() {
            self.drain(vcore);
            match self.next(vcore) {
                Some(uthread) => {
                    self.execute(vcore, uthread);
                    self.leave(vcore);
                }
                None if self.poll(vcore) => {}
                None => self.sleep(vcore),
            }
        }
        tls::leave();
    }

    /// Whether the scheduler has nothing that this vcore may run.
    fn is_idle(&self, vcore: usize) -> bool {
        self.vcores[vcore].leaving.load(Ordering::Relaxed) || self.scheduler.is_idle(vcore)
    }

    fn next(&self, vcore: usize) -> Option<Arc<Uthread>> {
        if self.vcores[vcore].leaving.load(Ordering::Relaxed) {
            return None;
        }
        self.scheduler.next(vcore)
    }

    fn execute(&'static self, vcore: usize, uthread: Arc<Uthread>) {
        if !self.scheduler.is_idle(vcore) {
            self.wake_sleeper();
        }
        let own = &self.vcores[vcore];
        let timeout = uthread.timeout.load(Ordering::Relaxed);
        own.timeout.store(timeout, Ordering::Relaxed);
        *own.running.lock() = Some(uthread.clone());
        let ready = uthread.run();
        *own.running.lock() = None;
        if ready {
            self.ready(uthread);
        }
    }

    /// Takes in the completions that have arrived, at most a ring of them. Tells whether there were any.
    fn drain(&'static self, vcore: usize) -> bool {
        let own = &self.vcores[vcore];
        let mut incoming = own.incoming.lock();
        if own.closed.load(Ordering::Relaxed) {
            if incoming.receiver.peer_changed() && !self.lost() {
                self.lose_server();
            }
            return false;
        }
        let Incoming {
            receiver,
            batch,
            effects,
        } = &mut *incoming;
        let mut any = false;
        for _ in 0..atoll_channel::CAPACITY.div_ceil(batch.len()) {
            let count = match receiver.receive_batch(Completion::as_messages_mut(batch)) {
                // What is left in the ring of a server that died is not answered by it.
                Ok(0) if receiver.peer_changed() => {
                    self.lose_server();
                    break;
                }
                Ok(0) => break,
                Ok(count) => count,
                Err(_) => {
                    self.close(vcore, Loss::Fault);
                    break;
                }
            };
            any = true;
            let now = self.world.ticks();
            own.calls.look(|calls| {
                for completion in &batch[..count] {
                    calls.complete(completion, now, effects);
                }
            });
            for ticks in effects.latencies.drain(..) {
                receiver.note_latency(ticks);
            }
            self.settle(vcore, effects);
            if count < batch.len() {
                break;
            }
        }
        any
    }

    /// Does what completions have set free to be done, with no lock held that somebody who is woken could want.
    fn settle(&self, vcore: usize, effects: &mut Effects) {
        let own = &self.vcores[vcore];
        if mem::take(&mut effects.many_core) {
            self.many_core.store(true, Ordering::Relaxed);
        }
        for (block, returned) in effects.blocks.drain(..) {
            block.settle(returned);
        }
        for block in effects.returned.drain(..) {
            if !self.pool.take_back(block) {
                self.stray_blocks.fetch_add(1, Ordering::Relaxed);
            }
        }
        if mem::take(&mut effects.returned_vcore) {
            // What the server waits for has been taken by now.
            let refused = mem::take(&mut effects.refused_vcore);
            let leaves = refused && self.give_back(vcore).is_ok();
            own.leaving.store(leaves, Ordering::Relaxed);
        }
        for (expected, answer) in effects.events.drain(..) {
            expected.arrive(answer);
        }
        for waker in effects.wakers.drain(..) {
            waker.wake();
        }
        if mem::take(&mut effects.credit) {
            own.calls.wake_all();
        }
        if mem::take(&mut effects.ended) {
            self.end();
        }
    }

    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        for vcore in 0..self.vcores.len() {
            self.enter().wake_vcore(vcore);
        }
    }

    /// Ends what a vcore has outstanding: it has no server any more.
    fn close(&self, vcore: usize, loss: Loss) {
        let own = &self.vcores[vcore];
        let mut effects = Effects::default();
        own.closed.store(true, Ordering::Relaxed);
        let news = own.calls.change(|calls| calls.close(loss, &mut effects));
        if news {
            own.leaving.store(false, Ordering::Relaxed);
            self.settle(vcore, &mut effects);
        }
    }

    /// The server is dead, for all vcores: each call ends. Blocks that are away stay away.
    fn lose_server(&self) {
        // Before a call ends with it: an exit asks then.
        self.lost.store(true, Ordering::SeqCst);
        for vcore in 0..self.vcores.len() {
            self.close(vcore, Loss::Death);
        }
        let exiting = *self.exiting.lock();
        if let (Some(status), Some((_, vcore))) = (exiting, tls::current()) {
            self.enter().exit_without_server(vcore, status);
            self.end();
        }
    }

    /// Generation of the process.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the server is dead.
    fn lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Has the process ended by whoever supervises it and its server, as soon as the server is dead.
    pub(crate) fn end_without_server(status: u64) {
        let (runtime, vcore) = Runtime::current_vcore();
        *runtime.exiting.lock() = Some(status);
        if runtime.lost() {
            runtime.enter().exit_without_server(vcore, status);
            runtime.end();
        }
    }

    /// Measures how long it pays to look before blocking.
    fn calibrate(&'static self, vcore: usize) {
        let budget = budget::calibrate(
            || self.world.ticks(),
            || {
                // Whoever wakes this vcore meanwhile finds it awake: nobody needs to be remembered.
                self.enter().wake_vcore(vcore);
                self.enter().wait(vcore);
            },
            || {
                self.drain(vcore);
                self.is_idle(vcore)
            },
        );
        self.poll_budget.store(budget, Ordering::Relaxed);
    }

    /// Looks for work for a while. Tells whether there is some.
    fn poll(&'static self, vcore: usize) -> bool {
        for _ in 0..self.poll_budget() {
            if self.drain(vcore) || !self.is_idle(vcore) || self.ended() {
                return true;
            }
            spin_loop();
        }
        false
    }

    fn sleep(&'static self, vcore: usize) {
        let own = &self.vcores[vcore];
        let bit = 1 << vcore;
        let leaving = own.leaving.load(Ordering::Relaxed);
        if !leaving {
            self.sleepers.fetch_or(bit, Ordering::SeqCst);
        }
        // Without a server, a vcore still sleeps for uthreads that others make ready.
        let may_block = own.closed.load(Ordering::Relaxed)
            || own.incoming.lock().receiver.arm().unwrap_or_else(|_| {
                self.close(vcore, Loss::Fault);
                true
            });
        if may_block && self.is_idle(vcore) && !self.ended() {
            self.enter().wait(vcore);
        }
        self.sleepers.fetch_and(!bit, Ordering::SeqCst);
        own.incoming.lock().receiver.disarm();
    }

    /// Submits calls of the running uthread with one publication, and gives the last one. Waits for credits.
    ///
    /// # Errors
    /// [`Status::PeerLost`] where the vcore has no server any more.
    #[inline]
    pub(crate) fn submit<I>(calls: I) -> Result<Pending, Status>
    where
        I: ExactSizeIterator<Item = (Call, Syscall)> + Clone,
    {
        Runtime::submit_on(None, calls)
    }

    /// Submits calls, in the rings of a particular vcore or the calling one: see [`Runtime::submit`].
    pub(crate) fn submit_on<I>(on: Option<usize>, calls: I) -> Result<Pending, Status>
    where
        I: ExactSizeIterator<Item = (Call, Syscall)> + Clone,
    {
        loop {
            let (runtime, own) = Runtime::current_vcore();
            let vcore = on.unwrap_or(own);
            match runtime.try_submit(vcore, calls.clone(), true) {
                Ok(tag) => return Ok(Pending::new(runtime, vcore, tag)),
                Err(Refused::Closed) => return Err(Status::PeerLost),
                Err(Refused::NoCredit) => runtime.wait_for_credits(vcore, calls.len()),
            }
        }
    }

    /// Submits calls in the rings of a vcore. Gives the tag of the last one, which alone may be waited for.
    #[inline]
    fn try_submit<I>(&self, vcore: usize, calls: I, awaited: bool) -> Result<u64, Refused>
    where
        I: ExactSizeIterator<Item = (Call, Syscall)>,
    {
        let now = self.world.ticks();
        let (tag, published) = self.vcores[vcore].calls.look(|own| {
            let mut left = calls.len();
            own.room(left)?;
            let mut tag = 0;
            for (call, mut syscall) in calls {
                left -= 1;
                syscall.generation = self.generation;
                tag = own.stage(call, syscall, awaited && left == 0, now);
            }
            Ok((tag, own.publish()))
        })?;
        self.published(vcore, published);
        Ok(tag)
    }

    /// Submits calls of the running uthread with one publication, at least one, to be waited for together: see
    /// [`Runtime::submit`].
    pub(crate) fn submit_group<I>(calls: I) -> Result<(&'static Runtime, usize, Group), Status>
    where
        I: ExactSizeIterator<Item = (Call, Syscall)> + Clone,
    {
        loop {
            let (runtime, vcore) = Runtime::current_vcore();
            let now = runtime.world.ticks();
            let generation = runtime.generation;
            let own = &runtime.vcores[vcore];
            let count = calls.len();
            let submitted = own.calls.look(|table| {
                table.room(count)?;
                let calls = calls.clone().map(|(call, syscall)| {
                    let syscall = Syscall {
                        generation,
                        ..syscall
                    };
                    (call, syscall)
                });
                let group = table.stage_group(calls, now);
                Ok((group, table.publish()))
            });
            match submitted {
                Ok((group, published)) => {
                    runtime.published(vcore, published);
                    return Ok((runtime, vcore, group));
                }
                Err(Refused::Closed) => return Err(Status::PeerLost),
                Err(Refused::NoCredit) => runtime.wait_for_credits(vcore, count),
            }
        }
    }

    /// Waits until a vcore has credits for calls, or no server. What was kept back is submitted.
    fn wait_for_credits(&self, vcore: usize, count: usize) {
        let calls = &self.vcores[vcore].calls;
        calls.wait_for(|calls| (calls.closed() || calls.free() >= count).then_some(()));
    }

    #[inline]
    fn published(&self, vcore: usize, published: Result<Wake, Refused>) {
        match published {
            Ok(wake) if wake.needed() => self.enter().ring_server(),
            Ok(_) => {}
            // The calls end as if they had been submitted.
            Err(_) => self.close(vcore, Loss::Fault),
        }
    }

    /// Has the calls of the calling uthread kept back. Tells whether they were not before.
    pub(crate) fn begin_hold() -> bool {
        let (runtime, vcore) = Runtime::current_vcore();
        let own = &runtime.vcores[vcore];
        let before = own.holding.swap(true, Ordering::Relaxed);
        if !before {
            own.calls.look(|calls| calls.hold(true));
        }
        !before
    }

    /// Submits what was kept back.
    pub(crate) fn end_hold() {
        let (runtime, vcore) = Runtime::current_vcore();
        let own = &runtime.vcores[vcore];
        if !own.holding.load(Ordering::Relaxed) {
            return;
        }
        own.holding.store(false, Ordering::Relaxed);
        let published = own.calls.look(|calls| {
            calls.hold(false);
            calls.publish()
        });
        runtime.published(vcore, published);
    }

    /// Time-out of the calls of the calling uthread, as it is sent.
    #[inline]
    pub(crate) fn timeout() -> u16 {
        let (runtime, vcore) = Runtime::current_vcore();
        runtime.vcores[vcore].timeout.load(Ordering::Relaxed)
    }

    /// Sets the time-out of the calls of the calling uthread, and tells what it was.
    pub(crate) fn set_timeout(timeout: Timeout) -> Timeout {
        let (runtime, vcore) = Runtime::current_vcore();
        let raw = timeout.to_raw();
        runtime.vcores[vcore].timeout.store(raw, Ordering::Relaxed);
        let before = Runtime::running().timeout.swap(raw, Ordering::Relaxed);
        Timeout::from_raw(before)
    }

    /// Prints and ends the process, from anywhere and without waiting. Tells whether the server was told to end it.
    #[cfg(feature = "guest")]
    pub(crate) fn last_words(&'static self, vcore: usize, text: &[u8], status: u64) -> bool {
        if self.lost() {
            self.enter().exit_without_server(vcore, status);
            return true;
        }
        let exit = Syscall {
            arguments: [status, 0, 0, 0],
            generation: self.generation,
            ..EMPTY
        };
        let calls = &self.vcores[vcore].calls;
        // Whoever panicked may hold the lock.
        let told = calls.try_look(|own| {
            own.hold(false);
            let pieces = crate::print::pieces(text);
            if own.room(pieces.len() + 1).is_ok() {
                for (call, mut piece) in pieces {
                    piece.generation = self.generation;
                    own.stage(call, piece, false, 0);
                }
            }
            own.room(1)?;
            own.stage(Call::Exit, exit, false, 0);
            own.publish()
        });
        self.enter().ring_server();
        matches!(told, Some(Ok(_)))
    }

    /// Tells the server that the calling vcore is given back.
    fn give_back(&self, vcore: usize) -> Result<(), Refused> {
        // Nobody waits for the answer: it comes when the vcore is granted again.
        let call = once((Call::YieldVcore, EMPTY));
        self.try_submit(vcore, call, false).map(drop)
    }

    /// Has the calling vcore given back as soon as the calling uthread has left it: it could be stopped at once.
    pub(crate) fn leave_vcore() -> Result<(), Status> {
        let (runtime, vcore) = Runtime::current_vcore();
        if vcore == 0 {
            return Err(Status::NotAllowed);
        }
        runtime.vcores[vcore].leaving.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Gives a vcore back whose last uthread wanted that. Where that fails it stays.
    fn leave(&'static self, vcore: usize) {
        let own = &self.vcores[vcore];
        if !own.leaving.load(Ordering::Relaxed) {
            return;
        }
        if self.give_back(vcore).is_err() {
            own.leaving.store(false, Ordering::Relaxed);
        } else if !self.scheduler.is_idle(vcore) {
            self.wake_sleeper();
        }
    }
}

/// A syscall without arguments.
pub(crate) const EMPTY: Syscall = Syscall {
    tag: 0,
    call: 0,
    pool: 0,
    handle: 0,
    arguments: [0; 4],
    block: NO_BLOCK,
    generation: 0,
};
