//! The binding to seL4: entry, capabilities, and what the root task has mapped.

#![allow(unsafe_code)]

use atoll_abi::layout::{
    DEVICE_BAR_STRIDE, DEVICE_BARS, DEVICE_CONFIGURATION, DMA, DMA_PAGES, PAGE_SIZE, client_window,
    entry, request, slot,
};
use atoll_channel::{Endpoint, Side};
use atoll_pci::BARS;
use atoll_virtio_blk::{Dma, MappedBars, MappedConfiguration};
use sel4::cap;

/// The driver's transport.
pub type Transport = atoll_virtio_blk::Transport<MappedConfiguration, MappedBars>;

const CLIENT: cap::Notification = cap::Notification::from_bits(slot::PEER_NOTIFICATION);
const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(slot::INTERRUPT);

atoll_component::entry!(enter);

fn enter(number: u64, dma_physical: u64) -> ! {
    let again = entry::restarts(number) > 0;
    // SAFETY: the program is entered once, with what the root task gives.
    let edge = unsafe { Edge::new(dma_physical, again) };
    let quiesce = number & entry::QUIESCE != 0;
    crate::run(entry::index(number), edge, quiesce)
}

/// What the root task has mapped for the driver.
pub struct Edge<F, E> {
    /// The configuration page of the device.
    pub configuration: MappedConfiguration,
    /// Makes the BARs, once it is known how long they are.
    pub bars: F,
    /// Memory for DMA.
    pub dma: Dma,
    /// Attaches the connection of the client. By that the client learns that a driver that died is back and takes back the
    /// blocks that the dead one had, so it comes after the device was reset.
    pub endpoint: E,
}

impl Edge<(), ()> {
    /// Takes what is mapped.
    ///
    /// # Safety
    ///
    /// To be called once in the life of the program, with the physical address of the DMA memory, and whether another life
    /// of the driver was before, which was stopped.
    unsafe fn new(
        dma_physical: u64,
        again: bool,
    ) -> Edge<impl FnOnce([u32; BARS]) -> MappedBars, impl FnOnce() -> Endpoint> {
        let dma = DMA as *mut u8;
        // SAFETY: the root task mapped the configuration page, the DMA memory and the connection's window at these
        // addresses before it started the program and leaves them; they are used here and, as this is called once,
        // nowhere else.
        let (configuration, dma) = unsafe {
            (
                MappedConfiguration::new(DEVICE_CONFIGURATION as *mut u8),
                Dma::new(dma, DMA_PAGES * PAGE_SIZE, dma_physical),
            )
        };
        let window = client_window(0) as *mut u8;
        // SAFETY: as above; and the life before was stopped, says the caller.
        let endpoint = move || unsafe {
            match again {
                true => Endpoint::attach_again(window, Side::Second),
                false => Endpoint::attach(window, Side::Second),
            }
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
            endpoint,
        }
    }
}

/// Tells the root task that the device can be used.
pub fn ready(capacity: u64) {
    atoll_component::report(request::READY, &[capacity]);
}

/// Tells the root task that the device cannot be used.
pub fn failed() {
    atoll_component::report(request::FAILED, &[]);
}

/// Tells the root task that the device writes nothing any more.
pub fn stopped() {
    atoll_component::report(request::STOPPED, &[]);
}

/// Wakes the client.
pub fn signal_client() {
    CLIENT.signal();
}

/// Waits for the client or the device, and allows the next interrupt.
pub fn wait() {
    let _ = atoll_component::wait();
    // Before the driver looks at the queue, so that what the device finishes after that look interrupts again. A
    // refusal would be a mistake of the root task, and shows: no further interrupt comes.
    let _ = INTERRUPT.irq_handler_ack();
}

/// Waits for ever.
pub fn park() -> ! {
    loop {
        atoll_component::wait();
    }
}
