//! Builds a driver: a component with its device's registers, its interrupt, and memory for DMA.

use alloc::format;

use atoll_abi::boot::{BARS, DeviceMemory};
use atoll_abi::layout::{
    self, DEVICE_BAR_MAPPED, DMA_PAGES, PAGE_SIZE, badge, entry, service_badge, slot,
};
use atoll_abi::plan::{DEVICE_VECTOR, DeviceKind, ECAM_BASE};
use atoll_abi::timeline::Writer;
use sel4::{CapRights, VmAttributes, cap};
use zerocopy::IntoBytes;

use crate::authority::Authority;
use crate::children::Context;
use crate::component::{Component, ThreadPlan, priority};
use crate::interrupts;
use crate::pools::Pools;
use crate::timeline;

/// A built driver.
pub struct Driver {
    /// Its device's index in the plan.
    pub device: usize,
    /// Its address space and capabilities.
    pub component: Component<'static>,
    /// Its thread.
    pub thread: cap::Tcb,
    /// The notification that wakes it.
    pub notification: cap::Notification,
    /// The same, with the badge that says that the time has come for which it wanted to be woken.
    pub time: cap::Notification,
}

impl Driver {
    /// Builds the driver of a device: everything but its connections to its clients.
    pub fn build(
        authority: &mut Authority,
        context: &Context<'_>,
        pools: &mut Pools,
        index: usize,
    ) -> Driver {
        let plan = context.plan;
        let device = &plan.devices()[index];
        let kind = DeviceKind::from_raw(device.kind)
            .unwrap_or_else(|| panic!("device {} is of no kind that there is", device.name));
        let holder = format!("driver:{}", device.name);
        let mut component = Component::new(
            authority,
            holder,
            context.image(kind.image()),
            slot::of_driver(plan, index),
        );
        component.map_bytes(authority, layout::PLAN, plan.as_bytes());
        map_registers(authority, context, index, &mut component);
        let (pages, dma) = authority.contiguous_pages(DMA_PAGES, &component.holder);
        for (page, offset) in pages.iter().zip((0..).step_by(PAGE_SIZE)) {
            component.map(
                authority,
                *page,
                layout::DMA + offset,
                CapRights::read_write(),
                VmAttributes::DEFAULT,
            );
        }
        if let Some(reached) = plan.driver_pool(index) {
            pools.map(
                authority,
                plan,
                reached.pool,
                &mut component,
                reached.address,
                CapRights::read_only(),
            );
        }
        timeline::map(authority, plan, Writer::Driver(index), &mut component);
        let notification = authority.notification();
        let interrupted = authority.badged(notification, service_badge::DEVICE);
        let handler = interrupts::handler(
            authority,
            DEVICE_VECTOR + index as u64,
            device.pci_address,
            interrupted,
        );
        let sender = badge::DRIVER + index as u64;
        component.give_endpoint(slot::ROOT_TASK, context.endpoint, sender);
        component.give_own_notification(notification);
        component.give_whole(slot::INTERRUPT, handler);
        let thread = component.thread(
            authority,
            ThreadPlan {
                number: 0,
                core: device.core,
                priority: priority::DRIVER,
                fault_slot: slot::ROOT_TASK,
                arguments: [entry::number(index, 0), dma],
            },
        );
        Driver {
            device: index,
            component,
            thread,
            notification,
            time: authority.badged(notification, service_badge::TIME),
        }
    }
}

/// Maps the configuration page of a device and its memory BARs.
fn map_registers(
    authority: &mut Authority,
    context: &Context<'_>,
    index: usize,
    component: &mut Component<'_>,
) {
    let device = &context.plan.devices()[index];
    let configuration = ECAM_BASE + (u64::from(device.pci_address) << 12);
    let page = authority.device_page(configuration, &component.holder);
    component.map(
        authority,
        page,
        layout::DEVICE_CONFIGURATION,
        CapRights::read_write(),
        VmAttributes::UNCACHEABLE,
    );
    let memory = &context.devices[index];
    for (number, (address, size)) in memory
        .addresses
        .iter()
        .zip(mapped_sizes(memory))
        .enumerate()
    {
        for offset in (0..size as usize).step_by(PAGE_SIZE) {
            let page = authority.device_page(address + offset as u64, &component.holder);
            let address = layout::DEVICE_BARS + number * layout::DEVICE_BAR_STRIDE + offset;
            component.map(
                authority,
                page,
                address,
                CapRights::read_write(),
                VmAttributes::UNCACHEABLE,
            );
        }
    }
}

/// Bytes that are mapped of each region of a device's memory.
pub fn mapped_sizes(memory: &DeviceMemory) -> [u64; BARS] {
    memory.sizes.map(|size| size.min(DEVICE_BAR_MAPPED as u64))
}
