//! Threads that stay on their core.

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores: where the side that is timed runs, and where its peer does.
pub type Cores = [usize; 2];

/// The first two cores that this process may use.
///
/// # Errors
/// Where there is only one.
pub fn two_cores() -> Result<Cores> {
    let allowed = sched_getaffinity(None).context("cannot tell which cores may be used")?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    match (cores.next(), cores.next()) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ => bail!("a channel is measured between two cores; give this process a second one"),
    }
}

/// Keeps the calling thread on a core.
///
/// # Panics
/// Where the core is not one that [`two_cores`] said.
pub fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).expect("this core was allowed when the program started");
}
