//! The driver as a service: what its client asks for, and what the device is asked for.

mod job;
mod outgoing;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use core::fmt;

use atoll_abi::block::BlockList;
use atoll_abi::interface::{NetCall, request};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::net::Properties;
use atoll_abi::plan::Plan;
use atoll_abi::syscall::{Status, Syscall};
use atoll_call::{Actions, Answers, BATCH, CallId, Event, Service, ServiceEnd};
use atoll_driver::{DeviceService, LostClients, Pools};
use atoll_virtio::VirtioError;

use crate::{Card, DriverError, Headers, Network};
use job::{Job, Work};
use outgoing::Outgoing;

/// Calls that can be under way at once: more than a ring has.
pub const CALLS: usize = 2 * RING_SLOTS;

/// The slot of the client: the first service of the device.
const CLIENT: usize = 0;

/// A network device, and the one service that has it: the first one that the plan names. Others are refused everything.
///
/// Frames are received into the service's own pool alone, because the driver reads their headers, and is given no other pool; they are
/// transmitted from that one and from those of the service's clients. Answers to [`ReceiveFrame`] come in the order in which the
/// device received the frames; a frame that is dropped answers nobody.
///
/// A buffer that waits for a frame may wait for ever, and a running device does not give it back. So when the client is lost, and
/// when the device has broken the protocol, the device is stopped, and all that it had comes back at once. A client that is lost is
/// *quiet* then ([`DeviceService::take_quiet`]), and the device is started again for the next one. One that has broken the protocol
/// stays as it is until then: all calls end with [`Status::DeviceError`].
///
/// [`ReceiveFrame`]: request::ReceiveFrame
pub struct NetService<D, H> {
    /// On the heap, because it is large: the service is moved before it serves, and a stack is small.
    network: Box<Network<D, H>>,
    pools: Pools,
    /// The place of the pool that frames are received into.
    own_pool: Option<usize>,
    calls: ServiceEnd<Job>,
    /// Calls that the device has not, in order: to receive, and to transmit.
    to_receive: VecDeque<CallId>,
    to_transmit: VecDeque<CallId>,
    /// For each block of the own pool that the device receives into, its call.
    receiving: Box<[Option<CallId>]>,
    /// The call that waits for the link, and whether its client knows the link to be up.
    link: Option<(CallId, bool)>,
    /// The device has interrupted since it was asked for its link.
    link_due: bool,
    lost: LostClients,
    answers: Answers,
}

impl<D: Card, H: Headers> NetService<D, H> {
    /// The driver of a plan's device. It reads headers by index of a block of the client's own pool.
    pub fn new(plan: &Plan, device: usize, network: Network<D, H>) -> Self {
        let clients = plan.services_of_device(device).count();
        let pools = Pools::new(plan, device);
        let own = plan.services_of_device(device).next();
        let own = own.map(|(_, service)| service.pool);
        let own_row = own.and_then(|pool| plan.pools().get(pool as usize));
        let own_blocks = own_row.map_or(0, |pool| pool.blocks as usize);
        NetService {
            network: Box::new(network),
            own_pool: own.and_then(|pool| pools.find(pool)),
            pools,
            calls: ServiceEnd::new(0..clients, CALLS),
            to_receive: VecDeque::with_capacity(CALLS),
            to_transmit: VecDeque::with_capacity(CALLS),
            receiving: vec![None; own_blocks].into_boxed_slice(),
            link: None,
            // It may have changed before the driver could be interrupted.
            link_due: true,
            lost: LostClients::default(),
            answers: Answers::default(),
        }
    }

    /// The device.
    pub fn network(&self) -> &Network<D, H> {
        &self.network
    }

    /// Stops the device.
    pub fn stop(&mut self, error: impl Into<DriverError>) {
        self.network.stop(error);
    }

    /// Calls that have not been answered.
    pub fn under_way(&self) -> usize {
        self.calls.live()
    }

