//! A model of a file service's clients and its driver. It is put between a real service and its host: every event and every
//! action goes through it and is checked.

mod answers;
mod checked;
mod contents;
mod lent;
mod memory;

use std::collections::{BTreeMap, BTreeSet};

use atoll_abi::connection::{Client, Provider};
use atoll_abi::interface::DiskCall;
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::{Message, Payload};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::Syscall;
use atoll_call::{Event, Loss};

use contents::{Contents, Expected};
use lent::device_blocks;

pub use checked::Checked;
pub use memory::Shared;

/// A block: its pool and its number.
type Block = (u32, u32);

/// A call that the service has and did not answer yet.
struct Taken {
    call: Syscall,
    /// The blocks that it lends.
    blocks: Vec<u32>,
    expected: Expected,
}

/// A ring of a client.
struct Ring {
    process: usize,
    taken: Vec<Taken>,
    lost: bool,
}

/// What a client has.
#[derive(Default)]
struct Files {
    /// The latest generation of its calls.
    generation: u32,
    /// All handles that it was ever given.
    given: BTreeSet<u32>,
    /// Handles that are open, each with the file, where that is known.
    open: BTreeMap<u32, Option<Vec<u8>>>,
    /// Calls of rings that are lost. The service may still be doing them.
    unseen: Vec<Taken>,
}

/// The clients and the driver of one service.
pub struct Model {
    rings: Vec<Ring>,
    /// By process, which has the pool of its number.
    clients: BTreeMap<usize, Files>,
    own_pool: u32,
    /// Sectors that may be asked for; unknown where the driver lies.
    capacity: Option<u64>,
    contents: Contents,
    memory: Shared,
    /// Calls of the event that the service handles, with their processes.
    coming: Vec<(usize, Syscall)>,
    /// Calls that the driver has, in order.
    pub at_driver: Vec<Syscall>,
    /// Blocks that a driver did not give back: it may use them until it has died.
    pub withheld: BTreeSet<Block>,
    /// Reads of which all bytes were compared that are known.
    pub compared: u64,
    /// Times that the driver had several writes of clients at once: they went around the file system, which makes one alone.
    pub together: u64,
}

