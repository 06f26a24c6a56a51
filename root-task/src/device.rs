//! Builds a driver: a component with its device's registers, its interrupt, and memory for DMA.

use alloc::format;

use atoll_abi::archive;
use atoll_abi::layout::{self, DMA_PAGES, PAGE_SIZE, PLAN_PAGES, RING_WINDOW_SIZE, badge, slot};
use atoll_abi::plan::{DEVICE_VECTOR, DeviceKind, ECAM_BASE, Plan};
use atoll_pci::{ConfigurationSpace, Function};
use sel4::{CapRights, VmAttributes, cap};
use zerocopy::IntoBytes;

use crate::authority::{Authority, MappedPage};
use crate::component::{Component, ThreadPlan, priority};
use crate::interrupts;
use crate::obituary::{Bell, Obituary, RING_OF_FIRST};

struct Configuration<'a>(&'a MappedPage);

impl ConfigurationSpace for Configuration<'_> {
    fn read32(&self, offset: u16) -> u32 {
        self.0.read_u32(usize::from(offset))
    }

    fn write32(&mut self, offset: u16, value: u32) {
        self.0.write_u32(usize::from(offset), value);
    }
}

/// Builds the driver of a device and its channel to `server`; the driver's thread, which does not run yet, and how the
/// driver learns that its server is gone.
pub fn build(
    authority: &mut Authority,
    plan: &Plan,
    index: usize,
    endpoint: cap::Endpoint,
    archive: &'static [u8],
    server: &mut Component<'_>,
    server_notification: cap::Notification,
) -> (cap::Tcb, Obituary) {
    let device = &plan.devices[index];
    assert_eq!(
        device.kind,
        DeviceKind::VirtioBlk as u32,
        "the plan's devices are block devices"
    );
    let holder = format!("driver:{}", device.name);
    let image = archive::find(archive, "virtio-blk").expect("the archive holds the driver");
    let mut driver = Component::new(authority, holder, image);
    driver.map_bytes(authority, layout::PLAN, PLAN_PAGES, plan.as_bytes());

    let configuration = ECAM_BASE + (u64::from(device.pci_address) << 12);
    let page = authority.device_page(configuration, &driver.holder);
    let bars = authority.with_page(page, VmAttributes::UNCACHEABLE, |mapped| {
        let mut function = Function::new(Configuration(mapped)).unwrap_or_else(|error| {
            panic!(
                "device {}: {error:?} (QEMU: -device ...,addr=...)",
                device.name
            )
        });
        function
            .bars()
            .unwrap_or_else(|error| panic!("device {}: {error:?}", device.name))
    });
    driver.map(
        authority,
        page,
        layout::DEVICE_CONFIGURATION,
        CapRights::read_write(),
        VmAttributes::UNCACHEABLE,
    );
    for (number, bar) in bars.iter().enumerate() {
        let Some(bar) = bar.as_ref().filter(|bar| bar.is_memory()) else {
            continue;
        };
        let size = (bar.size as usize).min(16 * PAGE_SIZE);
        for offset in (0..size).step_by(PAGE_SIZE) {
            let page = authority.device_page(bar.address + offset as u64, &driver.holder);
            let address = layout::DEVICE_BARS + number * layout::DEVICE_BAR_STRIDE + offset;
            driver.map(
                authority,
                page,
                address,
                CapRights::read_write(),
                VmAttributes::UNCACHEABLE,
            );
        }
    }
    let (pages, dma) = authority.contiguous_pages(DMA_PAGES, &driver.holder);
    for (page, offset) in pages.iter().zip((0..).step_by(PAGE_SIZE)) {
        driver.map(
            authority,
            *page,
            layout::DMA + offset,
            CapRights::read_write(),
            VmAttributes::DEFAULT,
        );
    }
    let window = driver.map_new(
        authority,
        layout::DRIVER_WINDOW,
        RING_WINDOW_SIZE / PAGE_SIZE,
    );
    server.map_shared(authority, &window, layout::DRIVER_WINDOW);

    let notification = authority.notification();
    let handler = interrupts::handler(
        authority,
        DEVICE_VECTOR + index as u64,
        device.pci_address,
        notification,
    );
    driver.give_endpoint(slot::ROOT_TASK, endpoint, badge::DRIVER + index as u64);
    driver.give(
        slot::OWN_NOTIFICATION,
        notification,
        CapRights::read_only(),
        0,
    );
    driver.give(
        slot::SERVER_NOTIFICATION,
        server_notification,
        CapRights::write_only(),
        0,
    );
    driver.give_whole(slot::INTERRUPT, handler);
    server.give(
        slot::DRIVER_NOTIFICATION,
        notification,
        CapRights::write_only(),
        0,
    );
    let obituary = Obituary::new(
        authority,
        window[RING_OF_FIRST],
        Bell::Notification(notification),
    );
    let thread = driver.thread(
        authority,
        ThreadPlan {
            number: 0,
            core: device.core,
            priority: priority::DRIVER,
            fault_slot: slot::ROOT_TASK,
            arguments: [index as u64, dma],
        },
    );
    (thread, obituary)
}
