//! Builds the server of a cluster.

use alloc::format;

use atoll_abi::layout::{self, badge, entry, server_badge, slot};
use atoll_abi::plan::{DOORBELL_VECTOR, NONE};
use atoll_abi::timeline::Writer;
use sel4::{CapRights, VmAttributes, cap};
use zerocopy::IntoBytes;

use crate::authority::Authority;
use crate::children::Context;
use crate::component::{Component, Page, ThreadPlan, priority};
use crate::interrupts::{self, Comparator};
use crate::timeline;

/// A built server.
pub struct Server {
    /// The cluster.
    pub cluster: usize,
    /// Its address space and capabilities.
    pub component: Component<'static>,
    /// Its thread.
    pub thread: cap::Tcb,
    /// The notification that wakes it.
    pub notification: cap::Notification,
    /// The page on which it tells all its processes the same, and is told where to look.
    pub information: Page,
}

impl Server {
    /// Builds the server of a cluster: everything but its rings, which are its processes' and channels'.
    pub fn build(authority: &mut Authority, context: &Context<'_>, cluster: usize) -> Server {
        let plan = context.plan;
        let holder = format!("server:{}", plan.clusters()[cluster].name);
        let mut component = Component::new(
            authority,
            holder,
            context.image("mcp-server"),
            slot::of_server(plan, cluster as u32),
        );
        component.map_bytes(authority, layout::PLAN, plan.as_bytes());
        let information = component.map_new(authority, layout::SERVER_INFO, 1)[0];
        timeline::map(authority, plan, Writer::Server(cluster), &mut component);
        let notification = authority.notification();
        let sender = badge::SERVER + cluster as u64;
        component.give_endpoint(slot::ROOT_TASK, context.endpoint, sender);
        component.give_own_notification(notification);
        let thread = component.thread(
            authority,
            ThreadPlan {
                number: 0,
                core: plan.clusters()[cluster].first_core,
                priority: priority::SERVER,
                fault_slot: slot::ROOT_TASK,
                arguments: [entry::number(cluster, 0), 0],
            },
        );
        let mut server = Server {
            cluster,
            component,
            thread,
            notification,
            information,
        };
        if plan.uses_hpet(cluster as u32) {
            server.give_hpet(authority, context);
        }
        server
    }

    /// Gives it the HPET, by which it is woken and wakes.
    fn give_hpet(&mut self, authority: &mut Authority, context: &Context<'_>) {
        let page = authority.hpet_page(&self.component.holder);
        let cluster = &context.plan.clusters()[self.cluster];
        if cluster.comparator != NONE {
            let instance = &context.plan.instances()[cluster.instance as usize];
            let comparator = Comparator {
                number: cluster.comparator,
                argument: DOORBELL_VECTOR + self.cluster as u64,
                core: instance.cores[cluster.first_core as usize],
            };
            let woken = authority.badged(self.notification, server_badge::INTERRUPT);
            let handler = interrupts::comparator(authority, &comparator, page, woken);
            self.component.give_whole(slot::INTERRUPT, handler);
        }
        self.component.map(
            authority,
            page,
            layout::HPET,
            CapRights::read_write(),
            VmAttributes::UNCACHEABLE,
        );
    }

    /// The server of a cluster.
    ///
    /// # Panics
    /// Where this instance does not run the cluster.
    pub fn of(servers: &mut [Server], cluster: usize) -> &mut Server {
        let mut servers = servers.iter_mut();
        servers
            .find(|server| server.cluster == cluster)
            .expect("the instance runs the cluster of each of its components")
    }
}
