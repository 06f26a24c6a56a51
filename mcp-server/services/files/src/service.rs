//! The events of the service, and what it answers at once.

mod calls;
mod loss;
mod parked;

use alloc::collections::VecDeque;

use atoll_abi::block::{BLOCK_SIZE, BlockList, SECTORS_PER_BLOCK};
use atoll_abi::interface::{Request as _, request};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Actions, Answer, BATCH, CallId, Event, Service, ServiceEnd};
use atoll_disk_client::{Clients, Driver};
use zerocopy::FromZeros;

use crate::clients::OpenFiles;
use crate::volume::Volume;
use calls::Progress;
use parked::{Parked, Stage};

/// Calls that can be parked at once, of all clients.
pub const CALLS: usize = 1024;

/// The block of the service's own pool into which it reads the volume's header.
const HEADER_BLOCK: u32 = 0;

/// For whom the driver is asked.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// The service itself, which has to know what its partition is.
    Description,
    /// The service itself, which needs its volume's header.
    Header,
    /// A call of a client.
    Call(CallId),
}

/// The file service of one volume.
pub struct FileService {
    volume: Volume,
    clients: Clients<OpenFiles>,
    calls: ServiceEnd<Parked>,
    /// Parked calls that wait for the volume, in order.
    waiting: VecDeque<CallId>,
    driver: Driver<Reader>,
    /// The service's own pool.
    pool: u32,
    /// The completions of the calls that are being answered.
    completions: [Completion; BATCH],
}

impl FileService {
    /// A service of a plan, by its index.
    pub fn new(plan: &Plan, service: usize) -> FileService {
        let clients = Clients::new(plan, service);
        FileService {
            volume: Volume::new(),
            calls: ServiceEnd::new(clients.owners(), CALLS),
            clients,
            waiting: VecDeque::with_capacity(CALLS),
            driver: Driver::new(CALLS + 1),
            pool: plan.services().get(service).map_or(0, |own| own.pool),
            completions: [Completion::new_zeroed(); BATCH],
        }
    }
}

impl Service for FileService {
    #[inline]
    fn room(&self, ring: usize, free: usize) -> usize {
        self.calls.room(ring, free).min(BATCH)
    }

    fn is_quiet(&self, ring: usize) -> bool {
        self.clients.is_quiet(ring)
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Start => self.load(),
            Event::Calls { ring, calls } => self.take_calls(ring, calls, actions),
            Event::Completions(completions) => {
                for completion in completions {
                    match self.driver.complete(completion) {
                        Some((Reader::Description, answer)) => self.described(answer),
                        Some((Reader::Header, answer)) => self.loaded(answer, actions),
                        Some((Reader::Call(id), answer)) => self.read(id, answer),
                        None => {}
                    }
                }
            }
            Event::ClientLost { ring } => self.on_client_lost(ring),
            Event::ClientConnected { ring, generation } => {
                self.on_client_lost(ring);
                self.clients.on_ring_connected(ring, generation);
            }
            // It drives no device itself.
            Event::Device => {}
            Event::UpstreamLost(loss) => self.on_driver_lost(loss),
            Event::UpstreamConnected => {
                self.driver.reconnect();
                if !self.volume.is_ready() {
                    self.load();
                }
            }
        }
        self.act(actions);
    }
}

impl FileService {
    /// Sends what there is to send.
    fn act(&mut self, actions: &mut impl Actions) {
        if !self.driver.staged().is_empty() {
            actions.call(self.driver.staged());
            self.driver.sent();
        }
        self.calls.send_all(actions);
    }

    /// Asks what the partition is; then, in [`FileService::described`], for the volume's header.
    fn load(&mut self) {
        self.volume = Volume::new();
        let describe = request::DescribeDisk {}.encode();
        self.driver.ask(Reader::Description, describe);
    }

    fn described(&mut self, answer: Answer) {
        match self.volume.describe(&answer) {
            Ok(()) => {
                let sectors = request::ReadSectors {
                    sector: 0,
                    sectors: SECTORS_PER_BLOCK as u32,
                    pool: self.pool,
                };
                let block = BlockList::one(HEADER_BLOCK);
                let syscall = block.into_call(sectors.encode());
                self.driver.ask(Reader::Header, syscall);
            }
            Err(status) => {
                self.volume.fail(status);
                self.serve_waiting();
            }
        }
    }

    fn loaded(&mut self, answer: Answer, actions: &mut impl Actions) {
        match answer.status {
            Status::Done => {
                let mut header = [0; BLOCK_SIZE];
                actions.read_block(self.pool, HEADER_BLOCK, &mut header);
                self.volume.load(&header);
            }
            status => self.volume.fail(status),
        }
        self.serve_waiting();
    }

    fn take_calls(&mut self, ring: usize, calls: &[Syscall], actions: &mut impl Actions) {
        let client = self.calls.client_of(ring);
        let Some(client) = client.filter(|_| self.clients.is_connected(ring)) else {
            return;
        };
        let mut count = 0;
        for syscall in calls {
            let admitted = self.clients.admits(client, ring, syscall.generation);
            let served = match admitted {
                true => self.serve(client, syscall),
                false => Err(Status::NotAllowed),
            };
            let answer = match served {
                Ok(Progress::Answered(result)) => Completion::of(syscall, Status::Done, result),
                Ok(progress) => {
                    let parked = Parked {
                        client,
                        syscall: *syscall,
                        stage: Stage::ForVolume,
                    };
                    match self.calls.park(ring, syscall, parked) {
                        Some(id) => {
                            self.proceed(id, progress);
                            continue;
                        }
                        // There are more calls under way than places.
                        None => {
                            if let Progress::Reads(_, blocks, _) = progress
                                && let Some(client) = self.clients.get_mut(client)
                            {
                                client.blocks().give_back(&blocks);
                            }
                            Completion::refusal(syscall, Status::Busy)
                        }
                    }
                }
                Err(status) => Completion::refusal(syscall, status),
            };
            if let Some(place) = self.completions.get_mut(count) {
                *place = answer;
                count += 1;
            }
        }
        if let Some(completions) = self.completions.get(..count).filter(|it| !it.is_empty()) {
            actions.complete(ring, completions);
        }
    }

    /// Calls that are parked.
    pub fn parked(&self) -> usize {
        self.calls.live()
    }

    /// Calls that the driver has not answered.
    pub fn device_calls(&self) -> usize {
        self.driver.in_flight()
    }

    /// Completions of the driver that answered no call.
    pub fn unmatched(&self) -> u64 {
        self.driver.unmatched()
    }

    /// Files that are open, of all clients.
    pub fn open_files(&self) -> usize {
        self.clients.iter().map(|it| it.state.count()).sum()
    }

    /// Blocks of all clients that are being read into.
    pub fn blocks_in_use(&self) -> usize {
        self.clients.blocks_taken()
    }
}
