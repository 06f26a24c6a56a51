//! Builds one cluster: its processes, its driver, its server, and what they share. Nothing of it runs yet.

use alloc::format;
use alloc::vec::Vec;

use atoll_abi::archive;
use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{
    self, MAX_VCORES, PAGE_SIZE, PLAN_PAGES, RING_WINDOW_SIZE, alarm, badge, slot,
};
use atoll_abi::plan::{DoorbellKind, NONE, Plan, Process};
use atoll_abi::process::{PROCINFO_MAGIC, ProcInfo};
use sel4::{CapRights, VmAttributes, cap};
use zerocopy::IntoBytes;

use crate::authority::Authority;
use crate::component::{Component, Page, ThreadPlan, priority};
use crate::obituary::{Bell, Obituary, RING_OF_FIRST, RING_OF_SECOND};
use crate::{device, interrupts};

/// The first page of the ring on which each side of a channel sends.
const RINGS: [usize; 2] = [RING_OF_FIRST, RING_OF_SECOND];

/// What of a built cluster is needed to connect, start and supervise it.
pub struct ClusterParts {
    /// Its index in the plan.
    pub cluster: usize,
    server: Component<'static>,
    /// Its server's thread.
    pub server_thread: cap::Tcb,
    /// Its driver's thread, and how the driver learns that its server is gone.
    pub driver: Option<(cap::Tcb, Obituary)>,
    /// How everybody else learns that.
    pub obituaries: Vec<Obituary>,
    /// The first page of each ring of its channels, by channel.
    channels: Vec<(usize, [Page; 2])>,
    /// The notification that wakes its server.
    notification: cap::Notification,
    /// Its processes.
    pub processes: Vec<ProcessParts>,
}

/// What of a process is needed to supervise it.
pub struct ProcessParts {
    /// Its index in the plan.
    pub process: usize,
    component: Component<'static>,
    /// Its vcores' threads.
    pub threads: Vec<cap::Tcb>,
    /// Tells its server that one of them took a fault.
    pub alarm: cap::Notification,
}

/// Builds everything of a cluster but the channels to clusters of its own instance.
pub fn build(
    authority: &mut Authority,
    plan: &Plan,
    number: usize,
    endpoint: cap::Endpoint,
    archive: &'static [u8],
) -> ClusterParts {
    let cluster = &plan.clusters[number];
    let holder = format!("server:{}", cluster.name);
    let image = archive::find(archive, "mcp-server").expect("the archive holds the server");
    let mut server = Component::new(authority, holder, image);
    server.map_bytes(authority, layout::PLAN, PLAN_PAGES, plan.as_bytes());
    let notification = authority.notification();
    server.give_endpoint(slot::ROOT_TASK, endpoint, badge::SERVER + number as u64);
    server.give(
        slot::OWN_NOTIFICATION,
        notification,
        CapRights::read_only(),
        0,
    );

    let mut driver = None;
    let mut obituaries = Vec::new();
    if cluster.block_device != NONE {
        driver = Some(device::build(
            authority,
            plan,
            cluster.block_device as usize,
            endpoint,
            archive,
            &mut server,
            notification,
        ));
        let pool = &plan.pools[cluster.server_pool as usize];
        for block in 0..pool.blocks as usize {
            let page =
                authority.device_page(pool.base + (block * BLOCK_SIZE) as u64, &server.holder);
            server.map(
                authority,
                page,
                layout::SERVER_POOL + block * BLOCK_SIZE,
                CapRights::read_only(),
                VmAttributes::DEFAULT,
            );
        }
    }
    let mut processes = Vec::new();
    let callees = callees(authority, plan, number);
    for (index, process) in plan.processes().iter().enumerate() {
        if process.cluster as usize == number {
            let parts = build_process(
                authority,
                plan,
                index,
                process,
                endpoint,
                &callees,
                archive,
                &mut server,
                notification,
                &mut obituaries,
            );
            processes.push(parts);
        }
    }
    let (channels, announced) = map_channels(authority, plan, number, &mut server, notification);
    obituaries.extend(announced);
    let server_thread = server.thread(
        authority,
        ThreadPlan {
            number: 0,
            core: cluster.first_core,
            priority: priority::SERVER,
            fault_slot: slot::ROOT_TASK,
            arguments: [number as u64, 0],
        },
    );
    ClusterParts {
        cluster: number,
        server,
        server_thread,
        driver,
        obituaries,
        channels,
        notification,
        processes,
    }
}

/// An endpoint for each process of a cluster that another one calls through the kernel.
fn callees(authority: &mut Authority, plan: &Plan, cluster: usize) -> Vec<(usize, cap::Endpoint)> {
    let processes = plan.processes();
    let mut callees = Vec::new();
    for (index, process) in processes.iter().enumerate() {
        let own = process.cluster as usize == cluster;
        if own && processes.iter().any(|caller| caller.may_call(index)) {
            callees.push((index, authority.endpoint()));
        }
    }
    callees
}