    /// Blocks that calls have.
    pub fn blocks_taken(&self) -> usize {
        self.pools.taken()
    }

    fn take_calls(&mut self, ring: usize, calls: &[Syscall], actions: &mut impl Actions) {
        for syscall in calls {
            let answer = self.accept(ring, syscall);
            self.answers.add(syscall, answer);
        }
        self.answers.send(ring, actions);
    }

    /// Checks a call and has it wait; its results where it needs not.
    ///
    /// # Errors
    /// The status that it ends with.
    fn accept(&mut self, ring: usize, syscall: &Syscall) -> Result<Option<[u64; 2]>, Status> {
        if ring != CLIENT {
            return Err(Status::NotAllowed);
        }
        match NetCall::decode(syscall)? {
            NetCall::DescribeNet(_) => Ok(Some(self.properties().to_raw())),
            NetCall::ReceiveFrame(request::ReceiveFrame { pool }) => {
                let id = self.park_with_blocks(syscall, pool, Work::Receive)?;
                self.to_receive.push_back(id);
                Ok(None)
            }
            NetCall::TransmitFrame(request::TransmitFrame {
                pool,
                length,
                checksum,
            }) => self.transmit(syscall, pool, Outgoing::one(length, checksum.0)),
            NetCall::TransmitFrames(request::TransmitFrames {
                pool,
                lengths,
                checksum,
            }) => self.transmit(syscall, pool, Outgoing::apart(lengths, checksum.0)),
            NetCall::AwaitLink(request::AwaitLink { known }) => self.await_link(syscall, known),
        }
    }

    fn transmit(
        &mut self,
        syscall: &Syscall,
        pool: u32,
        outgoing: Outgoing,
    ) -> Result<Option<[u64; 2]>, Status> {
        let id = self.park_with_blocks(syscall, pool, Work::Transmit(outgoing))?;
        self.to_transmit.push_back(id);
        Ok(None)
    }

    fn properties(&self) -> Properties {
        let abilities = self.network.abilities();
        Properties {
            address: abilities.address,
            mtu: abilities.mtu,
            makes_checksums: abilities.checksums.transmit,
            tells_checksums: abilities.checksums.receive,
            link_is_up: self.network.link_is_up(),
        }
    }

    /// Parks a call, which has its blocks then.
    fn park_with_blocks(
        &mut self,
        syscall: &Syscall,
        pool: u32,
        work: Work,
    ) -> Result<CallId, Status> {
        // The blocks first, because every other status gives them back.
        let blocks = BlockList::from_call(syscall)?;
        let pool = self.pools.of(pool, CLIENT, &blocks)?;
        self.pools.take(pool, &blocks)?;
        let job = Job::new(work, pool, blocks);
        let parked = self.check(&job).and_then(|()| self.park(syscall, job));
        if parked.is_err() {
            self.pools.give_back(pool, &blocks);
        }
        parked
    }

    fn park(&mut self, syscall: &Syscall, job: Job) -> Result<CallId, Status> {
        self.calls.park(CLIENT, syscall, job).ok_or(Status::Busy)
    }

    /// Whether a job can be done, as far as the device does not decide that.
    fn check(&self, job: &Job) -> Result<(), Status> {
        let Some((pool, blocks)) = &job.blocks else {
            return Ok(());
        };
        if job.work == Work::Receive && self.own_pool != Some(*pool) {
            return Err(Status::BadBlock);
        }
        let fits = match job.work {
            Work::Receive => blocks.as_slice().len() == 1,
            Work::Transmit(outgoing) => outgoing.fits(blocks),
            Work::Link => false,
        };
        if !fits || blocks.order() > 0 {
            return Err(Status::InvalidArgument);
        }
        match self.network.failure() {
            Some(_) => Err(Status::DeviceError),
            None => Ok(()),
        }
    }

