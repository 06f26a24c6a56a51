//! A process with a pager of its partition: its uthreads write pages of their own, read all, and flush, with any hints. What is in memory
//! survives services that die, and what was flushed also cuts of the power.

use std::sync::Arc;
use std::time::Duration;

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::syscall::Status;
use atoll_runtime::pager::{Hint, Lru, Pager, PagerError, Refusal};
use atoll_runtime::{JoinHandle, Monitor, Partition, Runtime, sleep, yield_now};

use super::log::{OPENINGS, partition, use_all_vcores};
use super::{Program, number, spawn, violate};
use crate::gate;
use crate::machine::LOG_BLOCKS;
use crate::random::Random;
use crate::raw::contents;

/// Uthreads, each of which has every so manieth page.
const WORKERS: u64 = 3;

/// Pages in memory: one more than the uthreads use at a time.
const FRAMES: usize = 4;

const HINTS: [Hint; 4] = [Hint::Normal, Hint::Keep, Hint::Streaming, Hint::NoReuse];

/// What the uthreads share.
struct Pages {
    program: Arc<Program>,
    pager: Pager<Lru, Partition>,
    /// What each page holds that was read or written in this life.
    known: Monitor<Vec<Option<Vec<u8>>>>,
}

/// The store does not come back.
struct Gone;

/// The first uthread of the process.
pub fn main(program: &Arc<Program>) {
    use_all_vcores();
    for _ in 0..OPENINGS {
        // What was written before is in no device's hand when all blocks are back.
        program.check_all_came_back();
        if let Some(partition) = partition() {
            run(program, partition);
            break;
        }
        let _ = sleep(Duration::from_micros(20)).wait();
    }
    program.check_all_came_back();
    program.exit();
}

fn run(program: &Arc<Program>, partition: Partition) {
    // What an earlier life had in memory only is gone.
    gate::outside(|world| world.state.borrow_mut().raw.cut());
    let pager = match Pager::new(partition, FRAMES, Lru::default()) {
        Ok(pager) => pager,
        Err(error) => return violate(&format!("result: there is no pager: {error}")),
    };
    let pages = Arc::new(Pages {
        program: program.clone(),
        pager,
        known: Monitor::new((0..LOG_BLOCKS).map(|_| None).collect()),
    });
    let workers = (0..WORKERS).map(|worker| {
        let (pages, random) = (pages.clone(), Random::new(number()));
        spawn(Runtime::current(), program.process, move || {
            // Nothing more can be done without a store.
            let _: Result<(), Gone> = pages.work(worker, random);
        })
    });
    let workers: Vec<JoinHandle<()>> = workers.collect();
    workers.into_iter().for_each(JoinHandle::join);
}

impl Pages {
    fn work(&self, worker: u64, mut random: Random) -> Result<(), Gone> {
        let own = LOG_BLOCKS / WORKERS;
        while self.program.takes_one() {
            let page = worker + WORKERS * random.below(own);
            let any = random.below(LOG_BLOCKS);
            let hint = HINTS[random.index(HINTS.len())];
            self.end(match random.below(13) {
                0 => self.flush(),
                1 => self.pager.load_with(any..LOG_BLOCKS.min(any + 3), hint),
                // Others may use it.
                2 => match self.pager.evict(any) {
                    Err(PagerError::Refused(Refusal::Pinned)) => Ok(()),
                    result => result,
                },
                3 => {
                    self.pager.set_hint(any, hint);
                    Ok(())
                }
                4..7 => self.read(any, hint),
                _ => self.write(page, hint, random.one_in(4)),
            })?;
        }
        self.end(self.flush())?;
        self.read_all(worker)
    }

    /// Reads the pages of a worker.
    fn read_all(&self, worker: u64) -> Result<(), Gone> {
        for page in (worker..LOG_BLOCKS).step_by(WORKERS as usize) {
            self.end(self.read(page, Hint::Streaming))?;
        }
        Ok(())
    }

    fn read(&self, page: u64, hint: Hint) -> Result<(), PagerError> {
        let read = self.pager.page_with(page, hint)?;
        self.check(page, read.bytes());
        Ok(())
    }

    /// A page is used that nobody writes meanwhile.
    fn check(&self, page: u64, bytes: &[u8]) {
        gate::outside(|world| world.check_block(page, bytes));
        let right = self.known.with(|known| {
            let known = known[page as usize].get_or_insert_with(|| bytes.to_vec());
            *known == bytes
        });
        if !right {
            violate(&format!(
                "pager: page {page} is not what was read or written last"
            ));
        }
    }

    fn write(&self, page: u64, hint: Hint, slowly: bool) -> Result<(), PagerError> {
        let mut own = self.pager.page_mut_with(page, hint)?;
        self.check(page, own.bytes());
        let ticket = gate::outside(|world| world.state.borrow_mut().raw.begin(page));
        for (sector, bytes) in own.bytes_mut().chunks_mut(SECTOR_SIZE).enumerate() {
            bytes.copy_from_slice(&contents(ticket, sector as u64));
            if slowly {
                yield_now();
            }
        }
        self.known
            .with(|known| known[page as usize] = Some(own.bytes().to_vec()));
        drop(own);
        // From now on a flush makes it stable.
        gate::outside(|world| world.state.borrow_mut().raw.answered(page));
        Ok(())
    }

    fn flush(&self) -> Result<(), PagerError> {
        let then = gate::outside(|world| world.state.borrow().raw.flush());
        self.pager.flush()?;
        gate::outside(|world| world.state.borrow_mut().raw.flushed(&then));
        Ok(())
    }

    /// How something ended: what may fail is made good.
    fn end(&self, result: Result<(), PagerError>) -> Result<(), Gone> {
        let status = match result {
            Ok(()) => return Ok(()),
            Err(PagerError::Refused(Refusal::Unsure)) => {
                // The disk has them: it drops nothing when a flush fails.
                self.pager.accept_losses();
                return Ok(());
            }
            Err(PagerError::Load { status, .. })
            | Err(PagerError::Write { status, .. })
            | Err(PagerError::Flush(status)) => status,
            Err(error) => {
                violate(&format!("result: a page was refused: {error}"));
                return Err(Gone);
            }
        };
        gate::outside(|world| world.check_log_failure(status));
        match status {
            Status::DeviceError => Ok(()),
            _ => self.reconnect(),
        }
    }

    fn reconnect(&self) -> Result<(), Gone> {
        for _ in 0..OPENINGS {
            if let Some(partition) = partition() {
                return self.pager.reopen(partition).map_err(|_| Gone);
            }
            let _ = sleep(Duration::from_micros(20)).wait();
        }
        Err(Gone)
    }
}
