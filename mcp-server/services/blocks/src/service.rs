//! The events of the service.

mod forward;

use atoll_abi::block::BlockList;
use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, Answer, Answers, BATCH, CallId, Event, Loss, Service, ServiceEnd};
use atoll_driver_client::{Clients, Driver};

/// Calls that can be under way at once, of all clients.
pub const CALLS: usize = 256;

/// A call that the driver has, or will.
#[derive(Clone, Copy)]
struct Parked {
    client: usize,
    /// Blocks of the client that it has.
    blocks: Option<BlockList>,
    /// How what the driver says of sectors is told in blocks.
    results: forward::Results,
}

/// The service of one partition.
pub struct BlockService {
    clients: Clients<()>,
    calls: ServiceEnd<Parked>,
    driver: Driver<CallId>,
    answers: Answers,
}

impl BlockService {
    /// A service of a plan, by its index.
    pub fn new(plan: &Plan, service: usize) -> BlockService {
        let clients = Clients::new(plan, service);
        BlockService {
            calls: ServiceEnd::new(clients.owners(), CALLS),
            clients,
            driver: Driver::new(CALLS),
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

    fn take_calls(&mut self, ring: usize, calls: &[Syscall], actions: &mut impl Actions) {
        let Some(client) = self.calls.client_of(ring) else {
            return;
        };
        if !self.clients.is_connected(ring) {
            return;
        }
        for syscall in calls {
            let admitted = self.clients.admits(client, ring, syscall.generation);
            let accepted = match admitted {
                true => self.accept(ring, client, syscall),
                false => Err(Status::NotAllowed),
            };
            self.answers.add(syscall, accepted.map(|()| None));
        }
        self.answers.send(ring, actions);
    }

    /// Passes a call on to the driver.
    ///
    /// # Errors
    /// The status that it ends with, because it is not passed on.
    fn accept(&mut self, ring: usize, client: usize, syscall: &Syscall) -> Result<(), Status> {
        let own = self.clients.get_mut(client).ok_or(Status::NotAllowed)?;
        let call = forward::to_driver(syscall, own.pool())?;
        if let Some(blocks) = &call.blocks {
            own.blocks().take(blocks)?;
        }
        let parked = Parked {
            client,
            blocks: call.blocks,
            results: call.results,
        };
        let refused = match self.driver.is_lost() {
            true => Status::PeerLost,
            false => match self.calls.park(ring, syscall, parked) {
                Some(id) => {
                    self.driver.ask(id, call.syscall);
                    return Ok(());
                }
                None => Status::Busy,
            },
        };
        if let Some(blocks) = &call.blocks {
            own.blocks().give_back(blocks);
        }
        Err(refused)
    }

    /// The driver has answered a call.
    fn answered(&mut self, id: CallId, answer: &Answer) {
        let Some(parked) = self.calls.parked(id).copied() else {
            return;
        };
        let (status, result) = match answer.status {
            Status::Done => match parked.results.of(answer.result) {
                Ok(result) => (Status::Done, result),
                Err(status) => (status, [0; 2]),
            },
            status => (status, [0; 2]),
        };
        self.end(id, status, result, answer.block_returned);
    }

    fn end(&mut self, id: CallId, status: Status, result: [u64; 2], returned: bool) {
        let (calls, clients) = (&mut self.calls, &mut self.clients);
        end(calls, clients, id, (status, result), returned);
    }

    /// A ring of a client is lost: forgets its calls, but for those that the driver has.
    fn on_client_lost(&mut self, ring: usize) {
        self.clients.on_ring_lost(ring);
        let mut next = self.calls.next_parked(ring, None);
        while let Some(id) = next {
            next = self.calls.next_parked(ring, Some(id));
            if self.driver.withdraw(|other| *other == id) {
                self.end(id, Status::PeerLost, [0; 2], true);
            }
        }
        self.calls.on_ring_lost(ring);
    }

    fn on_driver_lost(&mut self, loss: Loss) {
        let (calls, clients) = (&mut self.calls, &mut self.clients);
        self.driver.lose(loss, |id, returned| {
            end(calls, clients, id, (Status::PeerLost, [0; 2]), returned);
        });
        if loss == Loss::Death {
            // Nor does the device use blocks any more that the driver had when it broke the protocol.
            self.clients.take_blocks_back();
        }
    }

    /// Sends what there is to send.
    fn act(&mut self, actions: &mut impl Actions) {
        if !self.driver.staged().is_empty() {
            actions.call(self.driver.staged());
            self.driver.sent();
        }
        self.calls.send_all(actions);
    }
}

impl Service for BlockService {
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
            Event::Calls { ring, calls } => self.take_calls(ring, calls, actions),
            Event::Completions(completions) => {
                for completion in completions {
                    if let Some((id, answer)) = self.driver.complete(completion) {
                        self.answered(id, &answer);
                    }
                }
            }
            Event::ClientLost { ring } => self.on_client_lost(ring),
            Event::ClientConnected { ring, generation } => {
                self.on_client_lost(ring);
                self.clients.on_ring_connected(ring, generation);
            }
            Event::UpstreamLost(loss) => self.on_driver_lost(loss),
            Event::UpstreamConnected => self.driver.reconnect(),
            // It drives no device itself, and has nothing to load.
            Event::Start | Event::Device | Event::Time => {}
        }
        self.act(actions);
    }
}

/// Ends a call. Blocks that the driver may still use stay taken for good.
fn end(
    calls: &mut ServiceEnd<Parked>,
    clients: &mut Clients<()>,
    id: CallId,
    (status, result): (Status, [u64; 2]),
    returned: bool,
) {
    let Some(parked) = calls.answer(id, status, result, returned) else {
        return;
    };
    if returned
        && let Some(blocks) = &parked.blocks
        && let Some(client) = clients.get_mut(parked.client)
    {
        client.blocks().give_back(blocks);
    }
}
