//! The events of the service.

mod calls;
mod copy;
mod settle;
mod waiting;

use alloc::collections::VecDeque;

use atoll_abi::block::BlockList;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request as _, request};
use atoll_abi::net::Properties;
use atoll_abi::plan::{Network, Plan};
use atoll_abi::socket::SocketAddress;
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, Answer, Answers, BATCH, CallId, Event, Loss, Service, ServiceEnd};
use atoll_driver_client::{ClientState, Clients, Driver};

use crate::frames::{Frames, Job, Out};
use crate::stack::{Identity, Limits, Stack, Wire as _};
use calls::Caller;
use waiting::Waiting;

/// Calls that can be under way at once, of all clients.
pub const CALLS: usize = 1024;

/// Bytes of buffer of a connection, in each direction: what may be on its way without being acknowledged.
const BUFFER: usize = 32 << 10;

/// Bytes of heap that a connection takes beside its buffers.
const CONNECTION: usize = 2 << 10;

/// Bytes of heap for everything but connections.
const FIXED: usize = 1 << 20;

/// A client as the service keeps it: whether its life has ended since that was looked at.
#[derive(Default)]
struct Life {
    has_ended: bool,
}

impl ClientState for Life {
    fn new(_: u32) -> Life {
        Life::default()
    }

    fn begin(&mut self, _: u32) {
        self.has_ended = true;
    }

    fn end(&mut self) {
        self.has_ended = true;
    }
}

/// A call that waits.
#[derive(Clone, Copy)]
struct Parked {
    client: usize,
    /// Blocks of the client that it has.
    blocks: Option<BlockList>,
    wait: Wait,
}

/// What it waits for.
#[derive(Clone, Copy)]
enum Wait {
    /// That the host knows where it is.
    Host,
    /// That a connection comes in.
    Accept,
    /// That a connection is made.
    Connect,
    /// That something can be received.
    Receive { length: usize },
    /// That something can be received or accepted at any socket.
    Any,
    /// That all can be sent.
    Send(Sending),
}

/// Bytes of a client that are to be sent.
#[derive(Clone, Copy, Debug)]
struct Sending {
    length: usize,
    /// Those that the socket has taken.
    sent: usize,
    /// Those that were copied for it.
    copied: u64,
    to: SocketAddress,
}

/// The service of one network device.
pub struct SocketService {
    clients: Clients<Life>,
    calls: ServiceEnd<Parked>,
    waiting: Waiting,
    /// Calls that wait until the host knows where it is.
    hosts: VecDeque<CallId>,
    driver: Driver<Job>,
    frames: Frames,
    own_blocks: u32,
    /// `None` until the driver has said what the device is.
    stack: Option<Stack>,
    network: Network,
    limits: Limits,
    /// Sockets that one client may have.
    share: usize,
    /// Grows with each life of the service.
    life: u32,
    /// Nanoseconds.
    now: u64,
    answers: Answers,
}

impl SocketService {
    /// A service of a plan, by its index.
    pub fn new(plan: &Plan, service: usize) -> SocketService {
        let clients = Clients::new(plan, service);
        let count = clients.iter().count();
        let row = plan.services().get(service);
        let pool = row.map_or(0, |row| row.pool);
        let own_blocks = plan.pools().get(pool as usize).map_or(0, |it| it.blocks);
        let heap = row.map_or(0, |row| row.heap_size as usize);
        let sockets = heap.saturating_sub(FIXED) / (2 * BUFFER + CONNECTION);
        let sockets = sockets.max(1);
        SocketService {
            calls: ServiceEnd::new(clients.owners(), CALLS),
            clients,
            waiting: Waiting::new(count),
            hosts: VecDeque::new(),
            driver: Driver::new(CALLS),
            frames: Frames::new(pool, own_blocks),
            own_blocks,
            stack: None,
            network: row.map(|row| row.network).unwrap_or_default(),
            limits: Limits {
                sockets,
                buffer: BUFFER,
            },
            share: (sockets / count.max(1)).max(1),
            life: 0,
            now: 0,
            answers: Answers::default(),
        }
    }

    /// Calls that are under way.
    pub fn under_way(&self) -> usize {
        self.calls.live()
    }

    /// Blocks of clients that calls have.
    pub fn blocks_in_use(&self) -> usize {
        self.clients.blocks_taken()
    }

