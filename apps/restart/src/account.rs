//! The account of calls: each ends once, as done, or as lost.

use atoll_runtime::Status;

/// How the calls of a process have ended.
#[derive(Clone, Copy, Default)]
pub struct Account {
    /// Calls that were made.
    pub made: u64,
    /// Those that did what they say.
    pub done: u64,
    /// Those that ended because a component died, or because a file was of a service that had died.
    pub lost: u64,
    /// How the first one ended that ended as none may.
    pub wrong: Option<Status>,
}

impl Account {
    /// Books the end of a call. Gives its result where it is done.
    pub fn book<T>(&mut self, ended: Result<T, Status>) -> Option<T> {
        self.made += 1;
        match ended {
            Ok(result) => {
                self.done += 1;
                return Some(result);
            }
            // A device without driver fails its calls; a handle of before a restart is stale.
            Err(Status::PeerLost | Status::BadHandle | Status::DeviceError) => self.lost += 1,
            Err(status) => self.wrong = self.wrong.or(Some(status)),
        }
        None
    }
}
