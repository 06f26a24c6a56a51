//! A root task that panics says why and suspends itself; the rest of its instance goes on as far as it can.

use core::panic::PanicInfo;

use crate::console::Console;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    use core::fmt::Write;
    let _ = writeln!(Console, "root task: {info}");
    let line = info.location().map_or(0, |location| location.line());
    let _ = writeln!(
        Console,
        r#"@atoll {{"event":"panic","who":"root-task","reason":"line {line}; see the line above"}}"#
    );
    loop {
        let _ = sel4::init_thread::slot::TCB.cap().tcb_suspend();
    }
}
