//! A service among its rings.

mod sleep;

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, Syscall};
use atoll_call::{Attention, BATCH, Event, Loss, Service};
use atoll_channel::Link;
use zerocopy::FromZeros;

use crate::links::{Client, Connection, Links, Memory, Upstream};

/// A service and its rings.
pub struct Host<S, L, M> {
    service: S,
    links: Links<L, M>,
    attention: Attention,
    calls: [Syscall; BATCH],
    completions: [Completion; BATCH],
}

impl<S: Service, L: Link, M: Memory> Host<S, L, M> {
    /// A service with the links to its clients, in order, and the one to the component that it uses.
    pub fn new(
        service: S,
        clients: impl IntoIterator<Item = L>,
        upstream: Option<L>,
        memory: M,
    ) -> Self {
        let open = |link| Client {
            link,
            state: Connection::Open,
        };
        let clients: Box<[Client<L>]> = clients.into_iter().map(open).collect();
        let broken = Vec::with_capacity(clients.len());
        Host {
            service,
            attention: Attention::new(clients.len()),
            links: Links {
                clients,
                upstream: upstream.map(|link| Upstream {
                    // One that is dead when the service starts is not asked until it is back.
                    state: match link.peer_dead() {
                        true => Connection::Lost,
                        false => Connection::Open,
                    },
                    link,
                    faulty: false,
                }),
                memory,
                broken,
            },
            calls: [Syscall::new_zeroed(); BATCH],
            completions: [Completion::new_zeroed(); BATCH],
        }
    }

    /// The service.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// The service, to be asked what it has to tell.
    pub fn service_mut(&mut self) -> &mut S {
        &mut self.service
    }

    /// Tells the service that its device may have done something.
    pub fn device(&mut self) {
        self.tell(Event::Device);
    }

    /// Tells a service that has a clock what time it is, in nanoseconds, which holds for all events until the next call; and where
    /// the time has come that it waits for, that too. Whether it has. To be called before each turn.
    pub fn tick(&mut self, now: u64) -> bool {
        self.service.set_time(now);
        let due = self.is_due(now);
        if due {
            self.tell(Event::Time);
        }
        due
    }

    /// Whether the time has come that the service waits for.
    pub fn is_due(&self, now: u64) -> bool {
        self.service.due().is_some_and(|due| due <= now)
    }

    /// The links to the clients, and then the one to the upstream.
    pub fn links(&self) -> impl Iterator<Item = &L> {
        let clients = self.links.clients.iter().map(|client| &client.link);
        clients.chain(self.upstream())
    }

    /// The link to the upstream.
    pub fn upstream(&self) -> Option<&L> {
        let upstream = self.links.upstream.as_ref();
        upstream.map(|upstream| &upstream.link)
    }

    /// Starts the service. `generations` are those of the clients' channels, where they are not 0.
    pub fn start(&mut self, generations: impl IntoIterator<Item = u32>) {
        for (ring, generation) in generations.into_iter().enumerate() {
            self.tell(Event::ClientConnected { ring, generation });
        }
        self.tell(Event::Start);
        let dead = |upstream: &Upstream<L>| upstream.state == Connection::Lost;
        if self.links.upstream.as_ref().is_some_and(dead) {
            self.tell(Event::UpstreamLost(Loss::Death));
        }
    }

    fn tell(&mut self, event: Event<'_>) {
        self.service.handle(event, &mut self.links);
        self.settle();
    }

    /// Does about rings that were found broken while the service acted what is done about every broken ring.
    fn settle(&mut self) {
        while let Some(ring) = self.links.broken.pop() {
            self.lose(ring);
        }
        let broken = |upstream: &&mut Upstream<L>| upstream.state == Connection::Broken;
        if let Some(upstream) = self.links.upstream.as_mut().filter(broken) {
            upstream.state = Connection::Lost;
            upstream.faulty = true;
            upstream.link.close();
            let event = Event::UpstreamLost(Loss::Fault);
            self.service.handle(event, &mut self.links);
            self.settle();
        }
    }

    /// Gives up a client that broke its ring.
    fn lose(&mut self, ring: usize) {
        if let Some(client) = self.links.clients.get_mut(ring) {
            client.state = Connection::Closing;
        }
        self.service
            .handle(Event::ClientLost { ring }, &mut self.links);
        if !self.close(ring) {
            self.attention.watch(ring);
        }
    }

    /// Closes the ring of a client that broke it, where nothing of its calls is under way; whether it has.
    fn close(&mut self, ring: usize) -> bool {
        if !self.service.is_quiet(ring) {
            return false;
        }
        if let Some(client) = self.links.clients.get_mut(ring) {
            client.state = Connection::Closed;
            client.link.close();
        }
        self.attention.armed(ring);
        true
    }

