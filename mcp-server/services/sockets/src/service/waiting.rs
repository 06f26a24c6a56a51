//! Whose a socket is, and the calls that wait for it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use atoll_abi::handle::Handle;
use atoll_call::CallId;

/// The sockets of clients, with the calls that wait for each.
#[derive(Default)]
pub(super) struct Waiting {
    /// By index of the socket.
    sockets: Vec<Option<Own>>,
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
}

impl Waiting {
    /// A client has a socket.
    pub(super) fn open(&mut self, handle: Handle, client: usize) -> &mut Own {
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
        self.get(handle).filter(|own| own.client == client)
    }

    /// The sockets of a client.
    pub(super) fn of_client(&self, client: usize) -> Vec<Handle> {
        let all = self.sockets.iter().flatten();
        let own = all.filter(|own| own.client == client);
        own.map(|own| own.handle).collect()
    }

    /// A socket is no client's any more. The calls that wait for it.
    pub(super) fn remove(&mut self, handle: Handle) -> Vec<CallId> {
        let Some(own) = self
            .sockets
            .get_mut(usize::from(handle.index))
            .and_then(|own| own.take_if(|own| own.handle == handle))
        else {
            return Vec::new();
        };
        let queues = [own.accepts, own.receives, own.sends];
        let queues = queues.into_iter().flatten();
        own.connect.into_iter().chain(queues).collect()
    }

    /// How many sockets there are.
    pub(super) fn count(&self) -> usize {
        self.sockets.iter().flatten().count()
    }
}
