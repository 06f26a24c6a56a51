//! What makes the store last: its journal, on a log on a partition.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use atoll_kv::journal::{Cutter, Replay, ReplayError, Replayed, snapshot};
use atoll_kv::store::Store;
use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::log::{Error, Log, LogError, MAX_RECORD, Refusal};
use atoll_runtime::{
    BLOCK_SIZE, JoinHandle, Monitor, Partition, Status, connect, println, sleep, spawn,
};

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

/// Why there is no journal.
#[derive(Debug)]
pub enum NoJournal {
    /// The service that the plan names does not answer.
    Service(Status),
    /// The log cannot be opened.
    Log(LogError),
    /// It is no journal of a store.
    Replay(ReplayError),
    /// The partition has so many bytes, and this many are needed.
    Small(u64, u64),
}

impl NoJournal {
    /// Whether it may be there when the service and its device have begun anew.
    pub fn may_come(&self) -> bool {
        matches!(
            self,
            NoJournal::Service(Status::PeerLost | Status::DeviceError | Status::TimedOut)
                | NoJournal::Log(LogError::Disk(_) | LogError::Log(Error::Read { .. }))
        )
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for NoJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoJournal::Service(status) => write!(
                f,
                "the service `{SERVICE}` does not answer ({status:?}); the disk must have its partition"
            ),
            NoJournal::Log(error) => write!(f, "{error}"),
            NoJournal::Replay(error) => write!(f, "{error}; give it another partition"),
            NoJournal::Small(found, least) => write!(
                f,
                "the partition of `{SERVICE}` has {found} bytes, and what may be stored needs {least}; give it more, or the process a smaller heap"
            ),
        }
    }
}

/// What the server and the one who writes each second share.
struct Shared {
    log: Log,
    state: Monitor<State>,
}

struct State {
    sync: Sync,
    /// Nobody uses the log any more.
    is_over: bool,
}

/// The journal of a store.
pub struct Journal {
    shared: Arc<Shared>,
    /// The uthread that writes each second.
    writer: Option<JoinHandle<()>>,
    cutter: Cutter,
    /// Bytes that were appended since everything was written.
    waiting: usize,
    /// What the uthread was told.
    sync: Sync,
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
    pub fn open(store: &mut Store) -> Result<(Journal, Replayed), NoJournal> {
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
        let state = State {
            sync: Sync::EverySecond,
            is_over: false,
        };
        let shared = Arc::new(Shared {
            log,
            state: Monitor::new(state),
        });
        let written = shared.clone();
        let writer = spawn(move || write_each_second(&written));
        let journal = Journal {
            shared,
            writer: Some(writer),
            cutter: Cutter::new(MAX_RECORD).unwrap_or_else(|| unreachable!("a record has room")),
            waiting: 0,
            sync: Sync::EverySecond,
        };
        Ok((journal, replayed))
    }

    /// Appends what was changed in the store, and waits until it lasts where clients want that.
    ///
    /// # Errors
    /// The disk is lost: what was not on stable storage may be lost.
    pub fn keep(&mut self, store: &mut Store) -> Result<(), Refusal> {
        let sync = match store.sync_word() {
            "always" => Sync::Always,
            "no" => Sync::Never,
            _ => Sync::EverySecond,
        };
        if sync != self.sync {
            self.sync = sync;
            self.shared.state.with(|state| state.sync = sync);
        }
        let unit = store.take_changes();
        if unit.is_empty() {
            return Ok(());
        }
        match self.append(&unit) {
            // The snapshot has the changes, and is on stable storage.
            Err(Refusal::Full) => return self.rewrite(store),
            other => other?,
        }
        self.waiting += unit.len();
        if sync == Sync::Always {
            self.waiting = 0;
            return self.shared.sync_all();
        }
        if self.waiting > MOST_WAITING {
            self.waiting = 0;
            return self.shared.log.write_out();
        }
        Ok(())
    }

    /// Waits until all of it is on stable storage.
    ///
    /// # Errors
    /// As [`Journal::keep`].
    pub fn finish(&mut self, store: &mut Store) -> Result<(), Refusal> {
        self.keep(store)?;
        self.shared.sync_all()
    }

    fn append(&mut self, unit: &[u8]) -> Result<(), Refusal> {
        // No unit is longer than a header can tell: the memory of clients is bounded.
        for record in self.cutter.records(unit).into_iter().flatten() {
            self.shared.log.append(&record.to_vec())?;
        }
        Ok(())
    }

    /// Writes the log anew, with what the store has. Clients wait meanwhile.
    fn rewrite(&mut self, store: &Store) -> Result<(), Refusal> {
        let mut compaction = self.shared.log.compact()?;
        for unit in snapshot(store) {
            for record in self.cutter.records(&unit).into_iter().flatten() {
                compaction.append(&record.to_vec())?;
            }
        }
        compaction.commit()?;
        self.waiting = 0;
        Ok(())
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
        self.log.sync(self.log.appended())
    }
}

fn replay(partition: Partition, store: &mut Store) -> Result<(Log, Replayed), NoJournal> {
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
