//! Interrupts, all of them message-signalled: of the HPET's comparators and of devices.

use atoll_abi::plan::VECTOR_BASE;
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

/// A comparator of the HPET, and where its interrupt goes.
pub struct Comparator {
    /// Its number.
    pub number: u32,
    /// The vector argument of its interrupt.
    pub argument: u64,
    /// The core that it interrupts, by APIC identifier.
    pub core: u32,
}

/// Makes a comparator of the HPET signal `notification`; `page` holds the HPET's registers.
pub fn comparator(
    authority: &mut Authority,
    comparator: &Comparator,
    page: cap::Granule,
    notification: cap::Notification,
) -> cap::IrqHandler {
    let handler = handler(authority, comparator.argument, 0, notification);
    with_hpet(authority, page, |hpet| {
        let vector = (VECTOR_BASE + comparator.argument) as u8;
        hpet.listen(comparator.number, comparator.core, vector)
            .unwrap_or_else(|error| panic!("the HPET: {error}"));
    });
    handler
}

/// Uses the HPET, of which `page` holds the registers.
pub fn with_hpet<R>(
    authority: &mut Authority,
    page: cap::Granule,
    work: impl FnOnce(&Hpet) -> R,
) -> R {
    authority.with_page(page, VmAttributes::UNCACHEABLE, |mapped| {
        // SAFETY: the page holds the HPET's registers and is mapped uncached while this runs.
        work(&unsafe { Hpet::new(mapped.address()) })
    })
}
