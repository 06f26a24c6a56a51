//! Builds the processes of a cluster, and what each shares with its server.

use alloc::format;
use alloc::vec::Vec;

use atoll_abi::layout::{self, PAGE_SIZE, RING_WINDOW_SIZE, badge, server_badge, slot};
use atoll_abi::timeline::Writer;
use atoll_root_task::procinfo::procinfo;
use sel4::{CapRights, VmAttributes, cap};
use zerocopy::IntoBytes;

use crate::authority::Authority;
use crate::children::Context;
use crate::component::{Component, Page, ThreadPlan, priority};
use crate::death_notice::{DeathNotice, Doorbell, RINGS};
use crate::pools::Pools;
use crate::server::Server;
use crate::timeline;
use crate::wake;

/// A built process.
pub struct Process {
    /// Its index in the plan.
    pub index: usize,
    /// Its address space and capabilities.
    pub component: Component<'static>,
    /// The notifications on which its vcores wait.
    pub notifications: Vec<cap::Notification>,
    /// Wakes its server on its behalf.
    pub server: cap::Notification,
    /// Tell its vcores that the server is gone.
    pub server_notices: Vec<DeathNotice>,
    /// Tell the server that the process is gone.
    pub death_notices: Vec<DeathNotice>,
    /// The page of its information.
    pub information: Page,
}

/// Builds the processes of a server's cluster.
pub fn build_all(
    authority: &mut Authority,
    context: &Context<'_>,
    pools: &mut Pools,
    server: &mut Server,
) -> Vec<Process> {
    let cluster = server.cluster;
    let callees = callees(authority, context, cluster);
    let processes = context.plan.processes_of(cluster as u32);
    processes
        .map(|(index, _)| build(authority, context, pools, index, server, &callees))
        .collect()
}

/// An endpoint for each process of a cluster that another one calls through the kernel.
fn callees(
    authority: &mut Authority,
    context: &Context<'_>,
    cluster: usize,
) -> Vec<(usize, cap::Endpoint)> {
    let plan = context.plan;
    let mut callees = Vec::new();
    for (index, process) in plan.processes_of(cluster as u32) {
        let mut callers = plan.processes_of(cluster as u32);
        if callers.any(|(_, caller)| plan.may_call(caller, process)) {
            callees.push((index, authority.endpoint()));
        }
    }
    callees
}

fn build(
    authority: &mut Authority,
    context: &Context<'_>,
    pools: &mut Pools,
    index: usize,
    server: &mut Server,
    callees: &[(usize, cap::Endpoint)],
) -> Process {
    let plan = &context.plan.processes()[index];
    let holder = format!("process:{}", plan.name);
    let image = context.image(plan.image.as_str());
    let component = Component::new(authority, holder, image, slot::of_process(plan));
    let information = authority.page(&component.holder);
    let badge = server_badge::process(plan.number);
    let mut process = Process {
        index,
        component,
        notifications: Vec::new(),
        server: authority.badged(server.notification, badge),
        server_notices: Vec::new(),
        death_notices: Vec::new(),
        information,
    };
    let component = &mut process.component;
    // One capability both for syscalls and for wake requests: the server looks at its rings whenever it wakes.
    wake::give_server_notification(component, server.notification, badge);
    for &(callee, callers) in callees {
        if callee == index {
            component.give(slot::CALLERS, callers, CapRights::read_only(), 0);
            continue;
        }
        let row = &context.plan.processes()[callee];
        if context.plan.may_call(plan, row) {
            // Calling takes the right to grant, with which the kernel makes the capability to reply.
            let sender = index as u64;
            component.give_endpoint(slot::CALLEES + u64::from(row.number), callers, sender);
        }
    }
    map_memory(authority, context, index, component, server, information);
    pools.map(
        authority,
        context.plan,
        plan.pool,
        component,
        layout::BLOCKS,
        CapRights::read_write(),
    );
    give_frames(authority, context, index, component, server);
    for vcore in 0..plan.vcores as usize {
        process.build_vcore(authority, context, server, vcore);
    }
    process
}

/// Makes the frames of which a process is the home, and has its server map frames in it: none is mapped yet.
fn give_frames(
    authority: &mut Authority,
    context: &Context<'_>,
    index: usize,
    component: &mut Component<'static>,
    server: &mut Server,
) {
    let process = &context.plan.processes()[index];
    for number in process.home_frames() {
        let frame = authority.large_page(&server.component.holder);
        server.component.give_whole(slot::frame(number), frame);
    }
    if context.plan.may_hold_frames(process) {
        component.prepare_large(authority, layout::FRAMES);
        let space = component.address_space();
        server
            .component
            .give_whole(slot::address_space(process.number), space);
    }
}

fn map_memory(
    authority: &mut Authority,
    context: &Context<'_>,
    index: usize,
    component: &mut Component<'static>,
    server: &mut Server,
    page: Page,
) {
    let plan = context.plan;
    let information = procinfo(plan, index, context.time);
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
    server.component.map_shared(
        authority,
        &[page],
        layout::server_procinfo(index),
        CapRights::read_write(),
    );
    component.map_shared(
        authority,
        &[server.information],
        layout::SERVER_INFO,
        CapRights::read_only(),
    );
    let process = &plan.processes()[index];
    let heap_pages = process.heap_size as usize / PAGE_SIZE;
    component.map_private(authority, layout::HEAP, heap_pages);
    for index in 0..=process.uthreads as usize {
        let stack = layout::uthread_stack(index);
        component.map_private(authority, stack.start, stack.len() / PAGE_SIZE);
    }
}

impl Process {
    /// Builds a vcore and its ring to the server.
    fn build_vcore(
        &mut self,
        authority: &mut Authority,
        context: &Context<'_>,
        server: &mut Server,
        vcore: usize,
    ) {
        let index = self.index;
        let process = &context.plan.processes()[index];
        let number = process.vcore_number(vcore);
        let component = &mut self.component;
        let writer = Writer::Vcore {
            process: index,
            vcore,
        };
        timeline::map(authority, context.plan, writer, component);
        let window = component.map_new(
            authority,
            layout::vcore_window(vcore),
            RING_WINDOW_SIZE / PAGE_SIZE,
        );
        server.component.map_shared(
            authority,
            &window,
            layout::server_vcore_window(number),
            CapRights::read_write(),
        );
        let notification = authority.notification();
        // The server's `start_vcore` says why the badge is the slot's number.
        let own_slot = slot::VCORE_NOTIFICATIONS + vcore as u64;
        let doorbell = Doorbell::Notification(authority.badged(notification, own_slot));
        let [ring_of_vcore, ring_of_server] = RINGS;
        let notice = DeathNotice::new(authority, window[ring_of_server], doorbell);
        let own = Doorbell::Notification(self.server);
        self.death_notices
            .push(DeathNotice::new(authority, window[ring_of_vcore], own));
        component.give(own_slot, notification, CapRights::read_write(), own_slot);
        server.component.give(
            slot::server_vcore_notification(number),
            notification,
            CapRights::write_only(),
            own_slot,
        );
        let fault_slot = slot::FAULT_ENDPOINTS + vcore as u64;
        let sender = badge::of_vcore(index, vcore);
        component.give_endpoint(fault_slot, context.endpoint, sender);
        let thread = component.thread(
            authority,
            ThreadPlan {
                number: vcore,
                core: u32::from(process.cores[vcore]),
                priority: priority::VCORE,
                fault_slot,
                arguments: [vcore as u64, 0],
            },
        );
        server
            .component
            .give_whole(slot::vcore_thread(number), thread);
        self.notifications.push(notification);
        self.server_notices.push(notice);
    }
}