    /// Sockets of clients.
    pub fn sockets(&self) -> usize {
        self.waiting.count()
    }

    /// Frames that were dropped because they were corrupt, or longer than any may be.
    pub fn dropped_frames(&self) -> u64 {
        self.frames.too_long() + self.stack.as_ref().map_or(0, Stack::corrupt)
    }

    /// Whether a client has as many sockets as it may.
    fn has_its_share(&self, client: usize) -> bool {
        self.waiting.sockets_of(client) >= self.share
    }

    fn ask_what_the_device_is(&mut self) {
        let call = request::DescribeNet {}.encode();
        self.driver.ask(Job::Describe, call);
    }

    fn on_driver_answer(&mut self, job: Job, answer: &Answer) {
        match job {
            Job::Describe => self.on_described(answer),
            Job::Receive(block) => self.frames.on_received(block, answer),
            Job::Transmit(blocks) => self.frames.on_transmitted(&blocks, answer),
            Job::AwaitLink if answer.status == Status::Done => {
                let is_up = answer.result[0] != 0;
                if let Some(stack) = self.stack.as_mut().filter(|_| is_up) {
                    stack.link_is_up_again();
                }
                self.await_link(is_up);
            }
            Job::AwaitLink => {}
        }
    }

    fn on_described(&mut self, answer: &Answer) {
        let properties = match answer.status {
            Status::Done => Properties::from_raw(answer.result),
            status => Err(status),
        };
        // Without them there is nothing to do but to wait for the driver's next life.
        let Ok(properties) = properties else { return };
        self.frames.begin();
        let (network, limits, now) = (&self.network, self.limits, self.now);
        let identity = Identity {
            life: self.life,
            seed: now ^ u64::from(self.life) << 32,
        };
        // One that is there stays: its connections do not end with the driver.
        self.stack
            .get_or_insert_with(|| Stack::new(&properties, network, limits, identity, now));
        self.await_link(properties.link_is_up);
    }

    fn await_link(&mut self, is_up: bool) {
        let known = u64::from(is_up);
        let call = request::AwaitLink { known }.encode();
        self.driver.ask(Job::AwaitLink, call);
    }

    fn on_driver_lost(&mut self, loss: Loss) {
        let lost = Answer {
            status: Status::PeerLost,
            result: [0; 2],
            block_returned: false,
        };
        let frames = &mut self.frames;
        self.driver.lose(loss, |job, block_returned| {
            let answer = Answer {
                block_returned,
                ..lost
            };
            match job {
                Job::Receive(block) => frames.on_received(block, &answer),
                Job::Transmit(blocks) => frames.on_transmitted(&blocks, &answer),
                Job::Describe | Job::AwaitLink => {}
            }
        });
        if loss == Loss::Death {
            // Nor does the device use blocks any more that the driver had when it broke the protocol.
            self.frames.take_all_back(self.own_blocks);
        }
    }

    /// A ring of a client is lost: its calls end. No device has their blocks, because this service copies them.
    fn on_client_lost(&mut self, ring: usize, actions: &mut impl Actions) {
        self.clients.on_ring_lost(ring);
        let mut next = self.calls.next_parked(ring, None);
        while let Some(id) = next {
            next = self.calls.next_parked(ring, Some(id));
            self.end(id, Status::PeerLost, [0; 2]);
        }
        self.calls.on_ring_lost(ring);
        // Names of calls that have ended must not pile up where what they waited for never comes.
        let calls = &mut self.calls;
        self.hosts.retain(|id| calls.parked(*id).is_some());
        if let Some(client) = self.calls.client_of(ring) {
            self.close_what_is_over(client, actions);
        }
    }

    /// Where a client's life has ended, its sockets end with it: their peers learn that they are reset.
    fn close_what_is_over(&mut self, client: usize, actions: &mut impl Actions) {
        let state = self.clients.get_mut(client).map(|client| &mut client.state);
        if !state.is_some_and(|life| core::mem::take(&mut life.has_ended)) {
            return;
        }
        self.waiting.forget_calls(client);
        for handle in self.waiting.all_of(client) {
            self.close(handle, true, actions);
        }
    }

    /// Closes a socket of a client.
    fn close(&mut self, handle: Handle, abruptly: bool, actions: &mut impl Actions) {
        for id in self.waiting.remove(handle) {
            self.end(id, Status::Cancelled, [0; 2]);
        }
        if let Some(stack) = &mut self.stack {
            let mut out = Out::new(&mut self.frames, &mut self.driver, actions);
            stack.give_up(handle, abruptly, &mut out);
        }
    }

