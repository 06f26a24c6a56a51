//! What process is run, and how its server and its services treat it.

use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Route, Status, Syscall};

use super::partition::Partition;
use super::streams::Streams;

/// How the server and the services treat their process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    Honest,
    /// Answers calls twice, and calls that were never made.
    Unmatched,
    /// Answers the first read with another block than it was given.
    WrongBlock,
    /// Fails every read that is not of the first block.
    BadDevice,
    /// Holds reads, and writes of a partition, back until the test [releases](Command::Release) them.
    Slow,
    /// As `Slow`, and answers each of them twice.
    SlowTwice,
    /// Answers reads with any block.
    Liar,
    /// Dies, with all services, when this many reads have arrived, and answers none.
    Dies(usize),
    /// As `Dies`, and the services live on; they hang.
    ServerDies(usize),
    /// A service breaks the ring of completions, once a read arrives.
    Corrupt,
    /// The server does so with its first answer.
    CorruptServer,
}

impl Manners {
    pub fn holds_reads(self) -> bool {
        use Manners::{Dies, ServerDies, Slow, SlowTwice};
        matches!(self, Slow | SlowTwice | Dies(_) | ServerDies(_))
    }
}

/// What becomes of an answer: given the call, and what it was to be answered.
pub type Tamper = Box<dyn FnMut(&Syscall, &mut (Status, [u64; 2])) + Send>;

/// A process and what is around it.
pub struct Setup {
    pub vcores: usize,
    pub blocks: u32,
    /// The file `input` of each service.
    pub files: Vec<Vec<u8>>,
    /// That of the last service, which has no files.
    pub partition: Option<Partition>,
    /// Connections of the last service, which has neither files nor a partition.
    pub streams: Option<Streams>,
    /// Changes what services answer.
    pub tamper: Option<Tamper>,
    pub manners: Manners,
    pub route: Route,
    /// Generation of the process. From the second one on, its services have not [noticed](Command::Meet) that it is back.
    pub generation: u32,
    /// Time passes only when the test says so.
    pub manual_clock: bool,
}

impl Setup {
    pub fn new(vcores: usize, blocks: u32, file: Vec<u8>, manners: Manners) -> Setup {
        Setup {
            vcores,
            blocks,
            files: vec![file],
            partition: None,
            streams: None,
            tamper: None,
            manners,
            route: Route::Local,
            generation: 1,
            manual_clock: false,
        }
    }

    /// A process whose one service has a partition.
    pub fn of_partition(vcores: usize, blocks: u32, partition: &Partition) -> Setup {
        Setup {
            files: Vec::new(),
            partition: Some(partition.clone()),
            ..Setup::new(vcores, blocks, Vec::new(), Manners::Honest)
        }
    }

    /// What each service has, by port.
    pub fn kinds(&self) -> Vec<ServiceKind> {
        let files = self.files.iter().map(|_| ServiceKind::Files);
        let partition = self.partition.iter().map(|_| ServiceKind::Blocks);
        let streams = self.streams.iter().map(|_| ServiceKind::Sockets);
        files.chain(partition).chain(streams).collect()
    }
}
