//! A model of a file service's clients and its driver. It is put between a real service and its host: every event and every
//! action goes through it and is checked.

mod answers;
mod checked;

use std::collections::{BTreeMap, BTreeSet};

use atoll_abi::block::SECTORS_PER_BLOCK;
use atoll_abi::connection::{Client, Provider};
use atoll_abi::interface::{Call, DiskCall, request};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{Message, Payload};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::Syscall;
use atoll_call::{Event, Loss};
use atoll_component_tests::plan::BLOCKS;

pub use checked::Checked;

/// A block: its pool and its number.
type Block = (u32, u32);

/// A ring of a client.
struct Ring {
    process: usize,
    /// Calls that were taken and are not answered.
    open: Vec<Syscall>,
    lost: bool,
}

/// What a client has.
#[derive(Default)]
struct Files {
    /// The latest generation of its calls.
    generation: u32,
    /// Lengths of the files of all handles that it was ever given: one that changes its generation as it likes may be given a
    /// handle again.
    given: BTreeMap<u32, BTreeSet<u64>>,
    /// Handles that are open, with the length of the file.
    open: BTreeMap<u32, u64>,
}

/// The clients and the driver of one service.
pub struct Model {
    rings: Vec<Ring>,
    /// By process, which has the pool of its number.
    clients: BTreeMap<usize, Files>,
    own_pool: u32,
    /// Sectors that may be asked for; unknown where the driver lies.
    capacity: Option<u64>,
    /// Calls that the driver has, in order.
    pub at_driver: Vec<Syscall>,
    /// Blocks that the device writes.
    writing: BTreeSet<Block>,
    /// Blocks that a driver did not give back: it may write them until it has died.
    pub withheld: BTreeSet<Block>,
}

impl Model {
    /// The model of the plan's service 0, whose driver asks for sectors below `capacity` only, where that is known.
    pub fn new(plan: &Plan, capacity: Option<u64>) -> Model {
        let clients = plan.clients_of(Provider::Service(0));
        let rings: Vec<Ring> = clients
            .filter_map(|connection| match connection.client {
                Client::Vcore { process, .. } => Some(Ring {
                    process,
                    open: Vec::new(),
                    lost: false,
                }),
                Client::Service(_) => None,
            })
            .collect();
        Model {
            clients: rings
                .iter()
                .map(|ring| (ring.process, Files::default()))
                .collect(),
            rings,
            own_pool: plan.services()[0].pool,
            capacity,
            at_driver: Vec::new(),
            writing: BTreeSet::new(),
            withheld: BTreeSet::new(),
        }
    }

    fn client(&mut self, ring: usize) -> &mut Files {
        let process = self.rings[ring].process;
        self.clients.entry(process).or_default()
    }

    /// Files that are open.
    pub fn open_files(&self) -> usize {
        self.clients.values().map(|client| client.open.len()).sum()
    }

    /// Calls of a ring that were taken and are not answered.
    pub fn open_calls_of(&self, ring: usize) -> usize {
        self.rings[ring].open.len()
    }

    /// Calls of rings that are not lost which were taken and are not answered.
    pub fn open_calls(&self) -> usize {
        (0..self.rings.len())
            .map(|ring| self.open_calls_of(ring))
            .sum()
    }

    /// Handles that some client was given: what a hostile one tries.
    pub fn handles(&self) -> Vec<u64> {
        let given = self.clients.values().flat_map(|client| client.given.keys());
        given.map(|handle| u64::from(*handle)).collect()
    }

    /// Handles that a process has open.
    pub fn open_handles(&self, process: usize) -> Vec<u64> {
        let client = self.clients.get(&process).into_iter();
        let open = client.flat_map(|client| client.open.keys());
        open.map(|handle| u64::from(*handle)).collect()
    }

    fn busy(&self, block: Block) -> bool {
        self.writing.contains(&block) || self.withheld.contains(&block)
    }

