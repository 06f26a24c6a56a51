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
    /// By client.
    reports: Vec<Reports>,
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

/// What a client is told of all its sockets.
#[derive(Default)]
pub(super) struct Reports {
    /// Sockets at which there is something, of which it has not been told.
    ready: VecDeque<Handle>,
    /// Calls that wait for them.
    pub(super) calls: VecDeque<CallId>,
}

impl Waiting {
    /// There is something at a socket of which its client is to be told.
    pub(super) fn report(&mut self, handle: Handle) {
        let Some(own) = self.get(handle) else { return };
        let client = own.client;
        own.is_armed = false;
        if !core::mem::replace(&mut own.is_reported, true) {
            self.reports(client).ready.push_back(handle);
        }
    }

    /// What a client is told.
    pub(super) fn reports(&mut self, client: usize) -> &mut Reports {
        if self.reports.len() <= client {
            self.reports.resize_with(client + 1, Reports::default);
        }
        #[allow(clippy::indexing_slicing, reason = "made long enough above")]
        &mut self.reports[client]
    }

    /// A client's life has ended: there is nothing to tell it, and its calls have ended too.
    pub(super) fn forget_reports(&mut self, client: usize) {
        if let Some(reports) = self.reports.get_mut(client) {
            *reports = Reports::default();
        }
    }

    /// A client for whose call there is something to tell, with its call.
    pub(super) fn next_report(&mut self) -> Option<(usize, CallId)> {
        let mut reports = self.reports.iter_mut().enumerate();
        let (client, reports) =
            reports.find(|(_, it)| !it.ready.is_empty() && !it.calls.is_empty())?;
        Some((client, reports.calls.pop_front()?))
    }

    /// The next socket that a client is told of.
    pub(super) fn take_ready(&mut self, client: usize) -> Option<Handle> {
        loop {
            let handle = self.reports.get_mut(client)?.ready.pop_front()?;
            // It may have been closed meanwhile.
            if let Some(own) = self.of(handle, client) {
                own.is_reported = false;
                return Some(handle);
            }
        }
    }

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
        if own.is_reported
            && let Some(reports) = self.reports.get_mut(own.client)
        {
            reports.ready.retain(|ready| *ready != handle);
        }
        let queues = [own.accepts, own.receives, own.sends];
        let queues = queues.into_iter().flatten();
        own.connect.into_iter().chain(queues).collect()
    }

    /// How many sockets there are.
    pub(super) fn count(&self) -> usize {
        self.sockets.iter().flatten().count()
    }
}
