//! Frames: large units of data whose ownership moves between processes with their mapping.
//!
//! A [`Frame`] is a value: giving it to another process consumes it, and when that is done the kernel has unmapped the frame here.
//! What was read of it before is nobody's business any more; a pointer that was kept leads to a fault, which ends the process.
//! [`atoll_abi::frame`] says what homes, holdings and leases are.
//!
//! ```no_run
//! use core::time::Duration;
//! use atoll_runtime::{Frame, Recipient, Status};
//!
//! fn send() -> Result<(), Status> {
//!     let to = Recipient::find("worker").wait()?;
//!     let mut frame = Frame::acquire()?;
//!     frame.bytes_mut().fill(7);
//!     // For a second; then, or when the worker drops it, it can be acquired here again.
//!     frame.give(to, Some(Duration::from_secs(1))).map_err(|refused| refused.status)
//! }
//! ```
#![deny(unsafe_code)]

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::time::Duration;

use atoll_abi::frame::NO_LEASE;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::name::Name;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::Status;
use atoll_call::NEVER;

use crate::monitor::Monitor;
use crate::reply::{Reply, Submission};
use crate::runtime::Runtime;
use crate::target::Target;
use crate::window::FrameMemory;

/// A process to which this one may give frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient {
    number: u32,
}

impl Recipient {
    /// The process of a name. [`Status::NotFound`] where there is none in the cluster, [`Status::NotAllowed`] where the plan does
    /// not have this process give it frames.
    pub fn find(name: &str) -> Reply<Recipient> {
        let submission = match Name::new(name) {
            Some(process) => {
                Submission::new(Target::SERVER, request::FindRecipient { process }.encode())
            }
            None => Submission::refused(Status::InvalidArgument),
        };
        Reply::new(submission, |answer, _| {
            let number = u32::try_from(answer.result[0]).map_err(|_| Status::Malformed)?;
            Ok(Recipient { number })
        })
    }

    /// The number of the process in its cluster, as [`Frame::from`] tells it to the one that is given a frame.
    pub fn number(self) -> u32 {
        self.number
    }
}

/// A frame that the process holds: [`FRAME_SIZE`](crate::FRAME_SIZE) bytes that no other process reaches.
///
/// Dropped, one that is at home here can be acquired again, and one of another process goes back to it. What a frame holds
/// that was just acquired is what was written there last, by whomever.
pub struct Frame {
    held: Held,
    table: &'static FrameTable,
}

/// What is known of a frame that the process holds.
#[derive(Clone, Copy)]
struct Held {
    number: u32,
    generation: u32,
    from: u32,
    lease: u64,
}

impl Held {
    /// What the process holds of a frame now.
    fn read(runtime: &Runtime, procinfo: &ProcInfo, number: u32) -> Option<Held> {
        let state = runtime.frame_state(number as usize);
        let holding = state.holding();
        (holding.holder == Some(procinfo.number)).then_some(Held {
            number,
            generation: holding.generation,
            from: state.from as u32,
            lease: state.lease,
        })
    }

    /// Whether this is what the process holds now.
    fn is_current(self) -> bool {
        let runtime = Runtime::current();
        let now = Held::read(runtime, &runtime.procinfo(), self.number);
        now.is_some_and(|now| now.generation == self.generation)
    }
}

/// Whether the process is the home of a frame.
fn is_home(procinfo: &ProcInfo, number: u32) -> bool {
    let place = number.checked_sub(procinfo.first_frame);
    place.is_some_and(|place| place < procinfo.frames)
}

/// Why a frame was not given.
#[derive(Debug)]
pub struct NotGiven {
    /// [`Status::PeerLost`] where the recipient does not run, or the server has died, [`Status::BadHandle`] where the lease of the
    /// frame had ended, [`Status::InvalidArgument`] where the lease was of no time.
    pub status: Status,
    /// The frame, where the process still holds it.
    pub frame: Option<Frame>,
}

