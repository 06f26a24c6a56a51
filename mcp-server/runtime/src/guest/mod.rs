//! The environment of a process on seL4: entry, heap, notifications, panic handler.

mod entry;
mod heap;
mod kernel;
pub mod observer;
pub mod operator;
mod panic;
pub(crate) mod stacks;
mod time;
mod timeline;

pub use kernel::{procinfo, server_info, started};
pub use time::timestamp;

/// Says which function, without arguments, a process begins with: its first uthread, on vcore 0. When it returns, the
/// process ends with status 0.
///
/// The process has started, in the sense of its plan's `start-within-ms`, when that function begins. A program that has
/// something to do first which may hang writes `entry!(starting main)`, and says itself when it [has
/// started](crate::guest::started).
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[unsafe(no_mangle)]
        fn atoll_main() {
            $crate::guest::started();
            let main: fn() = $main;
            main();
        }
    };
    (starting $main:path) => {
        #[unsafe(no_mangle)]
        fn atoll_main() {
            let main: fn() = $main;
            main();
        }
    };
}
