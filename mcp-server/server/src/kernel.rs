//! The capabilities of the server, and what the personality has done with them.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use atoll_abi::frame::FrameState;
use atoll_abi::layout::{self, request, slot};
use atoll_abi::plan::{MAX_CLUSTER_FRAMES, Plan};
use atoll_abi::process::ProcessId;
use atoll_abi::timeline::Channel;
use atoll_channel::Doorbell;
use atoll_component::{log, report};
use atoll_core::vcore::VcoreSets;
use atoll_hpet::Hpet;
use atoll_server::Kernel;
use sel4::{CapRights, VmAttributes, cap};

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
    number: usize,
}

impl VcoreBell {
    /// The doorbell of a vcore, by its number in the cluster.
    pub fn new(number: usize) -> VcoreBell {
        VcoreBell { number }
    }
}

impl Doorbell for VcoreBell {
    fn ring(&mut self) {
        signal_vcore(self.number);
    }
}

fn signal_vcore(number: usize) {
    enters();
    cap::Notification::from_bits(slot::server_vcore_notification(number)).signal();
}

/// Wakes the component of this cluster that has a side of a connection to another kernel instance.
pub fn signal_connection(connection: usize) {
    enters();
    let channel = Channel::Connection(connection);
    atoll_component::recorder().tap(channel).rang();
    cap::Notification::from_bits(slot::crossing_notification(connection)).signal();
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
    plan: &'static Plan,
    /// For each process of the plan, the number of its vcore 0 in its cluster.
    first_vcores: Box<[u32]>,
    doorbells: Doorbells,
    procinfo: ProcInfoPages,
    /// Entries into the kernel that the processes were told of.
    entries: u64,
}

impl SeL4 {
    /// The kernel of a cluster's server.
    pub fn new(
        plan: &'static Plan,
        cluster: usize,
        hpet: Option<Hpet>,
        procinfo: ProcInfoPages,
    ) -> SeL4 {
        SeL4 {
            plan,
            first_vcores: plan.processes().iter().map(|it| it.first_vcore).collect(),
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

    /// How often the root task has said something of a process.
    #[inline]
    pub fn notices(&self) -> u64 {
        self.procinfo.notices()
    }

    /// Who has the cluster's frames, as an earlier life of the server has noted it.
    pub fn frames(&self) -> [FrameState; MAX_CLUSTER_FRAMES] {
        self.procinfo.frames()
    }

    /// The number of a vcore in the cluster.
    fn number(&self, process: ProcessId, vcore: usize) -> usize {
        let first = self.first_vcores.get(usize::from(process.index));
        first.map_or(0, |first| *first as usize) + vcore
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
        let number = self.number(process, vcore);
        let thread = cap::Tcb::from_bits(slot::vcore_thread(number));
        enters();
        if let Err(error) = thread.tcb_resume() {
            log(format_args!(
                "server: vcore {vcore} does not start: {error}"
            ));
        }
        signal_vcore(number);
    }

    fn stop_vcore(&mut self, process: ProcessId, vcore: usize) {
        let thread = cap::Tcb::from_bits(slot::vcore_thread(self.number(process, vcore)));
        enters();
        if let Err(error) = thread.tcb_suspend() {
            log(format_args!("server: vcore {vcore} does not stop: {error}"));
        }
    }

    fn wake_vcore(&mut self, process: ProcessId, vcore: usize) {
        signal_vcore(self.number(process, vcore));
    }

    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets) {
        self.procinfo
            .publish_vcores(usize::from(process.index), vcores);
    }

    fn publish_alarms(&mut self, process: ProcessId, vcores: u64) {
        self.procinfo
            .publish_alarms(usize::from(process.index), vcores);
    }

    fn publish_many_core(&mut self, process: ProcessId) {
        self.procinfo.publish_many_core(usize::from(process.index));
    }

    /// A frame has one capability, and one capability maps a frame at one place: it is in no address space twice.
    ///
    /// What comes of unmapping is not looked at: of a frame that is not mapped seL4 5.0.0 answers nothing, so that the label of the
    /// invocation seems to be an error. Where the frame should still be mapped, mapping it fails.
    fn place_frame(&mut self, frame: usize, process: usize) {
        let large = cap::LargePage::from_bits(slot::frame(frame));
        enters();
        let _ = large.frame_unmap();
        let Some(row) = self.plan.processes().get(process) else {
            return;
        };
        let space = cap::VSpace::from_bits(slot::address_space(row.number));
        enters();
        let mapped = large.frame_map(
            space,
            layout::frame(frame),
            CapRights::read_write(),
            VmAttributes::DEFAULT,
        );
        if let Err(error) = mapped {
            enters();
            let name = row.name.as_str();
            log(format_args!(
                "server: frame {frame} is not mapped in {name}: {error}"
            ));
        }
    }

    fn publish_frame(&mut self, frame: usize, state: FrameState) {
        self.procinfo.publish_frame(frame, state);
    }

    fn print_line(&mut self, process: ProcessId, line: &str) {
        let own = self.plan.processes().get(usize::from(process.index));
        let name = own.map_or("?", |own| own.name.as_str());
        enters();
        log(format_args!("[{name}] {line}"));
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, max_granted: u32) {
        enters();
        report(
            request::EXITED,
            &[
                u64::from(process.index),
                u64::from(process.generation),
                status,
                u64::from(max_granted),
            ],
        );
    }
}
