//! The driver's service between the ring of a client and a fake device.

use std::cell::RefCell;
use std::rc::Rc;

use atoll_abi::layout::RING_WINDOW_SIZE;
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::{Endpoint, Side};
use atoll_virtio_blk::Service;

use super::{Bench, FakeDevice, Line, bench, read};

#[repr(C, align(4096))]
struct Window([u8; RING_WINDOW_SIZE]);

pub struct Machine {
    pub service: Service<Line>,
    pub client: Endpoint,
    pub device: Rc<RefCell<FakeDevice>>,
    pub line: Line,
    /// The window of the connection, for what only a hostile client or the root task does.
    pub window: *mut u8,
}

pub fn machine() -> Machine {
    let window = Box::leak(Box::new(Window([0; _])));
    let window = window.0.as_mut_ptr();
    // SAFETY: a whole zeroed window that is never freed; each side is attached once.
    let (client, own) = unsafe {
        (
            Endpoint::attach(window, Side::First),
            Endpoint::attach(window, Side::Second),
        )
    };
    let Bench {
        driver,
        device,
        line,
        ..
    } = bench(128);
    Machine {
        service: Service::new(own, driver),
        client,
        device,
        line,
        window,
    }
}

impl Machine {
    /// Sends one request; whether the driver has to be woken.
    pub fn send_syscall(&mut self, syscall: &Syscall) -> bool {
        self.client
            .sender
            .send(&syscall.to_message())
            .unwrap()
            .needed()
    }

    /// Sends a request that the device serves.
    pub fn send(&mut self, tag: u64) -> bool {
        self.send_syscall(&read(tag, 0, tag, 1))
    }

    /// Sends a request that is answered without the device.
    pub fn send_bad(&mut self, tag: u64) -> bool {
        self.send_syscall(&read(tag, 0, 0, 0))
    }

    pub fn receive(&mut self) -> Option<Completion> {
        let message = self.client.receiver.receive().unwrap()?;
        Some(Completion::from_message(&message))
    }

    /// Steps until the driver wants to block, or does not.
    pub fn settle(&mut self) -> bool {
        for _ in 0..10 {
            if !self.service.step().unwrap().progress {
                return self.service.may_block().unwrap();
            }
        }
        panic!("the driver does not come to rest");
    }

    /// Requests that the driver has not taken from the ring.
    pub fn not_taken(&mut self) -> usize {
        atoll_channel::CAPACITY - self.client.sender.free().unwrap()
    }
}
