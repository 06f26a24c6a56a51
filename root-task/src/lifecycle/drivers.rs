//! What a driver says of its device, and what is done when it dies.

use alloc::vec::Vec;

use super::{Child, Life, Lifecycle, Step};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Device {
    /// Its driver sets it up for the first time: it does nothing.
    #[default]
    New,
    /// Its driver serves it, or sets it up again.
    InUse,
    /// Its driver stays down, and was started only to reset it.
    Resetting,
    /// Its driver stays down, and it writes nothing.
    Gone,
    /// It has no driver, and could not be reset: it may still write.
    Unknown,
}

impl Lifecycle<'_> {
    /// The driver of a device says that the device writes nothing any more for a service that is gone, by the service's slot among
    /// those of the device.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn service_quiet(&mut self, device: usize, slot: usize, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        let found = self.plan.services_of_device(device).nth(slot);
        let Some((service, _)) = found else {
            return steps;
        };
        // Of a service that lives it is no news: the service broke the protocol, or has been started again by now.
        let served = matches!(self.devices[device], Device::New | Device::InUse);
        if self.services[service] == Life::Dead && served {
            self.services[service] = Life::Quiet;
            if !self.has_dead_services(device) {
                self.settle_start(Child::Driver(device));
            }
        }
        self.settle(now, &mut steps);
        steps
    }

    /// The driver of a device, which was started only for that, says that the device writes nothing any more.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn device_quiet(&mut self, device: usize, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.settle_start(Child::Driver(device));
        if self.devices[device] == Device::Resetting {
            self.device_gone(device, &mut steps);
        }
        self.settle(now, &mut steps);
        steps
    }

    /// The driver of a device says that the device can be used: it has been reset.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn driver_ready(&mut self, device: usize, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.settle_start(Child::Driver(device));
        if self.devices[device] == Device::New {
            self.devices[device] = Device::InUse;
        }
        self.services_quiet(device);
        self.settle(now, &mut steps);
        steps
    }

    /// The driver of a device says that it cannot start, and whether the device writes nothing any more for all that. In its first
    /// life the device does nothing; later it may still do what an earlier life had it do, because the driver may have failed
    /// before it had its hands on the device.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn driver_failed(&mut self, device: usize, quiet: bool, now: u64) -> Vec<Step> {
        self.settle_start(Child::Driver(device));
        let restarts = self.starts.of(Child::Driver(device)).restarts();
        let mut steps = Vec::new();
        if self.devices[device] != Device::Resetting {
            steps.push(Step::Down(Child::Driver(device), restarts));
        }
        if quiet || self.devices[device] == Device::New {
            self.device_gone(device, &mut steps);
        } else {
            self.devices[device] = Device::Unknown;
        }
        self.settle(now, &mut steps);
        steps
    }

    pub(super) fn driver_lost(&mut self, device: usize, now: u64, steps: &mut Vec<Step>) {
        let driver = Child::Driver(device);
        steps.push(Step::Suspend(driver));
        match self.devices[device] {
            // It was reset before.
            Device::Gone => return,
            // It died while it was to reset the device, for which there is no other.
            Device::Resetting | Device::Unknown => {
                self.devices[device] = Device::Unknown;
                self.settle(now, steps);
                return;
            }
            Device::New | Device::InUse => self.devices[device] = Device::InUse,
        }
        if self.start_or_stay_down(driver, now, steps) {
            // The new life resets the device first of all. Its services learn of the death by the driver's return.
            return;
        }
        self.devices[device] = Device::Resetting;
        self.begin_start(driver, now);
        steps.push(Step::Quiesce(device));
    }

    /// A device writes nothing, and has no driver any more.
    fn device_gone(&mut self, device: usize, steps: &mut Vec<Step>) {
        self.devices[device] = Device::Gone;
        steps.push(Step::TellServices(device));
        self.services_quiet(device);
    }

    /// A device writes nothing any more for services that are gone.
    fn services_quiet(&mut self, device: usize) {
        for (service, _) in self.plan.services_of_device(device) {
            if self.services[service] == Life::Dead {
                self.services[service] = Life::Quiet;
            }
        }
    }

    fn has_dead_services(&self, device: usize) -> bool {
        let mut services = self.plan.services_of_device(device);
        services.any(|(service, _)| self.services[service] == Life::Dead)
    }
}
