//! Drivers that want to be woken after a time, to see whether their devices have answered meanwhile. A driver has no clock.

use alloc::vec;
use alloc::vec::Vec;

use atoll_abi::plan::Plan;

/// When each driver is to be woken.
#[derive(Debug)]
pub struct Watches {
    /// For each device, in milliseconds; `None` where its driver waits for nothing.
    due: Vec<Option<u64>>,
    /// For each device, milliseconds that it may take for a request.
    within: Vec<u64>,
}

impl Watches {
    /// No driver wants to be woken.
    pub fn new(plan: &Plan) -> Watches {
        let devices = plan.devices().iter();
        Watches {
            due: vec![None; plan.devices().len()],
            within: devices.map(|device| device.timeout_ms.into()).collect(),
        }
    }

    /// The driver of a device has requests that its device has not answered, and wants to be woken when that has had its time.
    pub fn begin(&mut self, device: usize, now: u64) {
        if let (Some(due), Some(within)) = (self.due.get_mut(device), self.within.get(device)) {
            *due = Some(now.saturating_add(*within));
        }
    }

    /// The driver of a device has ended.
    pub fn end(&mut self, device: usize) {
        if let Some(due) = self.due.get_mut(device) {
            *due = None;
        }
    }

    /// When the next driver is to be woken; `None` where none is.
    pub fn next_due(&self) -> Option<u64> {
        self.due.iter().flatten().min().copied()
    }

    /// A device of which the driver is to be woken by now, once.
    pub fn take_due(&mut self, now: u64) -> Option<usize> {
        let mut all = self.due.iter_mut().enumerate();
        let (device, due) = all.find(|(_, due)| due.is_some_and(|due| due <= now))?;
        *due = None;
        Some(device)
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::plan::{Tables, empty_rows};

    use super::*;

    #[test]
    fn each_driver_is_woken_once_when_its_time_is_up() {
        let mut tables = Tables {
            devices: empty_rows(3),
            ..Tables::default()
        };
        for (device, timeout) in tables.devices.iter_mut().zip([50, 20, 30]) {
            device.timeout_ms = timeout;
        }
        let mut watches = Watches::new(&tables.encode());
        assert_eq!(
            (watches.next_due(), watches.take_due(u64::MAX)),
            (None, None)
        );
        for device in 0..4 {
            watches.begin(device, 10);
        }
        watches.end(2);
        assert_eq!((watches.next_due(), watches.take_due(29)), (Some(30), None));
        assert_eq!(
            (watches.take_due(30), watches.take_due(30)),
            (Some(1), None)
        );
        assert_eq!(
            (watches.next_due(), watches.take_due(60)),
            (Some(60), Some(0))
        );
        assert_eq!(watches.next_due(), None);
    }
}