    fn await_link(&mut self, syscall: &Syscall, known: u64) -> Result<Option<[u64; 2]>, Status> {
        let known = match known {
            0 => false,
            1 => true,
            _ => return Err(Status::InvalidArgument),
        };
        if self.network.failure().is_some() {
            return Err(Status::DeviceError);
        }
        let is_up = self.network.link_is_up();
        if is_up != known {
            return Ok(Some([is_up.into(), 0]));
        }
        if self.link.is_some() {
            return Err(Status::Busy);
        }
        let id = self.park(syscall, Job::link())?;
        self.link = Some((id, known));
        Ok(None)
    }

    /// Whether the link is not as the call that waits for it knows it.
    fn link_differs(&self) -> bool {
        self.link
            .is_some_and(|(_, known)| known != self.network.link_is_up())
    }

    /// A client is lost: nothing of its calls is under way any more when this has been done.
    fn on_client_lost(&mut self, ring: usize) {
        if ring == CLIENT {
            // A device that was stopped before, or that this life of the client has broken, is of use for the next one.
            if self.network.has_memory() {
                self.network.stop(VirtioError::Quiesced);
            }
            self.end_all(Status::PeerLost);
            self.network.restart();
        }
        self.calls.on_ring_lost(ring);
        self.lost.add(ring);
    }

    /// Takes in what the device has done, gives it what waits, and answers.
    fn act(&mut self, actions: &mut impl Actions) {
        self.collect();
        match self.network.failure() {
            Some(_) => self.end_all(Status::DeviceError),
            None => self.stage(),
        }
        if self.link_differs()
            && let Some((id, _)) = self.link.take()
        {
            let is_up = self.network.link_is_up();
            self.answer(id, Status::Done, [is_up.into(), 0]);
        }
        self.calls.send_all(actions);
    }
}

impl<D: Card, H: Headers> Service for NetService<D, H> {
    fn room(&self, ring: usize, free: usize) -> usize {
        self.calls.room(ring, free).min(BATCH)
    }

    fn is_quiet(&self, ring: usize) -> bool {
        // Each client has one ring.
        self.calls.of_client(ring) == 0
    }

    fn is_busy(&self) -> bool {
        // Frames that are to come are not on their way.
        let [_, transmit] = self.network.queues();
        !self.to_transmit.is_empty() || transmit.in_flight() > 0
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Calls { ring, calls } => self.take_calls(ring, calls, actions),
            Event::ClientLost { ring } => self.on_client_lost(ring),
            Event::ClientConnected { ring, .. } => self.lost.remove(ring),
            // It uses no other component.
            Event::Start
            | Event::Device
            | Event::Time
            | Event::Completions(_)
            | Event::UpstreamLost(_)
            | Event::UpstreamConnected => {}
        }
        self.act(actions);
    }
}

impl<D: Card, H: Headers> DeviceService for NetService<D, H> {
    fn has_finished(&self) -> bool {
        let ends = self.network.failure().is_some() && self.calls.live() > 0;
        ends || self.network.has_finished() || self.link_differs()
    }

    /// Before the driver sleeps, and not with every frame, it looks at the link: that takes registers of the device.
    fn set_interrupts(&mut self, wanted: bool) {
        self.network.set_interrupts(wanted, wanted);
        if wanted && core::mem::take(&mut self.link_due) {
            self.network.look_at_link();
        }
    }

    fn interrupted(&mut self) {
        self.link_due = true;
    }

    fn take_quiet(&mut self) -> Option<usize> {
        // Each client has one ring.
        self.lost.take(|slot| self.calls.of_client(slot) == 0)
    }

    fn failure(&self) -> Option<impl fmt::Display> {
        self.network.failure()
    }

    /// Frames that are to be sent: those that are to come may take any time.
    fn awaited(&self) -> Option<u64> {
        let [_, transmit] = self.network.queues();
        (transmit.in_flight() > 0).then(|| transmit.count())
    }

    fn has_of_the_first(&self, count: u64) -> bool {
        let [_, transmit] = self.network.queues();
        transmit.has_of_the_first(count)
    }
}
