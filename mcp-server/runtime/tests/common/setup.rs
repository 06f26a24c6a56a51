//! What process is run, and how its server and its services treat it.

use atoll_abi::syscall::Route;

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
    /// Holds reads back until the test [releases](Command::Release) them.
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

/// A process and what is around it.
pub struct Setup {
    pub vcores: usize,
    pub blocks: u32,
    /// The file `input` of each service.
    pub files: Vec<Vec<u8>>,
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
            manners,
            route: Route::Local,
            generation: 1,
            manual_clock: false,
        }
    }
}
