//! The life of a driver on seL4: entry, capabilities, and what the root task has mapped.
//!
//! The root task enters a driver with the number of its device among the plan's (`atoll_abi::layout::entry`) and the physical address of
//! its DMA memory. Everything else is where `atoll_abi::layout` says. A driver answers `READY`, or says why it cannot and then
//! `FAILED`. When a client has died and the device has nothing of it any more it says `QUIET`.

#![allow(unsafe_code)]

mod serve;

use alloc::vec::Vec;
use core::array;
use core::fmt;

use atoll_abi::connection::Provider;
use atoll_abi::layout::{
    DEVICE_BAR_STRIDE, DEVICE_BARS, DEVICE_CONFIGURATION, DMA, DMA_PAGES, PAGE_SIZE, client_window,
    entry, request, slot,
};
use atoll_abi::plan::Plan;
use atoll_abi::timeline::Channel;
use atoll_channel::{Doorbell, Endpoint, EndpointLink, Side};
use atoll_component::meter;
use atoll_pci::BARS;
use atoll_virtio::{Dma, MappedBars, MappedConfiguration};
use sel4::cap;

/// The transport of a driver.
pub type Transport = atoll_virtio::Transport<MappedConfiguration, MappedBars>;

/// A connection to a client.
type Link = EndpointLink<Client>;

const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(slot::INTERRUPT);

/// What the root task says of this life of the driver. There is one value of it in a program.
pub struct Life {
    device: usize,
    /// Another one was before, which was stopped.
    again: bool,
    quiesce: bool,
}

/// What the root task has mapped for the driver.
pub struct Edge {
    /// The configuration page of the device.
    pub configuration: MappedConfiguration,
    /// Its memory.
    pub bars: MappedBars,
    /// Memory for DMA.
    pub dma: Dma,
}

/// Begins the life of a driver that was entered with these numbers: gives it its heap, and takes what is mapped.
///
/// # Panics
/// Where it was begun before.
pub fn begin(number: u64, dma_physical: u64) -> (Life, Edge) {
    atoll_component::note_begin();
    // This can be done once, and so can all that follows.
    atoll_component::heap::claim_arena();
    let life = Life {
        device: entry::index(number),
        again: entry::restarts(number) > 0,
        quiesce: number & entry::QUIESCE != 0,
    };
    let dma = DMA as *mut u8;
    // SAFETY: the root task mapped the configuration page and the DMA memory at these addresses before it started the
    // program, with the physical address that it gave, and leaves them; they are used here and, as this is done once, nowhere else.
    let (configuration, dma) = unsafe {
        (
            MappedConfiguration::new(DEVICE_CONFIGURATION as *mut u8),
            Dma::new(dma, DMA_PAGES * PAGE_SIZE, dma_physical),
        )
    };
    let lengths = device_memory();
    // SAFETY: the root task mapped so much of the memory BARs of the function, as it says itself.
    let bars = unsafe { MappedBars::new(DEVICE_BARS as *mut u8, DEVICE_BAR_STRIDE, lengths) };
    let edge = Edge {
        configuration,
        bars,
        dma,
    };
    (life, edge)
}

/// Bytes of each BAR that are mapped.
fn device_memory() -> [u32; BARS] {
    let first = atoll_component::report(request::DEVICE_MEMORY, &[]);
    array::from_fn(|register| match register {
        0 => first as u32,
        _ => sel4::get_mr(register) as u32,
    })
}

impl Life {
    /// The device, by its index in the plan.
    pub fn device(&self) -> usize {
        self.device
    }

    /// Whether the driver has nothing to do but to make its device quiet.
    pub fn only_quiesces(&self) -> bool {
        self.quiesce
    }

    /// Tells the root task that the device cannot be used, why, and whether it writes nothing any more. Does nothing more.
    pub fn failed(self, reason: &dyn fmt::Display, quiet: bool) -> ! {
        log(reason);
        atoll_component::report(request::FAILED, &[u64::from(quiet)]);
        park()
    }

    /// Tells the root task that the device writes nothing any more. Does nothing more.
    pub fn stopped(self) -> ! {
        atoll_component::report(request::STOPPED, &[]);
        park()
    }

    /// Attaches the connections of the device's clients, by slot. By that a client learns that a driver that died is back and takes
    /// back the blocks that the dead one had, so it comes after the device was reset.
    fn links(self, plan: &Plan) -> Vec<Link> {
        let clients = plan.clients_of(Provider::Driver(self.device));
        let attach = |slot: usize| {
            let window = client_window(slot) as *mut u8;
            // SAFETY: the root task mapped a zeroed window there for each connection of this driver, and leaves it. Each is
            // attached once, because there is one life, which is consumed; the life before was stopped.
            unsafe {
                match self.again {
                    true => Endpoint::attach_again(window, Side::Second),
                    false => Endpoint::attach(window, Side::Second),
                }
            }
        };
        clients
            .map(|connection| {
                let notification = slot::client_notification(connection.slot);
                let client = Client(cap::Notification::from_bits(notification));
                let mut endpoint = attach(connection.slot);
                let channel = Channel::Connection(connection.number);
                endpoint.note_with(atoll_component::recorder().tap(channel));
                Link::begin(endpoint, client)
            })
            .collect()
    }
}

/// A client, which is woken by its notification.
struct Client(cap::Notification);

impl Doorbell for Client {
    fn ring(&mut self) {
        meter::entry();
        self.0.signal();
    }
}

/// Has the root task print a line of this driver.
pub fn log(reason: &dyn fmt::Display) {
    atoll_component::log(format_args!("{reason}"));
}

/// Tells the root task that the device can be used.
fn ready() {
    atoll_component::report(request::READY, &[]);
}

/// Tells the root task that the device writes nothing any more for the client of a slot, which is gone.
fn quiet(slot: usize) {
    atoll_component::report(request::QUIET, &[slot as u64]);
}

/// Has the root task wake the driver in so many milliseconds.
fn watch(milliseconds: u32) {
    atoll_component::report(request::WATCH, &[milliseconds.into()]);
}

/// Forgets who has woken the driver so far. To be followed by a look at everything.
fn forget_wakes() {
    let _ = cap::Notification::from_bits(slot::OWN_NOTIFICATION).poll();
    let _ = INTERRUPT.irq_handler_ack();
}

/// Waits for a client or the device, and allows the next interrupt; the badges of all who woke it.
fn wait() -> u64 {
    let badges = atoll_component::wait();
    // Before the driver looks at the queue, so that what the device finishes after that look interrupts again. A
    // refusal would be a mistake of the root task, and shows: no further interrupt comes.
    meter::entry();
    let _ = INTERRUPT.irq_handler_ack();
    badges
}

/// Waits for ever.
fn park() -> ! {
    loop {
        atoll_component::wait();
    }
}
