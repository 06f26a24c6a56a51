//! The console: one serial port, which the root task alone writes to.

use core::fmt;

use atoll_abi::event::{self, Written};
use sel4::cap;
use spin::Mutex;

const LINE_STATUS: u16 = 5;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// Polls of a port that is not ready, after which the byte is written all the same.
const PATIENCE: usize = 10_000;

struct Port {
    capability: cap::IOPort,
    base: u16,
}

static PORT: Mutex<Option<Port>> = Mutex::new(None);

/// Makes a serial port the console. Before this, what is printed is lost.
pub fn set(capability: cap::IOPort, base: u16) {
    let port = Port { capability, base };
    for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 3), (2, 7), (4, 3)] {
        let _ = capability.ioport_out8(base + register, value);
    }
    *PORT.lock() = Some(port);
}

/// The console as a place to write text.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(port) = PORT.lock().as_ref() {
            for byte in text.bytes() {
                let ready = |_: &usize| {
                    let status = port.capability.ioport_in8(port.base + LINE_STATUS);
                    status.map_or(true, |status| status & TRANSMITTER_EMPTY != 0)
                };
                let _ = (0..PATIENCE).find(ready);
                let _ = port.capability.ioport_out8(port.base, byte);
            }
        }
        Ok(())
    }
}

/// Prints the line of an event.
pub fn emit(event: &Written<'_>) {
    let _ = event::write(event, &mut Console);
}

/// Prints a line on the console.
#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::console::Console, $($argument)*);
    }};
}
