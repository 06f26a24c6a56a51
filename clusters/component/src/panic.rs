//! A component that panics says why, then faults, which its root task reports as the end of the component.

use core::arch::asm;
use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::log(format_args!("{info}"));
    // SAFETY: an undefined instruction stops this thread and changes nothing.
    unsafe { asm!("ud2", options(noreturn)) }
}
