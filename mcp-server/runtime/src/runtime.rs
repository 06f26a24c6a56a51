//! The runtime of a process, and the loop of each of its vcores.
#![deny(unsafe_code)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::spin_loop;
use core::iter::once;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::Waker;

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Status, Syscall};
use atoll_channel::{PeerFault, Receiver};

use crate::block::BlockPool;
use crate::calls::{Calls, Chain, Completed, Pending, Refused, Waited};
use crate::context;
use crate::monitor::Monitor;
use crate::scheduler::Scheduler;
use crate::tls;
use crate::uthread::Uthread;
use crate::world::{Parts, World};

/// How often a vcore without work looks before it arms its ring.
const POLL_BUDGET: usize = 100;

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
    /// Entries into the kernel of all vcores.
    entries: AtomicU64,
}

/// One vcore.
pub(crate) struct Vcore {
    pub(crate) calls: Monitor<Calls>,
    /// Used by the vcore itself only.
    receiver: spin::Mutex<Receiver>,
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
            receiver: spin::Mutex::new(endpoint.receiver),
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
            entries: AtomicU64::new(0),
        }))
    }

    /// The runtime of the vcore that calls.
    ///
    /// # Panics
    /// Where the calling thread is no vcore.
    pub(crate) fn current() -> &'static Runtime {
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

    /// Completions so far that answered no outstanding call, over all vcores.
    pub fn stray_completions(&self) -> u64 {
        let vcores = self.vcores.iter();
        vcores
            .map(|vcore| vcore.calls.look(|calls| calls.strays()))
            .sum()
    }

    /// Doorbells so far that the process rang for its server, over all vcores.
    pub fn doorbells(&self) -> u64 {
        let vcores = self.vcores.iter();
        vcores
            .map(|vcore| vcore.calls.look(|calls| calls.doorbells()))
            .sum()
    }

    /// How often the process has entered the kernel so far, to wake somebody or to wait, over all vcores.
    pub fn kernel_entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// The world, of which each use enters the kernel.
    fn world(&self) -> &'static dyn World {
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
                self.world().wake_vcore(vcore as usize);
                return;
            }
        }
    }

    /// The loop of a vcore: runs ready uthreads, takes completions in, and sleeps where there is neither. Returns when
    /// the process has ended.
    pub fn run(&'static self, vcore: usize) {
        tls::enter(self, vcore);
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
        let mut receiver = own.receiver.lock();
        let mut left = atoll_channel::CAPACITY;
        let mut credit = false;
        while left > 0 {
            // One lock for all completions that set nothing free.
            let completed = own.calls.look(|calls| {
                while left > 0 {
                    let Some(message) = receiver.receive()? else {
                        break;
                    };
                    left -= 1;
                    let completed = calls.complete(&Completion::from_message(&message));
                    credit |= completed.credit;
                    if completed.matters() {
                        return Ok(Some(completed));
                    }
                }
                Ok::<_, PeerFault>(None)
            });
            match completed {
                Ok(Some(completed)) => self.settle(vcore, completed),
                Ok(None) => break,
                Err(_) => {
                    self.close(own);
                    break;
                }
            }
        }
        if credit {
            own.calls.wake_all();
        }
        left < atoll_channel::CAPACITY
    }

    fn settle(&'static self, vcore: usize, completed: Completed) {
        drop(completed.block);
        if completed.returned_vcore {
            // What the server waits for has been taken by now.
            let leaves = completed.refused_vcore && self.give_back(vcore).is_ok();
            self.vcores[vcore].leaving.store(leaves, Ordering::Relaxed);
        }
        if let Some(waker) = completed.waker {
            waker.wake();
        }
        if completed.ended {
            self.ended.store(true, Ordering::SeqCst);
            for vcore in 0..self.vcores.len() {
                self.world().wake_vcore(vcore);
            }
        }
    }

    /// Ends what this vcore has outstanding: its server does not keep to the protocol.
    fn close(&self, own: &Vcore) {
        let mut wakers = Vec::new();
        own.calls
            .change(|calls| calls.close(|waker| wakers.push(waker)));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Looks for work for a while. Tells whether there is some.
    fn poll(&'static self, vcore: usize) -> bool {
        for _ in 0..POLL_BUDGET {
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
        let (armed, lost) = {
            let mut receiver = own.receiver.lock();
            (receiver.arm(), receiver.peer_changed())
        };
        // Where the ring is closed, a vcore still sleeps for uthreads that others make ready.
        let may_block = match armed {
            Ok(may_block) if !lost => may_block,
            _ => {
                self.close(own);
                true
            }
        };
        if may_block && self.is_idle(vcore) && !self.ended() {
            self.world().wait(vcore);
        }
        self.sleepers.fetch_and(!bit, Ordering::SeqCst);
        own.receiver.lock().disarm();
    }

    /// Submits calls of the running uthread with one publication, and gives those that are waited for. Waits for credits,
    /// of which a vcore has [`atoll_abi::layout::RING_SLOTS`].
    ///
    /// # Errors
    /// [`Status::PeerLost`] where the server broke the protocol of the vcore's rings.
    pub(crate) fn submit<I>(calls: I, waited: Waited) -> Result<Pending, Status>
    where
        I: ExactSizeIterator<Item = (Call, Syscall)> + Clone,
    {
        loop {
            let (runtime, vcore) = Runtime::current_vcore();
            match runtime.try_submit(vcore, calls.clone(), waited) {
                Ok(chain) => return Ok(Pending::new(runtime, vcore, chain)),
                Err(Refused::Closed) => {
                    runtime.close(&runtime.vcores[vcore]);
                    return Err(Status::PeerLost);
                }
                Err(Refused::NoCredit) => {
                    let own = &runtime.vcores[vcore];
                    let count = calls.len();
                    own.calls
                        .wait_for(|calls| (calls.closed() || calls.free() >= count).then_some(()));
                }
            }
        }
    }

    /// Submits calls on a vcore, which must be the calling one.
    pub(crate) fn try_submit<I>(
        &'static self,
        vcore: usize,
        calls: I,
        waited: Waited,
    ) -> Result<Chain, Refused>
    where
        I: ExactSizeIterator<Item = (Call, Syscall)>,
    {
        let generation = self.generation;
        let calls = calls.map(|(call, mut syscall)| {
            syscall.generation = generation;
            (call, syscall)
        });
        let (chain, wake) = self.vcores[vcore].calls.look(|own| {
            let (chain, wake) = own.submit(calls, waited)?;
            if wake.needed() {
                own.note_doorbell();
            }
            Ok((chain, wake))
        })?;
        if wake.needed() {
            self.world().ring_server();
        }
        Ok(chain)
    }

    /// Prints and ends the process, from anywhere and without waiting. Tells whether the server was told to end it.
    #[cfg(feature = "guest")]
    pub(crate) fn last_words(&'static self, vcore: usize, text: &[u8], status: u64) -> bool {
        let exit = Syscall {
            arguments: [status, 0, 0, 0],
            generation: self.generation,
            ..EMPTY
        };
        let text = crate::print::pieces(text).map(|(call, mut piece)| {
            piece.generation = self.generation;
            (call, piece)
        });
        let calls = &self.vcores[vcore].calls;
        // Whoever panicked may hold the lock.
        let wakes = calls.try_look(|own| {
            let _ = own.submit(text, Waited::Last);
            own.submit(once((Call::Exit, exit)), Waited::Last).is_ok()
        });
        self.world().ring_server();
        wakes == Some(true)
    }

    /// Tells the server that the calling vcore is given back.
    fn give_back(&'static self, vcore: usize) -> Result<(), Refused> {
        let call = once((Call::YieldVcore, EMPTY));
        let chain = self.try_submit(vcore, call, Waited::Last)?;
        // Nobody waits for the answer: it comes when the vcore is granted again.
        drop(Pending::new(self, vcore, chain));
        Ok(())
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