    /// Ends a call that waits, and gives its blocks back.
    fn end(&mut self, id: CallId, status: Status, result: [u64; 2]) {
        let Some(parked) = self.calls.answer(id, status, result, true) else {
            return;
        };
        if let Some(blocks) = &parked.blocks {
            self.give_back(parked.client, blocks);
        }
    }

    /// A call has blocks of a client no more.
    fn give_back(&mut self, client: usize, blocks: &BlockList) {
        if let Some(client) = self.clients.get_mut(client) {
            client.blocks().give_back(blocks);
        }
    }

    /// Does what can be done: frames that have come in go to their sockets, sockets send, and calls are answered.
    fn act(&mut self, actions: &mut impl Actions) {
        if let Some(stack) = &mut self.stack {
            loop {
                let mut worked = false;
                while Out::new(&mut self.frames, &mut self.driver, actions).has_room()
                    && self
                        .frames
                        .take(&mut self.driver, actions, |frame, checked, out| {
                            stack.frame(frame, checked, out);
                        })
                {
                    worked = true;
                }
                stack.act_all(&mut Out::new(&mut self.frames, &mut self.driver, actions));
                if !worked {
                    break;
                }
            }
            self.frames.post(&mut self.driver);
        }
        if !self.hosts.is_empty() {
            self.settle_hosts();
        }
        while let Some(handle) = self.stack.as_mut().and_then(Stack::take_touched) {
            self.settle(handle, actions);
        }
        while let Some((client, id)) = self.waiting.next_report() {
            self.tell(client, id, actions);
        }
        self.frames.send(&mut self.driver);
        if !self.driver.staged().is_empty() {
            actions.call(self.driver.staged());
            self.driver.sent();
        }
        self.calls.send_all(actions);
    }

    fn take_calls(&mut self, ring: usize, calls: &[Syscall], actions: &mut impl Actions) {
        let Some(client) = self.calls.client_of(ring) else {
            return;
        };
        if !self.clients.is_connected(ring) {
            return;
        }
        for syscall in calls {
            let answer = match self.clients.admits(client, ring, syscall.generation) {
                true => {
                    self.close_what_is_over(client, actions);
                    let caller = Caller {
                        ring,
                        client,
                        syscall,
                    };
                    self.call(caller, actions)
                }
                false => Err(Status::NotAllowed),
            };
            self.answers.add(syscall, answer);
        }
        self.answers.send(ring, actions);
    }
}

impl Service for SocketService {
    const HAS_CLOCK: bool = true;

    fn room(&self, ring: usize, free: usize) -> usize {
        self.calls.room(ring, free).min(BATCH)
    }

    fn is_quiet(&self, ring: usize) -> bool {
        self.clients.is_quiet(&self.calls, ring)
    }

    fn is_busy(&self) -> bool {
        // What waits for a peer may wait for ever.
        self.frames.is_transmitting()
    }

    fn set_time(&mut self, now: u64) {
        self.now = now;
        if let Some(stack) = &mut self.stack {
            stack.set_time(now);
        }
    }

    fn due(&self) -> Option<u64> {
        // Without room nothing can be done in time: the driver's next answer makes some.
        let may_act = !self.driver.is_lost() && self.frames.may_transmit();
        self.stack.as_ref().filter(|_| may_act).and_then(Stack::due)
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Start => self.ask_what_the_device_is(),
            Event::Calls { ring, calls } => self.take_calls(ring, calls, actions),
            Event::Completions(completions) => {
                for completion in completions {
                    if let Some((job, answer)) = self.driver.complete(completion) {
                        self.on_driver_answer(job, &answer);
                    }
                }
            }
            Event::ClientLost { ring } => self.on_client_lost(ring, actions),
            Event::ClientConnected { ring, generation } => {
                self.on_client_lost(ring, actions);
                self.clients.on_ring_connected(ring, generation);
                self.life = self.life.max(generation);
            }
            Event::UpstreamLost(loss) => self.on_driver_lost(loss),
            Event::UpstreamConnected => {
                self.driver.reconnect();
                self.ask_what_the_device_is();
            }
            // It drives no device itself.
            Event::Time | Event::Device => {}
        }
        self.act(actions);
    }
}
