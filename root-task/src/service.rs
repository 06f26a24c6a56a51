//! Builds a service.

use alloc::format;

use atoll_abi::layout::{self, PAGE_SIZE, badge, entry, service_badge, slot};
use atoll_abi::plan::ServiceKind;
use atoll_abi::timeline::Writer;
use sel4::{CapRights, cap};
use zerocopy::IntoBytes;

use crate::authority::Authority;
use crate::children::Context;
use crate::component::{Component, ThreadPlan, priority};
use crate::pools::Pools;
use crate::timeline;

/// A built service.
pub struct Service {
    /// Its index in the plan.
    pub index: usize,
    /// Its address space and capabilities.
    pub component: Component<'static>,
    /// Its thread.
    pub thread: cap::Tcb,
    /// The notification that wakes it.
    pub notification: cap::Notification,
    /// The same, with the badge that says that the time has come for which it wanted to be woken.
    pub time: cap::Notification,
}

impl Service {
    /// Builds a service: everything but its connections.
    pub fn build(
        authority: &mut Authority,
        context: &Context<'_>,
        pools: &mut Pools,
        index: usize,
    ) -> Service {
        let plan = context.plan;
        let service = &plan.services()[index];
        let kind = ServiceKind::from_raw(service.kind)
            .unwrap_or_else(|| panic!("service {} is of no kind that there is", service.name));
        let holder = format!("service:{}", service.name);
        let mut component = Component::new(
            authority,
            holder,
            context.image(kind.image()),
            slot::of_service(plan, index),
        );
        component.map_bytes(authority, layout::PLAN, plan.as_bytes());
        let heap_pages = service.heap_size as usize / PAGE_SIZE;
        component.map_private(authority, layout::HEAP, heap_pages);
        for reached in plan.reached_pools(index) {
            pools.map(
                authority,
                plan,
                reached.pool,
                &mut component,
                reached.address,
                CapRights::read_write(),
            );
        }
        timeline::map(authority, plan, Writer::Service(index), &mut component);
        let notification = authority.notification();
        let sender = badge::SERVICE + index as u64;
        component.give_endpoint(slot::ROOT_TASK, context.endpoint, sender);
        component.give_own_notification(notification);
        let thread = component.thread(
            authority,
            ThreadPlan {
                number: 0,
                core: service.core,
                priority: priority::SERVICE,
                fault_slot: slot::ROOT_TASK,
                arguments: [entry::number(index, 0), service.heap_size],
            },
        );
        Service {
            index,
            component,
            thread,
            notification,
            time: authority.badged(notification, service_badge::TIME),
        }
    }
}
