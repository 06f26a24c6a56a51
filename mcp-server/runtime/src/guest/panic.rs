//! What a process does when it panics: it says so and ends with [`PANICKED`].

use core::arch::asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use atoll_abi::process::PANICKED;

use super::kernel::KERNEL;
use crate::tls;
use crate::world::World;

/// Text in a buffer, cut where it does not fit: a panic allocates nothing.
struct LastWords {
    bytes: [u8; 512],
    length: usize,
}

impl Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = &mut self.bytes[self.length..];
        let count = text.len().min(rest.len());
        rest[..count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count;
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut words = LastWords {
        bytes: [0; 512],
        length: 0,
    };
    let place = info.location();
    let _ = match place {
        Some(place) => write!(words, "panicked: {} at {place}", info.message()),
        None => write!(words, "panicked: {}", info.message()),
    };
    let length = words.length.min(words.bytes.len() - 1);
    words.bytes[length] = b'\n';
    if let Some((runtime, vcore)) = tls::current()
        && runtime.last_words(vcore, &words.bytes[..=length], PANICKED)
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
