//! A small fixed scenario and its expected trace: every world makes the same calls and must see the same ends.
//!
//! The machine: two clusters with a channel; cluster 0 has the volume with [`FILES`] and process 0, cluster 1 process 1,
//! whose file calls go through the channel. Each process ends when the script does; it has one vcore and at least [`BLOCKS`] blocks.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::name::Name;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, PRINT_SIZE, Route, Status, Syscall};
use atoll_abi::time::Timeout;

/// The files of the volume, with their lengths.
pub const FILES: [(&str, u64); 3] = [
    ("input", 2 * BLOCK_SIZE as u64 + 513),
    ("empty", 0),
    ("other", 1),
];

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
    /// Its results; the handle of a file that was opened is shown as zero.
    pub result: [u64; 2],
}

/// A call of the script.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// Opens a file; what follows uses its handle, if there is one.
    Open(&'static str),
    /// Asks for the length of the open file.
    Stat,
    /// Reads: offset, length, block.
    Read(u64, u64, u32),
    /// Closes the open file, whose handle stays the one that is used.
    Close,
    /// Prints a text of at most [`PRINT_SIZE`] bytes.
    Print(&'static str),
    /// Sleeps so many microseconds; zero is no time-out.
    Sleep(u64),
    /// Any other call with one argument.
    Other(u16, u64),
}

const fn step(ask: Ask, status: Status, result: [u64; 2]) -> Step {
    Step {
        ask,
        status,
        result,
    }
}

const BLOCK: u64 = BLOCK_SIZE as u64;

/// The calls of each process, with their ends.
pub const SCRIPT: &[Step] = &[
    step(Ask::Stat, Status::BadHandle, [0, 0]),
    step(Ask::Open("missing"), Status::NotFound, [0, 0]),
    step(Ask::Open("input"), Status::Done, [0, FILES[0].1]),
    step(Ask::Stat, Status::Done, [FILES[0].1, 0]),
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
    step(Ask::Other(99, 0), Status::UnknownCall, [0, 0]),
    step(
        Ask::Other(Call::RequestVcores as u16, 1),
        Status::NotAllowed,
        [0, 0],
    ),
    step(
        Ask::Other(Call::YieldVcore as u16, 0),
        Status::NotAllowed,
        [0, 0],
    ),
    step(Ask::Other(Call::BecomeMcp as u16, 0), Status::Done, [1, 0]),
    step(
        Ask::Other(Call::BecomeMcp as u16, 0),
        Status::NotAllowed,
        [0, 0],
    ),
    step(
        Ask::Other(Call::RequestVcores as u16, 0),
        Status::InvalidArgument,
        [0, 0],
    ),
    step(
        Ask::Other(Call::RequestVcores as u16, 16),
        Status::Done,
        [1, 0],
    ),
    step(
        Ask::Other(Call::YieldVcore as u16, 0),
        Status::NotAllowed,
        [0, 0],
    ),
    step(Ask::Sleep(1_000), Status::TimedOut, [0, 0]),
    step(Ask::Sleep(0), Status::InvalidArgument, [0, 0]),
    step(
        Ask::Other(Call::Cancel as u16, u64::MAX),
        Status::Done,
        [0, 0],
    ),
    step(Ask::Close, Status::Done, [0, 0]),
    step(Ask::Close, Status::BadHandle, [0, 0]),
    step(Ask::Open("input"), Status::Done, [0, FILES[0].1]),
    step(Ask::Read(4 * BLOCK, BLOCK, 0), Status::Done, [0, 0]),
    step(Ask::Close, Status::Done, [0, 0]),
];

fn index_of(name: &str) -> usize {
    let found = FILES.iter().position(|(file, _)| *file == name);
    found.unwrap_or(0)
}

impl Ask {
    /// Who serves it, where nothing is wrong with it.
    fn route(self, process: usize) -> Route {
        match self {
            Ask::Open(_) | Ask::Stat | Ask::Read(..) | Ask::Close if process == 1 => Route::Remote,
            _ => Route::Server,
        }
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
    /// Who served it.
    pub route: u32,
}

/// One process's way through the script. A world asks for the [next](Runner::next) call whenever none is under way, and
/// reports how it [ended](Runner::ended); at the end of the script it lets the process exit with [`EXIT_STATUS`].
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    process: usize,
    done: usize,
    handle: u32,
    file: usize,
    difference: Option<Difference>,
}

impl Runner {
    /// At the start of the script.
    pub fn new(process: usize) -> Runner {
        Runner {
            process,
            done: 0,
            handle: 0,
            file: 0,
            difference: None,
        }
    }

    /// The next call, with this tag; `None` at the end of the script.
    pub fn next(&self, tag: u64) -> Option<Syscall> {
        let step = SCRIPT.get(self.done)?;
        let mut syscall = Syscall {
            tag,
            call: 0,
            pool: 0,
            handle: 0,
            arguments: [0; 4],
            block: NO_BLOCK,
            generation: GENERATION,
        };
        let call = match step.ask {
            Ask::Open(name) => {
                syscall.arguments = Name::new(name)?.to_words();
                Call::Open as u16
            }
            Ask::Stat => Call::Stat as u16,
            Ask::Close => Call::Close as u16,
            Ask::Read(offset, length, block) => {
                syscall.arguments = [offset, length, 0, 0];
                syscall.block = block;
                Call::Read as u16
            }
            Ask::Print(text) => {
                let mut bytes = [0; PRINT_SIZE];
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                let words = bytes.chunks_exact(8);
                for (word, bytes) in syscall.arguments.iter_mut().zip(words) {
                    let low_first = bytes.iter().rev();
                    *word = low_first.fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                }
                syscall.block = text.len() as u32;
                Call::Print as u16
            }
            Ask::Sleep(microseconds) => {
                if microseconds > 0 {
                    syscall.pool = Timeout::from_microseconds(microseconds).to_raw();
                }
                Call::Sleep as u16
            }
            Ask::Other(call, argument) => {
                syscall.arguments[0] = argument;
                call
            }
        };
        syscall.call = call;
        if matches!(step.ask, Ask::Stat | Ask::Close | Ask::Read(..)) {
            syscall.handle = self.handle;
        }
        Some(syscall)
    }

    /// Index in [`FILES`] of the file that the next call is about.
    pub fn next_file(&self) -> usize {
        match SCRIPT.get(self.done).map(|step| step.ask) {
            Some(Ask::Open(name)) => index_of(name),
            _ => self.file,
        }
    }

    /// The call that was under way ended.
    pub fn ended(&mut self, completion: &Completion) {
        let status = Status::from_raw(completion.status);
        let mut result = completion.result;
        let (step, route) = (self.done, completion.route);
        let mut as_expected = false;
        if let Some(expected) = SCRIPT.get(step) {
            if let (Ask::Open(name), Status::Done) = (expected.ask, status) {
                self.handle = result[0] as u32;
                // A server may give any handle.
                result[0] = 0;
                self.file = index_of(name);
            }
            let by = expected.ask.route(self.process) as u32;
            as_expected = (status, result) == (expected.status, expected.result)
                && (status != Status::Done || route == by);
        }
        if !as_expected {
            self.difference.get_or_insert(Difference {
                step,
                status,
                result,
                route,
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
            route: 0,
        };
        match self.difference {
            Some(difference) => Err(difference),
            None if self.done == SCRIPT.len() => Ok(()),
            None => Err(unfinished),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(wrong: Option<usize>) -> Result<(), Difference> {
        let mut runner = Runner::new(1);
        for (index, step) in SCRIPT.iter().enumerate() {
            assert!(runner.next(index as u64).is_some());
            let status = match wrong {
                Some(wrong) if wrong == index => Status::Busy,
                _ => step.status,
            };
            runner.ended(&Completion {
                tag: index as u64,
                status: status as u32,
                generation: GENERATION,
                result: step.result,
                route: step.ask.route(1) as u32,
                block: NO_BLOCK,
                returned: NO_BLOCK,
                padding: 0,
                reserved: 0,
            });
        }
        assert!(runner.next(0).is_none());
        runner.verdict()
    }

    #[test]
    fn every_difference_is_noticed() {
        assert_eq!(run(None), Ok(()));
        for wrong in 0..SCRIPT.len() {
            assert_eq!(run(Some(wrong)).unwrap_err().step, wrong);
        }
        assert_eq!(Runner::new(0).verdict().unwrap_err().step, 0);
    }
}
