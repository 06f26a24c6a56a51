//! Interrupts, all of them message-signalled: of the HPET's comparators and of devices.

use atoll_abi::layout::server_badge;
use atoll_abi::plan::{DOORBELL_VECTOR, Plan, VECTOR_BASE};
use atoll_hpet::Hpet;
use sel4::init_thread::slot;
use sel4::{VmAttributes, cap, cap_type};

use crate::authority::Authority;

/// The handler of the interrupt with a vector argument, which signals `notification`.
pub fn handler(
    authority: &mut Authority,
    vector: u64,
    pci_address: u32,
    notification: cap::Notification,
) -> cap::IrqHandler {
    let slot = authority.slot::<cap_type::IrqHandler>();
    let (bus, device, function) = (pci_address >> 8, pci_address >> 3 & 31, pci_address & 7);
    slot::IRQ_CONTROL
        .cap()
        .irq_control_get_msi(
            u64::from(bus),
            u64::from(device),
            u64::from(function),
            0,
            vector,
            &slot.absolute_cptr(),
        )
        .unwrap_or_else(|error| panic!("interrupt vector {vector}: {error}"));
    slot.cap()
        .irq_handler_set_notification(notification)
        .expect("the handler is new");
    slot.cap()
}

/// Makes a cluster's HPET comparator signal `notification`; `page` holds the HPET's registers.
pub fn comparator(
    authority: &mut Authority,
    plan: &Plan,
    number: usize,
    page: cap::Granule,
    notification: cap::Notification,
) -> cap::IrqHandler {
    let cluster = &plan.clusters()[number];
    let argument = DOORBELL_VECTOR + number as u64;
    let notification = authority.badged(notification, server_badge::INTERRUPT);
    let handler = handler(authority, argument, 0, notification);
    let core = plan.instances()[cluster.instance as usize].cores[cluster.first_core as usize];
    authority.with_page(page, VmAttributes::UNCACHEABLE, |mapped| {
        // SAFETY: the page holds the HPET's registers and is mapped uncached while this runs.
        let hpet = unsafe { Hpet::new(mapped.address()) };
        let vector = (VECTOR_BASE + argument) as u8;
        hpet.listen(cluster.comparator, core, vector)
            .unwrap_or_else(|error| panic!("the comparator of {}: {error:?}", cluster.name));
    });
    handler
}
