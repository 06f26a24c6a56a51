//! What the root task has mapped for the server.

#![allow(unsafe_code)]

use alloc::vec::Vec;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, Ordering, fence};

use atoll_abi::connection::wake_words;
use atoll_abi::frame::{FrameState, Holding};
use atoll_abi::layout;
use atoll_abi::plan::{MAX_CLUSTER_FRAMES, Plan};
use atoll_abi::process::{ProcInfo, ServerInfo};
use atoll_abi::timeline::Channel;
use atoll_channel::{Endpoint, EndpointLink, Side, WakeWords};
use atoll_core::vcore::VcoreSets;
use atoll_hpet::Hpet;
use atoll_server::Place;

use crate::kernel::VcoreBell;

/// The link to a vcore.
pub type Link = EndpointLink<VcoreBell>;

/// Everything that is mapped for the server, to be used once.
pub struct Windows {
    /// The links to the vcores of each process of the plan; none for those of other clusters.
    pub vcores: Vec<Vec<Link>>,
    /// The wake words of a place: of each one once.
    pub wake_words: fn(Place) -> WakeWords,
    /// The HPET, where the server has it.
    pub hpet: Option<Hpet>,
    /// The pages of its processes' information.
    pub procinfo: ProcInfoPages,
}

/// The [`ProcInfo`] pages of the cluster's processes.
pub struct ProcInfoPages {
    /// For each process of the plan, whether it is one of the cluster's.
    own: Vec<bool>,
}

/// Takes what the root task mapped for the server of a cluster.
///
/// # Panics
/// The second time.
pub fn take(plan: &Plan, cluster: usize) -> Windows {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    assert!(
        !TAKEN.swap(true, Ordering::Relaxed),
        "a server has one set of windows"
    );
    let own = |process: &atoll_abi::plan::Process| process.cluster as usize == cluster;
    let vcores = plan.processes().iter().map(|process| {
        let vcores = if own(process) { process.vcores } else { 0 };
        (0..vcores as usize)
            .map(|vcore| {
                let number = process.vcore_number(vcore);
                let window = layout::server_vcore_window(number) as *mut u8;
                // SAFETY: the root task mapped a zeroed window there for each vcore of each process of this cluster, and
                // leaves it. It is attached here only, and this runs once.
                let mut endpoint = unsafe { Endpoint::attach_next(window, Side::Second) };
                endpoint.note_with(atoll_component::recorder().tap(Channel::Vcore(number)));
                Link::new(endpoint, VcoreBell::new(number))
            })
            .collect()
    });
    let hpet = plan.uses_hpet(cluster as u32).then(|| {
        // SAFETY: the root task mapped the HPET's registers there, uncached, exactly for the servers that use it.
        unsafe { Hpet::new(layout::HPET as *mut u8) }
    });
    Windows {
        vcores: vcores.collect(),
        wake_words: words,
        hpet,
        procinfo: ProcInfoPages {
            own: plan.processes().iter().map(own).collect(),
        },
    }
}

/// The wake words of a place.
fn words(place: Place) -> WakeWords {
    let address = match place {
        Place::Requests(component) => layout::server_wake_requests(component),
        Place::Page { channel, end } => layout::wake_page(channel) + wake_words(end),
    };
    // SAFETY: the root task mapped a page there for each component of the cluster with a connection that crosses kernels,
    // and for each channel to a cluster of another instance. Those are the places that `WakePassing` asks for, by the
    // same plan. Nothing uses the pages but wake words.
    unsafe { WakeWords::attach(address as *mut u8) }
}

impl ProcInfoPages {
    /// Tells a process which vcores are granted, and notes them for the next life of the server.
    pub fn publish_vcores(&self, process: usize, vcores: VcoreSets) {
        self.write(process, offset_of!(ProcInfo, started), vcores.started);
        self.write(process, offset_of!(ProcInfo, granted), vcores.granted);
        self.write(process, offset_of!(ProcInfo, resumes), vcores.resumes);
    }

    /// Tells a process which of its vcores have an alarm.
    pub fn publish_alarms(&self, process: usize, vcores: u64) {
        self.write(process, offset_of!(ProcInfo, alarms), vcores);
    }

