//! What the file system does: one job after the other, in order.
//!
//! A job that changes where the data of a file is waits until no transfer of the file's data is under way; reads and writes of that
//! file that come after it become jobs too. So no device transfers what has become another file's.

use alloc::vec::Vec;

use atoll_abi::block::{BLOCK_SIZE, BlockList, SECTORS_PER_BLOCK};
use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::{Call, Status, Syscall};
use atoll_call::{Actions, Answer, CallId};
use atoll_ext4::{FileId, Operation};

use super::{FileService, For};
use crate::table::{FileKey, Use};
use crate::volume::{Readiness, Wanted};

/// Something for the file system to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// What a call needs.
    Call(CallId),
    /// Close what nothing uses any more.
    Close(FileId),
}

/// The job that the file system does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    /// The call; `None` where it is for none, or where that has ended early.
    pub(super) call: Option<CallId>,
    /// The file that it is about, which is in use until the file system is done with it, even where the call ends early.
    pub(super) file: Option<(FileKey, Use)>,
    /// What the call will be answered, once the file system has told what the file is like after a change.
    pub(super) answer: Option<Result<(), Status>>,
}

/// What became of the attempt to begin a job.
pub(super) enum Begun {
    /// The file system does it.
    Runs,
    /// It is over, or the driver does the rest.
    Ended,
    /// It has to wait for transfers of its file.
    Waits,
}

impl FileService {
    /// Does all that can be done now.
    #[inline]
    pub(super) fn work(&mut self, actions: &mut impl Actions) {
        if self.is_idle() {
            return;
        }
        self.work_on_jobs(actions);
    }

    fn is_idle(&self) -> bool {
        let is_ready = matches!(self.volume.readiness(), Readiness::Ready { .. });
        self.jobs.is_empty() && self.running.is_none() && is_ready
    }

    #[inline(never)]
    fn work_on_jobs(&mut self, actions: &mut impl Actions) {
        loop {
            if let Some(result) = self.volume.finished() {
                self.finish(result, actions);
            } else if !self.transfer(actions) && !self.begin_next(actions) {
                return;
            }
        }
    }

    /// Carries out what the file system wants for itself; whether it goes on.
    fn transfer(&mut self, actions: &mut impl Actions) -> bool {
        // What a driver had that is lost may still be used by its device: the service's own pool is left alone.
        if self.driver.is_lost() && !self.volume.wants_data() {
            return false;
        }
        let syscall = match self.volume.wants(actions) {
            Wanted::Nothing => return false,
            Wanted::Ask(syscall) => syscall,
            Wanted::Transfer {
                sector,
                sectors,
                offset,
            } => match self.data_of_call(sector, sectors, offset) {
                Some(syscall) => syscall,
                None => {
                    // The write has ended for its client, and its blocks are the service's no more.
                    self.volume.answered(Status::PeerLost, actions);
                    return true;
                }
            },
        };
        if !self.driver.is_lost() {
            self.driver.ask(For::Volume, syscall);
            self.volume.asked();
        }
        false
    }

    /// The driver has answered what the file system wanted for itself.
    pub(super) fn end_transfer(&mut self, answer: &Answer, actions: &mut impl Actions) {
        let had_data = self.volume.wants_data();
        self.volume.answered(answer.status, actions);
        // The device may still read the data: the write ends now, and its blocks stay taken.
        if had_data
            && !answer.block_returned
            && let Some(running) = &mut self.running
            && let Some(id) = running.call.take()
        {
            self.end(id, answer.status, [0; 2], false);
        }
    }

    /// The call with which the driver writes sectors from the data of the write that is being done; `None` where that has ended.
    fn data_of_call(&mut self, sector: u64, sectors: u32, offset: u32) -> Option<Syscall> {
        let id = self.running?.call?;
        let parked = self.calls.parked(id).copied()?;
        // What the file system writes at a time are so few pages that they are blocks of order 0.
        let first = (parked.done + offset) as usize / BLOCK_SIZE;
        let count = u64::from(sectors).div_ceil(SECTORS_PER_BLOCK) as usize;
        let pages = parked.blocks?;
        let pages: Vec<u32> = pages.pages_in(first..first + count).collect();
        let blocks = BlockList::of(&pages)?;
        let write = request::WriteSectors {
            sector,
            sectors,
            pool: self.pool_of(parked.client),
        };
        Some(blocks.into_call(write.encode()))
    }

    /// Begins the next job where the file system does none; whether there was one that could begin.
    fn begin_next(&mut self, actions: &mut impl Actions) -> bool {
        if self.running.is_some() {
            return false;
        }
        match self.volume.readiness() {
            Readiness::Loading => false,
            Readiness::Ready { .. } => self.begin_first(actions),
            Readiness::Failed(status) => match self.jobs.pop_front() {
                Some(Job::Call(id)) => {
                    self.end(id, status, [0; 2], true);
                    true
                }
                Some(Job::Close(_)) => true,
                None => false,
            },
        }
    }

    fn begin_first(&mut self, actions: &mut impl Actions) -> bool {
        let Some(&job) = self.jobs.front() else {
            return false;
        };
        let begun = match job {
            Job::Close(file) => self.run(None, None, Operation::Close { file }),
            Job::Call(id) => self.begin_call(id, actions),
        };
        match begun {
            Begun::Waits => false,
            Begun::Runs | Begun::Ended => {
                self.jobs.pop_front();
                true
            }
        }
    }

    /// Has the file system do something.
    pub(super) fn run(
        &mut self,
        call: Option<CallId>,
        file: Option<(FileKey, Use)>,
        operation: Operation,
    ) -> Begun {
        if let Err(status) = self.volume.submit(operation) {
            // It does nothing else, so this does not happen.
            if let Some(id) = call {
                self.end(id, status, [0; 2], true);
            }
            return Begun::Ended;
        }
        if let Some((file, what)) = file {
            self.files.begin_call(file, what);
        }
        self.running = Some(Running {
            call,
            file,
            answer: None,
        });
        Begun::Runs
    }

    fn begin_call(&mut self, id: CallId, actions: &mut impl Actions) -> Begun {
        let Some(parked) = self.calls.parked(id).copied() else {
            // It has ended.
            return Begun::Ended;
        };
        if parked.syscall.call == Call::Write as u16
            && let Some(begun) = self.begin_write(id, &parked)
        {
            return begun;
        }
        if let Some((key, Use::Changes)) = parked.file
            && let Some(file) = self.files.get_mut(key)
        {
            if file.transfers > 0 {
                return Begun::Waits;
            }
            file.runs.clear();
        }
        if parked.syscall.call == Call::Read as u16
            && let Some((key, _)) = parked.file
            && self.resume_read(id, key, actions)
        {
            return Begun::Ended;
        }
        match self.operation(id, &parked, actions) {
            Ok(operation) => self.run(Some(id), parked.file, operation),
            Err(status) => {
                self.end(id, status, [0; 2], true);
                Begun::Ended
            }
        }
    }
}
