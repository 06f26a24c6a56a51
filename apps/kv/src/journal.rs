//! What was changed, as records of a log, and back.
//!
//! [`crate::store::Store::take_changes`] gives a *unit*: what belongs together, because a client was answered for it at once. A log has
//! records of limited length, so [`Cutter`] cuts a unit into records, each behind a header that says to which unit it belongs and which
//! piece it is. [`Replay`] takes the records of a log in their order and applies the units that are whole. A unit whose last record is
//! missing is not applied, be it at the end of the log or before another unit: the program that wrote it had not told a client that it was
//! done.
//!
//! A log grows with each change. [`snapshot`] gives units that make the same store in an empty one, to begin another log with.
//!
//! # A record
//!
//! | bytes | what |
//! |---|---|
//! | 0 | the version of this format, 1 |
//! | 1 | bit 0: a unit begins; bit 1: it ends |
//! | 2, 3 | zero |
//! | 4 to 7 | the number of the unit, which grows and begins again behind the last one |
//! | 8 to 11 | the number of the piece, from 0 on |
//! | 12 to 15 | the bytes of the whole unit |
//! | from 16 on | a piece of the unit |
//!
//! Numbers are little-endian. A unit is commands as clients send them: arrays of strings. The log has to keep its records as they are and
//! in their order; it may lose the last ones.

mod record;
mod replay;
mod snapshot;

pub use record::{Cutter, HEADER, Record, Records};
pub use replay::{CommandFault, Fault, Replay, ReplayError, Replayed};
pub use snapshot::{Snapshot, snapshot};