#[allow(
    clippy::too_many_arguments,
    reason = "everything that a process is made of"
)]
fn build_process(
    authority: &mut Authority,
    plan: &Plan,
    index: usize,
    process: &Process,
    endpoint: cap::Endpoint,
    callees: &[(usize, cap::Endpoint)],
    archive: &'static [u8],
    server: &mut Component<'_>,
    server_notification: cap::Notification,
    obituaries: &mut Vec<Obituary>,
) -> ProcessParts {
    let holder = format!("process:{}", process.name);
    let image = archive::find(archive, process.image.as_str())
        .unwrap_or_else(|| panic!("the archive holds no image `{}`", process.image));
    let mut component = Component::new(authority, holder, image);
    component.give(
        slot::SERVER_NOTIFICATION,
        server_notification,
        CapRights::write_only(),
        0,
    );

    for &(callee, callers) in callees {
        if callee == index {
            component.give(slot::CALLERS, callers, CapRights::read_only(), 0);
        } else if process.may_call(callee) {
            // Calling takes the right to grant, with which the kernel makes the capability to reply.
            let speaker = index as u64;
            component.give_endpoint(slot::CALLEES + callee as u64, callers, speaker);
        }
    }
    let pool = &plan.pools[process.pool as usize];
    let information = procinfo(plan, index, process);
    let page = authority.page(&component.holder);
    authority.with_page(page, VmAttributes::DEFAULT, |mapped| {
        mapped.write(0, information.as_bytes())
    });
    component.map(
        authority,
        page,
        layout::PROCINFO,
        CapRights::read_only(),
        VmAttributes::DEFAULT,
    );
    server.map_shared(
        authority,
        &[page],
        layout::PROCINFO + (index + 1) * PAGE_SIZE,
    );

    for block in 0..pool.blocks as usize {
        let page =
            authority.device_page(pool.base + (block * BLOCK_SIZE) as u64, &component.holder);
        component.map(
            authority,
            page,
            layout::block(block),
            CapRights::read_write(),
            VmAttributes::DEFAULT,
        );
    }
    component.map_new(
        authority,
        layout::HEAP,
        process.heap_size as usize / PAGE_SIZE,
    );
    for index in 0..=process.uthreads as usize {
        let stack = layout::uthread_stack(index);
        component.map_new(authority, stack.start, stack.len() / PAGE_SIZE);
    }

    let mut threads = Vec::new();
    for vcore in 0..process.vcores as usize {
        let window = component.map_new(
            authority,
            layout::vcore_window(vcore),
            RING_WINDOW_SIZE / PAGE_SIZE,
        );
        server.map_shared(
            authority,
            &window,
            layout::server_vcore_window(index, vcore),
        );
        let notification = authority.notification();
        let bell = Bell::Notification(notification);
        obituaries.push(Obituary::new(authority, window[RING_OF_SECOND], bell));
        // Why the badge is what it is, `resume_vcore` of the server tells.
        let own_slot = slot::VCORE_NOTIFICATIONS + vcore as u64;
        component.give(own_slot, notification, CapRights::read_write(), own_slot);
        server.give(
            slot::server_vcore_notification(index, vcore),
            notification,
            CapRights::write_only(),
            own_slot,
        );
        let fault_slot = slot::FAULT_ENDPOINTS + vcore as u64;
        let speaker = badge::PROCESS + (index * MAX_VCORES + vcore) as u64;
        component.give_endpoint(fault_slot, endpoint, speaker);
        let thread = component.thread(
            authority,
            ThreadPlan {
                number: vcore,
                core: process.cores[vcore],
                priority: priority::VCORE,
                fault_slot,
                arguments: [vcore as u64, 0],
            },
        );
        server.give_whole(slot::vcore_thread(index, vcore), thread);
        threads.push(thread);
    }
    ProcessParts {
        process: index,
        component,
        threads,
        alarm: authority.badged(server_notification, alarm::faulted(index)),
    }
}

fn procinfo(plan: &Plan, index: usize, process: &Process) -> ProcInfo {
    let instance = &plan.instances[plan.clusters[process.cluster as usize].instance as usize];
    let mut cores = [0; MAX_VCORES];
    for (core, local) in cores
        .iter_mut()
        .zip(&process.cores[..process.vcores as usize])
    {
        *core = instance.cores[*local as usize];
    }
    ProcInfo {
        magic: PROCINFO_MAGIC,
        version: atoll_abi::ABI_VERSION,
        generation: 1,
        process: index as u32,
        cluster: process.cluster,
        max_vcores: process.vcores,
        pool_blocks: plan.pools[process.pool as usize].blocks,
        heap_size: process.heap_size,
        granted: 0,
        name: process.name,
        cores,
        server_kernel_entries: 0,
        uthreads: process.uthreads,
        padding: 0,
    }
}

