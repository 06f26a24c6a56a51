//! Who comes, and for whom there is something to do: one call that waits for all sockets, and a few uthreads that work.
//!
//! A connection has a uthread only while there is something to do for it, so there may be many more of them than stacks.

use alloc::sync::Arc;
use core::time::Duration;

use atoll_runtime::{
    Block, Event, EventQueue, Listener, Network, SocketId, SocketOption, Status, sleep,
};

use super::client::{Client, Next};
use super::shared::Shared;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Between two looks for clients that have taken too long.
const TICK: Duration = Duration::from_millis(500);

/// What was waited for: the tokens of the queue.
const READY: u64 = 0;
const ACCEPT: u64 = 1;
const TIME: u64 = 2;
const ROOM: u64 = 3;

/// Where clients come in.
pub struct Reception<'s> {
    shared: &'s Arc<Shared>,
    listener: Listener,
    queue: EventQueue,
    /// Somebody waits to be accepted.
    has_newcomer: bool,
    /// One that did nothing was asked to make room, and has not left yet.
    makes_room: bool,
    /// A time is waited for.
    has_timer: bool,
}

impl<'s> Reception<'s> {
    /// Listens at a port.
    ///
    /// # Errors
    /// Where that cannot be.
    pub fn open(shared: &'s Arc<Shared>, network: Network, port: u16) -> Result<Self, Status> {
        let listener = network.listen(port, BACKLOG).wait()?;
        listener.set(SocketOption::NoDelay, 1).wait()?;
        Ok(Reception {
            shared,
            listener,
            queue: EventQueue::new(),
            has_newcomer: false,
            makes_room: false,
            has_timer: false,
        })
    }

    /// Lets clients in until the network is lost. Those that there are have ended then.
    ///
    /// # Errors
    /// How it was lost.
    pub fn run(mut self) -> Result<(), Status> {
        self.queue.add(READY, self.listener.ready(Block::acquire()));
        let mut ended = Ok(());
        while ended.is_ok()
            && let Some(event) = self.queue.wait()
        {
            ended = self.take(event);
        }
        drop(self.shared.lobby.with(|lobby| lobby.clear()));
        drop(self.shared.room.with(Option::take));
        ended
    }

    fn take(&mut self, event: Event) -> Result<(), Status> {
        if event.token == TIME {
            self.has_timer = false;
            self.look_at_the_time();
        } else if event.token == ROOM {
            self.makes_room = false;
        } else if matches!(
            event.status,
            Status::PeerLost | Status::BadHandle | Status::NoService
        ) {
            return Err(event.status);
        } else if event.token == ACCEPT {
            self.admit(&event);
        } else {
            let block = event.block.ok_or(event.status)?;
            for id in SocketId::all_in(&block) {
                self.is_ready(id);
            }
            self.queue.add(READY, self.listener.ready(block));
        }
        self.let_in();
        Ok(())
    }

    /// There is something at a socket.
    fn is_ready(&mut self, id: SocketId) {
        if id == self.listener.id() {
            self.has_newcomer = true;
        } else if self.shared.lobby.with(|lobby| lobby.ready(id.number())) {
            self.shared.wake_worker();
        }
    }

    /// Accepts the next client, where there is room; where there is none, one that does nothing makes room.
    fn let_in(&mut self) {
        if self.has_newcomer && !self.waits_for_room() {
            // Whether there is another one is told after the answer.
            self.has_newcomer = false;
            self.queue.add(ACCEPT, self.listener.accept());
        }
        let has_parked = self.shared.lobby.with(|lobby| lobby.has_parked());
        if has_parked && !core::mem::replace(&mut self.has_timer, true) {
            self.queue.add(TIME, sleep(TICK));
        }
    }

    /// Whether there is no room for another client. Then it is told when there is, and one that does nothing makes room.
    fn waits_for_room(&mut self) -> bool {
        let shared = self.shared;
        if !shared.is_full() {
            return false;
        }
        if shared.room.with(|room| room.is_none()) {
            let bell = Some(self.queue.bell(ROOM));
            shared.room.with(|room| *room = bell);
        }
        // Once more: one who has left meanwhile may not have seen the bell.
        if !shared.is_full() {
            return false;
        }
        if !self.makes_room && shared.lobby.with(|lobby| lobby.evict()) {
            self.makes_room = true;
            shared.wake_worker();
        }
        true
    }

    fn look_at_the_time(&self) {
        let now = self.shared.milliseconds();
        for _ in 0..self.shared.lobby.with(|lobby| lobby.expire(now)) {
            self.shared.wake_worker();
        }
    }

    /// There is another client, where it has not ended before it was accepted.
    fn admit(&self, event: &Event) {
        let Ok(stream) = event.stream() else {
            return;
        };
        let id = stream.id().number();
        let (client, until) = Client::new(self.shared, stream);
        self.shared.counters.add_accepted();
        if self
            .shared
            .lobby
            .with(|lobby| lobby.admit(id, client, until))
        {
            self.shared.wake_worker();
        }
    }
}

/// Works on one connection after the other.
pub fn work(shared: &Shared) -> ! {
    loop {
        let (id, mut client, why) = shared.lobby.wait_for(|lobby| lobby.take());
        match client.go_on(why) {
            Next::Waits { until, is_idle } => {
                let parks =
                    |lobby: &mut super::shared::Clients| lobby.park(id, client, until, is_idle);
                if shared.lobby.with(parks) {
                    shared.wake_worker();
                }
            }
            Next::Gone => shared.left(id),
        }
    }
}
