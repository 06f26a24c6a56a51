//! Whose a socket is, and the calls that wait for it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use atoll_abi::handle::Handle;
use atoll_call::CallId;

/// The sockets of clients, with the calls that wait for each.
pub(super) struct Waiting {
    /// By index of the socket.
    sockets: Vec<Option<Own>>,
    /// By client, and one more for whoever is none.
    clients: Box<[OfClient]>,
}

/// A socket of a client. Calls wait in the order in which they were made; one of a client that is gone may still be named.
pub(super) struct Own {
    handle: Handle,
    client: usize,
    pub(super) connect: Option<CallId>,
    pub(super) accepts: VecDeque<CallId>,
    pub(super) receives: VecDeque<CallId>,
    pub(super) sends: VecDeque<CallId>,
    /// Nothing more is to be sent when those have been.
    pub(super) shuts_down: bool,
    /// The client is to be told when there is something.
    pub(super) is_armed: bool,
    /// It is in the list of those that the client is told of.
    is_reported: bool,
}

impl Own {
    /// Whether a call waits for what comes in.
    pub(super) fn is_waited_for(&self) -> bool {
        self.connect.is_some() || !self.accepts.is_empty() || !self.receives.is_empty()
    }
}

/// What is kept of a client for all its sockets.
#[derive(Default)]
pub(super) struct OfClient {
    /// How many it has.
    sockets: usize,
    /// Those at which there is something, of which it has not been told.
    ready: VecDeque<Handle>,
    /// Calls that wait for them.
    pub(super) calls: VecDeque<CallId>,
}

impl Waiting {
    /// No socket, of so many clients.
    pub(super) fn new(clients: usize) -> Waiting {
        Waiting {
            sockets: Vec::new(),
            clients: (0..=clients).map(|_| OfClient::default()).collect(),
        }
    }

    /// What is kept of a client.
    pub(super) fn of_client(&mut self, client: usize) -> &mut OfClient {
        let place = client.min(self.clients.len() - 1);
        #[allow(clippy::indexing_slicing, reason = "there is one at least")]
        &mut self.clients[place]
    }

    /// Sockets of a client.
    pub(super) fn sockets_of(&self, client: usize) -> usize {
        self.clients.get(client).map_or(0, |own| own.sockets)
    }

    /// There is something at a socket of which its client is to be told.
    pub(super) fn report(&mut self, handle: Handle) {
        let Some(own) = self.get(handle) else { return };
        let client = own.client;
        own.is_armed = false;
        if !core::mem::replace(&mut own.is_reported, true) {
            self.of_client(client).ready.push_back(handle);
        }
    }

    /// A client's life has ended, and its calls with it: there is nobody to tell.
    pub(super) fn forget_calls(&mut self, client: usize) {
        self.of_client(client).calls.clear();
    }

    /// A client for whose call there is something to tell, with its call.
    pub(super) fn next_report(&mut self) -> Option<(usize, CallId)> {
        let mut clients = self.clients.iter_mut().enumerate();
        let (client, own) = clients.find(|(_, it)| !it.ready.is_empty() && !it.calls.is_empty())?;
        Some((client, own.calls.pop_front()?))
    }

    /// The next socket that a client is told of.
    pub(super) fn take_ready(&mut self, client: usize) -> Option<Handle> {
        let handle = self.of_client(client).ready.pop_front()?;
        if let Some(own) = self.get(handle) {
            own.is_reported = false;
        }
        Some(handle)
    }

    /// A client has a socket.
    pub(super) fn open(&mut self, handle: Handle, client: usize) -> &mut Own {
        self.of_client(client).sockets += 1;
        let index = usize::from(handle.index);
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        let own = Own {
            handle,
            client,
            connect: None,
            accepts: VecDeque::new(),
            receives: VecDeque::new(),
            sends: VecDeque::new(),
            shuts_down: false,
            is_armed: true,
            is_reported: false,
        };
        #[allow(clippy::indexing_slicing, reason = "made long enough above")]
        self.sockets[index].insert(own)
    }

    /// A socket, whose ever it is.
    pub(super) fn get(&mut self, handle: Handle) -> Option<&mut Own> {
        let own = self.sockets.get_mut(usize::from(handle.index))?.as_mut();
        own.filter(|own| own.handle == handle)
    }

    /// A socket of a client.
    pub(super) fn of(&mut self, handle: Handle, client: usize) -> Option<&mut Own> {
        let is_own =
            |own: &&mut Own| own.client == client || cfg!(feature = "planted-foreign-socket");
        self.get(handle).filter(is_own)
    }

    /// The sockets of a client.
    pub(super) fn all_of(&self, client: usize) -> Vec<Handle> {
        self.those_of(client, |_| true)
    }

    /// The sockets of a client for which calls wait that accept.
    pub(super) fn that_accept(&self, client: usize) -> Vec<Handle> {
        self.those_of(client, |own| !own.accepts.is_empty())
    }

    fn those_of(&self, client: usize, are: impl Fn(&Own) -> bool) -> Vec<Handle> {
        let all = self.sockets.iter().flatten();
        let own = all.filter(|own| own.client == client && are(own));
        own.map(|own| own.handle).collect()
    }

    /// A socket is no client's any more. The calls that wait for it.
    pub(super) fn remove(&mut self, handle: Handle) -> Vec<CallId> {
        let place = self.sockets.get_mut(usize::from(handle.index));
        let own = place.and_then(|own| own.take_if(|own| own.handle == handle));
        let Some(own) = own else {
            return Vec::new();
        };
        let client = self.of_client(own.client);
        client.sockets -= 1;
        if own.is_reported {
            client.ready.retain(|ready| *ready != handle);
        }
        let queues = [own.accepts, own.receives, own.sends];
        let queues = queues.into_iter().flatten();
        own.connect.into_iter().chain(queues).collect()
    }

    /// How many sockets there are.
    pub(super) fn count(&self) -> usize {
        self.clients.iter().map(|own| own.sockets).sum()
    }
}
