//! The volume: its file system, and the transfers that this wants for itself.

use alloc::boxed::Box;
use alloc::vec;

use atoll_abi::block::{BLOCK_SIZE, BlockList, SECTOR_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::disk::Properties;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, Answer};
use atoll_ext4::{FileSystem, Io, MOST_TRANSFER, Operation, Outcome, Settings, State};

/// Blocks of the service's own pool, which the largest transfer of the file system takes.
const BLOCKS: usize = MOST_TRANSFER / BLOCK_SIZE;

const _: () = assert!(BLOCKS <= atoll_abi::plan::ServiceKind::Files.own_blocks());

/// Whether there is a volume.
enum Content {
    /// The driver is asked what the partition is; calls wait.
    Described,
    /// The file system is being mounted, or is mounted.
    Mounted(Box<FileSystem>),
    /// It cannot be used; every call ends so.
    Failed(Status),
}

/// What calls of the volume can expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// They have to wait.
    Loading,
    /// They are done.
    Ready {
        /// Nothing can be changed.
        read_only: bool,
    },
    /// They end so.
    Failed(Status),
}

/// What the file system wants next.
pub(crate) enum Wanted {
    /// Nothing, or it waits for the driver already.
    Nothing,
    /// The driver is to be asked this.
    Ask(Syscall),
    /// Sectors are to be written from the data of the call that is being done.
    Transfer {
        /// The first sector.
        sector: u64,
        /// How many.
        sectors: u32,
        /// Where in the data they begin, in bytes.
        offset: u32,
    },
}

/// The volume of a partition.
pub(crate) struct Volume {
    content: Content,
    settings: Settings,
    /// The service's own pool.
    pool: u32,
    /// The driver has been asked for what the file system wants.
    is_asked: bool,
    /// What was read for the file system.
    buffer: Box<[u8]>,
    clock: Clock,
}

/// Tells seconds since 1970, in UTC; 0 where that is not known. A file is then as old as the volume's last write.
pub type Clock = fn() -> u64;

/// Blocks of the service's own pool that hold so many sectors, from the first one on.
fn own_blocks(sectors: u32) -> BlockList {
    let all: [u32; BLOCKS] = core::array::from_fn(|index| index as u32);
    let count = u64::from(sectors).div_ceil(SECTORS_PER_BLOCK) as usize;
    let list = all.get(..count).and_then(BlockList::of);
    list.unwrap_or(BlockList::one(0))
}

impl Volume {
    /// A volume of which nothing is known yet. `pool` is the service's own.
    pub(crate) fn new(settings: Settings, pool: u32) -> Volume {
        Volume {
            content: Content::Described,
            settings,
            pool,
            is_asked: false,
            buffer: vec![0; MOST_TRANSFER].into_boxed_slice(),
            clock: || 0,
        }
    }

    /// From the next time on that it is loaded it is told the time by this.
    pub(crate) fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Begins anew; the call with which the driver says what the partition is.
    pub(crate) fn load(&mut self) -> Syscall {
        self.content = Content::Described;
        self.is_asked = false;
        request::DescribeDisk {}.encode()
    }

    /// It cannot be used.
    pub(crate) fn fail(&mut self, status: Status) {
        self.content = Content::Failed(status);
    }

    pub(crate) fn readiness(&self) -> Readiness {
        match &self.content {
            Content::Described => Readiness::Loading,
            Content::Failed(status) => Readiness::Failed(*status),
            Content::Mounted(system) => match system.state() {
                State::Mounting => Readiness::Loading,
                State::Failed(status) => Readiness::Failed(status),
                // Its files could not be transferred into blocks of clients.
                State::Mounted { block_size, .. } if block_size as usize != BLOCK_SIZE => {
                    Readiness::Failed(Status::Unsupported)
                }
                State::Mounted { read_only, .. } => Readiness::Ready { read_only },
            },
        }
    }