    /// Notes that a process has become a many-core process.
    pub fn publish_many_core(&self, process: usize) {
        if let Some(page) = self.page(process) {
            let field = page + offset_of!(ProcInfo, many_core);
            // SAFETY: as in `write`.
            unsafe { (field as *mut u32).write_volatile(1) };
        }
    }

    /// What a process is told now; `None` where it is none of the cluster's, or has ended.
    pub fn read(&self, process: usize) -> Option<ProcInfo> {
        let page = self.page(process)?;
        // SAFETY: as in `write`; every bit pattern is a value of the type. Volatile, because the root task writes it when
        // the process ends or is started again.
        let information = unsafe { (page as *const ProcInfo).read_volatile() };
        (information.generation != 0).then_some(information)
    }

    /// The generation of a process's present life, and whether that is to be ended; `None` as for [`ProcInfoPages::read`].
    #[inline]
    pub fn standing(&self, process: usize) -> Option<(u32, bool)> {
        let page = self.page(process)?;
        let word = |offset: usize| {
            // SAFETY: as in `read`; the offsets are those of words of the structure.
            unsafe { ((page + offset) as *const u32).read_volatile() }
        };
        let generation = word(offset_of!(ProcInfo, generation));
        let condemned = word(offset_of!(ProcInfo, condemned));
        (generation != 0).then_some((generation, condemned == generation))
    }

    /// The address of a process's page, where it is one of the cluster's.
    fn page(&self, process: usize) -> Option<usize> {
        let own = self.own.get(process).copied().unwrap_or(false);
        own.then_some(layout::server_procinfo(process))
    }

    /// Tells the cluster's processes how often the server has entered the kernel, and was interrupted.
    pub fn publish_entries(&self, entries: u64, interrupts: u64) {
        let page = layout::SERVER_INFO as *mut ServerInfo;
        // SAFETY: the root task mapped the page there, writable; the processes read each word with one load.
        unsafe {
            (&raw mut (*page).kernel_entries).write_volatile(entries);
            (&raw mut (*page).interrupts).write_volatile(interrupts);
        }
    }

    /// How often the root task has written something for the server into the information of a process.
    #[inline]
    pub fn notices(&self) -> u64 {
        let page = layout::SERVER_INFO as *const ServerInfo;
        // SAFETY: as in `publish_entries`; the root task alone writes this word, with one store.
        unsafe { (&raw const (*page).notices).read_volatile() }
    }

    /// Tells the cluster's processes who has a frame, and notes it for the next life of the server.
    pub fn publish_frame(&self, frame: usize, state: FrameState) {
        let page = layout::SERVER_INFO as *mut ServerInfo;
        if frame >= MAX_CLUSTER_FRAMES {
            return;
        }
        let nobody = Holding {
            holder: None,
            ..state.holding()
        };
        // SAFETY: as in `publish_entries`; there is a state for each frame.
        unsafe {
            let own = &raw mut (*page).frames[frame];
            (&raw mut (*own).holding).write_volatile(nobody.to_raw());
            fence(Ordering::Release);
            (&raw mut (*own).from).write_volatile(state.from);
            (&raw mut (*own).lease).write_volatile(state.lease);
            fence(Ordering::Release);
            (&raw mut (*own).holding).write_volatile(state.holding);
        }
    }

    /// Who has each frame, as it was noted.
    pub fn frames(&self) -> [FrameState; MAX_CLUSTER_FRAMES] {
        let page = layout::SERVER_INFO as *const ServerInfo;
        // SAFETY: as in `publish_entries`; only the server writes these words.
        unsafe { (&raw const (*page).frames).read_volatile() }
    }

    fn write(&self, process: usize, offset: usize, value: u64) {
        let Some(page) = self.page(process) else {
            return;
        };
        let field = page + offset;
        // SAFETY: the root task mapped the page of each process of this cluster there, writable, and the offset is that of
        // a word of the structure in it; the process reads it with one load.
        unsafe { (field as *mut u64).write_volatile(value) };
    }
}
