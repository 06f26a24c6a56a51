//! A root task that panics says why and suspends itself; the rest of its instance goes on as far as it can.

use core::panic::PanicInfo;

use atoll_abi::event::Event;

use crate::console::{self, Console};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    use core::fmt::Write;
    let _ = writeln!(Console, "root task: {info}");
    let line = info.location().map_or(0, |location| location.line());
    console::emit(&Event::Panic {
        who: format_args!("root-task"),
        reason: format_args!("line {line}; see the line above"),
    });
    loop {
        let _ = sel4::init_thread::slot::TCB.cap().tcb_suspend();
    }
}
