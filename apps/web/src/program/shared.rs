//! What all connections share.

use alloc::string::String;
use core::sync::atomic::{AtomicU64, Ordering};

use alloc::format;
use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::{Bell, Monitor, Volume};
use atoll_web::connection::Settings;
use atoll_web::edition::{Editions, hash};
use atoll_web::lobby::Lobby;
use atoll_web::metrics::Traffic;

use super::client::Client;

/// Heap that a connection takes at most while a uthread works on it: the page of a long folder is the largest part of it.
const WORK_HEAP: u64 = 512 * 1024;

/// Heap that a connection takes at most while it waits for its client: the head of a request that has begun is the largest part of it.
const WAIT_HEAP: u64 = 16 * 1024;

/// Of the heap, connections that wait have one of so many parts, those that are worked on another one.
const PARTS: u64 = 2;

/// Blocks of the pool for each uthread that works: one into which it receives, and one for what others do.
const BLOCKS: u32 = 2;

/// Uthreads that do something else.
const OTHERS: u32 = 2;

/// The connections.
pub type Clients = Lobby<Client>;

/// What all connections share.
pub struct Shared {
    /// The volume.
    pub volume: Volume,
    /// What holds for each connection.
    pub settings: Settings,
    /// What tells versions of files apart.
    pub editions: Editions,
    /// What was done.
    pub counters: Counters,
    /// Connections that there may be.
    most: u64,
    /// The connections that there are.
    pub lobby: Monitor<Clients>,
    /// Rung where one of them ends, for the one who lets clients in, while there is no room for another one.
    pub room: Monitor<Option<Bell>>,
    /// Uthreads that work on them.
    pub workers: u64,
    /// Uploads that have begun.
    uploads: AtomicU64,
    /// The number of this life.
    life: u64,
    started: u64,
    ticks_per_millisecond: u64,
    /// Microseconds since 1970 when the time stamp counter would have been 0; 0 where nobody knows.
    epoch: u64,
    address: AtomicU64,
}

/// What was done, counted.
#[derive(Default)]
pub struct Counters {
    answers: [AtomicU64; 5],
    /// Bytes that were received.
    pub received: AtomicU64,
    /// Bytes that were sent.
    pub sent: AtomicU64,
    accepted: AtomicU64,
}

impl Counters {
    /// A connection was accepted.
    pub fn add_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// These answers were made.
    pub fn add_answers(&self, answers: [u64; 5]) {
        for (count, more) in self.answers.iter().zip(answers) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// Of a program that has just started, with as many connections as its plan gives it stacks, blocks and heap for.
    pub fn new() -> Shared {
        let facts = procinfo();
        let part = facts.heap_size / PARTS;
        let workers = facts.uthreads.saturating_sub(OTHERS);
        let workers = u64::from(workers.min(facts.pool_blocks / BLOCKS));
        let volume = Volume::first();
        // Lives begin at different ticks; where instructions are counted they may not, and then the volume has other space left.
        let [_, free] = volume.space().wait().unwrap_or_default();
        let started = timestamp();
        let life = hash(started ^ u64::from(facts.generation), &free.to_le_bytes());
        Shared {
            volume,
            settings: Settings {
                most_upload: 1 << 30,
            },
            editions: Editions::new(life),
            counters: Counters::default(),
            most: (part / WAIT_HEAP).max(1),
            lobby: Monitor::new(Lobby::default()),
            room: Monitor::new(None),
            workers: workers.min(part / WORK_HEAP).max(1),
            uploads: AtomicU64::new(0),
            life,
            started,
            ticks_per_millisecond: facts.ticks_per_microsecond.max(1) * 1000,
            epoch: facts.epoch,
            address: AtomicU64::new(0),
        }
    }

    /// A connection has its turn.
    pub fn wake_worker(&self) {
        self.lobby.with_notify_one(|_| ());
    }

    /// A connection has ended: where somebody waits for its room, that is told.
    pub fn left(&self, id: u32) {
        self.lobby.with(|lobby| lobby.leave(id));
        if let Some(bell) = self.room.with(Option::take) {
            bell.ring();
        }
    }

    /// Whether there is no room for more connections than there are: others wait.
    pub fn is_full(&self) -> bool {
        self.lobby.with(|lobby| lobby.len() as u64 >= self.most)
    }

    /// Milliseconds since the start.
    pub fn milliseconds(&self) -> u64 {
        timestamp().saturating_sub(self.started) / self.ticks_per_millisecond
    }

    /// Seconds since 1970, where the machine knows them.
    pub fn seconds(&self) -> Option<u64> {
        let since = timestamp() / (self.ticks_per_millisecond / 1000);
        (self.epoch != 0).then(|| (self.epoch + since) / 1_000_000)
    }

    /// A name that no other upload of this life has, nor one of a life before.
    pub fn upload_name(&self) -> String {
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{number:x}", self.life)
    }

    /// The program has an address now.
    pub fn set_address(&self, address: [u8; 4]) {
        let number = u32::from_be_bytes(address);
        self.address.store(u64::from(number), Ordering::Relaxed);
    }

    /// The address, as text.
    pub fn address(&self) -> Option<String> {
        let number = self.address.load(Ordering::Relaxed) as u32;
        let [a, b, c, d] = number.to_be_bytes();
        (number != 0).then(|| format!("{a}.{b}.{c}.{d}"))
    }

    /// What was done so far.
    pub fn traffic(&self) -> Traffic {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counters = &self.counters;
        let answers = core::array::from_fn(|class| counters.answers.get(class).map_or(0, load));
        Traffic {
            requests: answers.iter().sum(),
            answers,
            bytes_received: load(&counters.received),
            bytes_sent: load(&counters.sent),
            connections_accepted: load(&counters.accepted),
            connections_open: self.lobby.with(|lobby| lobby.len() as u64),
            connections_most: self.most,
        }
    }
}
