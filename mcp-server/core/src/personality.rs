//! The personality of one cluster: its tables, and one step over all its sources.

use atoll_abi::block::{BLOCK_SIZE, BlockReply, SECTORS_PER_BLOCK};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::message::MESSAGE_WORDS;
use atoll_abi::plan::{MAX_CHANNELS, MAX_PROCESSES, NONE, Plan};
use atoll_abi::syscall::{NO_BLOCK, Syscall};
use zerocopy::FromZeros;

use crate::blocks::Blocks;
use crate::calls::{CALLS, CallTable, List, NEVER, Origin};
use crate::channel::{CHANNEL_CREDITS, ChannelState};
use crate::environment::{Environment, PeerFault};
use crate::files::{Files, Volume};
use crate::process::State;
use crate::tenant::{FileRoute, HANDLES_PER_PROCESS, Tenant};
use crate::vcore::VcoreMap;

/// Generation of every process: no process is restarted yet, so all are in their first incarnation.
pub const FIRST_GENERATION: u32 = 1;

/// Exit status of a process that was ended because it broke the protocol of its rings.
pub const FAULT_STATUS: u64 = u64::MAX;

/// Messages that one step takes from one source.
const BATCH: usize = 32;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was done; there may be more.
    Worked,
    /// Nothing was done, and a full ring keeps something back. Nobody rings when it has room: step again.
    Stalled,
    /// Nothing was done, and nothing will be until a message arrives.
    Idle,
}

/// What went wrong with others, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests of peers that carried another generation than the channel's.
    pub stale_requests: u64,
    /// Answers of peers that no call waits for, or that carried another generation than the channel's.
    pub stale_answers: u64,
    /// Replies of the block driver that no call waits for.
    pub stale_replies: u64,
    /// Answers of peers that are no answer to what was asked.
    pub malformed_answers: u64,
    /// Times that a channel was closed because its peer died or broke the protocol.
    pub lost_channels: u64,
    /// Processes that were ended because they broke the protocol.
    pub process_faults: u64,
    /// Completions that were dropped because the process that would get them is dead or does not take them.
    pub dropped_completions: u64,
}

/// The personality of one cluster.
///
/// It is several hundred kilobytes: make it a static from [`Personality::vacant`], or box it.
///
/// Invariants, beside those of its parts:
/// - A call is in the table from the moment its syscall is taken out of a ring until its completion is in one, and
///   completes once.
/// - A vcore's ring is not read while one of its completions could not be sent: a process that does not take its
///   completions stops only itself.
/// - A block is marked in use from when a read is accepted until it finishes; one read holds it.
/// - Every client has a share of the call table that nobody else can use up.
pub struct Personality {
    pub(crate) cluster: u32,
    pub(crate) processes: [Tenant; MAX_PROCESSES],
    pub(crate) channels: [ChannelState; MAX_CHANNELS],
    pub(crate) blocks: Blocks,
    pub(crate) calls: CallTable,
    pub(crate) files: Files,
    pub(crate) server_pool: u32,
    /// File calls that wait for the volume's header.
    pub(crate) waiting: List,
    /// Calls that wait to be sent to the block driver.
    pub(crate) device: List,
    /// Requests that the block driver has not answered.
    pub(crate) device_unanswered: usize,
    pub(crate) device_lost: bool,
    /// Entries of the call table that one process may use.
    pub(crate) share: usize,
    pub(crate) counters: Counters,
    /// Processes and channels of the plan: those from here on are none of anybody's.
    pub(crate) process_end: usize,
    pub(crate) channel_end: usize,
    /// For each process, the vcores that have completions in line.
    pub(crate) finished: [u16; MAX_PROCESSES],
    /// No call's time is up before this, on the environment's clock.
    pub(crate) earliest: u64,
    /// Messages of all kinds that were sent.
    pub(crate) delivered: u64,
}

/// What a step receives into.
type Batch<T> = [T; BATCH];

impl Personality {
    /// A personality of no cluster: [`configure`](Personality::configure) it.
    pub const fn vacant() -> Personality {
        Personality {
            cluster: NONE,
            processes: [Tenant::UNUSED; MAX_PROCESSES],
            channels: [ChannelState::UNUSED; MAX_CHANNELS],
            blocks: Blocks::new(),
            calls: CallTable::new(),
            files: Files::new(),
            server_pool: NONE,
            waiting: List::EMPTY,
            device: List::EMPTY,
            device_unanswered: 0,
            device_lost: false,
            share: 0,
            counters: Counters {
                stale_requests: 0,
                stale_answers: 0,
                stale_replies: 0,
                malformed_answers: 0,
                lost_channels: 0,
                process_faults: 0,
                dropped_completions: 0,
            },
            process_end: 0,
            channel_end: 0,
            finished: [0; MAX_PROCESSES],
            earliest: NEVER,
            delivered: 0,
        }
    }

