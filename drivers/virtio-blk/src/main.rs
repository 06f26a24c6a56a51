//! The virtio block driver as a component: one device, one client, and only the authority for these.
//!
//! The root task enters it with the number of its device among the plan's (`atoll_abi::layout::entry`) in `rdi` and the
//! physical address of its DMA memory in `rsi`. Everything else is where `atoll_abi::layout` says. It answers `READY` with the
//! capacity, or says why it cannot and then `FAILED`. When its client dies it resets the device, says `STOPPED`, and is
//! started again with its client.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod guest;

use core::fmt;

use atoll_abi::plan::{DEVICE_VECTOR, Plan, VECTOR_BASE};
use atoll_channel::Endpoint;
use atoll_pci::BARS;
use atoll_virtio_blk::{
    Driver, DriverError, InterruptMessage, MappedBars, Service, ServiceError, start,
};

use guest::{Edge, Transport};

/// The whole life of the driver. Where it is to `quiesce` the device, it does nothing else.
fn run<B, E>(device: usize, edge: Edge<B, E>, quiesce: bool) -> !
where
    B: FnOnce([u32; BARS]) -> MappedBars,
    E: FnOnce() -> Endpoint,
{
    let attach = edge.endpoint;
    let edge = Edge {
        endpoint: (),
        configuration: edge.configuration,
        bars: edge.bars,
        dma: edge.dma,
    };
    let service = match set_up(device, edge) {
        Ok(mut driver) if quiesce => {
            driver.stop(DriverError::ClientLost);
            guest::stopped();
            guest::park()
        }
        Ok(driver) => Service::new(attach(), driver),
        Err(error) => {
            log(&error);
            guest::failed();
            guest::park()
        }
    };
    // Its client learns that it is back, where there was another one before.
    guest::signal_client();
    guest::ready(service.driver().capacity());
    serve(service)
}

/// Resets the device and sets it up.
fn set_up(
    device: usize,
    edge: Edge<impl FnOnce([u32; BARS]) -> MappedBars, ()>,
) -> Result<Driver<Transport>, DriverError> {
    let lost = DriverError::NotInPlan { device };
    let plan = atoll_component::plan().ok_or(lost)?;
    let message = interrupt_message(plan, device).ok_or(lost)??;
    start(
        edge.configuration,
        edge.bars,
        edge.dma,
        message,
        plan.pools(),
    )
}

/// The interrupt of a device goes to the core of its driver.
fn interrupt_message(plan: &Plan, device: usize) -> Option<Result<InterruptMessage, DriverError>> {
    let vector = u8::try_from(VECTOR_BASE + DEVICE_VECTOR + device as u64).ok()?;
    let device = plan.devices().get(device)?;
    let cluster = plan.clusters().get(device.cluster as usize)?;
    let instance = plan.instances().get(cluster.instance as usize)?;
    let apic_id = *instance.cores().get(device.core as usize)?;
    Some(InterruptMessage::to_core(apic_id, vector))
}

fn serve(mut service: Service<Transport>) -> ! {
    let mut told = false;
    loop {
        match turn(&mut service) {
            Ok(()) => {}
            Err(error) => {
                service.stop();
                log(&error);
                guest::stopped();
                guest::park();
            }
        }
        if let (false, Some(error)) = (told, service.driver().failure()) {
            told = true;
            log(&error);
        }
    }
}

/// Does what there is to do, or waits for the device or the client.
fn turn(service: &mut Service<Transport>) -> Result<(), ServiceError> {
    let step = service.step()?;
    if step.wake {
        guest::signal_client();
    }
    if !step.progress && service.may_block()? {
        guest::wait();
        service.awake();
    }
    Ok(())
}

fn log(reason: &dyn fmt::Display) {
    atoll_component::log(format_args!("{reason}"));
}
