//! What a device interrupts with.

use atoll_abi::plan::{DEVICE_VECTOR, Plan, VECTOR_BASE};
use atoll_virtio::{InterruptMessage, VirtioError};

/// The interrupt of a device, which goes to the core of its driver; `None` where the plan has no such device or core.
pub fn interrupt_message(
    plan: &Plan,
    device: usize,
) -> Option<Result<InterruptMessage, VirtioError>> {
    let vector = u8::try_from(VECTOR_BASE + DEVICE_VECTOR + device as u64).ok()?;
    let device = plan.devices().get(device)?;
    let cluster = plan.clusters().get(device.cluster as usize)?;
    let instance = plan.instances().get(cluster.instance as usize)?;
    let apic_id = *instance.cores().get(device.core as usize)?;
    Some(InterruptMessage::to_core(apic_id, vector))
}
