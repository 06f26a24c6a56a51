//! The binding to seL4: entry, capabilities, and what the root task has mapped.

#![allow(unsafe_code)]

use atoll_abi::layout::{
    DEVICE_BAR_STRIDE, DEVICE_BARS, DEVICE_CONFIGURATION, DMA, DMA_PAGES, DRIVER_WINDOW, PAGE_SIZE,
    request, slot,
};
use atoll_channel::{Endpoint, Side};
use atoll_pci::BARS;
use atoll_virtio_blk::{Dma, MappedBars, MappedConfiguration};
use sel4::cap;

/// The driver's transport.
pub type Transport = atoll_virtio_blk::Transport<MappedConfiguration, MappedBars>;

const SERVER: cap::Notification = cap::Notification::from_bits(slot::SERVER_NOTIFICATION);
const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(slot::INTERRUPT);

atoll_component::entry!(enter);

fn enter(device: u64, dma_physical: u64) -> ! {
    // SAFETY: the program is entered once, with what the root task gives.
    let edge = unsafe { Edge::new(dma_physical) };
    crate::run(device as usize, edge)
}

/// What the root task has mapped for the driver.
pub struct Edge<F> {
    /// The configuration page of the device.
    pub configuration: MappedConfiguration,
    /// Makes the BARs, once it is known how long they are.
    pub bars: F,
    /// Memory for DMA.
    pub dma: Dma,
    /// The channel to the server.
    pub endpoint: Endpoint,
}

impl Edge<()> {
    /// Takes what is mapped.
    ///
    /// # Safety
    ///
    /// To be called once in the life of the program, with the physical address of the DMA memory.
    unsafe fn new(dma_physical: u64) -> Edge<impl FnOnce([u32; BARS]) -> MappedBars> {
        let dma = DMA as *mut u8;
        // SAFETY: the root task mapped the configuration page, the DMA memory and the channel's window at these
        // addresses before it started the program and leaves them; they are used here and, as this is called once,
        // nowhere else.
        let (configuration, dma, endpoint) = unsafe {
            (
                MappedConfiguration::new(DEVICE_CONFIGURATION as *mut u8),
                Dma::new(dma, DMA_PAGES * PAGE_SIZE, dma_physical),
                Endpoint::attach(DRIVER_WINDOW as *mut u8, Side::Second),
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
            endpoint,
        }
    }
}

/// Tells the root task that the device can be used.
pub fn ready(capacity: u64) {
    atoll_component::tell(request::READY, &[capacity]);
}

/// Tells the root task that the device cannot be used.
pub fn failed() {
    atoll_component::tell(request::FAILED, &[]);
}

/// Tells the root task that the device writes nothing any more.
pub fn stopped() {
    atoll_component::tell(request::STOPPED, &[]);
}

/// Wakes the server.
pub fn signal_server() {
    SERVER.signal();
}

/// Waits for the server or the device, and allows the next interrupt.
pub fn wait() {
    let _ = atoll_component::wait();
    // Before anybody looks at the queue, so that an interrupt for what is missed then comes. A refusal would be a
    // mistake of the root task that the next interrupt, which then never comes, cannot hide.
    let _ = INTERRUPT.irq_handler_ack();
}

/// Waits for ever.
pub fn park() -> ! {
    loop {
        atoll_component::wait();
    }
}
