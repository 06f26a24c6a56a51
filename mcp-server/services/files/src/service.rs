//! What each call does, and what becomes of those that wait.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;

use atoll_abi::block::{BLOCK_SIZE, SECTORS_PER_BLOCK};
use atoll_abi::interface::{FilesCall, request};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_call::{Actions, Answer, BATCH, CallId, Event, Loss, Service, ServiceEnd};
use zerocopy::FromZeros;

use crate::clients::{Client, clients_of};
use crate::device::{Device, Reader, Transfer};
use crate::volume::{ReadPlan, Volume};

/// Calls that can be parked at once, of all clients.
pub const CALLS: usize = 1024;

/// The block of the service's own pool into which it reads the volume's header.
const HEADER_BLOCK: u32 = 0;

/// A call that could not be answered at once.
#[derive(Clone, Copy)]
struct Parked {
    client: usize,
    syscall: Syscall,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// It waits for the volume's header.
    ForVolume,
    /// The driver reads this many bytes, or will.
    Reading { bytes: u32 },
}

/// The file service of one volume.
pub struct FileService {
    volume: Volume,
    clients: Box<[Client]>,
    /// For each ring, generation of its channel; `None` where it is lost.
    channels: Box<[Option<u32>]>,
    calls: ServiceEnd<Parked>,
    /// Parked calls that wait for the volume, in order.
    waiting: VecDeque<CallId>,
    device: Device,
    /// The service's own pool.
    pool: u32,
    /// The completions of the calls that are being answered.
    completions: [Completion; BATCH],
}

/// How a call goes on.
enum Progress {
    Answered([u64; 2]),
    /// It waits for the volume.
    Waits,
    /// The driver is asked for these sectors, of which so many bytes are the file's.
    Reads(request::ReadSectors, u32),
}

