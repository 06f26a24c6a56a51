//! The virtio block driver as a component: one device, the services that have partitions of it, and only the authority for
//! these.
//!
//! The root task enters it with the number of its device among the plan's (`atoll_abi::layout::entry`) in `rdi` and the
//! physical address of its DMA memory in `rsi`. Everything else is where `atoll_abi::layout` says. It answers `READY`, or says
//! why it cannot and then `FAILED`. When a client has died and the device has nothing of it any more it says `QUIET`.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod guest;
#[cfg(feature = "measured")]
mod measured;

use core::fmt;

use atoll_abi::layout::service_badge;
use atoll_abi::plan::{DEVICE_VECTOR, Plan, Rank, VECTOR_BASE};
use atoll_call::Service;
use atoll_channel::budget;
use atoll_component::{like_blocking, ticks};
use atoll_pci::BARS;
use atoll_service::guest::Meter;
use atoll_service::{Host, NoMemory, Patience};
use atoll_virtio::{InterruptMessage, MappedBars, VirtioError};
use atoll_virtio_blk::{Disk, DiskService, DriverError, partitions, start};

use guest::{Edge, Life, Link, Transport};

type Driver = Host<DiskService<Transport>, Link, NoMemory>;

/// The whole life of the driver.
fn run(device: usize, edge: Edge<impl FnOnce([u32; BARS]) -> MappedBars>, life: Life) -> ! {
    let (plan, mut disk) = match set_up(device, edge) {
        Ok(done) => done,
        Err(error) => {
            log(&error);
            guest::failed(error.leaves_quiet());
            guest::park()
        }
    };
    if life.quiesce {
        disk.stop(VirtioError::Quiesced);
        guest::stopped();
        guest::park()
    }
    let extents = partitions::find(&mut disk, plan, device, log);
    #[cfg(feature = "measured")]
    measured::run_loops(plan, device, &mut disk, &extents);
    let service = DiskService::new(plan, device, disk, extents);
    let mut driver = Host::new(service, guest::links(plan, device, life), None, NoMemory);
    driver.start([]);
    let own = &plan.devices()[device];
    let alone = plan.hinders_nobody(Rank::Driver, plan.instance_of(own.cluster), own.core);
    let budget = match alone {
        // Turns without work before it blocks. Where it is not alone, others do something meanwhile.
        true => budget::calibrate(ticks, like_blocking, || !turn(&mut driver)),
        false => 0,
    };
    guest::ready();
    serve(driver, Patience::new(budget, alone), own.timeout_ms)
}

/// Resets the device and sets it up.
fn set_up(
    device: usize,
    edge: Edge<impl FnOnce([u32; BARS]) -> MappedBars>,
) -> Result<(&'static Plan, Disk<Transport>), DriverError> {
    let lost = DriverError::NotInPlan { device };
    let plan = atoll_component::plan().ok_or(lost)?;
    let message = interrupt_message(plan, device).ok_or(lost)??;
    let disk = start(edge.configuration, edge.bars, edge.dma, message)?;
    Ok((plan, disk))
}

/// The interrupt of a device goes to the core of its driver.
fn interrupt_message(plan: &Plan, device: usize) -> Option<Result<InterruptMessage, VirtioError>> {
    let vector = u8::try_from(VECTOR_BASE + DEVICE_VECTOR + device as u64).ok()?;
    let device = plan.devices().get(device)?;
    let cluster = plan.clusters().get(device.cluster as usize)?;
    let instance = plan.instances().get(cluster.instance as usize)?;
    let apic_id = *instance.cores().get(device.core as usize)?;
    Some(InterruptMessage::to_core(apic_id, vector))
}

fn serve(mut driver: Driver, mut patience: Patience, timeout_ms: u32) -> ! {
    // What woke an earlier life is no news for this one.
    guest::forget_wakes();
    let mut told = false;
    let mut watch = None;
    let mut meter = Meter::default();
    driver.service_mut().set_interrupts(false);
    loop {
        let worked = meter.count(&mut driver, turn);
        while let Some(slot) = driver.service_mut().take_quiet() {
            guest::quiet(slot);
        }
        if let (false, Some(error)) = (told, driver.service().disk().failure()) {
            told = true;
            log(&error);
        }
        if worked {
            patience.begin_anew();
        } else if patience.looks_again(driver.service().is_busy()) {
            core::hint::spin_loop();
        } else {
            sleep(&mut driver, &mut watch, &mut meter, timeout_ms);
            patience.begin_anew();
        }
    }
}

/// Does bounded work; whether there was any.
fn turn(driver: &mut Driver) -> bool {
    let finished = driver.service().has_finished();
    if finished {
        driver.device();
    }
    driver.turn() || finished
}

/// Waits for the device or a client, where nothing has happened meanwhile. `watch` says how many requests there had been when the
/// driver last asked to be woken when the device has had its time.
///
/// # Panics
/// Where the device has not answered in its time. The root task starts the driver again, which resets the device.
fn sleep(driver: &mut Driver, watch: &mut Option<u64>, meter: &mut Meter, timeout_ms: u32) {
    let quiet = meter.count(driver, |driver| {
        driver.service_mut().set_interrupts(true);
        driver.may_sleep() && !driver.service().has_finished()
    });
    let badges = match quiet {
        true => {
            let queue = driver.service().disk().queue();
            if watch.is_none() && queue.in_flight() > 0 {
                *watch = Some(queue.count());
                guest::watch(timeout_ms);
            }
            guest::wait()
        }
        false => 0,
    };
    driver.service_mut().set_interrupts(false);
    if badges & service_badge::TIME != 0
        && let Some(count) = watch.take()
        && !driver.service().has_finished()
        && driver.service().disk().queue().has_of_the_first(count)
    {
        panic!("the device has not answered a request in its time; it is reset");
    }
    driver.awake(badges);
}

fn log(reason: &dyn fmt::Display) {
    atoll_component::log(format_args!("{reason}"));
}