impl Frame {
    /// One of the frames of which this process is the home; waits until there is one.
    ///
    /// # Errors
    /// [`Status::NotFound`] where the plan gives it none; [`Status::PeerLost`] where the server died meanwhile, after which it can
    /// be tried again; [`Status::TimedOut`]; [`Status::Busy`] where too many uthreads wait for
    /// frames.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn acquire() -> Result<Frame, Status> {
        let runtime = Runtime::current();
        match runtime.procinfo().frames {
            0 => Err(Status::NotFound),
            _ => runtime.frames().take(|ledger| &mut ledger.home),
        }
    }

    /// A frame that another process has given to this one; waits until there is one.
    ///
    /// # Errors
    /// [`Status::PeerLost`], [`Status::TimedOut`] and [`Status::Busy`] as for [`Frame::acquire`].
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn receive() -> Result<Frame, Status> {
        let frames = Runtime::current().frames();
        frames.take(|ledger| &mut ledger.received)
    }

    /// The frame's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.table.memory.bytes(self.held.number)
    }

    /// The frame's bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.table.memory.bytes_mut(self.held.number)
    }

    /// For how long it was given, counted from then on; `None` for good. When that is over, a look at its bytes ends the process.
    pub fn lease(&self) -> Option<Duration> {
        (self.held.lease != NO_LEASE).then(|| Duration::from_nanos(self.held.lease))
    }

    /// The number, in the cluster, of the process that it came from: see [`Recipient::number`].
    pub fn from(&self) -> u32 {
        self.held.from
    }

    /// The frame's number among those of the cluster, which it keeps wherever it goes.
    pub fn number(&self) -> u32 {
        self.held.number
    }

    /// The how-manieth holding of the frame this is, counted over all processes.
    pub fn generation(&self) -> u32 {
        self.held.generation
    }

    /// Gives the frame to another process, for a time or for good. When this returns, nothing here reaches it. It comes back when
    /// the time is over, or when the other process drops it or ends. A frame that was itself given for a time is given for the rest
    /// of that at most.
    ///
    /// Has no time-out: whether the frame is the process's must not be in doubt.
    ///
    /// # Errors
    /// Why not, and the frame.
    ///
    /// # Panics
    /// Where the caller is not a uthread.
    pub fn give(self, to: Recipient, lease: Option<Duration>) -> Result<(), NotGiven> {
        let lease = lease.map_or(NO_LEASE, |lease| {
            u64::try_from(lease.as_nanos()).unwrap_or(NO_LEASE)
        });
        let call = request::GiveFrame {
            frame: self.held.number,
            generation: self.held.generation,
            recipient: to.number,
            lease,
        };
        let submission = Submission::with_timeout(Target::SERVER, call.encode(), NEVER);
        match Reply::new(submission, |_, _| Ok(())).wait() {
            Ok(()) => {
                mem::forget(self);
                Ok(())
            }
            Err(status) => {
                let keeps = self.held.is_current();
                let frame = match keeps {
                    true => Some(self),
                    false => {
                        mem::forget(self);
                        None
                    }
                };
                Err(NotGiven { status, frame })
            }
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let held = self.held;
        if is_home(&Runtime::current().procinfo(), held.number) {
            let awaited = self.table.ledger.with(|ledger| {
                ledger.home.push_back(held);
                ledger.waiting > 0
            });
            if !awaited {
                return;
            }
        }
        let call = request::ReturnFrame {
            frame: held.number,
            generation: held.generation,
        };
        // Nobody waits for the answer. Where the server has died, all that wait for frames look again; a frame of another process goes
        // home when its lease or this process ends.
        drop(Submission::with_timeout(
            Target::SERVER,
            call.encode(),
            NEVER,
        ));
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Frame")
            .field("number", &self.held.number)
            .field("generation", &self.held.generation)
            .finish_non_exhaustive()
    }
}

/// The frames that the process holds.
pub(crate) struct FrameTable {
    memory: FrameMemory,
    ledger: Monitor<Ledger>,
}

/// Frames that the process holds and that are no [`Frame`] yet, and what it was told.
#[derive(Default)]
struct Ledger {
    /// By number of the frame, the generation of the last holding of this process that was noted.
    noted: Vec<u32>,
    home: VecDeque<Held>,
    received: VecDeque<Held>,
    /// What the server said when it was asked last whether frames have come or gone.
    seen: u64,
    /// Uthreads that ask it.
    waiting: usize,
}

impl FrameTable {
    pub(crate) fn new(memory: FrameMemory) -> FrameTable {
        FrameTable {
            ledger: Monitor::new(Ledger {
                noted: alloc::vec![0; memory.frames() as usize],
                ..Ledger::default()
            }),
            memory,
        }
    }

    /// Notes the frames that have come to the process.
    fn look(&self) {
        let runtime = Runtime::current();
        let procinfo = runtime.procinfo();
        let numbers = 0..self.memory.frames();
        let held = numbers.filter_map(|number| Held::read(runtime, &procinfo, number));
        let held: Vec<Held> = held.collect();
        self.ledger.with(|ledger| {
            for own in held {
                let Some(noted) = ledger.noted.get_mut(own.number as usize) else {
                    continue;
                };
                if mem::replace(noted, own.generation) == own.generation {
                    continue;
                }
                match is_home(&procinfo, own.number) {
                    true => ledger.home.push_back(own),
                    false => ledger.received.push_back(own),
                }
            }
        });
    }

    /// Takes a frame out of a queue; where there is none, has the server say when frames have come or gone.
    fn take(
        &'static self,
        queue: impl Fn(&mut Ledger) -> &mut VecDeque<Held>,
    ) -> Result<Frame, Status> {
        self.look();
        loop {
            let (next, seen) = self.ledger.with(|ledger| {
                let next = queue(ledger).pop_front();
                ledger.waiting += usize::from(next.is_none());
                (next, ledger.seen)
            });
            match next {
                // Its lease may have ended since it was noted.
                Some(held) if held.is_current() => return Ok(Frame { held, table: self }),
                Some(_) => continue,
                None => {}
            }
            let submission =
                Submission::new(Target::SERVER, request::AwaitFrames { seen }.encode());
            let told = Reply::new(submission, |answer, _| Ok(answer.result[0])).wait();
            if told == Err(Status::TimedOut) {
                // The call still waits at the server, and has a credit: it is answered by this one.
                let last = request::AwaitFrames { seen: 0 }.encode();
                drop(Submission::with_timeout(Target::SERVER, last, NEVER));
            }
            self.look();
            // The next life of a server counts anew.
            let seen = told.unwrap_or(0);
            self.ledger.with(|ledger| {
                ledger.seen = seen;
                ledger.waiting -= 1;
            });
            told?;
        }
    }
}
