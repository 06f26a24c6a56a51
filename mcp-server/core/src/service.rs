//! File calls of this cluster's processes and of peers, served here.

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockStatus};
use atoll_abi::syscall::{Call, Status};

use crate::calls::{CallId, Origin, Stage};
use crate::environment::Environment;
use crate::files::{Client, ReadPlan, Volume};
use crate::personality::Personality;
use crate::tenant::HANDLES_PER_PROCESS;

/// Calls that one step serves after the volume became ready.
const SERVED_AT_ONCE: usize = 64;

impl Personality {
    /// Serves a file call, or lets it wait for the volume.
    pub(crate) fn admit_file_call(&mut self, id: CallId, client: Client) {
        // Calls that wait go first: one client's calls stay in order.
        if self.files.volume == Volume::Loading || !self.waiting.is_empty() {
            self.calls.push(&mut self.waiting, id);
        } else {
            self.serve_file_call(id, client);
        }
    }

    /// Serves what has waited for the volume.
    pub(crate) fn serve_waiting(&mut self) -> bool {
        if self.files.volume == Volume::Loading {
            return false;
        }
        let mut worked = false;
        for _ in 0..SERVED_AT_ONCE {
            let mut waiting = self.waiting;
            let next = self.calls.pop(&mut waiting);
            self.waiting = waiting;
            let Some(id) = next else { break };
            worked = true;
            match self.calls.get(id).map(|entry| entry.origin) {
                Some(Origin::Vcore { process, .. }) => {
                    self.serve_file_call(id, Client::Process(process));
                }
                Some(Origin::Channel(channel)) => {
                    self.serve_file_call(id, Client::Channel(channel));
                }
                _ => self.finish(id, Status::NoService, [0; 2]),
            }
        }
        worked
    }

    fn serve_file_call(&mut self, id: CallId, client: Client) {
        match self.try_file_call(id, client) {
            Ok(Some(result)) => self.finish(id, Status::Done, result),
            Ok(None) => {}
            Err(status) => self.finish(id, status, [0; 2]),
        }
    }

    /// The result of a file call, or `None` where the device has to be asked.
    fn try_file_call(&mut self, id: CallId, client: Client) -> Result<Option<[u64; 2]>, Status> {
        let entry = self.calls.get(id).ok_or(Status::NoService)?;
        let (syscall, pool) = (entry.syscall, entry.pool);
        match self.files.volume {
            Volume::Ready => {}
            Volume::Failed(status) => return Err(status),
            Volume::Absent | Volume::Loading => return Err(Status::NoService),
        }
        match entry.call.ok_or(Status::UnknownCall)? {
            Call::Open => {
                let limit = self.handle_limit(client);
                let result = self.files.open(client, limit, syscall.arguments)?;
                Ok(Some(result))
            }
            Call::Stat => Ok(Some([self.files.length(client, syscall.handle)?, 0])),
            Call::Close => {
                self.files.close(client, syscall.handle)?;
                Ok(Some([0; 2]))
            }
            Call::Read => {
                let [offset, wanted, ..] = syscall.arguments;
                let plan = self
                    .files
                    .plan_read(client, syscall.handle, offset, wanted)?;
                self.hold_block(id, pool, syscall.block)?;
                match plan {
                    ReadPlan::Nothing => Ok(Some([0; 2])),
                    ReadPlan::Sectors { sector, bytes } => {
                        if self.device_lost {
                            return Err(Status::PeerLost);
                        }
                        if let Some(entry) = self.calls.get_mut(id) {
                            entry.sector = sector;
                            entry.bytes = bytes;
                        }
                        self.calls.push(&mut self.device, id);
                        Ok(None)
                    }
                }
            }
            _ => Err(Status::NoService),
        }
    }

    /// Marks the block of a read as in use.
    pub(crate) fn hold_block(&mut self, id: CallId, pool: u32, block: u32) -> Result<(), Status> {
        if !self.blocks.take(pool, block) {
            return Err(Status::BadBlock);
        }
        if let Some(entry) = self.calls.get_mut(id) {
            entry.pool = pool;
            entry.holds_block = true;
        }
        Ok(())
    }

    fn handle_limit(&self, client: Client) -> usize {
        match client {
            Client::Process(_) => HANDLES_PER_PROCESS,
            Client::Channel(channel) => self
                .channels
                .get(usize::from(channel))
                .map_or(0, |channel| channel.handle_limit),
        }
    }

    /// Takes one reply of the block driver.
    pub(crate) fn on_reply<E: Environment>(&mut self, reply: BlockReply, environment: &mut E) {
        let asked = self.calls.lookup(reply.tag).and_then(|id| {
            let entry = *self.calls.get(id)?;
            (entry.stage == Stage::Device).then_some((id, entry))
        });
        let Some((id, entry)) = asked else {
            self.counters.stale_replies += 1;
            return;
        };
        self.device_unanswered = self.device_unanswered.saturating_sub(1);
        let done = BlockStatus::from_raw(reply.status) == BlockStatus::Done;
        if entry.origin == Origin::Volume {
            if done {
                let mut header = [0; BLOCK_SIZE];
                environment.server_block(0, &mut header);
                self.files.load(&header, reply.capacity);
            } else {
                self.files.volume = Volume::Failed(Status::DeviceError);
            }
            self.calls.remove(id);
        } else if done {
            self.finish(id, Status::Done, [u64::from(entry.bytes), 0]);
        } else {
            self.finish(id, Status::DeviceError, [0; 2]);
        }
    }
}
