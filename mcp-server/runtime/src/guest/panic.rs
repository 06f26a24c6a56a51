//! What a process does when it panics: it says so and ends with [`PANICKED`].

use core::arch::asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use atoll_abi::process::PANICKED;
use heapless::Vec;

use super::kernel::KERNEL;
use crate::tls;
use crate::world::World;

/// Text, cut where it does not fit: a panic allocates nothing.
struct LastWords(Vec<u8, 512>);

impl Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // One byte is left for the end of the line.
        let room = self.0.capacity() - 1 - self.0.len();
        let text = &text.as_bytes()[..text.len().min(room)];
        self.0.extend_from_slice(text).map_err(|_| fmt::Error)
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut words = LastWords(Vec::new());
    let place = info.location();
    let _ = match place {
        Some(place) => write!(words, "panicked: {} at {place}", info.message()),
        None => write!(words, "panicked: {}", info.message()),
    };
    let _ = words.0.push(b'\n');
    if let Some((runtime, vcore)) = tls::current()
        && runtime.last_words(vcore, &words.0, PANICKED)
    {
        loop {
            KERNEL.wait(vcore);
        }
    }
    // There is no way to tell the server: the root task sees a fault.
    loop {
        // SAFETY: an instruction that faults and changes nothing.
        unsafe { asm!("ud2", options(nomem, nostack)) };
    }
}