impl FileService {
    /// A service of a plan, by its index.
    pub fn new(plan: &Plan, service: usize) -> FileService {
        let (clients, owners) = clients_of(plan, service);
        FileService {
            volume: Volume::Loading,
            clients,
            channels: vec![Some(0); owners.len()].into_boxed_slice(),
            calls: ServiceEnd::new(owners.iter().copied(), CALLS),
            waiting: VecDeque::with_capacity(CALLS),
            device: Device::new(CALLS + 1),
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
        let client = self.calls.client_of(ring);
        let client = client.and_then(|client| self.clients.get(client));
        client.is_none_or(|client| client.blocks_in_use() == 0)
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Start => self.load(),
            Event::Calls { ring, calls } => self.take_calls(ring, calls, actions),
            Event::Completions(completions) => {
                for completion in completions {
                    match self.device.complete(completion) {
                        Some((Reader::Header, answer)) => self.loaded(answer, actions),
                        Some((Reader::Call(id), answer)) => self.read(id, answer),
                        None => {}
                    }
                }
            }
            Event::ClientLost { ring } => self.on_client_lost(ring),
            Event::ClientConnected { ring, generation } => {
                self.on_client_lost(ring);
                if let Some(channel) = self.channels.get_mut(ring) {
                    *channel = Some(generation);
                }
                if let Some(client) = self.client_of(ring) {
                    client.on_ring_connected();
                }
            }
            Event::UpstreamLost(loss) => self.on_driver_lost(loss),
            Event::UpstreamConnected => {
                self.device.reconnect();
                if !matches!(self.volume, Volume::Ready(_)) {
                    self.volume = Volume::Loading;
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
        if !self.device.staged().is_empty() {
            actions.call(self.device.staged());
            self.device.sent();
        }
        while let Some(ring) = self.calls.next_answered() {
            let sent = self.calls.send(ring, |completions| {
                actions.complete(ring, completions);
                Ok::<_, core::convert::Infallible>(completions.len())
            });
            let Ok(()) = sent;
        }
    }

    fn load(&mut self) {
        self.device.ask(Transfer {
            reader: Reader::Header,
            sectors: request::ReadSectors {
                sector: 0,
                sectors: SECTORS_PER_BLOCK as u32,
                pool: self.pool,
            },
            block: HEADER_BLOCK,
        });
    }

    fn loaded(&mut self, answer: Answer, actions: &mut impl Actions) {
        self.volume = match answer.status {
            Status::Done => {
                let mut header = [0; BLOCK_SIZE];
                actions.read_block(HEADER_BLOCK, &mut header);
                let [_, capacity] = answer.result;
                Volume::of(&header, capacity)
            }
            status => Volume::Failed(status),
        };
        self.serve_waiting();
    }

    /// Serves the calls that waited for the volume.
    fn serve_waiting(&mut self) {
        while let Some(id) = self.waiting.pop_front() {
            let Some(Parked {
                client, syscall, ..
            }) = self.calls.parked(id).copied()
            else {
                continue;
            };
            match self.serve(client, &syscall) {
                Ok(progress) => self.proceed(id, progress, syscall.block),
                Err(status) => self.end(id, status, [0; 2], status != Status::BadBlock),
            }
        }
    }

    fn take_calls(&mut self, ring: usize, calls: &[Syscall], actions: &mut impl Actions) {
        let (Some(client), Some(channel)) = (
            self.calls.client_of(ring),
            self.channels.get(ring).copied().flatten(),
        ) else {
            return;
        };
        let mut count = 0;
        for syscall in calls {
            let admitted = self
                .clients
                .get_mut(client)
                .is_some_and(|client| client.admits(syscall.generation, channel));
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
                            self.proceed(id, progress, syscall.block);
                            continue;
                        }
                        // There are more calls under way than places.
                        None => {
                            if let Progress::Reads(..) = progress
                                && let Some(client) = self.clients.get_mut(client)
                            {
                                client.give_back_block(syscall.block);
                            }
                            refusal(syscall, Status::Busy)
                        }
                    }
                }
                Err(status) => refusal(syscall, status),
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

    /// Serves a call of a client that was admitted.
    #[inline]
    fn serve(&mut self, client: usize, syscall: &Syscall) -> Result<Progress, Status> {
        let call = FilesCall::decode(syscall)?;
        if matches!(self.volume, Volume::Loading) {
            return Ok(Progress::Waits);
        }
        match call {
            FilesCall::Stat(stat) => {
                let client = self.clients.get(client).ok_or(Status::NotAllowed)?;
                Ok(Progress::Answered([client.file(stat.file)?.length, 0]))
            }
            FilesCall::Open(open) => self.open(client, open),
            FilesCall::Close(close) => self.close(client, close),
            FilesCall::Read(read) => self.begin_read(client, read, syscall.block),
        }
    }

    // These do more than a look at a table. They are not inlined, so that what is only that is not slowed by them.

    #[inline(never)]
    fn open(&mut self, client: usize, open: request::Open) -> Result<Progress, Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        let file = self.volume.find(open.name)?;
        let handle = client.open(file)?;
        Ok(Progress::Answered([
            u64::from(handle.to_raw()),
            file.length,
        ]))
    }

    #[inline(never)]
    fn close(&mut self, client: usize, close: request::Close) -> Result<Progress, Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        if cfg!(feature = "planted-read-for-close") {
            client.file(close.file)?;
        } else {
            client.close(close.file)?;
        }
        Ok(Progress::Answered([0; 2]))
    }

    #[inline(never)]
    fn begin_read(
        &mut self,
        client: usize,
        read: request::Read,
        block: u32,
    ) -> Result<Progress, Status> {
        let client = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        let file = client.file(read.file)?;
        let plan = ReadPlan::of(&file, read.offset, read.length)?;
        client.take_block(block)?;
        let progress = match plan {
            ReadPlan::Nothing => Ok(Progress::Answered([0; 2])),
            ReadPlan::Transfer { .. } if self.device.is_lost() => Err(Status::PeerLost),
            ReadPlan::Transfer {
                sector,
                sectors,
                bytes,
            } => {
                let pool = client.pool();
                let sectors = request::ReadSectors {
                    sector,
                    sectors,
                    pool,
                };
                return Ok(Progress::Reads(sectors, bytes));
            }
        };
        client.give_back_block(block);
        progress
    }

    /// Puts a parked call where it waits.
    fn proceed(&mut self, id: CallId, progress: Progress, block: u32) {
        match progress {
            Progress::Answered(result) => self.end(id, Status::Done, result, true),
            Progress::Waits => self.waiting.push_back(id),
            Progress::Reads(sectors, bytes) => {
                if let Some(parked) = self.calls.parked(id) {
                    parked.stage = Stage::Reading { bytes };
                }
                self.device.ask(Transfer {
                    reader: Reader::Call(id),
                    sectors,
                    block,
                });
            }
        }
    }

