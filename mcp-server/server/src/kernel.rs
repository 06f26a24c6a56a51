//! The binding to seL4: entry, capabilities, and what the root task has mapped.

#![allow(unsafe_code)]

use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{self, PAGE_SIZE, SERVER_BLOCKS, request, slot};
use atoll_abi::plan::{Channel, Cluster, DoorbellKind, NONE, Plan};
use atoll_abi::process::ProcInfo;
use atoll_channel::{Endpoint, Side};
use atoll_component::{log, tell};
use atoll_hpet::{Clock, Hpet, HpetError};
use sel4::cap;

const DRIVER: cap::Notification = cap::Notification::from_bits(slot::DRIVER_NOTIFICATION);
const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(slot::INTERRUPT);

/// How often the server has entered the kernel.
static ENTRIES: AtomicU64 = AtomicU64::new(0);

/// Counts an entry into the kernel, which follows.
fn enters() {
    // Only the server's one thread counts.
    ENTRIES.store(ENTRIES.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// How often the server has entered the kernel.
pub fn entries() -> u64 {
    ENTRIES.load(Ordering::Relaxed)
}

/// The processor's time stamp counter.
pub fn ticks() -> u64 {
    // SAFETY: reads a counter; every user program may.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Enters the kernel as often as blocking and being woken does, once on each side, and changes nothing.
pub fn like_blocking() {
    for _ in 0..2 {
        enters();
        sel4::yield_now();
    }
}

atoll_component::entry!(enter);

fn enter(cluster: u64, _: u64) -> ! {
    crate::run(cluster as usize)
}

/// Attaches a ring window at one of the addresses of `atoll_abi::layout`.
pub fn attach(window: usize, side: Side) -> Endpoint {
    // SAFETY: the root task mapped zeroed pages for each window that the plan gives this cluster, before it started the
    // server, and leaves them; `Rings::attach`, the only caller, attaches each once.
    unsafe { Endpoint::attach(window as *mut u8, side) }
}

/// Copies a block of the server's own pool.
pub fn read_server_block(index: usize, into: &mut [u8; BLOCK_SIZE]) {
    assert!(index < SERVER_BLOCKS);
    let block = (layout::SERVER_POOL + index * BLOCK_SIZE) as *const u8;
    for (offset, byte) in into.iter_mut().enumerate() {
        // SAFETY: the root task mapped the pool here, and the offset lies in the block. Volatile, because the device
        // writes it.
        *byte = unsafe { block.add(offset).read_volatile() };
    }
}

/// Tells a process which vcores are granted.
pub fn publish_granted(process: usize, granted: u64) {
    let page = layout::PROCINFO + (process + 1) * PAGE_SIZE;
    let field = (page + offset_of!(ProcInfo, granted)) as *mut u64;
    // SAFETY: the root task mapped the page of each local process here, writable; the process reads it with one load.
    unsafe { field.write_volatile(granted) };
}

/// Tells a process how often the server has entered the kernel.
pub fn publish_entries(process: usize, entries: u64) {
    let page = layout::PROCINFO + (process + 1) * PAGE_SIZE;
    let field = (page + offset_of!(ProcInfo, server_kernel_entries)) as *mut u64;
    // SAFETY: as for `publish_granted`.
    unsafe { field.write_volatile(entries) };
}

/// How other clusters are woken, and this one by them and by the time.
pub struct Doorbells {
    hpet: Option<(Hpet, Clock)>,
    /// The cluster's own comparator, or `NONE` where it is never interrupted.
    comparator: u32,
}

impl Doorbells {
    /// The doorbells of a cluster's server.
    ///
    /// # Panics
    /// Where the HPET cannot be a clock.
    pub fn new(plan: &Plan, cluster: usize) -> Doorbells {
        let hpet = plan.uses_hpet(cluster as u32).then(|| {
            // SAFETY: the root task mapped the HPET's registers here, uncached, exactly for the servers that use it.
            let hpet = unsafe { Hpet::new(layout::HPET as *mut u8) };
            let clock = Clock::new(&hpet).unwrap_or_else(|error| panic!("server: {error}"));
            (hpet, clock)
        });
        Doorbells {
            hpet,
            comparator: plan.clusters()[cluster].comparator,
        }
    }

    /// Wakes the server at the other end of a channel.
    pub fn ring(&self, number: usize, channel: &Channel, peer: &Cluster) {
        if channel.doorbell == DoorbellKind::Notification as u32 {
            enters();
            cap::Notification::from_bits(slot::CHANNELS + number as u64).signal();
        } else if let Some((hpet, _)) = &self.hpet
            && let Err(error) = hpet.ring(peer.comparator)
        {
            log(format_args!(
                "server: the doorbell of {} cannot be rung: {error:?}",
                peer.name
            ));
        }
    }

    /// Nanoseconds on a clock that never goes backwards. A server without processes, whom nobody asks for the time, has
    /// none.
    pub fn now(&mut self) -> u64 {
        match &mut self.hpet {
            Some((hpet, clock)) => clock.now(hpet),
            None => 0,
        }
    }

    /// Has the server woken at a time on the clock, or before. Tells whether it will be; if not, the time has come.
    ///
    /// # Errors
    /// Where the server has no comparator, and so must not block.
    pub fn set_alarm(&mut self, deadline: u64) -> Result<bool, HpetError> {
        match &mut self.hpet {
            Some((hpet, clock)) => clock.set(hpet, self.comparator, deadline),
            None => Ok(false),
        }
    }

    /// Allows the next interrupt.
    pub fn acknowledge(&self) {
        if self.comparator != NONE {
            // A message-signalled interrupt is never masked; the kernel wants to be told all the same.
            enters();
            let _ = INTERRUPT.irq_handler_ack();
        }
    }
}

/// Wakes the block driver.
pub fn signal_driver() {
    enters();
    DRIVER.signal();
}

/// Wakes a vcore.
pub fn signal_vcore(process: usize, vcore: usize) {
    enters();
    cap::Notification::from_bits(slot::server_vcore_notification(process, vcore)).signal();
}

/// Lets a vcore run, for the first time or again.
///
/// seL4 5.0.0 resumes a thread that was stopped between being woken and running on at its last system call: the call is
/// made again, with the registers that its first end left. For a wait that is the badge in place of the capability, so
/// vcores are woken with the slot of their own notification as the badge (the root task sees to that); and as the first
/// end took the wake-up, there is another one here. A spurious one does no harm.
pub fn resume_vcore(process: usize, vcore: usize) {
    let thread = cap::Tcb::from_bits(slot::vcore_thread(process, vcore));
    enters();
    if let Err(error) = thread.tcb_resume() {
        log(format_args!(
            "server: vcore {vcore} does not start: {error}"
        ));
    }
    signal_vcore(process, vcore);
}

/// Stops a vcore.
pub fn suspend_vcore(process: usize, vcore: usize) {
    let thread = cap::Tcb::from_bits(slot::vcore_thread(process, vcore));
    enters();
    if let Err(error) = thread.tcb_suspend() {
        log(format_args!("server: vcore {vcore} does not stop: {error}"));
    }
}

/// Waits for whoever wakes the server; the badges of all who did.
pub fn wait() -> u64 {
    enters();
    atoll_component::wait()
}

/// Has the root task print a line.
pub fn print(line: core::fmt::Arguments<'_>) {
    enters();
    log(line);
}

/// Tells the root task that the server serves.
pub fn ready() {
    enters();
    tell(request::READY, &[]);
}

/// Tells the root task that a process has ended.
pub fn exited(process: usize, status: u64, max_granted: u32) {
    enters();
    tell(
        request::EXITED,
        &[process as u64, status, u64::from(max_granted)],
    );
}

/// Tells the root task what crossed a channel.
pub fn channel(counts: [u64; 5]) {
    enters();
    tell(request::CHANNEL, &counts);
}
