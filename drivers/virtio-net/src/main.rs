//! The virtio network driver as a component: one device, the service that has it, and only the authority for these.
//! `atoll_driver::guest` says how the root task enters it, and what the two say to each other. The root task has mapped the pool of the
//! service too, read-only, at `atoll_abi::layout::SERVICE_POOL`: headers of received frames lie there.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod headers;

use atoll_abi::plan::Plan;
use atoll_driver::guest::{self, Edge};
use atoll_driver::interrupt_message;
use atoll_virtio::{MappedBars, MappedConfiguration, VirtioError};
use atoll_virtio_net::{DriverError, NetService, Network, Started, Vectors, start};

use headers::ServicePool;

type Device = Network<Started<MappedConfiguration, MappedBars>, ServicePool>;

atoll_component::entry!(enter);

fn enter(number: u64, dma_physical: u64) -> ! {
    let (life, edge) = guest::begin(number, dma_physical);
    let device = life.device();
    let (plan, mut network) = match set_up(device, edge) {
        Ok(done) => done,
        Err(error) => life.failed(&error, error.leaves_quiet()),
    };
    if life.only_quiesces() {
        network.stop(VirtioError::Quiesced);
        life.stopped()
    }
    life.serve(plan, NetService::new(plan, device, network))
}

/// Resets the device and sets it up.
fn set_up(device: usize, edge: Edge) -> Result<(&'static Plan, Device), DriverError> {
    let lost = DriverError::NotInPlan { device };
    let plan = atoll_component::plan().ok_or(lost)?;
    let message = interrupt_message(plan, device).ok_or(lost)??;
    // The driver has one interrupt: whatever it is for, it looks at all that it may be for.
    let vectors = Vectors {
        queues: message,
        configuration: Some(message),
    };
    let headers = ServicePool::of_device(plan, device);
    let network = start(edge.configuration, edge.bars, edge.dma, vectors, headers)?;
    Ok((plan, network))
}
