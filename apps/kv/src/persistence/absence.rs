//! Why there is no journal.

use core::fmt;

use atoll_kv::journal::ReplayError;
use atoll_runtime::Status;
use atoll_runtime::log::{Error, LogError};

use super::SERVICE;

/// Why there is no journal.
#[derive(Debug)]
pub enum NoJournal {
    /// The service that the plan names does not answer.
    Service(Status),
    /// The log cannot be opened.
    Log(LogError),
    /// It is no journal of a store.
    Replay(ReplayError),
    /// The partition has so many bytes, and this many are needed.
    Small(u64, u64),
}

impl NoJournal {
    /// Whether it may be there when the service and its device have begun anew.
    pub fn may_come(&self) -> bool {
        matches!(
            self,
            NoJournal::Service(Status::PeerLost | Status::DeviceError | Status::TimedOut)
                | NoJournal::Log(LogError::Disk(_) | LogError::Log(Error::Read { .. }))
        )
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for NoJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoJournal::Service(status) => write!(
                f,
                "the service `{SERVICE}` does not answer ({status:?}); the disk must have its partition"
            ),
            NoJournal::Log(error) => write!(f, "{error}"),
            NoJournal::Replay(error) => write!(f, "{error}; give it another partition"),
            NoJournal::Small(found, least) => write!(
                f,
                "the partition of `{SERVICE}` has {found} bytes, and what may be stored needs {least}; give it more, or the process a smaller heap"
            ),
        }
    }
}
