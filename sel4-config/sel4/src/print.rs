//! The kernel's debugging output.

use core::fmt;

use crate::sys;

/// Prints a byte on the kernel's serial port. Does nothing if the kernel is configured without that.
///
/// Corresponds to `seL4_DebugPutChar`.
pub fn debug_put_char(byte: u8) {
    sys::debug_put_char(byte);
}

/// Stops the machine's kernel. Returns only if the kernel is configured without that.
///
/// Corresponds to `seL4_DebugHalt`.
pub fn debug_halt() {
    sys::debug_halt();
}

/// Writes text with [`debug_put_char`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DebugWriter;

impl fmt::Write for DebugWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(debug_put_char);
        Ok(())
    }
}

/// Prints with [`debug_put_char`].
#[macro_export]
macro_rules! debug_print {
    ($($arguments:tt)*) => {{
        use core::fmt::Write as _;
        let _ = write!($crate::DebugWriter, $($arguments)*);
    }};
}

/// Prints a line with [`debug_put_char`].
#[macro_export]
macro_rules! debug_println {
    ($($arguments:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::DebugWriter, $($arguments)*);
    }};
}