    /// Ends a read that the driver has answered.
    fn read(&mut self, id: CallId, answer: Answer) {
        let Some(Parked {
            stage: Stage::Reading { bytes },
            ..
        }) = self.calls.parked(id).copied()
        else {
            return;
        };
        let result = match answer.status {
            Status::Done => [u64::from(bytes), 0],
            _ => [0; 2],
        };
        self.end(id, answer.status, result, answer.block_returned);
    }

    /// Ends a parked call. A block that the driver may still write stays marked for good.
    fn end(&mut self, id: CallId, status: Status, result: [u64; 2], block_returned: bool) {
        let (calls, clients) = (&mut self.calls, &mut self.clients);
        end(calls, clients, id, status, result, block_returned);
    }

    fn client_of(&mut self, ring: usize) -> Option<&mut Client> {
        let client = self.calls.client_of(ring)?;
        self.clients.get_mut(client)
    }

    /// A ring of a client is lost: forgets its calls, but for those that the driver has. With the last ring goes what the client
    /// has open.
    fn on_client_lost(&mut self, ring: usize) {
        let channel = self.channels.get_mut(ring);
        if channel.and_then(Option::take).is_some()
            && let Some(client) = self.client_of(ring)
        {
            client.on_ring_lost();
        }
        let calls = &mut self.calls;
        self.waiting.retain(|id| calls.ring_of(*id) != Some(ring));
        let mut next = self.calls.next_parked(ring, None);
        while let Some(id) = next {
            next = self.calls.next_parked(ring, Some(id));
            let waits = self
                .calls
                .parked(id)
                .is_some_and(|it| matches!(it.stage, Stage::ForVolume));
            if waits || self.device.withdraw(id) {
                self.end(id, Status::PeerLost, [0; 2], true);
            }
        }
        self.calls.on_ring_lost(ring);
    }

    fn on_driver_lost(&mut self, loss: Loss) {
        let mut header = false;
        let (calls, clients) = (&mut self.calls, &mut self.clients);
        self.device
            .lose(loss, |reader, block_returned| match reader {
                Reader::Header => header = true,
                Reader::Call(id) => {
                    end(calls, clients, id, Status::PeerLost, [0; 2], block_returned);
                }
            });
        if loss == Loss::Death {
            // Nor does the device write to blocks any more that the driver had when it broke the protocol.
            self.clients.iter_mut().for_each(Client::take_blocks_back);
        }
        if header {
            self.volume = Volume::Failed(Status::PeerLost);
            self.serve_waiting();
        }
    }

    /// Calls that are parked.
    pub fn parked(&self) -> usize {
        self.calls.live()
    }

    /// Calls that the driver has not answered.
    pub fn device_calls(&self) -> usize {
        self.device.in_flight()
    }

    /// Completions of the driver that answered no call.
    pub fn unmatched(&self) -> u64 {
        self.device.unmatched()
    }

    /// Files that are open, of all clients.
    pub fn open_files(&self) -> usize {
        self.clients.iter().map(Client::open_files).sum()
    }

    /// Blocks of all clients that are being read into.
    pub fn blocks_in_use(&self) -> usize {
        self.clients.iter().map(Client::blocks_in_use).sum()
    }
}

fn end(
    calls: &mut ServiceEnd<Parked>,
    clients: &mut [Client],
    id: CallId,
    status: Status,
    result: [u64; 2],
    block_returned: bool,
) {
    let Some(parked) = calls.answer(id, status, result, block_returned) else {
        return;
    };
    if matches!(parked.stage, Stage::Reading { .. })
        && block_returned
        && let Some(client) = clients.get_mut(parked.client)
    {
        client.give_back_block(parked.syscall.block);
    }
}

/// The completion of a call that is refused. A block that the client may not use, or that another call has, does not come
/// back with it.
fn refusal(syscall: &Syscall, status: Status) -> Completion {
    let mut completion = Completion::of(syscall, status, [0; 2]);
    if status == Status::BadBlock {
        completion.block = NO_BLOCK;
    }
    completion
}
