//! The queue of operations, and the coroutine that does them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::disk::Properties;
use atoll_abi::syscall::Status;
use corosensei::CoroutineResult;

use crate::disk::{Action, Io, Request};
use crate::stack::{Routine, StackMemory};
use crate::volume;
use crate::{Operation, OperationId, Outcome};

/// What time it is.
pub trait Clock: Send + Sync {
    /// Seconds since 1970; 0 where nobody knows.
    fn seconds(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync> Clock for F {
    fn seconds(&self) -> u64 {
        self()
    }
}

/// How much memory a file system may use, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Blocks of 4 KiB of metadata that are kept.
    pub cached_blocks: usize,
    /// Operations that are queued, being done, or finished and not taken.
    pub operations: usize,
    /// Files and folders that are open at once.
    pub open_files: usize,
    /// Bytes of the largest journal: the crate keeps what is in it in memory. A volume with a larger one is unsupported.
    pub journal_bytes: u64,
    /// Operations that change something until they are committed without a [`Sync`](Operation::Sync). The crate copies what is
    /// not committed with every operation, in case that this fails.
    pub uncommitted: u32,
    /// Blocks of 4 KiB that the recovery of a read-only volume may keep in memory.
    pub recovered_blocks: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            cached_blocks: 64,
            operations: 64,
            open_files: 256,
            journal_bytes: 16 << 20,
            uncommitted: 64,
            recovered_blocks: 1024,
        }
    }
}

/// Whether there is a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being mounted. Operations wait.
    Mounting,
    /// It is mounted.
    Mounted {
        /// It can only be read.
        read_only: bool,
        /// Bytes of its blocks.
        block_size: u32,
    },
    /// It cannot be mounted: every operation ends with this.
    Failed(Status),
}

/// What the coroutine is resumed with.
pub(crate) enum Input {
    Start,
    Operation(Operation),
    Completed(Box<[u8]>, Result<(), Status>),
    /// Every transfer fails from now on, so that the coroutine comes to its end and what is on its stack is dropped.
    Stop,
}

/// Why the coroutine is suspended.
pub(crate) enum Suspended {
    Io(Request),
    Mounted(State),
    Finished(Result<Outcome, Status>),
}

/// A file system on a disk that its owner drives.
pub struct FileSystem {
    coroutine: Routine<Input, Suspended>,
    stack: StackMemory,
    state: State,
    queue: VecDeque<(OperationId, Operation)>,
    current: Option<OperationId>,
    finished: VecDeque<(OperationId, Result<Outcome, Status>)>,
    /// The transfer that the coroutine waits for.
    request: Option<Request>,
    operations: usize,
    next: u64,
}

impl FileSystem {
    /// The file system of a disk of so many sectors, which is mounted first.
    pub fn new(
        sectors: u64,
        properties: Properties,
        clock: Box<dyn Clock>,
        settings: Settings,
    ) -> FileSystem {
        let stack = StackMemory::new();
        let coroutine = Routine::new(stack.clone(), move |yielder, _: Input| {
            volume::run(yielder, sectors, properties, clock, settings);
        });
        let mut system = FileSystem {
            coroutine,
            stack,
            state: State::Mounting,
            queue: VecDeque::with_capacity(settings.operations),
            current: None,
            finished: VecDeque::with_capacity(settings.operations),
            request: None,
            operations: settings.operations,
            next: 0,
        };
        system.resume(Input::Start);
        system
    }

    /// Whether there is a volume.
    pub fn state(&self) -> State {
        self.state
    }

    /// Queues an operation.
    ///
    /// # Errors
    /// [`Status::Busy`] where [`Settings::operations`] are not taken yet.
    pub fn submit(&mut self, operation: Operation) -> Result<OperationId, Status> {
        let current = usize::from(self.current.is_some());
        if self.queue.len() + self.finished.len() + current >= self.operations {
            return Err(Status::Busy);
        }
        let id = OperationId(self.next);
        self.next += 1;
        self.queue.push_back((id, operation));
        if self.request.is_none() {
            self.advance();
        }
        Ok(id)
    }

    /// The operation that is being done: the one whose data an [`Io::Transfer`] is about.
    pub fn current(&self) -> Option<OperationId> {
        self.current
    }

    /// The transfer to carry out, the same until it was completed; `None` where there is nothing to do.
    pub fn wants(&self) -> Option<Io<'_>> {
        let request = self.request.as_ref()?;
        let (sector, sectors) = (request.sector, request.sectors);
        Some(match request.action {
            Action::Read => Io::Read { sector, sectors },
            Action::Write => Io::Write {
                sector,
                bytes: request
                    .buffer
                    .get(..sectors as usize * SECTOR_SIZE)
                    .unwrap_or_default(),
            },
            Action::Transfer { offset } => Io::Transfer {
                sector,
                sectors,
                offset,
            },
            Action::Flush => Io::Flush,
        })
    }

    /// Takes how the wanted transfer went, with what was read; other bytes than were wanted are a failure of the device.
    pub fn completed(&mut self, result: Result<Option<&[u8]>, Status>) {
        let Some(mut request) = self.request.take() else {
            return;
        };
        let result = result.and_then(|read| {
            if request.action != Action::Read {
                return Ok(());
            }
            let wanted = request
                .buffer
                .get_mut(..request.sectors as usize * SECTOR_SIZE);
            match (wanted, read) {
                (Some(wanted), Some(read)) if wanted.len() == read.len() => {
                    wanted.copy_from_slice(read);
                    Ok(())
                }
                _ => Err(Status::DeviceError),
            }
        });
        self.resume(Input::Completed(request.buffer, result));
    }

    /// Takes an operation that finished, and how.
    pub fn finished(&mut self) -> Option<(OperationId, Result<Outcome, Status>)> {
        self.finished.pop_front()
    }

    /// Bytes of the stack that were in use at most, of [`STACK_BYTES`](crate::STACK_BYTES).
    pub fn stack_used(&self) -> usize {
        self.stack.most_used()
    }

    /// Has the coroutine begin the next operation.
    fn advance(&mut self) {
        if self.current.is_some() || self.coroutine.done() {
            return;
        }
        if let Some((id, operation)) = self.queue.pop_front() {
            self.current = Some(id);
            self.resume(Input::Operation(operation));
        }
    }

    /// Runs the coroutine until it wants a transfer or there is no more to do.
    fn resume(&mut self, input: Input) {
        let mut input = input;
        loop {
            let suspended = self.coroutine.resume(input);
            self.check_stack();
            match suspended {
                CoroutineResult::Yield(Suspended::Io(request)) => {
                    self.request = Some(request);
                    return;
                }
                CoroutineResult::Yield(Suspended::Mounted(state)) => self.state = state,
                CoroutineResult::Yield(Suspended::Finished(result)) => {
                    if let Some(id) = self.current.take() {
                        self.finished.push_back((id, result));
                    }
                }
                CoroutineResult::Return(()) => return,
            }
            let Some((id, operation)) = self.queue.pop_front() else {
                return;
            };
            self.current = Some(id);
            input = Input::Operation(operation);
        }
    }

    #[allow(clippy::panic, reason = "what is below the stack is not what it was")]
    fn check_stack(&self) {
        if self.stack.has_overflowed() {
            panic!("the stack of the file system overflowed");
        }
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        // A coroutine that ended has nothing on its stack, so dropping it needs no unwinding.
        if !self.coroutine.done() {
            // One that has overflowed its stack must not go on: to panic here while that is told ends the process.
            self.check_stack();
            let _ = self.coroutine.resume(Input::Stop);
            self.check_stack();
        }
    }
}