impl Model {
    /// The model of the plan's service 0. Of an honest driver it knows how many sectors it has, and what these files hold at first.
    pub fn new(
        plan: &Plan,
        memory: Shared,
        capacity: Option<u64>,
        files: &[(&str, Vec<u8>)],
    ) -> Model {
        let clients = plan.clients_of(Provider::Service(0));
        let rings: Vec<Ring> = clients
            .filter_map(|connection| match connection.client {
                Client::Vcore { process, .. } => Some(Ring {
                    process,
                    taken: Vec::new(),
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
            contents: Contents::new(files),
            memory,
            coming: Vec::new(),
            at_driver: Vec::new(),
            withheld: BTreeSet::new(),
            compared: 0,
            together: 0,
        }
    }

    fn client(&mut self, ring: usize) -> &mut Files {
        let process = self.rings[ring].process;
        self.clients.entry(process).or_default()
    }

    /// Handles that are open.
    pub fn open(&self) -> usize {
        self.clients.values().map(|client| client.open.len()).sum()
    }

    /// Calls of a ring that were taken and are not answered.
    pub fn open_calls_of(&self, ring: usize) -> usize {
        self.rings[ring].taken.len()
    }

    /// Calls of rings that are not lost which were taken and are not answered.
    pub fn open_calls(&self) -> usize {
        (0..self.rings.len())
            .map(|ring| self.open_calls_of(ring))
            .sum()
    }

    /// Calls that the service has, those of lost rings too, with their processes.
    fn all_taken(&self) -> impl Iterator<Item = (usize, &Taken)> {
        let of_rings = self.rings.iter();
        let of_rings = of_rings.flat_map(|ring| ring.taken.iter().map(|it| (ring.process, it)));
        let unseen = self.clients.iter();
        of_rings.chain(unseen.flat_map(|(process, it)| it.unseen.iter().map(|it| (*process, it))))
    }

    /// Handles that some client was given: what a hostile one tries.
    pub fn handles(&self) -> Vec<u64> {
        let given = self.clients.values().flat_map(|client| &client.given);
        given.map(|handle| u64::from(*handle)).collect()
    }

    /// Handles that a process has open.
    pub fn open_handles(&self, process: usize) -> Vec<u64> {
        let client = self.clients.get(&process).into_iter();
        let open = client.flat_map(|client| client.open.keys());
        open.map(|handle| u64::from(*handle)).collect()
    }

    /// The file that a handle of a process names, where that is known.
    fn file_of(&self, process: usize, handle: u32) -> Option<Vec<u8>> {
        self.clients.get(&process)?.open.get(&handle)?.clone()
    }

    fn lose(&mut self, ring: usize, lost: bool) {
        let taken = std::mem::take(&mut self.rings[ring].taken);
        taken.iter().for_each(|it| self.changed_unseen(it));
        self.client(ring).unseen.extend(taken);
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
                let own = &self.rings[ring];
                assert!(!own.lost, "calls of a lost ring are taken");
                self.coming = calls.iter().map(|call| (own.process, *call)).collect();
                let all = own.taken.len() + calls.len();
                assert!(all <= RING_SLOTS, "more than there is room for");
            }
            Event::Completions(completions) => {
                for completion in completions {
                    let mut asked = self.at_driver.iter();
                    let Some(place) = asked.position(|call| call.tag == completion.tag) else {
                        continue;
                    };
                    let call = self.at_driver.remove(place);
                    self.used(&call, completion.block == call.block);
                }
            }
            Event::ClientLost { ring } => self.lose(ring, true),
            Event::ClientConnected { ring, .. } => {
                let process = self.rings[ring].process;
                for block in 0..atoll_component_tests::plan::BLOCKS {
                    assert!(
                        !self.is_busy((process as u32, block)),
                        "a client begins while the device uses blocks of the one before"
                    );
                }
                self.lose(ring, false);
                // The host waits until the service has none of them any more.
                self.client(ring).unseen.clear();
            }
            Event::UpstreamLost(loss) => {
                for call in std::mem::take(&mut self.at_driver) {
                    self.used(&call, loss == Loss::Death);
                }
                if loss == Loss::Death {
                    // Its device was reset before that was announced.
                    self.withheld.clear();
                }
            }
            Event::Start | Event::UpstreamConnected | Event::Device | Event::Time => {}
        }
    }

    /// The driver has the blocks of a call no more, or may use them for as long as it lives.
    fn used(&mut self, call: &Syscall, returned: bool) {
        let (_, blocks) = device_blocks(call);
        // The service transfers what it reads for itself again after each loss: what is in its own blocks is checked, also where
        // a lost driver wrote it.
        let of_clients = blocks.into_iter().filter(|it| it.0 != self.own_pool);
        if !returned {
            self.withheld.extend(of_clients);
        }
    }

    fn is_client_write(&self, call: &Syscall) -> bool {
        let call = DiskCall::decode(call);
        matches!(call, Ok(DiskCall::WriteSectors(write)) if write.pool != self.own_pool)
    }

    /// The driver is asked.
    fn asked(&mut self, message: &Message) {
        let call = Syscall::from_message(message);
        match DiskCall::decode(&call) {
            Ok(DiskCall::ReadSectors(read)) => self.transfers(&call, read.sector, read.sectors),
            Ok(DiskCall::WriteSectors(write)) => self.transfers(&call, write.sector, write.sectors),
            Ok(DiskCall::DescribeDisk(_) | DiskCall::FlushDisk(_)) => {}
            _ => panic!("{call:?} is no call of a file service to its driver"),
        }
        let same = self.at_driver.iter().any(|other| other.tag == call.tag);
        assert!(!same, "a tag is used twice at a time");
        self.at_driver.push(call);
        let writes = self
            .at_driver
            .iter()
            .filter(|call| self.is_client_write(call));
        self.together += u64::from(writes.count() > 1 && self.is_client_write(&call));
        assert!(self.at_driver.len() <= RING_SLOTS, "beyond the credits");
    }
}