    fn lose(&mut self, ring: usize, lost: bool) {
        self.rings[ring].open.clear();
        self.rings[ring].lost = true;
        let process = self.rings[ring].process;
        let mut own = self.rings.iter().filter(|ring| ring.process == process);
        if own.all(|ring| ring.lost) {
            // The next life may be of any generation.
            let client = self.client(ring);
            client.open.clear();
            client.generation = 0;
        }
        self.rings[ring].lost = lost;
    }

    /// An event comes.
    fn before(&mut self, event: &Event<'_>) {
        match *event {
            Event::Calls { ring, calls } => {
                let own = &mut self.rings[ring];
                assert!(!own.lost, "calls of a lost ring are taken");
                own.open.extend(calls);
                assert!(own.open.len() <= RING_SLOTS, "more than there is room for");
            }
            Event::Completions(completions) => {
                for completion in completions {
                    let mut asked = self.at_driver.iter();
                    let Some(place) = asked.position(|call| call.tag == completion.tag) else {
                        continue;
                    };
                    let call = self.at_driver.remove(place);
                    self.written(&call, completion.block == call.block);
                }
            }
            Event::ClientLost { ring } => self.lose(ring, true),
            Event::ClientConnected { ring, .. } => {
                let pool = self.rings[ring].process as u32;
                let mut busy = self.writing.union(&self.withheld);
                assert!(
                    busy.all(|block| block.0 != pool),
                    "a client begins while blocks of the one before are written"
                );
                self.lose(ring, false);
            }
            Event::UpstreamLost(loss) => {
                for call in std::mem::take(&mut self.at_driver) {
                    self.written(&call, loss == Loss::Death);
                }
                if loss == Loss::Death {
                    // Its device was reset before that was announced.
                    self.withheld.clear();
                }
            }
            Event::Start | Event::UpstreamConnected | Event::Device => {}
        }
    }

    /// The driver has a block no more, or may write it for as long as it lives.
    fn written(&mut self, call: &Syscall, returned: bool) {
        let Ok(DiskCall::ReadSectors(request::ReadSectors { pool, .. })) = DiskCall::decode(call)
        else {
            return;
        };
        let block = (pool, call.block);
        assert!(self.writing.remove(&block));
        // The service's own block is read again after each loss: what it holds is checked, also where a
        // lost driver wrote it.
        if !returned && pool != self.own_pool {
            self.withheld.insert(block);
        }
    }

    /// The driver is asked.
    fn asked(&mut self, message: &Message) {
        let call = Syscall::from_message(message);
        match DiskCall::decode(&call) {
            Ok(DiskCall::ReadSectors(read)) => self.reads(&call, &read),
            Ok(DiskCall::DescribeDisk(_)) => {}
            _ => panic!("{call:?} is no call of a file service to its driver"),
        }
        let same = self.at_driver.iter().any(|other| other.tag == call.tag);
        assert!(!same, "a tag is used twice at a time");
        self.at_driver.push(call);
        assert!(self.at_driver.len() <= RING_SLOTS, "beyond the credits");
    }

    /// The driver is asked for sectors.
    fn reads(&mut self, call: &Syscall, read: &request::ReadSectors) {
        assert!((1..=SECTORS_PER_BLOCK).contains(&u64::from(read.sectors)));
        let end = read.sector + u64::from(read.sectors);
        assert!(self.capacity.is_none_or(|capacity| end <= capacity));
        let block = (read.pool, call.block);
        assert!(!self.busy(block), "{block:?} is written twice at a time");
        if read.pool == self.own_pool {
            assert_eq!((call.block, read.sector), (0, 0));
        } else {
            assert!(call.block < BLOCKS);
            let of_client = |ring: &&Ring| ring.process == read.pool as usize;
            let rings = self.rings.iter().filter(of_client);
            let mut calls = rings.flat_map(|ring| &ring.open);
            let lent = calls.any(|it| it.call == Call::Read as u16 && it.block == call.block);
            assert!(lent, "a block that its client did not lend");
        }
        self.writing.insert(block);
    }
}
