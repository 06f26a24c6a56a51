//! What happens when this program is asked to end.
//!
//! SIGINT, SIGTERM and SIGHUP set a flag, at which whatever waits gives up, ends the programs that it started, and returns.
//! Where it does not get to that in time, because it is in a call of the system that does not return, the program is ended
//! all the same, with everything that it started and all its temporary files.

use std::process;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{leftovers, scratch};

/// What is wished: nothing; to end; to end, which is being done.
static WISHED: AtomicU8 = AtomicU8::new(NOTHING);
const NOTHING: u8 = 0;
const END: u8 = 1;
const ENDING: u8 = 2;

/// Time that the program gets to end by itself.
const PATIENCE: Duration = Duration::from_millis(500);

/// Exit status of a program that was asked to end, as a shell has it for SIGINT.
pub const STATUS: u8 = 130;

/// Makes the signals end the program in the way that is described above.
///
/// # Errors
/// Where the handler cannot be set.
pub fn watch() -> Result<()> {
    // Runs in a thread of its own, whatever the others are doing.
    ctrlc::set_handler(|| {
        WISHED.store(END, Ordering::Relaxed);
        thread::sleep(PATIENCE);
        if !changes(END, ENDING) {
            // It was taken on. The next signal calls this again.
            return;
        }
        clean_up();
        process::exit(i32::from(STATUS));
    })
    .context("cannot watch for interruption")
}

/// Whether the program was asked to end.
pub fn interrupted() -> bool {
    WISHED.load(Ordering::Relaxed) != NOTHING
}

/// Takes the wish on, where there is one: the caller ends in its own way, and may take longer. A further signal is a further wish.
pub fn take_on() -> bool {
    changes(END, NOTHING)
}

fn changes(from: u8, to: u8) -> bool {
    let changed = WISHED.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    changed.is_ok()
}

/// Ends what the program has started, and removes its temporary files.
pub fn clean_up() {
    if let Some(folder) = scratch::existing() {
        leftovers::kill(&folder);
        scratch::remove();
    }
}
