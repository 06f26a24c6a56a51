//! A log that is written anew.
#![deny(unsafe_code)]

use atoll_log::{Refusal, Writer};

use super::Log;

/// Bytes of a snapshot that wait in memory to be written, about.
const MOST_WAITING: usize = 128 << 10;

/// A log that is written anew. Dropped before its end, the log stays as it was.
#[must_use = "a compaction that is dropped changes nothing"]
pub struct Compaction<'l> {
    log: &'l Log,
    /// Bytes that were appended and wait in memory, about.
    gathered: usize,
    whole: bool,
}

impl<'l> Compaction<'l> {
    pub(super) fn new(log: &'l Log) -> Compaction<'l> {
        Compaction {
            log,
            gathered: 0,
            whole: false,
        }
    }

    /// Appends a record of the snapshot. Waits where much of it has to be written first.
    ///
    /// # Errors
    /// The snapshot does not fit, or a write or flush failed.
    pub fn append(&mut self, record: &[u8]) -> Result<(), Refusal> {
        self.log.ask(|writer| writer.snapshot(record))?;
        self.gathered += record.len();
        if self.gathered > MOST_WAITING {
            self.gathered = 0;
            self.log.write_out()?;
        }
        Ok(())
    }

    /// The snapshot is whole. Waits until the log is the new one: afterwards a replay gives the snapshot's records, and then what was
    /// appended since [`Log::compact`]. Wherever the power is cut, no record is lost that was on stable storage.
    ///
    /// # Errors
    /// Snapshot and later records do not fit together, which leaves the log as it was; or a write or flush failed.
    pub fn commit(mut self) -> Result<(), Refusal> {
        // From now on it ends by itself, and what is under way may be another one.
        self.whole = true;
        let before = self.log.ask(|writer| {
            writer.commit()?;
            Ok(writer.generation())
        })?;
        self.log.drive_until(|state| {
            let committed = state.writer.generation() > before;
            state.refusal().or(committed.then_some(Ok(())))
        })
    }
}

impl Drop for Compaction<'_> {
    fn drop(&mut self) {
        if !self.whole {
            self.log.ask(Writer::abandon);
        }
    }
}
