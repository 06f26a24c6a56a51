//! The personality's world on seL4.

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockRequest};
use atoll_abi::message::{Message, Payload};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_channel::{CAPACITY, Endpoint, SendError};
use atoll_core::{Environment, PeerFault, Personality, SendRefused};

use crate::kernel::{self, Doorbells};
use crate::rings::Rings;

/// What the personality reaches the rest through.
pub struct World<'a> {
    plan: &'a Plan,
    cluster: usize,
    rings: &'a mut Rings,
    doorbells: Doorbells,
    masked: bool,
    /// Processes of the cluster that have not ended.
    running: usize,
    /// Entries into the kernel that the processes were told of.
    entries: u64,
}

impl<'a> World<'a> {
    /// The world of a cluster.
    pub fn new(plan: &'a Plan, cluster: usize, rings: &'a mut Rings) -> World<'a> {
        let own = |process: &&atoll_abi::plan::Process| process.cluster as usize == cluster;
        World {
            plan,
            cluster,
            rings,
            doorbells: Doorbells::new(plan, cluster),
            masked: plan.clusters()[cluster].masked != 0,
            running: plan.processes().iter().filter(own).count(),
            entries: 0,
        }
    }

    /// Has the server woken for the personality's next deadline; whether it may block. It may not where that has come. A
    /// server that masks its doorbell never may: it arms nothing, so nobody ever rings, and looks at the clock in each step.
    ///
    /// The comparator that this sets is also the doorbell of clusters in other kernels, and whoever writes it last
    /// undoes what the others wrote. No wake-up is lost, because this comes *before* [`World::arm`]:
    ///
    /// - A sender publishes, takes the ring's asleep word, and only then writes the comparator. Where this write comes
    ///   after the sender's and undoes its ring, the message was published before, so the look that `arm` takes at every
    ///   ring, which comes after this, shows it, unless it has been taken already. The other way round, armed first and
    ///   set afterwards, a ring in between would be undone and its message never looked for.
    /// - Where the sender's write comes after this one and undoes the alarm, its interrupt begins after this, so it ends
    ///   the wait that follows, and before the next wait the alarm is set again. So it is with a sender that is late to
    ///   ring for a message that was taken long ago.
    /// - A sender that is stopped for good between its write and its second look may leave neither: see `Hpet::ring`.
    pub fn set_alarm(&mut self, personality: &Personality) -> bool {
        if self.masked {
            return false;
        }
        match personality.next_deadline() {
            Some(deadline) => self.doorbells.set_alarm(deadline).unwrap_or(false),
            None => true,
        }
    }

    /// Arms every ring that the personality would take something from; whether the server may block.
    pub fn arm(&mut self, personality: &Personality) -> bool {
        let mut may_block = true;
        // A ring whose peer broke it is read once more, so that the personality learns of it.
        let mut arm = |end: &mut Option<Endpoint>, listens: bool| {
            if let (Some(end), true) = (end, listens) {
                may_block &= end.receiver.arm().unwrap_or(false);
            }
        };
        for (process, vcores) in self.rings.vcores.iter_mut().enumerate() {
            for (vcore, end) in vcores.iter_mut().enumerate() {
                arm(end, personality.listens(process, vcore));
            }
        }
        for (channel, end) in self.rings.channels.iter_mut().enumerate() {
            arm(end, personality.listens_to_channel(channel));
        }
        arm(&mut self.rings.driver, personality.listens_to_driver());
        may_block
    }

    /// Ends what `arm` began: nobody needs to ring any more.
    pub fn disarm(&mut self) {
        for end in self.rings.all() {
            end.receiver.disarm();
        }
    }

    /// Allows the next interrupt of the doorbell.
    pub fn acknowledge(&self) {
        self.doorbells.acknowledge();
    }

    /// Sees to channels whose peer died, or came back: ends what was under way and begins anew. Tells whether there was
    /// one.
    pub fn renew(&mut self, personality: &mut Personality) -> bool {
        let mut any = false;
        for (channel, end) in self.rings.channels.iter_mut().enumerate() {
            let Some(end) = end.as_mut().filter(|end| end.receiver.peer_changed()) else {
                continue;
            };
            any = true;
            if end.renew() {
                personality.open_channel(channel as u8, end.generation());
            } else {
                personality.lose_channel(channel as u8);
            }
        }
        any
    }

    /// Gives a channel up whose peer broke the protocol, and tells the peer: it may have calls there.
    fn close(&mut self, channel: usize) {
        if let Some(end) = &mut self.rings.channels[channel] {
            end.close();
            self.ring_peer(channel);
        }
    }

    fn ring_peer(&mut self, channel: usize) {
        let plan = &self.plan.channels()[channel];
        let peer = plan
            .clusters
            .into_iter()
            .find(|end| *end as usize != self.cluster);
        if let Some(peer) = peer.and_then(|peer| self.plan.clusters().get(peer as usize)) {
            self.doorbells.ring(channel, plan, peer);
        }
    }

    /// Tells the processes of the cluster how often the server has entered the kernel, where that has changed.
    pub fn publish_entries(&mut self) {
        let entries = kernel::entries();
        if entries == self.entries {
            return;
        }
        self.entries = entries;
        for (number, process) in self.plan.processes().iter().enumerate() {
            if process.cluster as usize == self.cluster {
                kernel::publish_entries(number, entries);
            }
        }
    }

    fn tell_channels(&mut self) {
        for (number, end) in self.rings.channels.iter().enumerate() {
            if let Some(end) = end {
                kernel::channel([
                    number as u64,
                    end.sender.sent(),
                    end.receiver.received(),
                    end.sender.doorbells(),
                    end.receiver.telemetry().doorbells,
                ]);
            }
        }
    }
}