    /// Takes what the driver says of the partition, and begins to mount.
    pub(crate) fn described(&mut self, answer: &Answer) {
        let [sectors, properties] = answer.result;
        let properties = match answer.status {
            Status::Done => Properties::from_raw(properties),
            status => Err(status),
        };
        self.content = match properties {
            Ok(properties) => Content::Mounted(Box::new(FileSystem::new(
                sectors,
                properties,
                Box::new(self.clock),
                self.settings,
            ))),
            Err(status) => Content::Failed(status),
        };
    }

    fn system(&mut self) -> Option<&mut FileSystem> {
        match &mut self.content {
            Content::Mounted(system) => Some(system),
            _ => None,
        }
    }

    /// Has an operation done: one at a time.
    pub(crate) fn submit(&mut self, operation: Operation) -> Result<(), Status> {
        let system = self.system().ok_or(Status::NoService)?;
        system.submit(operation).map(|_| ())
    }

    /// How the operation went, when it is done.
    pub(crate) fn finished(&mut self) -> Option<Result<Outcome, Status>> {
        self.system()?.finished().map(|(_, result)| result)
    }

    /// What the file system wants now. What it writes is put into the service's own pool.
    pub(crate) fn wants(&mut self, actions: &mut impl Actions) -> Wanted {
        let (pool, is_asked) = (self.pool, self.is_asked);
        let io = match &self.content {
            Content::Mounted(system) if !is_asked => system.wants(),
            _ => None,
        };
        match io {
            None => Wanted::Nothing,
            Some(Io::Transfer {
                sector,
                sectors,
                offset,
            }) => Wanted::Transfer {
                sector,
                sectors,
                offset,
            },
            Some(Io::Read { sector, sectors }) => {
                let read = request::ReadSectors {
                    sector,
                    sectors,
                    pool,
                };
                Wanted::Ask(own_blocks(sectors).into_call(read.encode()))
            }
            Some(Io::Write { sector, bytes }) => {
                for (index, bytes) in (0..).zip(bytes.chunks(BLOCK_SIZE)) {
                    let mut block = [0; BLOCK_SIZE];
                    for (to, from) in block.iter_mut().zip(bytes) {
                        *to = *from;
                    }
                    actions.write_block(pool, index, &block);
                }
                let sectors = (bytes.len() / SECTOR_SIZE) as u32;
                let write = request::WriteSectors {
                    sector,
                    sectors,
                    pool,
                };
                Wanted::Ask(own_blocks(sectors).into_call(write.encode()))
            }
            Some(Io::Flush) => Wanted::Ask(request::FlushDisk {}.encode()),
        }
    }

    /// Whether it wants sectors to be written from the data of the call that is being done.
    pub(crate) fn wants_data(&self) -> bool {
        match &self.content {
            Content::Mounted(system) => matches!(system.wants(), Some(Io::Transfer { .. })),
            _ => false,
        }
    }

    /// The driver has been asked.
    pub(crate) fn asked(&mut self) {
        self.is_asked = true;
    }

    /// The driver was lost before it answered: it is asked again when it is back.
    pub(crate) fn ask_again(&mut self) {
        self.is_asked = false;
    }

    /// The driver has answered. What was read lies in the service's own pool.
    pub(crate) fn answered(&mut self, status: Status, actions: &mut impl Actions) {
        self.is_asked = false;
        let Content::Mounted(system) = &mut self.content else {
            return;
        };
        let sectors = match system.wants() {
            Some(Io::Read { sectors, .. }) => sectors as usize,
            _ => 0,
        };
        let result = match status {
            Status::Done => Ok(self.buffer.get_mut(..sectors * SECTOR_SIZE)),
            status => Err(status),
        };
        let result = result.map(|bytes| {
            let bytes = bytes.filter(|it| !it.is_empty())?;
            for (index, bytes) in (0..).zip(bytes.chunks_mut(BLOCK_SIZE)) {
                let mut block = [0; BLOCK_SIZE];
                actions.read_block(self.pool, index, &mut block);
                for (to, from) in bytes.iter_mut().zip(block) {
                    *to = from;
                }
            }
            Some(&*bytes)
        });
        system.completed(result);
    }
}