    /// The personality of one cluster of a plan.
    pub fn new(plan: &Plan, cluster: u32) -> Personality {
        let mut personality = Personality::vacant();
        personality.configure(plan, cluster);
        personality
    }

    /// Makes a vacant personality that of one cluster of a plan.
    pub fn configure(&mut self, plan: &Plan, cluster: u32) {
        self.cluster = cluster;
        self.process_end = plan.processes().len();
        self.channel_end = plan.channels().len();
        self.blocks.configure(plan);
        if let Some(own) = plan.clusters().get(cluster as usize)
            && own.block_device != NONE
        {
            self.files.volume = Volume::Loading;
            self.server_pool = own.server_pool;
        }
        for (index, (state, channel)) in self.channels.iter_mut().zip(plan.channels()).enumerate() {
            let Some(end) = channel.end_of(cluster) else {
                continue;
            };
            let clients = plan.processes().iter().filter(|process| {
                process.file_cluster == cluster && process.file_channel as usize == index
            });
            *state = ChannelState {
                peer: channel.clusters.get(1 - end).copied().unwrap_or(NONE),
                used: true,
                handle_limit: clients.count() * HANDLES_PER_PROCESS,
                ..ChannelState::UNUSED
            };
        }
        for (tenant, process) in self.processes.iter_mut().zip(plan.processes()) {
            if process.cluster != cluster {
                continue;
            }
            let channel = u8::try_from(process.file_channel).ok().filter(|&index| {
                self.channels
                    .get(usize::from(index))
                    .is_some_and(|c| c.used)
            });
            *tenant = Tenant {
                used: true,
                generation: FIRST_GENERATION,
                vcores: VcoreMap::new(process.vcores as usize),
                pool: process.pool,
                files: match channel {
                    _ if process.file_cluster == cluster => FileRoute::Here,
                    Some(channel) => FileRoute::Channel(channel),
                    None => FileRoute::Nobody,
                },
                ..Tenant::UNUSED
            };
        }
        let channels = self.channels.iter().filter(|channel| channel.used).count();
        let processes = self.processes.iter().filter(|tenant| tenant.used).count();
        self.share = (CALLS - 1 - channels * CHANNEL_CREDITS) / processes.max(1);
    }

    /// Starts every process of the cluster on its vcore 0, and the reading of the volume's header.
    pub fn start<E: Environment>(&mut self, environment: &mut E) {
        if self.files.volume == Volume::Loading {
            self.load_volume();
        }
        for process in 0..self.process_end {
            self.start_process(process, environment);
        }
    }

    /// Does bounded work over all sources: at most a fixed number of messages from each of them.
    pub fn step<E: Environment>(&mut self, environment: &mut E) -> Progress {
        let mut worked = self.expire(environment);
        worked |= self.take_replies(environment);
        worked |= self.take_messages(environment);
        worked |= self.take_syscalls(environment);
        worked |= self.serve_waiting();
        let (sent, stalled) = self.deliver(environment);
        worked |= sent;
        worked |= self.retire(environment);
        match (worked, stalled) {
            (true, _) => Progress::Worked,
            (false, true) => Progress::Stalled,
            (false, false) => Progress::Idle,
        }
    }

    /// Whether a step would take a syscall from the ring of a vcore now. Where it would not, a message there is no
    /// reason to stay awake.
    pub fn listens(&self, process: usize, vcore: usize) -> bool {
        self.processes.get(process).is_some_and(|tenant| {
            tenant.is_alive()
                && tenant.outstanding < self.share
                && vcore < tenant.vcores.limit()
                && tenant.rings.get(vcore).is_some_and(|ring| !ring.refused)
        })
    }

    /// Whether a step would take a message from a channel now.
    pub fn listens_to_channel(&self, channel: usize) -> bool {
        self.channels
            .get(channel)
            .is_some_and(ChannelState::is_open)
    }

    /// Whether a step would take a reply of the block driver now.
    pub fn listens_to_driver(&self) -> bool {
        self.files.volume != Volume::Absent && !self.device_lost
    }

    /// The state of a process; `None` where it is none of this cluster.
    pub fn state(&self, process: usize) -> Option<State> {
        let tenant = self.processes.get(process)?;
        tenant.used.then_some(tenant.state)
    }

