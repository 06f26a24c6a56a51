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
use crate::target::{SERVER, Target};
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
/// Dropped, one that is at home here can be acquired again, and one of another process goes back to it: where the server dies just
/// then, when this process asks for frames again or ends. What a frame holds that was just acquired is what was written there
/// last, by whomever.
///
/// A lease is the giver's to choose, and one that ends while the process looks at the frame ends the process: be given frames by
/// processes that you trust so far. Where the same frame comes again while there is a value of the holding before, the value leads
/// to it, and the new one is there when the value is gone.
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

    /// Whether the process holds a frame.
    fn is_here(number: u32) -> bool {
        let runtime = Runtime::current();
        Held::read(runtime, &runtime.procinfo(), number).is_some()
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
                self.forget();
                Ok(())
            }
            Err(status) => {
                let keeps = self.held.is_current();
                let frame = match keeps {
                    true => Some(self),
                    false => {
                        self.forget();
                        None
                    }
                };
                Err(NotGiven { status, frame })
            }
        }
    }
}

impl Frame {
    /// The process does not hold the frame any more.
    fn forget(self) {
        self.table.release(self.held);
        mem::forget(self);
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let held = self.held;
        let table = self.table;
        // One whose lease has ended may have come again meanwhile, which was kept back until now.
        let is_current = held.is_current();
        let is_home = is_home(&Runtime::current().procinfo(), held.number);
        let awaited = table.ledger.with(|ledger| {
            ledger.set_live(held.number, false);
            if is_current && is_home {
                ledger.home.push_back(held);
            }
            ledger.waiting > 0
        });
        if is_current && !is_home {
            table.send_back(held);
        } else if awaited {
            table.have_all_look();
        }
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
    /// By number of the frame, whether there is a [`Frame`] of it: then there is no second one, whatever has happened to its
    /// holding.
    live: Vec<bool>,
    home: VecDeque<Held>,
    received: VecDeque<Held>,
    /// Frames of others that were dropped, each with the generation of the connection on which the server was told: where that died,
    /// they may not be back.
    returning: Vec<(Held, u32)>,
    /// What the server said when it was asked last whether frames have come or gone.
    seen: u64,
    /// Uthreads that ask it.
    waiting: usize,
}

impl Ledger {
    fn set_live(&mut self, number: u32, live: bool) {
        if let Some(own) = self.live.get_mut(number as usize) {
            *own = live;
        }
    }

    /// Notes a holding that the process has. One that was read before another one was noted is an older one.
    fn note(&mut self, own: Held, is_home: bool) {
        let number = own.number as usize;
        let (Some(noted), Some(false)) = (self.noted.get_mut(number), self.live.get(number)) else {
            return;
        };
        let newer = own.generation.wrapping_sub(*noted) as i32 > 0;
        if newer {
            *noted = own.generation;
            match is_home {
                true => self.home.push_back(own),
                false => self.received.push_back(own),
            }
        }
    }
}

impl FrameTable {
    pub(crate) fn new(memory: FrameMemory) -> FrameTable {
        FrameTable {
            ledger: Monitor::new(Ledger {
                noted: alloc::vec![0; memory.frames() as usize],
                live: alloc::vec![false; memory.frames() as usize],
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
                ledger.note(own, is_home(&procinfo, own.number));
            }
        });
    }

    /// There is no [`Frame`] of this any more.
    fn release(&self, held: Held) {
        let awaited = self.ledger.with(|ledger| {
            ledger.set_live(held.number, false);
            ledger.waiting > 0
        });
        // It may have come again while there was one.
        if awaited && Held::is_here(held.number) {
            self.have_all_look();
        }
    }

    /// Gives a frame back to its home. Nobody waits for the answer.
    fn send_back(&self, held: Held) {
        let call = request::ReturnFrame {
            frame: held.number,
            generation: held.generation,
        };
        let submission = Submission::with_timeout(Target::SERVER, call.encode(), NEVER);
        let told = submission.connection().generation;
        self.ledger
            .with(|ledger| ledger.returning.push((held, told)));
    }

    /// Gives back again what a server may have died with: where that was not so, the holding is over and nothing happens.
    fn send_back_again(&self) {
        let returning = self.ledger.with(|ledger| mem::take(&mut ledger.returning));
        if returning.is_empty() {
            return;
        }
        let (runtime, vcore) = Runtime::current_vcore();
        let present = runtime
            .calls(vcore, SERVER)
            .with(|calls| calls.generation());
        for (held, told) in returning.into_iter().filter(|(held, _)| held.is_current()) {
            match told == present {
                true => self
                    .ledger
                    .with(|ledger| ledger.returning.push((held, told))),
                false => self.send_back(held),
            }
        }
    }

    /// Has all uthreads that wait for a frame look again: their calls are answered by this one.
    fn have_all_look(&self) {
        let call = request::AwaitFrames { seen: 0 }.encode();
        drop(Submission::with_timeout(Target::SERVER, call, NEVER));
    }

    /// Takes a frame out of a queue; where there is none, has the server say when frames have come or gone.
    fn take(
        &'static self,
        queue: impl Fn(&mut Ledger) -> &mut VecDeque<Held>,
    ) -> Result<Frame, Status> {
        self.send_back_again();
        self.look();
        loop {
            let (next, seen) = self.ledger.with(|ledger| {
                let next = queue(ledger).pop_front();
                if let Some(held) = next {
                    ledger.set_live(held.number, true);
                }
                ledger.waiting += usize::from(next.is_none());
                (next, ledger.seen)
            });
            match next {
                // Its lease may have ended since it was noted.
                Some(held) if held.is_current() => return Ok(Frame { held, table: self }),
                Some(held) => {
                    self.release(held);
                    self.look();
                    continue;
                }
                None => {}
            }
            let submission =
                Submission::new(Target::SERVER, request::AwaitFrames { seen }.encode());
            let told = Reply::new(submission, |answer, _| Ok(answer.result[0])).wait();
            if told == Err(Status::TimedOut) {
                // The call still waits at the server, and has a credit.
                self.have_all_look();
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
