//! The binding to seL4: entry, capabilities, and what the root task has mapped.

#![allow(unsafe_code)]

use core::arch::global_asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use atoll_abi::layout::{
    DEVICE_BAR_STRIDE, DEVICE_BARS, DEVICE_CONFIGURATION, DMA, DMA_PAGES, DRIVER_WINDOW, PAGE_SIZE,
    PLAN, PLAN_PAGES, request, slot,
};
use atoll_abi::plan::Plan;
use atoll_channel::{Endpoint, Side};
use atoll_pci::BARS;
use atoll_virtio_blk::{Dma, MappedBars, MappedConfiguration};
use sel4::cap;

/// The driver's transport.
pub type Transport = atoll_virtio_blk::Transport<MappedConfiguration, MappedBars>;

const ROOT_TASK: cap::Endpoint = cap::Endpoint::from_bits(slot::ROOT_TASK);
const OWN: cap::Notification = cap::Notification::from_bits(slot::OWN_NOTIFICATION);
const SERVER: cap::Notification = cap::Notification::from_bits(slot::SERVER_NOTIFICATION);
const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(slot::INTERRUPT);

// The kernel starts a thread with whatever stack pointer it was given; the calling convention wants 16 bytes.
global_asm!(
    ".section .text._start, \"ax\", @progbits",
    ".global _start",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {entry}",
    "ud2",
    ".text",
    entry = sym entry,
);

extern "C" fn entry(device: usize, dma_physical: u64) -> ! {
    // SAFETY: the program is entered once, with what the root task gives.
    let edge = unsafe { Edge::new(dma_physical) };
    crate::run(device, edge)
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    log(format_args!(
        "virtio-blk: {info}; report this, and restart the cluster"
    ));
    failed();
    park()
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

/// The plan.
pub fn plan() -> Option<Plan> {
    // SAFETY: the root task mapped the plan here, read-only, and nobody writes it.
    let bytes = unsafe { core::slice::from_raw_parts(PLAN as *const u8, PLAN_PAGES * PAGE_SIZE) };
    Plan::parse(bytes)
}

/// Tells the root task that the device can be used.
pub fn ready(capacity: u64) {
    sel4::set_mr(0, capacity);
    ROOT_TASK.call(sel4::MessageInfo::new(request::READY, 0, 0, 1));
}

/// Tells the root task that the device cannot be used.
pub fn failed() {
    ROOT_TASK.call(sel4::MessageInfo::new(request::FAILED, 0, 0, 0));
}

/// Has the root task print a line; what does not fit is cut off.
pub fn log(text: fmt::Arguments<'_>) {
    let mut line = Line {
        bytes: [0; request::LOG_SIZE],
        length: 0,
    };
    // Writing to a `Line` does not fail.
    let _ = line.write_fmt(text);
    sel4::set_mr(0, line.length as u64);
    let words = line.length.div_ceil(8);
    for (index, bytes) in line.bytes.chunks_exact(8).take(words).enumerate() {
        let word = bytes
            .iter()
            .rev()
            .fold(0, |word, &b| word << 8 | u64::from(b));
        sel4::set_mr(1 + index, word);
    }
    ROOT_TASK.call(sel4::MessageInfo::new(request::LOG, 0, 0, 1 + words));
}

struct Line {
    bytes: [u8; request::LOG_SIZE],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.length..];
        let most = text.len().min(room.len());
        room[..most].copy_from_slice(&text.as_bytes()[..most]);
        self.length += most;
        Ok(())
    }
}

/// Wakes the server.
pub fn signal_server() {
    SERVER.signal();
}

/// Waits for the server or the device, and allows the next interrupt.
pub fn wait() {
    OWN.wait();
    // Before anybody looks at the queue, so that an interrupt for what is missed then comes. A refusal would be a
    // mistake of the root task that the next interrupt, which then never comes, cannot hide.
    let _ = INTERRUPT.irq_handler_ack();
}

/// Waits for ever.
pub fn park() -> ! {
    loop {
        OWN.wait();
    }
}
