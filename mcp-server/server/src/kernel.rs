//! The capabilities of the server, and what the personality has done with them.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::layout::{request, slot};
use atoll_abi::name::Name;
use atoll_abi::plan::Plan;
use atoll_abi::process::ProcessId;
use atoll_channel::Doorbell;
use atoll_component::{log, report};
use atoll_core::vcore::VcoreSets;
use atoll_hpet::Hpet;
use atoll_server::Kernel;
use sel4::cap;

use crate::doorbells::Doorbells;
use crate::windows::ProcInfoPages;

/// How often the server has entered the kernel.
static ENTRIES: AtomicU64 = AtomicU64::new(0);

/// How often the server was interrupted.
static INTERRUPTS: AtomicU64 = AtomicU64::new(0);

/// Counts an interrupt.
pub fn interrupted() {
    INTERRUPTS.store(INTERRUPTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Counts an entry into the kernel, which follows.
pub fn enters() {
    // Only the server's one thread counts.
    ENTRIES.store(ENTRIES.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Enters the kernel as often as blocking and being woken does, once on each side, and changes nothing.
pub fn like_blocking() {
    enters();
    enters();
    atoll_component::like_blocking();
}

/// Wakes a vcore that has something in its ring.
pub struct VcoreBell {
    process: usize,
    vcore: usize,
}

impl VcoreBell {
    /// The doorbell of a vcore of a process of the plan.
    pub fn new(process: usize, vcore: usize) -> VcoreBell {
        VcoreBell { process, vcore }
    }
}

impl Doorbell for VcoreBell {
    fn ring(&mut self) {
        signal_vcore(self.process, self.vcore);
    }
}

fn signal_vcore(process: usize, vcore: usize) {
    enters();
    cap::Notification::from_bits(slot::server_vcore_notification(process, vcore)).signal();
}

/// Wakes the component of this cluster that has a side of a connection to another kernel instance.
pub fn signal_connection(connection: usize) {
    enters();
    cap::Notification::from_bits(slot::CONNECTION_NOTIFICATIONS + connection as u64).signal();
}

/// Waits for whatever wakes the server; the badges of all that did.
pub fn wait() -> u64 {
    enters();
    atoll_component::wait()
}

/// Tells the root task that the server serves, and how often it looks for work in vain before it blocks.
pub fn ready(poll_budget: u32) {
    enters();
    report(request::READY, &[u64::from(poll_budget)]);
}

/// A life of a process.
pub struct Life {
    /// Its identity.
    pub process: ProcessId,
    /// Its vcores.
    pub vcores: VcoreSets,
    /// It is a many-core process.
    pub many_core: bool,
    /// It is to be ended.
    pub condemned: bool,
}

/// What the personality has done, on seL4.
pub struct SeL4 {
    names: Vec<Name>,
    doorbells: Doorbells,
    procinfo: ProcInfoPages,
    /// Entries into the kernel that the processes were told of.
    entries: u64,
}

impl SeL4 {
    /// The kernel of a cluster's server.
    pub fn new(plan: &Plan, cluster: usize, hpet: Option<Hpet>, procinfo: ProcInfoPages) -> SeL4 {
        SeL4 {
            names: plan.processes().iter().map(|it| it.name).collect(),
            doorbells: Doorbells::new(plan, cluster, hpet),
            procinfo,
            entries: 0,
        }
    }

    /// The life of a process as its root task and an earlier life of the server have noted it; `None` where it is none of the
    /// cluster's, or has ended.
    pub fn life(&self, process: usize) -> Option<Life> {
        let information = self.procinfo.read(process)?;
        Some(Life {
            process: ProcessId {
                index: process as u16,
                generation: information.generation,
            },
            vcores: VcoreSets::of(&information),
            many_core: information.many_core != 0,
            condemned: information.condemned == information.generation,
        })
    }

    /// What the root task says of a process: its present life, and whether that is to be ended. `None` where it is none of the
    /// cluster's, or has ended.
    #[inline]
    pub fn standing(&self, process: usize) -> Option<(ProcessId, bool)> {
        let (generation, condemned) = self.procinfo.standing(process)?;
        let process = ProcessId {
            index: process as u16,
            generation,
        };
        Some((process, condemned))
    }

    /// The server's doorbells.
    pub fn doorbells(&mut self) -> &mut Doorbells {
        &mut self.doorbells
    }

    /// Tells the processes of the cluster how often the server has entered the kernel and was interrupted, where that has
    /// changed.
    pub fn publish_entries(&mut self) {
        let entries = ENTRIES.load(Ordering::Relaxed);
        if entries != self.entries {
            self.entries = entries;
            let interrupts = INTERRUPTS.load(Ordering::Relaxed);
            self.procinfo.publish_entries(entries, interrupts);
        }
    }
}

impl Kernel for SeL4 {
    fn now(&mut self) -> u64 {
        self.doorbells.now()
    }

    /// seL4 5.0.0 resumes a thread that was stopped between being woken and running on at its last system call: the call is
    /// made again, with the registers that its first end left. For a wait that is the badge in place of the capability, so
    /// vcores are woken with the slot of their own notification as the badge (the root task sees to that); and as the first
    /// end took the wake-up, there is another one here. A spurious one does no harm.
    fn start_vcore(&mut self, process: ProcessId, vcore: usize) {
        let index = usize::from(process.index);
        let thread = cap::Tcb::from_bits(slot::vcore_thread(index, vcore));
        enters();
        if let Err(error) = thread.tcb_resume() {
            log(format_args!(
                "server: vcore {vcore} does not start: {error}"
            ));
        }
        signal_vcore(index, vcore);
    }

    fn stop_vcore(&mut self, process: ProcessId, vcore: usize) {
        let thread = cap::Tcb::from_bits(slot::vcore_thread(usize::from(process.index), vcore));
        enters();
        if let Err(error) = thread.tcb_suspend() {
            log(format_args!("server: vcore {vcore} does not stop: {error}"));
        }
    }

    fn wake_vcore(&mut self, process: ProcessId, vcore: usize) {
        signal_vcore(usize::from(process.index), vcore);
    }

    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets) {
        self.procinfo
            .publish_vcores(usize::from(process.index), vcores);
    }

    fn publish_many_core(&mut self, process: ProcessId) {
        self.procinfo.publish_many_core(usize::from(process.index));
    }

    fn print_line(&mut self, process: ProcessId, line: &str) {
        let name = self.names.get(usize::from(process.index));
        let name = name.map_or("?", |name| name.as_str());
        enters();
        log(format_args!("[{name}] {line}"));
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, max_granted: u32) {
        enters();
        report(
            request::EXITED,
            &[u64::from(process.index), status, u64::from(max_granted)],
        );
    }
}
