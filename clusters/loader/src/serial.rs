//! The first serial port, which the loader has until it enters the last kernel.

use core::fmt::{self, Write};

use atoll_abi::event::{self, Event, Written};

use crate::arch::{input, output};

const PORT: u16 = 0x3f8;
const LINE_STATUS: u16 = PORT + 5;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// The port as a place to write text.
pub struct Serial;

impl Serial {
    /// Sets 115200 baud, 8 data bits, no parity, no interrupts.
    pub fn initialise() {
        for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 3), (2, 7), (4, 3)] {
            output(PORT + register, value);
        }
    }
}

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // A port that never gets ready must not hang the boot.
            for _ in 0..100_000 {
                if input(LINE_STATUS) & TRANSMITTER_EMPTY != 0 {
                    break;
                }
                core::hint::spin_loop();
            }
            output(PORT, byte);
        }
        Ok(())
    }
}

/// Writes the line of an event.
pub fn emit(event: &Written<'_>) {
    let _ = event::write(event, &mut Serial);
}

/// Says how far the loader is.
pub fn stage(stage: fmt::Arguments<'_>) {
    emit(&Event::Loader { stage });
}
