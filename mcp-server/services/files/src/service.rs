//! The events of the service.

mod calls;
mod jobs;
mod loss;
mod operations;
mod outcomes;
mod parked;
mod reads;
mod transfers;
mod writes;

use alloc::collections::VecDeque;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::largest_journal;
use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, Answers, BATCH, CallId, Event, Service, ServiceEnd};
use atoll_driver_client::{Clients, Driver};
use atoll_ext4::Settings;

use crate::clients::{FILES_PER_CLIENT, OpenFiles};
use crate::table::FileTable;
use crate::volume::{Clock, Volume};
use calls::Served;
use jobs::{Job, Running};
use parked::Parked;

/// Calls that can be parked at once, of all clients.
pub const CALLS: usize = 1024;

/// For whom the driver is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// The service itself, which has to know what its partition is.
    Description,
    /// The file system.
    Volume,
    /// A read or a write of a client.
    Call(CallId),
}

/// The file service of one volume.
pub struct FileService {
    volume: Volume,
    files: FileTable,
    clients: Clients<OpenFiles>,
    calls: ServiceEnd<Parked>,
    /// What the file system has to do, in order.
    jobs: VecDeque<Job>,
    /// The job that it does.
    running: Option<Running>,
    driver: Driver<For>,
    answers: Answers,
}

impl FileService {
    /// A service of a plan, by its index.
    pub fn new(plan: &Plan, service: usize) -> FileService {
        let clients = Clients::new(plan, service);
        let own = plan.services().get(service);
        // A call under way may have a file of which there is no handle any more.
        let open_files = clients.iter().count() * FILES_PER_CLIENT + CALLS;
        FileService {
            volume: Volume::new(
                settings(own.map_or(0, |own| own.heap_size), open_files),
                own.map_or(0, |own| own.pool),
            ),
            files: FileTable::new(open_files),
            calls: ServiceEnd::new(clients.owners(), CALLS),
            clients,
            jobs: VecDeque::with_capacity(CALLS),
            running: None,
            // It grows where calls are cut into parts, of which there are no more than blocks.
            driver: Driver::new(CALLS + 1),
            answers: Answers::default(),
        }
    }

    /// With a clock, by which files are told when they were written.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> FileService {
        self.volume.set_clock(clock);
        self
    }

    /// Sends what there is to send.
    fn act(&mut self, actions: &mut impl Actions) {
        self.work(actions);
        if !self.driver.staged().is_empty() {
            actions.call(self.driver.staged());
            self.driver.sent();
        }
        self.calls.send_all(actions);
    }

    /// Asks what the partition is; then its file system is mounted.
    pub(super) fn load(&mut self) {
        let describe = self.volume.load();
        self.driver.ask(For::Description, describe);
    }

    /// Not inlined, and neither is [`FileService::park`], so that what is only a look at a table stays short.
    #[inline(never)]
    fn take_calls(&mut self, ring: usize, calls: &[Syscall], actions: &mut impl Actions) {
        let client = self.calls.client_of(ring);
        let Some(client) = client.filter(|_| self.clients.is_connected(ring)) else {
            return;
        };
        for syscall in calls {
            let admitted = self.clients.admits(client, ring, syscall.generation);
            let served = match admitted {
                true => self.serve(client, syscall, actions),
                false => Err(Status::NotAllowed),
            };
            let answer = match served {
                Ok(Served::Answered(result)) => Ok(Some(result)),
                Ok(Served::Parks(parked)) => self.park(ring, syscall, &parked).map(|()| None),
                Err(status) => Err(status),
            };
            self.answers.add(syscall, answer);
        }
        self.answers.send(ring, actions);
        // One of the calls may have begun a life.
        self.close_what_is_left(client);
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

    /// Handles that clients have.
    pub fn handles(&self) -> usize {
        self.clients.iter().map(|it| it.state.count()).sum()
    }

    /// Files and folders that are open, each counted once.
    pub fn open_files(&self) -> usize {
        self.files.count()
    }

    /// Blocks of all clients that calls have.
    pub fn blocks_in_use(&self) -> usize {
        self.clients.blocks_taken()
    }
}

/// What the file system may take of the service's heap. It keeps in memory what is in its journal, and what a read-only volume is
/// recovered with.
fn settings(heap: u64, open_files: usize) -> Settings {
    Settings {
        operations: 1,
        open_files,
        journal_bytes: largest_journal(heap),
        recovered_blocks: heap as usize / 4 / BLOCK_SIZE,
        ..Settings::default()
    }
}

impl Service for FileService {
    #[inline]
    fn room(&self, ring: usize, free: usize) -> usize {
        self.calls.room(ring, free).min(BATCH)
    }

    fn is_quiet(&self, ring: usize) -> bool {
        self.clients.is_quiet(&self.calls, ring)
    }

    fn is_busy(&self) -> bool {
        self.calls.live() > 0
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Start => self.load(),
            Event::Calls { ring, calls } => self.take_calls(ring, calls, actions),
            Event::Completions(completions) => {
                for completion in completions {
                    match self.driver.complete(completion) {
                        Some((For::Description, answer)) => self.volume.described(&answer),
                        Some((For::Volume, answer)) => self.end_transfer(&answer, actions),
                        Some((For::Call(id), answer)) => self.end_part(id, &answer),
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
            Event::Device | Event::Time => {}
            Event::UpstreamLost(loss) => self.on_driver_lost(loss, actions),
            Event::UpstreamConnected => self.on_driver_connected(),
        }
        self.act(actions);
    }
}
