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
        let watch = Watch {
            timeout_ms: own.timeout_ms,
            count: None,
        };
        serve(driver, Patience::new(budget), watch)
    }
}

/// Whether the device answers in its time.
struct Watch {
    /// Milliseconds that it may take for a request.
    timeout_ms: u32,
    /// How many requests there had been when the driver last asked to be woken when the device has had its time; `None` where that
    /// wake has come.
    count: Option<u64>,
}

impl Watch {
    /// Before the driver sleeps: asks to be woken, where the device has requests and no wake is to come.
    fn begin(&mut self, service: &impl DeviceService) {
        if self.count.is_some() {
            return;
        }
        self.count = service.awaited();
        if self.count.is_some() {
            super::watch(self.timeout_ms);
        }
    }

    /// The wake has come: whether the device still has one of the requests that it was given before that was asked for.
    fn has_found(&mut self, service: &impl DeviceService) -> bool {
        let count = self.count.take();
        count.is_some_and(|count| !service.has_finished() && service.has_of_the_first(count))
    }
}

fn serve(mut driver: Driver<impl DeviceService>, mut patience: Patience, mut watch: Watch) -> ! {
    // What woke an earlier life is no news for this one.
    super::forget_wakes();
    let mut told = false;
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

/// Waits for the device or a client, where nothing has happened meanwhile.
///
/// # Panics
/// Where the device has not answered in its time.
fn sleep(driver: &mut Driver<impl DeviceService>, watch: &mut Watch, meter: &mut Meter) {
    let quiet = meter.count(driver, |driver| {
        driver.service_mut().set_interrupts(true);
        driver.may_sleep() && !driver.service().has_finished()
    });
    let badges = match quiet {
        true => {
            watch.begin(driver.service());
            super::wait()
        }
        false => 0,
    };
    driver.service_mut().set_interrupts(false);
    if badges & service_badge::DEVICE != 0 {
        driver.service_mut().interrupted();
    }
    if badges & service_badge::TIME != 0 && watch.has_found(driver.service()) {
        panic!("the device has not answered a request in its time; it is reset");
    }
    driver.awake(badges);
}
