//! The virtio block driver as a component: one device, the services that have partitions of it, and only the authority for
//! these. `atoll_driver::guest` says how the root task enters it, and what the two say to each other.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

#[cfg(feature = "measured")]
mod measured;

use atoll_abi::plan::Plan;
use atoll_driver::guest::{self, Edge, Transport};
use atoll_driver::interrupt_message;
use atoll_virtio::VirtioError;
use atoll_virtio_blk::{Disk, DiskService, DriverError, partitions, start};

atoll_component::entry!(enter);

fn enter(number: u64, dma_physical: u64) -> ! {
    let (life, edge) = guest::begin(number, dma_physical);
    let device = life.device();
    let (plan, mut disk) = match set_up(device, edge) {
        Ok(done) => done,
        Err(error) => life.failed(&error, error.leaves_quiet()),
    };
    if life.only_quiesces() {
        disk.stop(VirtioError::Quiesced);
        life.stopped()
    }
    let extents = partitions::find(&mut disk, plan, device, guest::log);
    #[cfg(feature = "measured")]
    measured::run_loops(plan, device, &mut disk, &extents);
    life.serve(plan, DiskService::new(plan, device, disk, extents))
}

/// Resets the device and sets it up.
fn set_up(device: usize, edge: Edge) -> Result<(&'static Plan, Disk<Transport>), DriverError> {
    let lost = DriverError::NotInPlan { device };
    let plan = atoll_component::plan().ok_or(lost)?;
    let message = interrupt_message(plan, device).ok_or(lost)??;
    let disk = start(edge.configuration, edge.bars, edge.dma, message)?;
    Ok((plan, disk))
}
