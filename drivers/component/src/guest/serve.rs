//! The loop of a driver.

use atoll_abi::layout::service_badge;
use atoll_abi::plan::{Plan, Rank};
use atoll_channel::budget;
use atoll_component::{like_blocking, ticks};
use atoll_service::guest::Meter;
use atoll_service::{Host, NoMemory, Patience};

use super::{Life, Link};
use crate::DeviceService;

type Driver<S> = Host<S, Link, NoMemory>;

impl Life {
    /// Serves the clients of the device, which has been started.
    ///
    /// # Panics
    /// Where the device has not answered a request in its time. The root task starts the driver again, which resets the device.
    pub fn serve(self, plan: &Plan, service: impl DeviceService) -> ! {
        let own = &plan.devices()[self.device];
        let mut driver = Host::new(service, self.links(plan), None, NoMemory);
        driver.start([]);
        let alone = plan.hinders_nobody(Rank::Driver, plan.instance_of(own.cluster), own.core);
        let budget = match alone {
            // Turns without work before it blocks. Where it is not alone, others do something meanwhile.
            true => budget::calibrate(ticks, like_blocking, || !turn(&mut driver)),
            false => 0,
        };
        super::ready();
        serve(driver, Patience::new(budget, alone))
    }
}

fn serve(mut driver: Driver<impl DeviceService>, mut patience: Patience) -> ! {
    // What woke an earlier life is no news for this one.
    super::forget_wakes();
    let mut told = false;
    let mut watch = None;
    let mut meter = Meter::default();
    driver.service_mut().set_interrupts(false);
    loop {
        let worked = meter.count(&mut driver, turn);
        while let Some(slot) = driver.service_mut().take_quiet() {
            super::quiet(slot);
        }
        told = tell_failure(driver.service(), told);
        if worked {
            patience.begin_anew();
        } else if patience.looks_again(driver.service().is_busy()) {
            core::hint::spin_loop();
        } else {
            sleep(&mut driver, &mut watch, &mut meter);
            patience.begin_anew();
        }
    }
}

/// Prints why the device was stopped, where that was not told before; whether it is. A device may be started again, and fail again.
fn tell_failure(service: &impl DeviceService, told: bool) -> bool {
    let failure = service.failure();
    if let (false, Some(error)) = (told, &failure) {
        super::log(error);
    }
    failure.is_some()
}

/// Does bounded work; whether there was any.
fn turn(driver: &mut Driver<impl DeviceService>) -> bool {
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
/// Where the device has not answered in its time.
fn sleep(driver: &mut Driver<impl DeviceService>, watch: &mut Option<u64>, meter: &mut Meter) {
    let quiet = meter.count(driver, |driver| {
        driver.service_mut().set_interrupts(true);
        driver.may_sleep() && !driver.service().has_finished()
    });
    let badges = match quiet {
        true => {
            if watch.is_none() {
                *watch = driver.service().awaited();
                if watch.is_some() {
                    super::watch();
                }
            }
            super::wait()
        }
        false => 0,
    };
    driver.service_mut().set_interrupts(false);
    if badges & service_badge::DEVICE != 0 {
        driver.service_mut().interrupted();
    }
    if badges & service_badge::TIME != 0
        && let Some(count) = watch.take()
        && !driver.service().has_finished()
        && driver.service().has_of_the_first(count)
    {
        panic!("the device has not answered a request in its time; it is reset");
    }
    driver.awake(badges);
}
