//! What makes the store last: its journal, on a log on a partition.

mod absence;

use alloc::sync::Arc;
use core::time::Duration;

use atoll_kv::journal::{Cutter, Replay, Replayed, snapshot};
use atoll_kv::store::{Frozen, Store};
use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::log::{Error, Log, LogError, MAX_RECORD, Refusal};
use atoll_runtime::{BLOCK_SIZE, JoinHandle, Monitor, Partition, connect, println, sleep, spawn};

pub use absence::NoJournal;

/// The service whose partition has the log.
const SERVICE: &str = "log";

/// Between two times that what was changed is written, where a client does not wait for it.
const INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of changes in memory after which they are written, whatever clients wait for.
const MOST_WAITING: usize = 1 << 20;

/// A log has two areas, and each has to take all of the store and some changes.
const LEAST_PER_MEMORY: u64 = 4;

/// When changes are on stable storage, as clients say it with `appendfsync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    /// Before they are answered.
    Always,
    /// A second later.
    EverySecond,
    /// When the disk likes it; they are written a second later.
    Never,
}

/// What the loops and the one who writes each second share.
struct Shared {
    log: Log,
    state: Monitor<State>,
}

struct State {
    sync: Sync,
    cutter: Cutter,
    /// Bytes that were appended since everything was written.
    waiting: usize,
    /// Somebody has the log for himself, and the store frozen.
    is_taken: bool,
    /// Something that was taken of the store is not in the log.
    lost: Option<Refusal>,
    /// Nobody uses the log any more.
    is_over: bool,
}

/// What is to be done behind an append.
enum Next {
    Nothing,
    /// To write what waits.
    WriteOut,
    /// To write the log anew, with what was not appended.
    Rewrite,
}

/// The journal of a store, which all loops use.
///
/// Changes are taken of the store and appended in one step, so that records are in the order of the changes. A loop that finds nothing to
/// take goes on only when that step is over in which another one took it. Where the log is full, nothing is appended until it is new: a
/// unit of which a part was appended must not be followed by another one.
pub struct Journal {
    shared: Arc<Shared>,
    /// The uthread that writes each second.
    writer: Option<JoinHandle<()>>,
}

/// Whether the plan gives the program a partition.
pub fn is_planned() -> bool {
    let facts = procinfo();
    let mut ports = facts.ports.iter().take(facts.port_count as usize);
    ports.any(|port| port.service.as_str() == SERVICE)
}

impl Journal {
    /// Opens the journal and replays it into a store, which is empty. Where the partition was never written it begins one.
    ///
    /// # Errors
    /// Why there is none; the store has what was replayed until then.
    pub fn open(store: &Store) -> Result<(Journal, Replayed), NoJournal> {
        let service = connect(SERVICE).wait().map_err(NoJournal::Service)?;
        let partition = service.partition().wait().map_err(NoJournal::Service)?;
        let bytes = partition.blocks() * BLOCK_SIZE as u64;
        let least = LEAST_PER_MEMORY * store.settings().memory as u64;
        if bytes < least {
            return Err(NoJournal::Small(bytes, least));
        }
        let (log, replayed) = match replay(partition, store) {
            Err(NoJournal::Log(LogError::Log(Error::Blank))) => {
                // Another number each time that a machine makes a log.
                Log::format(partition, timestamp()).map_err(NoJournal::Log)?;
                replay(partition, store)?
            }
            other => other?,
        };
        let cutter = Cutter::new(MAX_RECORD).unwrap_or_else(|| unreachable!("a record has room"));
        let state = State {
            sync: Sync::EverySecond,
            cutter,
            waiting: 0,
            is_taken: false,
            lost: None,
            is_over: false,
        };
        let shared = Arc::new(Shared {
            log,
            state: Monitor::new(state),
        });
        let written = shared.clone();
        let writer = spawn(move || write_each_second(&written));
        let writer = Some(writer);
        Ok((Journal { shared, writer }, replayed))
    }

    /// Appends what was changed in the store, and waits until it lasts where clients want that: all that was changed before this was called,
    /// whoever has changed it, because a client may have been told of it. Loops that wait at a time share a flush.
    ///
    /// # Errors
    /// The disk is lost: what was not on stable storage may be lost.
    pub fn keep(&self, store: &Store) -> Result<(), Refusal> {
        let shared = &*self.shared;
        let sync = Sync::of(store);
        let next = shared.state.wait_for(|state| {
            if state.is_taken {
                return None;
            }
            state.sync = sync;
            Some(state.append(&shared.log, &store.take_changes()))
        });
        match next? {
            // The snapshot has the changes, and is on stable storage.
            Next::Rewrite => self.rewrite(store)?,
            Next::WriteOut if sync != Sync::Always => shared.log.write_out()?,
            Next::WriteOut | Next::Nothing => {}
        }
        match sync {
            Sync::Always => shared.sync_all(),
            Sync::EverySecond | Sync::Never => Ok(()),
        }
    }

