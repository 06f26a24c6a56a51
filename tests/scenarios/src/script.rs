//! A small fixed scenario and its expected trace: every world makes the same calls and must see the same ends.
//!
//! The machine: two clusters with a channel; cluster 0 has the volume with [`FILES`], the [`SERVICE`] for it, and process 0;
//! cluster 1 has process 1, whose file calls cross the channel. Each process may use the service, which is its port 0, has
//! one vcore and at least [`BLOCKS`] blocks, and ends when the script does.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::file::{Kind, Path};
use atoll_abi::interface::Interface;
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, PRINT_SIZE, Route, Status, Syscall};

/// The files of the volume, with their lengths.
pub const FILES: [(&str, u64); 3] = [
    ("input", 2 * BLOCK_SIZE as u64 + 513),
    ("empty", 0),
    ("other", 1),
];

/// The service that has them.
pub const SERVICE: &str = "files";

/// Blocks that a process needs.
pub const BLOCKS: u32 = 4;

/// Status with which a process exits.
pub const EXIT_STATUS: u64 = 7;

/// Generation of both processes.
const GENERATION: u32 = 1;

/// One call and its end.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is asked, without tag, generation and handle.
    pub ask: Ask,
    /// How it ends.
    pub status: Status,
    /// Its results; the handle of a file that was opened, when one was modified, and the size of the volume are shown as zero.
    pub result: [u64; 2],
}

