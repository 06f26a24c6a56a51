//! Builds a service.

use alloc::format;

use atoll_abi::layout::{self, SERVICE_BLOCKS, badge, entry, slot};
use atoll_abi::plan::ServiceKind;
use sel4::{CapRights, cap};
use zerocopy::IntoBytes;

use crate::authority::Authority;
use crate::children::Context;
use crate::component::{Component, ThreadPlan, priority};

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
}

impl Service {
    /// Builds a service: everything but its connections.
    pub fn build(authority: &mut Authority, context: &Context<'_>, index: usize) -> Service {
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
        let pool = &plan.pools()[service.pool as usize];
        assert!(pool.blocks as usize <= SERVICE_BLOCKS);
        component.map_outside(
            authority,
            pool.base,
            layout::SERVICE_POOL,
            pool.blocks as usize,
            CapRights::read_only(),
        );
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
                arguments: [entry::number(index, 0), 0],
            },
        );
        Service {
            index,
            component,
            thread,
            notification,
        }
    }
}