    /// Waits while the log is written anew.
    pub fn wait_for_shards(&self) {
        let state = &self.shared.state;
        state.wait_for(|state| (!state.is_taken).then_some(()));
    }

    /// Waits until all of it is on stable storage. The store is frozen then, so that nothing comes behind it.
    ///
    /// # Errors
    /// As [`Journal::keep`].
    pub fn finish<'s>(&self, store: &'s Store) -> Result<Frozen<'s>, Refusal> {
        let shared = &*self.shared;
        shared.state.wait_for(|state| {
            let is_free = !core::mem::replace(&mut state.is_taken, true);
            is_free.then_some(())
        });
        let (frozen, unit) = store.freeze_and_take_changes();
        match shared
            .state
            .with(|state| state.append(&shared.log, &unit))?
        {
            Next::Rewrite => self.write_anew(&frozen)?,
            Next::WriteOut | Next::Nothing => {}
        }
        shared.sync_all()?;
        Ok(frozen)
    }

    /// Writes the log anew, which the caller has for himself. Clients wait meanwhile.
    fn rewrite(&self, store: &Store) -> Result<(), Refusal> {
        // The snapshot has what was changed.
        let (frozen, _) = store.freeze_and_take_changes();
        let written = self.write_anew(&frozen);
        drop(frozen);
        self.shared.state.with_notify(|state| {
            state.is_taken = false;
            state.lost = state.lost.or(written.err());
        });
        written
    }

    fn write_anew(&self, frozen: &Frozen<'_>) -> Result<(), Refusal> {
        let shared = &*self.shared;
        let mut cutter = shared.state.with(|state| state.cutter.clone());
        let mut compaction = shared.log.compact()?;
        for unit in snapshot(frozen) {
            for record in cutter.records(&unit).into_iter().flatten() {
                compaction.append(&record.to_vec())?;
            }
        }
        compaction.commit()?;
        shared.state.with(|state| {
            state.cutter = cutter;
            state.waiting = 0;
        });
        Ok(())
    }
}

impl Sync {
    fn of(store: &Store) -> Sync {
        match store.sync_word() {
            "always" => Sync::Always,
            "no" => Sync::Never,
            _ => Sync::EverySecond,
        }
    }
}

impl State {
    /// Appends a unit. Where there is no room for it, the log is the caller's, who has to write it anew.
    fn append(&mut self, log: &Log, unit: &[u8]) -> Result<Next, Refusal> {
        if let Some(refusal) = self.lost {
            return Err(refusal);
        }
        // No unit is longer than a header can tell: the memory of clients is bounded.
        for record in self.cutter.records(unit).into_iter().flatten() {
            match log.append(&record.to_vec()) {
                Ok(_) => {}
                Err(Refusal::Full) => {
                    self.is_taken = true;
                    return Ok(Next::Rewrite);
                }
                Err(refusal) => {
                    self.lost = Some(refusal);
                    return Err(refusal);
                }
            }
        }
        self.waiting += unit.len();
        if self.waiting <= MOST_WAITING {
            return Ok(Next::Nothing);
        }
        self.waiting = 0;
        Ok(Next::WriteOut)
    }
}

/// Who opens the log again must be the only one who writes on its partition: so the uthread is waited for, a second at most and what it has
/// under way.
impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.state.with(|state| state.is_over = true);
        if let Some(writer) = self.writer.take() {
            writer.join();
        }
    }
}

impl Shared {
    /// Waits until everything is on stable storage that was appended, whoever has it written.
    fn sync_all(&self) -> Result<(), Refusal> {
        let position = self.log.appended();
        match self.log.durable() < position {
            true => self.log.sync(position),
            false => Ok(()),
        }
    }
}

fn replay(partition: Partition, store: &Store) -> Result<(Log, Replayed), NoJournal> {
    let mut replay = Replay::new();
    let mut wrong = None;
    let log = Log::open(partition, |record| {
        if wrong.is_none() {
            wrong = replay.record(store, record).err();
        }
    });
    match (log, wrong) {
        (_, Some(error)) => Err(NoJournal::Replay(error)),
        (Err(error), None) => Err(NoJournal::Log(error)),
        (Ok(log), None) => Ok((log, replay.end())),
    }
}

/// Writes what was changed, once in a second. When the disk is lost, the server finds that too.
fn write_each_second(shared: &Shared) {
    while sleep(INTERVAL).wait().is_ok() {
        let (sync, is_over) = shared.state.with(|state| (state.sync, state.is_over));
        let written = match sync {
            _ if is_over => return,
            Sync::Never => shared.log.write_out(),
            Sync::EverySecond | Sync::Always => shared.sync_all(),
        };
        if let Err(refusal) = written {
            println!("the log is lost: {refusal:?}");
            return;
        }
    }
}
