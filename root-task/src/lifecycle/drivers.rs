//! What a driver says of its device, and what is done when it dies.

use alloc::vec::Vec;

use super::{Child, Life, Lifecycle, Step};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Device {
    /// Its driver serves it, or sets it up.
    #[default]
    InUse,
    /// Its driver is to reset it and say so: it has learnt that its service is gone, or starts.
    Stopping,
    /// It writes nothing, and its driver has done what it can: it waits to be started again.
    Quiet,
    /// Its driver stays down, and was started only to reset it.
    Resetting,
    /// Its driver stays down, and it writes nothing.
    Gone,
    /// It has no driver, and could not be reset: it may still write.
    Unknown,
}

impl Lifecycle<'_> {
    /// The driver of a device says that the device writes nothing any more, because its service is gone, or broke the
    /// protocol.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn device_quiet(&mut self, device: usize, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.settle_start(Child::Driver(device));
        match self.devices[device] {
            Device::Resetting => {
                self.devices[device] = Device::Gone;
                steps.push(Step::TellService(device));
            }
            Device::Gone => {}
            Device::InUse if self.service_lives(device) => {
                // It stopped for a life of the service that is over, or that goes on and can have another driver.
                let driver = Child::Driver(device);
                if !self.start_or_stay_down(driver, now, &mut steps) {
                    self.devices[device] = Device::Gone;
                    steps.push(Step::TellService(device));
                }
            }
            _ => self.devices[device] = Device::Quiet,
        }
        self.settle(now, &mut steps);
        steps
    }

    /// The driver of a device says that the device can be used: it has been reset.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn driver_ready(&mut self, device: usize, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.settle_start(Child::Driver(device));
        if self.devices[device] == Device::Stopping {
            // Its service died meanwhile, and is started on a driver that knows nothing of it.
            self.devices[device] = Device::InUse;
            self.settle_service_of(device, now, &mut steps);
        }
        self.settle(now, &mut steps);
        steps
    }

    /// The driver of a device says that it cannot start. In its first life the device does nothing; later it may still do what
    /// an earlier life had it do, because the driver may have failed before it reset the device.
    #[must_use = "the steps have to be taken, in this order"]
    pub fn driver_failed(&mut self, device: usize, now: u64) -> Vec<Step> {
        self.settle_start(Child::Driver(device));
        let restarts = self.starts.of(Child::Driver(device)).restarts();
        let mut steps = alloc::vec![Step::Down(Child::Driver(device), restarts)];
        if restarts == 0 {
            self.devices[device] = Device::Gone;
            steps.push(Step::TellService(device));
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
            Device::Quiet | Device::Gone => return,
            // It died while it was to reset the device, for which there is no other.
            Device::Resetting | Device::Unknown => {
                self.devices[device] = Device::Unknown;
                self.settle(now, steps);
                return;
            }
            Device::InUse | Device::Stopping => {}
        }
        if self.start_or_stay_down(driver, now, steps) {
            // The new life resets the device first of all. Its service learns of the death by the driver's return.
            return;
        }
        self.devices[device] = Device::Resetting;
        self.begin_start(driver, now);
        steps.push(Step::Quiesce(device));
    }

    /// Whether the service of a device is alive.
    fn service_lives(&self, device: usize) -> bool {
        let mut services = self.plan.services().iter();
        let service = services.position(|own| own.device as usize == device);
        service.is_some_and(|service| self.services[service] == Life::Alive)
    }
}
