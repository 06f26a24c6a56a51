//! The binding to seL4: entry, capabilities, and what the root task has mapped.

#![allow(unsafe_code)]

use alloc::vec::Vec;

use atoll_abi::connection::Provider;
use atoll_abi::layout::{
    DEVICE_BAR_STRIDE, DEVICE_BARS, DEVICE_CONFIGURATION, DMA, DMA_PAGES, PAGE_SIZE, client_window,
    entry, request, slot,
};
use atoll_abi::plan::Plan;
use atoll_channel::{Doorbell, Endpoint, EndpointLink, Side};
use atoll_component::meter;
use atoll_pci::BARS;
use atoll_virtio::{Dma, MappedBars, MappedConfiguration};
use sel4::cap;

/// The driver's transport.
pub type Transport = atoll_virtio::Transport<MappedConfiguration, MappedBars>;

/// A connection to a client.
pub type Link = EndpointLink<Client>;

const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(slot::INTERRUPT);

atoll_component::entry!(enter);

fn enter(number: u64, dma_physical: u64) -> ! {
    atoll_component::heap::claim_arena();
    // SAFETY: the program is entered once, with what the root task gives.
    let edge = unsafe { Edge::new(dma_physical) };
    let life = Life {
        again: entry::restarts(number) > 0,
        quiesce: number & entry::QUIESCE != 0,
    };
    crate::run(entry::index(number), edge, life)
}

/// What the root task says of this life of the driver.
#[derive(Clone, Copy)]
pub struct Life {
    /// Another one was before, which was stopped.
    pub again: bool,
    /// It only makes its device quiet.
    pub quiesce: bool,
}

/// What the root task has mapped for the driver.
pub struct Edge<F> {
    /// The configuration page of the device.
    pub configuration: MappedConfiguration,
    /// Makes the BARs, once it is known how long they are.
    pub bars: F,
    /// Memory for DMA.
    pub dma: Dma,
}

impl Edge<()> {
    /// Takes what is mapped.
    ///
    /// # Safety
    ///
    /// To be called once in the life of the program, with the physical address of the DMA memory.
    unsafe fn new(dma_physical: u64) -> Edge<impl FnOnce([u32; BARS]) -> MappedBars> {
        let dma = DMA as *mut u8;
        // SAFETY: the root task mapped the configuration page and the DMA memory at these addresses before it started the
        // program and leaves them; they are used here and, as this is called once, nowhere else.
        let (configuration, dma) = unsafe {
            (
                MappedConfiguration::new(DEVICE_CONFIGURATION as *mut u8),
                Dma::new(dma, DMA_PAGES * PAGE_SIZE, dma_physical),
            )
        };
        // SAFETY: the root task mapped the memory BARs of the function, up to 64 KiB of each, which is what the
        // transport gives as their lengths.
        let bars = |lengths| unsafe {
            MappedBars::new(DEVICE_BARS as *mut u8, DEVICE_BAR_STRIDE, lengths)
        };
        Edge {
            configuration,
            bars,
            dma,
        }
    }
}

/// A client, which is woken by its notification.
pub struct Client(cap::Notification);

impl Doorbell for Client {
    fn ring(&mut self) {
        meter::entry();
        self.0.signal();
    }
}

/// Attaches the connections of the device's clients, by slot. By that a client learns that a driver that died is back and takes
/// back the blocks that the dead one had, so it comes after the device was reset.
pub fn links(plan: &Plan, device: usize, life: Life) -> Vec<Link> {
    let clients = plan.clients_of(Provider::Driver(device));
    let attach = |slot: usize| {
        let window = client_window(slot) as *mut u8;
        // SAFETY: the root task mapped a zeroed window there for each connection of this driver, and leaves it. Each is
        // attached once, because this is called once; the life before was stopped.
        unsafe {
            match life.again {
                true => Endpoint::attach_again(window, Side::Second),
                false => Endpoint::attach(window, Side::Second),
            }
        }
    };
    clients
        .map(|connection| {
            let notification = slot::client_notification(connection.slot);
            let client = Client(cap::Notification::from_bits(notification));
            Link::begin(attach(connection.slot), client)
        })
        .collect()
}

/// Tells the root task that the device can be used.
pub fn ready() {
    atoll_component::report(request::READY, &[]);
}

/// Tells the root task that the device cannot be used, and whether it writes nothing any more.
pub fn failed(quiet: bool) {
    atoll_component::report(request::FAILED, &[u64::from(quiet)]);
}

/// Tells the root task that the device writes nothing any more.
pub fn stopped() {
    atoll_component::report(request::STOPPED, &[]);
}

/// Tells the root task that the device writes nothing any more for the client of a slot, which is gone.
pub fn quiet(slot: usize) {
    atoll_component::report(request::QUIET, &[slot as u64]);
}

/// Has the root task wake the driver when the device has had its time for a request, in milliseconds.
pub fn watch(timeout_ms: u32) {
    atoll_component::report(request::WATCH, &[timeout_ms.into()]);
}

/// Forgets who has woken the driver so far. To be followed by a look at everything.
pub fn forget_wakes() {
    let _ = cap::Notification::from_bits(slot::OWN_NOTIFICATION).poll();
    let _ = INTERRUPT.irq_handler_ack();
}

/// Waits for a client or the device, and allows the next interrupt; the badges of all who woke it.
pub fn wait() -> u64 {
    let badges = atoll_component::wait();
    // Before the driver looks at the queue, so that what the device finishes after that look interrupts again. A
    // refusal would be a mistake of the root task, and shows: no further interrupt comes.
    meter::entry();
    let _ = INTERRUPT.irq_handler_ack();
    badges
}

/// Waits for ever.
pub fn park() -> ! {
    loop {
        atoll_component::wait();
    }
}