/// Maps the windows of a cluster's channels to other instances, and the HPET, by which it is woken and wakes.
fn map_channels(
    authority: &mut Authority,
    plan: &Plan,
    number: usize,
    server: &mut Component<'_>,
    notification: cap::Notification,
) -> (Vec<(usize, [Page; 2])>, Vec<Obituary>) {
    let (mut channels, mut obituaries) = (Vec::new(), Vec::new());
    let mut between_kernels = Vec::new();
    for (index, channel) in plan.channels().iter().enumerate() {
        let Some(end) = channel
            .end_of(number as u32)
            .filter(|_| channel.doorbell == DoorbellKind::Hpet as u32)
        else {
            continue;
        };
        let peer = &plan.clusters[channel.clusters[1 - end] as usize];
        let mut pages = Vec::new();
        for offset in (0..RING_WINDOW_SIZE).step_by(PAGE_SIZE) {
            let page = authority.device_page(channel.window + offset as u64, &server.holder);
            pages.push(page);
            server.map(
                authority,
                page,
                layout::channel_window(index) + offset,
                CapRights::read_write(),
                VmAttributes::DEFAULT,
            );
        }
        between_kernels.push((pages[RINGS[end]], peer.comparator));
        channels.push((index, RINGS.map(|ring| pages[ring])));
    }
    if plan.uses_hpet(number as u32) {
        let page = authority.hpet_page(&server.holder);
        if plan.clusters[number].comparator != NONE {
            let handler = interrupts::comparator(authority, plan, number, page, notification);
            server.give_whole(slot::INTERRUPT, handler);
        }
        server.map(
            authority,
            page,
            layout::HPET,
            CapRights::read_write(),
            VmAttributes::UNCACHEABLE,
        );
        for (first_page, comparator) in between_kernels {
            let bell = match comparator {
                NONE => Bell::None,
                comparator => Bell::Hpet(authority.share(page, "root-task"), comparator),
            };
            obituaries.push(Obituary::new(authority, first_page, bell));
        }
    }
    (channels, obituaries)
}

/// Connects the clusters of this instance with each other.
pub fn connect(authority: &mut Authority, plan: &Plan, clusters: &mut [ClusterParts]) {
    for (index, channel) in plan.channels().iter().enumerate() {
        if channel.doorbell != DoorbellKind::Notification as u32 {
            continue;
        }
        let ends = channel.clusters.map(|end| {
            clusters
                .iter()
                .position(|parts| parts.cluster == end as usize)
        });
        let [Some(first), Some(second)] = ends else {
            continue;
        };
        let pages: Vec<Page> = (0..RING_WINDOW_SIZE)
            .step_by(PAGE_SIZE)
            .map(|offset| {
                authority.device_page(
                    channel.window + offset as u64,
                    &clusters[first].server.holder,
                )
            })
            .collect();
        for (page, offset) in pages.iter().zip((0..).step_by(PAGE_SIZE)) {
            let server = &mut clusters[first].server;
            server.map(
                authority,
                *page,
                layout::channel_window(index) + offset,
                CapRights::read_write(),
                VmAttributes::DEFAULT,
            );
        }
        for cluster in [first, second] {
            let first_pages = RINGS.map(|ring| pages[ring]);
            clusters[cluster].channels.push((index, first_pages));
        }
        clusters[second]
            .server
            .map_shared(authority, &pages, layout::channel_window(index));
        let bells = [clusters[first].notification, clusters[second].notification];
        for ((own, peer), ring) in [(first, 1), (second, 0)].into_iter().zip(RINGS) {
            let bell = Bell::Notification(bells[peer]);
            let obituary = Obituary::new(authority, pages[ring], bell);
            clusters[own].obituaries.push(obituary);
        }
        clusters[first].server.give(
            slot::CHANNELS + index as u64,
            bells[1],
            CapRights::write_only(),
            0,
        );
        clusters[second].server.give(
            slot::CHANNELS + index as u64,
            bells[0],
            CapRights::write_only(),
            0,
        );
    }
}

/// Lets the operators of this instance's clusters read what the channels of their cluster tell.
pub fn let_operators_watch(authority: &mut Authority, plan: &Plan, clusters: &mut [ClusterParts]) {
    for parts in clusters {
        let operators = parts
            .processes
            .iter_mut()
            .filter(|parts| plan.processes[parts.process].operator != 0);
        for operator in operators {
            let rings = parts.channels.iter().flat_map(|(channel, pages)| {
                let addresses = [0, 1].map(|ring| layout::telemetry(*channel, ring));
                pages.iter().zip(addresses)
            });
            for (page, address) in rings {
                let component = &mut operator.component;
                let page = authority.share(*page, &component.holder);
                component.map(
                    authority,
                    page,
                    address,
                    CapRights::read_only(),
                    VmAttributes::DEFAULT,
                );
            }
        }
    }
}