    /// The vcore map of a process; `None` where it is none of this cluster.
    pub fn vcores(&self, process: usize) -> Option<&VcoreMap> {
        let tenant = self.processes.get(process)?;
        tenant.used.then_some(&tenant.vcores)
    }

    /// Whether every process of the cluster is dead.
    pub fn finished(&self) -> bool {
        self.processes
            .iter()
            .all(|tenant| !tenant.used || tenant.state == State::Dead)
    }

    /// How many calls are outstanding.
    pub fn outstanding(&self) -> usize {
        self.calls.live()
    }

    /// How many blocks are being read into.
    pub fn blocks_in_use(&self) -> usize {
        self.blocks.taken()
    }

    /// How many files are open here.
    pub fn open_files(&self) -> usize {
        self.files.open_count()
    }

    /// What went wrong with others.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn load_volume(&mut self) {
        let header = Syscall {
            tag: 0,
            call: 0,
            pool: 0,
            handle: 0,
            arguments: [0; 4],
            block: NO_BLOCK,
            generation: FIRST_GENERATION,
        };
        let Some(id) = self.calls.insert(header, Origin::Volume) else {
            return;
        };
        if let Some(entry) = self.calls.get_mut(id) {
            entry.pool = self.server_pool;
            entry.syscall.block = 0;
            entry.bytes = BLOCK_SIZE as u32;
            entry.sector = 0;
            const { assert!(BLOCK_SIZE as u64 / SECTORS_PER_BLOCK == 512) };
        }
        self.calls.push(&mut self.device, id);
    }

    fn take_replies<E: Environment>(&mut self, environment: &mut E) -> bool {
        if !self.listens_to_driver() || !environment.has_replies() {
            return false;
        }
        let mut batch: Batch<_> = [BlockReply::new_zeroed(); BATCH];
        match environment.receive_replies(&mut batch) {
            Ok(count) => {
                for reply in batch.iter().take(count) {
                    self.on_reply(*reply, environment);
                }
                count > 0
            }
            Err(PeerFault) => {
                self.lose_driver();
                true
            }
        }
    }

    fn take_messages<E: Environment>(&mut self, environment: &mut E) -> bool {
        let mut worked = false;
        for channel in 0..self.channel_end as u8 {
            let index = usize::from(channel);
            if !self.listens_to_channel(index) || !environment.has_messages(index) {
                continue;
            }
            let mut batch: Batch<_> = [[0; MESSAGE_WORDS]; BATCH];
            match environment.receive_channel(usize::from(channel), &mut batch) {
                Ok(count) => {
                    for message in batch.iter().take(count) {
                        // One of them may have closed the channel.
                        if self.listens_to_channel(usize::from(channel)) {
                            self.on_message(channel, message);
                        }
                    }
                    worked |= count > 0;
                }
                Err(PeerFault) => {
                    self.lose_channel(channel);
                    worked = true;
                }
            }
        }
        worked
    }

    fn take_syscalls<E: Environment>(&mut self, environment: &mut E) -> bool {
        let mut worked = false;
        for process in 0..self.process_end {
            let vcores = self
                .processes
                .get(process)
                .map_or(0, |tenant| tenant.vcores.limit());
            for vcore in 0..vcores {
                if !self.listens(process, vcore) || !environment.has_syscalls(process, vcore) {
                    continue;
                }
                let mut batch: Batch<_> = [Syscall::new_zeroed(); BATCH];
                let room = self.room(process, vcore).min(BATCH);
                let taken = batch.get_mut(..room).unwrap_or_default();
                match environment.receive_syscalls(process, vcore, taken) {
                    Ok(count) => {
                        let taken = taken.get(..count).unwrap_or_default();
                        self.accept_batch(process, vcore, taken, environment);
                        worked |= count > 0;
                    }
                    Err(PeerFault) => {
                        self.fault_process(process, environment);
                        worked = true;
                    }
                }
            }
        }
        worked
    }

    /// Syscalls that a process may still have in the table of calls.
    fn room(&self, process: usize, vcore: usize) -> usize {
        let Some(tenant) = self.processes.get(process) else {
            return 0;
        };
        let outstanding = tenant.rings.get(vcore).map_or(0, |ring| ring.outstanding);
        // One more than its ring has places for completions: a process that goes beyond them is found out.
        let places = RING_SLOTS + 1 - outstanding.min(RING_SLOTS);
        (self.share - tenant.outstanding.min(self.share)).min(places)
    }
}
