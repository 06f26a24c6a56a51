//! A process that logs: its uthreads append records, and it notes which are acknowledged. Whenever it opens its log, all of these
//! have to be there.

use std::sync::Arc;
use std::time::Duration;

use atoll_abi::syscall::Status;
use atoll_runtime::log::{Log, LogError, Refusal};
use atoll_runtime::{
    JoinHandle, Monitor, Partition, Runtime, become_mcp, connect, max_vcores, request_vcores,
    sleep, yield_now,
};

use super::{Program, number, spawn, violate};
use crate::gate;
use crate::ledger::{entry, snapshot};
use crate::machine::LOG_SERVICE;
use crate::random::Random;

/// How often it opens its log, at most: services may stay away for good.
pub const OPENINGS: usize = 30;

/// A log that is open.
struct Writers {
    program: Arc<Program>,
    log: Log,
    /// Held by the one who appends: what the simulator knows is in the order of the log.
    order: Monitor<()>,
}

/// Why a log is opened anew.
struct Failed;

/// The first uthread of the process.
pub fn main(program: &Arc<Program>) {
    use_all_vcores();
    for _ in 0..OPENINGS {
        // What it wrote before is in no device's hand when all its blocks are back.
        program.check_all_came_back();
        let written = open().map(|log| write(program, log));
        if let Some(Ok(())) = written {
            break;
        }
        let _ = sleep(Duration::from_micros(20)).wait();
    }
    program.check_all_came_back();
    program.exit();
}

pub fn use_all_vcores() {
    // It works with one all the same.
    let _ = become_mcp().wait();
    let _ = request_vcores(max_vcores()).wait();
}

/// The partition of the process.
pub fn partition() -> Option<Partition> {
    let service = connect(LOG_SERVICE).wait();
    match service.and_then(|service| service.partition().wait()) {
        Ok(partition) => Some(partition),
        Err(status) => {
            gate::outside(|world| world.check_log_failure(status));
            None
        }
    }
}

/// Opens the log; makes it where there is none.
fn open() -> Option<Log> {
    let partition = partition()?;
    let formatted = gate::outside(|world| world.state.borrow().ledger.formatted);
    match replay(partition) {
        Err(LogError::Log(_)) if !formatted => {
            let identity = number();
            match Log::format(partition, identity) {
                Ok(()) => {
                    gate::outside(|world| world.state.borrow_mut().ledger.formatted = true);
                    replay(partition).map_err(failed).ok()
                }
                Err(error) => {
                    failed(error);
                    None
                }
            }
        }
        result => result.map_err(failed).ok(),
    }
}

fn failed(error: LogError) {
    match error {
        // Why a block could not be read is not told.
        LogError::Log(atoll_runtime::log::Error::Read { .. }) => gate::outside(|world| {
            world.check_log_failure(match world.scenario.device_fails {
                true => Status::DeviceError,
                false => Status::PeerLost,
            });
        }),
        LogError::Log(error) => violate(&format!("log: it cannot be replayed: {error:?}")),
        LogError::Disk(status) => gate::outside(|world| world.check_log_failure(status)),
    }
}

fn replay(partition: Partition) -> Result<Log, LogError> {
    let mut records = Vec::new();
    let log = Log::open(partition, |bytes| records.push(bytes.to_vec()))?;
    gate::outside(|world| world.check_replay(&records));
    Ok(log)
}

/// Has some uthreads append records.
fn write(program: &Arc<Program>, log: Log) -> Result<(), Failed> {
    let mut random = Random::new(number());
    let writers = Arc::new(Writers {
        program: program.clone(),
        log,
        order: Monitor::new(()),
    });
    let results: Arc<Monitor<bool>> = Arc::new(Monitor::new(true));
    let uthreads = (0..1 + random.below(4)).map(|_| {
        let (writers, results) = (writers.clone(), results.clone());
        let mut random = Random::new(number());
        spawn(Runtime::current(), program.process, move || {
            if writers.work(&mut random).is_err() {
                results.with(|all| *all = false);
            }
        })
    });
    let uthreads: Vec<JoinHandle<()>> = uthreads.collect();
    uthreads.into_iter().for_each(JoinHandle::join);
    match results.with(|all| *all) {
        true => Ok(()),
        false => Err(Failed),
    }
}

impl Writers {
    fn work(&self, random: &mut Random) -> Result<(), Failed> {
        while self.program.takes_one() {
            let done = match random.below(10) {
                0 => self.compact(random),
                1 => {
                    yield_now();
                    self.log.write_out()
                }
                _ => self.append(random),
            };
            match done {
                Ok(()) | Err(Refusal::Compacting) => {}
                Err(Refusal::Full) => match self.compact(random) {
                    Ok(()) | Err(Refusal::Compacting | Refusal::Full) => yield_now(),
                    Err(_) => return Err(Failed),
                },
                Err(_) => return Err(Failed),
            }
        }
        Ok(())
    }

    fn append(&self, random: &mut Random) -> Result<(), Refusal> {
        let (index, position) = self.order.with(|()| {
            let [index, ticket] = gate::outside(|world| world.state.borrow_mut().ledger.append());
            match self.log.append(&entry(index, ticket)) {
                Ok(position) => Ok((index, position)),
                Err(refusal) => {
                    gate::outside(|world| world.state.borrow_mut().ledger.refused());
                    Err(refusal)
                }
            }
        })?;
        if random.below(3) > 0 {
            self.log.sync(position)?;
            gate::outside(|world| world.acknowledge(index));
        }
        Ok(())
    }

    fn compact(&self, random: &mut Random) -> Result<(), Refusal> {
        let (mut compaction, now) = self.order.with(|()| {
            let compaction = self.log.compact()?;
            let now = gate::outside(|world| world.state.borrow().ledger.snapshot());
            Ok((compaction, now))
        })?;
        compaction.append(&snapshot(now))?;
        if random.one_in(4) {
            yield_now();
        }
        if random.one_in(6) {
            // It is given up.
            return Ok(());
        }
        compaction.commit()
    }
}
