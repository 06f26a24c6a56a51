//! The timeline of a run: what components noted of what they did, in the trace format of Chrome, which Perfetto opens.
//!
//! The machine's memory is a file ([`Memory`]), in which the plan says where each component has its window. So nothing of a machine has to
//! work for its timeline to be read, and one that has hung or has crashed has one too. What is in a window is what its writer liked to write
//! there: what makes no sense is left out and counted ([`window`]). Messages that the two sides of a channel noted are put together to calls
//! ([`calls`]), what was noted on one core to who had that core ([`cores`]).

mod calls;
mod cores;
mod format;
mod memory;
mod names;
mod window;

use anyhow::{Context, Result};
use atoll_abi::plan::Plan;
use atoll_abi::timeline::Writer;

pub use memory::Memory;

use window::Noted;

/// What `--trace` gives a plan that has no timeline of its own.
pub const WINDOW: &str = "256 KiB";

/// What one writer noted.
struct Track {
    writer: Writer,
    noted: Noted,
}

/// The timeline of a machine that does nothing any more.
pub struct Timeline {
    /// Of each writer of the plan, in order.
    tracks: Vec<Track>,
    ticks_per_microsecond: u64,
}

/// How much there is of a timeline.
pub struct Amount {
    /// Records that are kept.
    pub kept: u64,
    /// Older records, in whose places these were written.
    pub dropped: u64,
    /// Records that made no sense.
    pub senseless: u64,
}

impl Timeline {
    /// Reads it.
    ///
    /// # Errors
    /// Where the memory cannot be read, or the machine never came so far as to have a clock.
    pub fn read(plan: &Plan, memory: &Memory) -> Result<Timeline> {
        let ticks_per_microsecond = memory.ticks_per_microsecond()?.context(
            "the machine has no timeline: it did not come so far as to measure its clock",
        )?;
        let size = plan.timeline_window_size();
        let mut tracks = Vec::new();
        for writer in plan.timeline_writers() {
            let Some(base) = plan.timeline_window(writer) else {
                continue;
            };
            tracks.push(Track {
                writer,
                noted: window::read(&memory.bytes(base, size)?),
            });
        }
        Ok(Timeline {
            tracks,
            ticks_per_microsecond,
        })
    }

    /// How much there is of it.
    pub fn amount(&self) -> Amount {
        // How many there were says the writer, who may say anything.
        let sum = |of: fn(&Noted) -> u64| {
            let noted = self.tracks.iter().map(|track| of(&track.noted));
            noted.fold(0, u64::saturating_add)
        };
        Amount {
            kept: sum(|it| it.records.len() as u64),
            dropped: sum(|it| it.dropped),
            senseless: sum(|it| it.senseless),
        }
    }

    /// As text in the trace format: an object, each field of which begins on a line of its own.
    ///
    /// # Errors
    /// Where it cannot be encoded.
    pub fn text(&self, plan: &Plan) -> Result<String> {
        format::text(self, plan)
    }
}

#[cfg(test)]
mod tests;