    /// Does bounded work: takes what the upstream and each watched client sent. Tells whether there was anything.
    pub fn turn(&mut self) -> bool {
        let mut worked = self.look_at_upstream();
        let mut next = self.attention.next_watched(0);
        while let Some(ring) = next {
            worked |= self.look_at(ring);
            next = self.attention.next_watched(ring + 1);
        }
        if let Some(ring) = self.attention.rotate()
            && let Some(client) = self.links.clients.get_mut(ring)
        {
            let open = client.state == Connection::Open;
            if client.link.peer_changed() || open && client.link.waiting() {
                client.link.disarm();
                self.attention.watch(ring);
                worked = true;
            }
        }
        worked
    }

    fn look_at_upstream(&mut self) -> bool {
        let Some(upstream) = &mut self.links.upstream else {
            return false;
        };
        if upstream.link.peer_changed() {
            // The death of one that broke the protocol is news: its blocks are quiet now.
            let faulty = core::mem::take(&mut upstream.faulty);
            let known = upstream.state == Connection::Lost && !faulty;
            let back = upstream.link.reattach().is_some();
            upstream.state = if back {
                Connection::Open
            } else {
                Connection::Lost
            };
            if !known {
                self.tell(Event::UpstreamLost(Loss::Death));
            }
            if back {
                self.tell(Event::UpstreamConnected);
            }
            return true;
        }
        if upstream.state != Connection::Open || !upstream.link.waiting() {
            return false;
        }
        self.take_completions()
    }

    /// Not inlined, so that a look at a ring in which nothing is stays short.
    #[inline(never)]
    fn take_completions(&mut self) -> bool {
        let Some(upstream) = &mut self.links.upstream else {
            return false;
        };
        let into = Completion::as_messages_mut(&mut self.completions);
        match upstream.link.receive(into) {
            Ok(0) => return false,
            Ok(count) => {
                let completions = self.completions.get(..count).unwrap_or_default();
                let event = Event::Completions(completions);
                self.service.handle(event, &mut self.links);
            }
            Err(_) => upstream.state = Connection::Broken,
        }
        self.settle();
        true
    }

    /// Begins anew with the next client on a ring, when nothing of the one before is under way any more. Tells whether it
    /// has. What the next one sends waits in the ring until then. Where that one is dead too, the service is told of its death,
    /// unless `told` says that this was just done: its supervisor may wait to hear that nothing of it is under way, and the
    /// service may know of the death of the one before only.
    fn reconnect(&mut self, ring: usize, told: bool) -> bool {
        if !self.service.is_quiet(ring) {
            return false;
        }
        let Some(client) = self.links.clients.get_mut(ring) else {
            return false;
        };
        match client.link.reattach() {
            Some(generation) => {
                client.state = Connection::Open;
                self.tell(Event::ClientConnected { ring, generation });
            }
            None => {
                self.attention.armed(ring);
                if !told {
                    self.tell(Event::ClientLost { ring });
                }
            }
        }
        true
    }

    #[inline]
    fn look_at(&mut self, ring: usize) -> bool {
        let Some(client) = self.links.clients.get_mut(ring) else {
            return false;
        };
        if client.link.peer_changed() {
            // The death of one that broke the ring is news: its supervisor may wait until nothing of it is under way.
            let known = match client.state {
                Connection::Lost => true,
                Connection::Closing | Connection::Closed => !client.link.peer_dead(),
                Connection::Open | Connection::Broken => false,
            };
            client.state = Connection::Lost;
            if !known {
                self.tell(Event::ClientLost { ring });
            }
            return self.reconnect(ring, !known) || !known;
        }
        match client.state {
            Connection::Lost | Connection::Closed => {
                self.attention.armed(ring);
                return false;
            }
            Connection::Closing => return self.close(ring),
            Connection::Open | Connection::Broken => {}
        }
        if !client.link.waiting() {
            if self.attention.turn(ring, false) && client.link.arm() {
                self.attention.armed(ring);
            }
            return false;
        }
        self.take_calls(ring)
    }

    /// Not inlined, so that a look at a ring in which nothing is stays short.
    #[inline(never)]
    fn take_calls(&mut self, ring: usize) -> bool {
        let Some(client) = self.links.clients.get_mut(ring) else {
            return false;
        };
        let room = self.service.room(ring, client.link.free());
        let Some(calls) = self.calls.get_mut(..room).filter(|it| !it.is_empty()) else {
            return false;
        };
        match client.link.receive(Syscall::as_messages_mut(calls)) {
            Ok(0) => false,
            Ok(count) => {
                self.attention.turn(ring, true);
                let calls = self.calls.get(..count).unwrap_or_default();
                let event = Event::Calls { ring, calls };
                self.service.handle(event, &mut self.links);
                self.settle();
                true
            }
            Err(_) => {
                client.state = Connection::Broken;
                self.links.broken.push(ring);
                self.settle();
                true
            }
        }
    }
}
