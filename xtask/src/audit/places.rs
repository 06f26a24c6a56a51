//! Where the things are that a plan gives away, as ranges of physical addresses.

use std::ops::Range;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::connection::Connection;
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_abi::plan::{Channel, ECAM_BASE, HPET_BASE, Instance, Plan, Pool};
use atoll_abi::timeline::Writer;

/// The part of the address space below 4 GiB that belongs to the platform: I/O APIC, HPET, local APICs, firmware. A
/// write to the local APICs' page forges an interrupt.
pub(super) const PLATFORM: Range<u64> = 0xFEC0_0000..0x1_0000_0000;

/// Bytes of the memory-mapped PCI configuration space.
pub(super) const ECAM_SIZE: u64 = 256 << 20;

/// The memory of an instance.
pub(super) fn memory(instance: &Instance) -> Range<u64> {
    instance.memory_base..instance.memory_base + instance.memory_size
}

/// The window of a connection.
pub(super) fn window(connection: &Connection) -> Range<u64> {
    connection.window..connection.window + RING_WINDOW_SIZE as u64
}

/// The first page of each ring of a connection: that on which the client sends, then the provider's.
pub(super) fn first_pages(connection: &Connection) -> [Range<u64>; 2] {
    [0, RING_WINDOW_SIZE as u64 / 2].map(|ring| page(connection.window + ring))
}

/// The wake page of a channel between instances.
pub(super) fn wake_page(channel: &Channel) -> Option<Range<u64>> {
    (channel.wake_page != 0).then(|| page(channel.wake_page))
}

/// The registers of the HPET.
pub(super) fn hpet() -> Range<u64> {
    page(HPET_BASE)
}

fn page(first: u64) -> Range<u64> {
    first..first + PAGE_SIZE as u64
}

/// The window of a timeline.
pub(super) fn timeline(plan: &Plan, writer: Writer) -> Option<Range<u64>> {
    let base = plan.timeline_window(writer)?;
    Some(base..base + plan.timeline_window_size())
}

/// The blocks of a pool.
pub(super) fn pool(pool: &Pool) -> Range<u64> {
    pool.base..pool.base + u64::from(pool.blocks) * BLOCK_SIZE as u64
}

/// The configuration page of a PCI function.
pub(super) fn configuration(pci_address: u32) -> Range<u64> {
    page(ECAM_BASE + u64::from(pci_address) * PAGE_SIZE as u64)
}

/// Where BARs may lie on QEMU's q35 machine: outside its memory, its configuration space and its platform devices.
pub(super) fn device_memory(memory: u64) -> impl Iterator<Item = Range<u64>> {
    // With less than 2.75 GiB all memory lies low, otherwise 2 GiB do and the rest begins at 4 GiB.
    let low = if memory < ECAM_BASE { memory } else { 2 << 30 };
    let high = PLATFORM.end + (memory - low);
    [
        low..ECAM_BASE,
        ECAM_BASE + ECAM_SIZE..PLATFORM.start,
        high..u64::MAX,
    ]
    .into_iter()
}