impl Environment for World<'_> {
    fn now(&mut self) -> u64 {
        self.doorbells.now()
    }

    fn has_syscalls(&mut self, process: usize, vcore: usize) -> bool {
        has_any(&mut self.rings.vcores[process][vcore])
    }

    fn has_messages(&mut self, channel: usize) -> bool {
        has_any(&mut self.rings.channels[channel])
    }

    fn has_replies(&mut self) -> bool {
        has_any(&mut self.rings.driver)
    }

    fn receive_syscalls(
        &mut self,
        process: usize,
        vcore: usize,
        into: &mut [Syscall],
    ) -> Result<usize, PeerFault> {
        receive(&mut self.rings.vcores[process][vcore], into)
    }

    fn complete(
        &mut self,
        process: usize,
        vcore: usize,
        completions: &[Completion],
    ) -> Result<usize, SendRefused> {
        let (sent, wake) = send(&mut self.rings.vcores[process][vcore], completions)?;
        if wake {
            kernel::signal_vcore(process, vcore);
        }
        Ok(sent)
    }

    fn unread(&mut self, process: usize, vcore: usize) -> usize {
        let Some(end) = &mut self.rings.vcores[process][vcore] else {
            return 0;
        };
        CAPACITY - end.sender.free().unwrap_or(0)
    }

    fn receive_channel(
        &mut self,
        channel: usize,
        into: &mut [Message],
    ) -> Result<usize, PeerFault> {
        let Some(end) = &mut self.rings.channels[channel] else {
            return Ok(0);
        };
        let received = end.receiver.receive_batch(into);
        if received.is_err() {
            self.close(channel);
        }
        received.map_err(|_| PeerFault)
    }

    fn send_channel(&mut self, channel: usize, messages: &[Message]) -> Result<usize, SendRefused> {
        match send_messages(&mut self.rings.channels[channel], messages) {
            Ok((sent, wake)) => {
                if wake {
                    self.ring_peer(channel);
                }
                Ok(sent)
            }
            Err(refused) => {
                if refused == SendRefused::Closed {
                    self.close(channel);
                }
                Err(refused)
            }
        }
    }

    fn receive_replies(&mut self, into: &mut [BlockReply]) -> Result<usize, PeerFault> {
        receive(&mut self.rings.driver, into)
    }

    fn send_requests(&mut self, requests: &[BlockRequest]) -> Result<usize, SendRefused> {
        let (sent, wake) = send(&mut self.rings.driver, requests)?;
        if wake {
            kernel::signal_driver();
        }
        Ok(sent)
    }

    fn start_vcore(&mut self, process: usize, vcore: usize) {
        kernel::resume_vcore(process, vcore);
    }

    fn stop_vcore(&mut self, process: usize, vcore: usize) {
        kernel::suspend_vcore(process, vcore);
    }

    fn publish_granted(&mut self, process: usize, granted: u64) {
        kernel::publish_granted(process, granted);
    }

    fn print_line(&mut self, process: usize, line: &str) {
        kernel::print(format_args!(
            "[{}] {line}",
            self.plan.processes()[process].name
        ));
    }

    fn process_ended(&mut self, process: usize, status: u64, max_granted: u32) {
        self.running = self.running.saturating_sub(1);
        if self.running == 0 {
            self.tell_channels();
        }
        kernel::exited(process, status, max_granted);
    }

    fn server_block(&mut self, index: usize, into: &mut [u8; BLOCK_SIZE]) {
        kernel::read_server_block(index, into);
    }
}

/// Whether there is something to receive.
fn has_any(end: &mut Option<Endpoint>) -> bool {
    end.as_mut().is_some_and(|end| end.receiver.waiting())
}

/// Receives typed messages, in place.
fn receive<T: Payload>(end: &mut Option<Endpoint>, into: &mut [T]) -> Result<usize, PeerFault> {
    let Some(end) = end else {
        return Ok(0);
    };
    end.receiver
        .receive_batch(T::as_messages_mut(into))
        .map_err(|_| PeerFault)
}

/// Sends typed messages; how many, and whether the doorbell has to be rung, which is counted.
fn send<T: Payload>(end: &mut Option<Endpoint>, batch: &[T]) -> Result<(usize, bool), SendRefused> {
    send_messages(end, T::as_messages(batch))
}

fn send_messages(
    end: &mut Option<Endpoint>,
    messages: &[Message],
) -> Result<(usize, bool), SendRefused> {
    let Some(end) = end else {
        return Err(SendRefused::Closed);
    };
    let (sent, wake) = end
        .sender
        .send_batch(messages)
        .map_err(|error| match error {
            SendError::Full => SendRefused::Full,
            SendError::Peer(_) => SendRefused::Closed,
        })?;
    if wake.needed() {
        end.sender.note_doorbell();
    }
    Ok((sent, wake.needed()))
}