/// A call of the script.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// Asks for the connection to a service.
    Connect(&'static str),
    /// Opens a file; what follows uses its handle, if there is one.
    Open(&'static str),
    /// Asks for the length of the open file.
    Stat,
    /// Makes a folder.
    MakeFolder(&'static str),
    /// Removes what has a name.
    Remove(&'static str),
    /// Asks how large the volume is.
    Space,
    /// Has everything put on stable storage.
    Sync,
    /// Reads: offset, length, block.
    Read(u64, u64, u32),
    /// Closes the open file, whose handle stays the one that is used.
    Close,
    /// Prints a text of at most [`PRINT_SIZE`] bytes.
    Print(&'static str),
    /// Any other call with one argument, which the server answers.
    Other(u16, u64),
}

const fn step(ask: Ask, status: Status, result: [u64; 2]) -> Step {
    Step {
        ask,
        status,
        result,
    }
}

const fn other(call: Call, argument: u64, status: Status, first: u64) -> Step {
    step(Ask::Other(call as u16, argument), status, [first, 0])
}

const BLOCK: u64 = BLOCK_SIZE as u64;

/// The calls of each process, with their ends.
pub const SCRIPT: &[Step] = &[
    step(Ask::Connect("missing"), Status::NotFound, [0, 0]),
    step(
        Ask::Connect(SERVICE),
        Status::Done,
        [0, ServiceKind::Files as u64],
    ),
    step(Ask::Stat, Status::BadHandle, [0, 0]),
    step(Ask::Open("missing"), Status::NotFound, [0, 0]),
    step(Ask::Open("input"), Status::Done, [0, FILES[0].1]),
    step(Ask::Stat, Status::Done, [FILES[0].1, Kind::File as u64]),
    step(Ask::Read(0, BLOCK, 0), Status::Done, [BLOCK, 0]),
    step(Ask::Read(BLOCK, 100, 1), Status::Done, [100, 0]),
    step(Ask::Read(2 * BLOCK, BLOCK, 2), Status::Done, [513, 0]),
    step(Ask::Read(3 * BLOCK, BLOCK, 3), Status::Done, [0, 0]),
    step(Ask::Read(512, BLOCK, 0), Status::InvalidArgument, [0, 0]),
    step(Ask::Read(0, BLOCK + 1, 0), Status::InvalidArgument, [0, 0]),
    step(Ask::Read(0, BLOCK, 4096), Status::BadBlock, [0, 0]),
    step(Ask::Read(u64::MAX - BLOCK + 1, 1, 0), Status::Done, [0, 0]),
    step(Ask::Print("the script is "), Status::Done, [0, 0]),
    step(Ask::Print("running\n"), Status::Done, [0, 0]),
    step(Ask::Other(u16::MAX, 0), Status::UnknownCall, [0, 0]),
    other(Call::ReadSectors, 0, Status::NotAllowed, 0),
    other(Call::RequestVcores, 1, Status::NotAllowed, 0),
    other(Call::YieldVcore, 0, Status::NotAllowed, 0),
    other(Call::BecomeMcp, 0, Status::Done, 1),
    other(Call::BecomeMcp, 0, Status::NotAllowed, 0),
    other(Call::RequestVcores, 0, Status::InvalidArgument, 0),
    other(Call::RequestVcores, 16, Status::Done, 1),
    other(Call::YieldVcore, 0, Status::NotAllowed, 0),
    other(Call::SetAlarm, 1_000_000, Status::Done, 0),
    step(Ask::Close, Status::Done, [0, 0]),
    step(Ask::Close, Status::BadHandle, [0, 0]),
    step(Ask::Stat, Status::BadHandle, [0, 0]),
    step(Ask::Open("input"), Status::Done, [0, FILES[0].1]),
    step(Ask::Read(4 * BLOCK, BLOCK, 0), Status::Done, [0, 0]),
    step(Ask::Close, Status::Done, [0, 0]),
    step(Ask::Remove("missing"), Status::NotFound, [0, 0]),
    step(Ask::MakeFolder("input"), Status::Exists, [0, 0]),
    step(Ask::Space, Status::Done, [0, 0]),
    step(Ask::Sync, Status::Done, [0, 0]),
];

impl Ask {
    fn call(self) -> u16 {
        match self {
            Ask::Connect(_) => Call::Connect as u16,
            Ask::Open(_) => Call::Open as u16,
            Ask::MakeFolder(_) => Call::MakeFolder as u16,
            Ask::Remove(_) => Call::Remove as u16,
            Ask::Space => Call::Space as u16,
            Ask::Sync => Call::Sync as u16,
            Ask::Stat => Call::Stat as u16,
            Ask::Read(..) => Call::Read as u16,
            Ask::Close => Call::Close as u16,
            Ask::Print(_) => Call::Print as u16,
            Ask::Other(call, _) => call,
        }
    }

    /// The call as a message, with this tag, about the file of this handle.
    fn encode(self, tag: u64, handle: u32) -> Option<Syscall> {
        let mut syscall = Syscall {
            tag,
            call: self.call(),
            generation: GENERATION,
            ..Syscall::EMPTY
        };
        match self {
            Ask::Connect(name) => syscall.arguments = Name::new(name)?.to_words(),
            Ask::Open(name) | Ask::MakeFolder(name) | Ask::Remove(name) => {
                syscall.arguments = Path::short(name.as_bytes())?.0
            }
            Ask::Space | Ask::Sync => {}
            Ask::Stat | Ask::Close => syscall.handle = handle,
            Ask::Read(offset, length, block) => {
                syscall.handle = handle;
                syscall.arguments = [offset, length, 0, 0];
                syscall.block = block;
            }
            Ask::Print(text) => {
                let mut bytes = [0; PRINT_SIZE];
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                let words = bytes.chunks_exact(8);
                for (word, bytes) in syscall.arguments.iter_mut().zip(words) {
                    let low_first = bytes.iter().rev();
                    *word = low_first.fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                }
                syscall.count = text.len() as u16;
            }
            Ask::Other(_, argument) => syscall.arguments[0] = argument,
        }
        Some(syscall)
    }
}

/// A call of the script that did not end as it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which call of [`SCRIPT`]; its length where the script was not finished, or went on.
    pub step: usize,
    /// How the call ended.
    pub status: Status,
    /// Its results.
    pub result: [u64; 2],
}

/// One process's way through the script. A world asks for the [next](Runner::next) call whenever none is under way, sends
/// it [to the one who serves it](Runner::route), and reports how it [ended](Runner::ended); at the end of the script it lets the
/// process exit with [`EXIT_STATUS`].
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    process: usize,
    done: usize,
    handle: u32,
    difference: Option<Difference>,
}

impl Runner {
    /// At the start of the script.
    pub fn new(process: usize) -> Runner {
        Runner {
            process,
            done: 0,
            handle: 0,
            difference: None,
        }
    }

    /// The next call, with this tag; `None` at the end of the script.
    pub fn next(&self, tag: u64) -> Option<Syscall> {
        SCRIPT.get(self.done)?.ask.encode(tag, self.handle)
    }

    /// Where the next call is sent: to the process's server, or to the service, which is [local](Route::Local) for process 0
    /// and [remote](Route::Remote) for process 1.
    pub fn route(&self) -> Route {
        let call = SCRIPT.get(self.done).map(|step| step.ask.call());
        match call.and_then(Call::from_raw).map(Call::interface) {
            Some(Interface::Files) if self.process == 0 => Route::Local,
            Some(Interface::Files) => Route::Remote,
            _ => Route::Server,
        }
    }

    /// The call that was under way ended.
    pub fn ended(&mut self, completion: &Completion) {
        let status = Status::from_raw(completion.status);
        let mut result = completion.result;
        let step = self.done;
        let mut as_expected = false;
        if let Some(expected) = SCRIPT.get(step) {
            match expected.ask {
                Ask::Open(_) if status == Status::Done => {
                    self.handle = result[0] as u32;
                    // A service may give any handle.
                    result[0] = 0;
                }
                // Each world has made its volume at another time.
                Ask::Stat => result[1] &= u64::from(u32::MAX),
                // And of another size.
                Ask::Space => result = [0; 2],
                _ => {}
            }
            // A block that the client may not use does not come back.
            let block = match expected.ask {
                Ask::Read(_, _, block) if expected.status != Status::BadBlock => block,
                _ => NO_BLOCK,
            };
            as_expected =
                (status, result) == (expected.status, expected.result) && completion.block == block;
        }
        if !as_expected {
            self.difference.get_or_insert(Difference {
                step,
                status,
                result,
            });
        }
        self.done += 1;
    }

    /// Whether the whole script went as it must.
    ///
    /// # Errors
    /// The first difference.
    pub fn verdict(&self) -> Result<(), Difference> {
        let unfinished = Difference {
            step: self.done,
            status: Status::Done,
            result: [0; 2],
        };
        match self.difference {
            Some(difference) => Err(difference),
            None if self.done == SCRIPT.len() => Ok(()),
            None => Err(unfinished),
        }
    }
}

#[cfg(test)]
#[path = "script/tests.rs"]
mod tests;
