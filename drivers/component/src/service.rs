//! A service that has a device.

use core::fmt;

use atoll_call::Service;

/// A service that has a device, as the loop of a driver asks it.
pub trait DeviceService: Service {
    /// Whether the device has done something that has not been looked at. Then it is told
    /// [`Event::Device`](atoll_call::Event::Device).
    fn has_finished(&self) -> bool;

    /// Asks for an interrupt when the device has done something, or for none. After asking for one, look at
    /// [`DeviceService::has_finished`] once more before waiting for it.
    fn set_interrupts(&mut self, wanted: bool);

    /// The device has interrupted: what it tells elsewhere than in its queues may have changed.
    fn interrupted(&mut self) {}

    /// A client that was lost and is quiet now, by its slot; each is told once.
    fn take_quiet(&mut self) -> Option<usize>;

    /// Why the device was stopped, if it was.
    fn failure(&self) -> Option<impl fmt::Display>;

    /// How many requests there have been so far, where the device has some that it has to answer in its time; `None` where it has none.
    fn awaited(&self) -> Option<u64>;

    /// Whether the device still has one of the first so many requests.
    fn has_of_the_first(&self, count: u64) -> bool;
}
