//! How calls may end.

use atoll_abi::syscall::Status;

use super::Program;
use crate::gate;
use crate::simulation::Simulation;

/// A call, and what may come of it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    what: &'static str,
    of_files: bool,
    /// How it ends when nothing is wrong with any component; `None` where it can be several ways.
    certain: Option<Status>,
    /// It may end early.
    early: bool,
    /// There may be too many of its kind.
    busy: bool,
    /// The state of the process may not allow it.
    refused: bool,
    /// Something else checks how it ends.
    any: bool,
}

impl Call {
    const fn new(what: &'static str, of_files: bool) -> Call {
        Call {
            what,
            of_files,
            certain: None,
            early: false,
            busy: false,
            refused: false,
            any: false,
        }
    }

    /// Something else checks how it ends.
    pub const fn any(self) -> Call {
        Call { any: true, ..self }
    }

    /// A call to the file service.
    pub const fn files(what: &'static str) -> Call {
        Call::new(what, true)
    }

    /// A call to the server.
    pub const fn server(what: &'static str) -> Call {
        Call::new(what, false)
    }

    /// It ends so, unless its server or service dies.
    pub const fn certain(self, status: Status) -> Call {
        Call {
            certain: Some(status),
            ..self
        }
    }

    /// It has a time-out or is cancelled.
    pub const fn early(self) -> Call {
        Call {
            early: true,
            ..self
        }
    }

    /// It opens something.
    pub const fn opens(self) -> Call {
        Call { busy: true, ..self }
    }

    /// The state of the process may not allow it.
    pub const fn refused(self) -> Call {
        Call {
            refused: true,
            ..self
        }
    }
}

impl Program {
    /// Counts a call that is made.
    pub fn made(&self, call: Call) {
        gate::outside(|world| {
            world.state.borrow_mut().tally.calls += 1;
            let mut process = world.processes[self.process].borrow_mut();
            process.pending.push(call.what);
        });
    }

    /// A call has ended.
    pub fn ended(&self, call: Call, status: Status) {
        gate::outside(|world| {
            world.state.borrow_mut().tally.completions[status as usize] += 1;
            let own = |what: &&str| *what == call.what;
            {
                let pending = &mut world.processes[self.process].borrow_mut().pending;
                let place = pending.iter().position(own);
                place.map(|place| pending.swap_remove(place));
            }
            if let Err(what) = self.check(world, call, status) {
                let process = self.process;
                world.violate(format!("result: process {process}: {what}: {call:?}"));
            }
        });
    }

    /// Makes a call, and checks how it ends.
    pub fn judge<T>(&self, call: Call, make: impl FnOnce() -> Result<T, Status>) -> Option<T> {
        self.made(call);
        self.judged(call, make())
    }

    /// Checks how a call has ended that was counted before.
    pub fn judged<T>(&self, call: Call, result: Result<T, Status>) -> Option<T> {
        match result {
            Ok(value) => {
                self.ended(call, Status::Done);
                Some(value)
            }
            Err(status) => {
                self.ended(call, status);
                None
            }
        }
    }

    fn check(&self, world: &Simulation, call: Call, status: Status) -> Result<(), String> {
        let scenario = world.scenario;
        let state = world.state.borrow();
        let of_files = call.of_files;
        let cluster = scenario.cluster_of(self.process);
        let lost = match of_files {
            // Services of other kernels are lost with a server that stays down.
            true => state.files_died || state.servers_down[cluster],
            false => state.servers_died[cluster],
        };
        let possible = match status {
            _ if call.any => true,
            // Those who lie may say anything.
            _ if scenario.lying_service && of_files => true,
            _ if scenario.lying_driver && of_files && status != Status::Done => true,
            Status::Done => call.certain.is_none(),
            Status::PeerLost => lost,
            Status::NoService => of_files && lost,
            Status::DeviceError => of_files && scenario.device_fails,
            Status::TimedOut => call.early,
            // What comes with an exit is.
            Status::Cancelled => {
                call.early || !of_files && world.processes[self.process].borrow().exiting
            }
            Status::Busy => call.busy,
            Status::NotAllowed => call.refused,
            // A service that died has no files open.
            Status::BadHandle => of_files && lost && call.certain.is_none(),
            _ => false,
        };
        match call.certain {
            _ if possible || call.certain == Some(status) => Ok(()),
            Some(certain) => Err(format!("{status:?}, where {certain:?} is certain")),
            None => Err(format!("{status:?}, for which there is no reason")),
        }
    }
}
