//! What the one who accepts tells a loop.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use atoll_runtime::{Bell, EventQueue, Monitor, SocketId, Status, Stream};

use crate::{Door, Protocol, Server};

/// The token of events that tell that something is in the inbox.
pub(crate) const TOKEN: u64 = 0;

/// Something for a loop.
pub(crate) enum Mail {
    /// A connection, which is its own from now on.
    Accepted(Stream),
    /// There is something at one of its connections.
    Ready(SocketId),
    /// Nothing more comes.
    End(Status),
}

/// What is for one loop.
#[derive(Default)]
struct Mailbox {
    mail: VecDeque<Mail>,
    /// Rung where something comes and nothing was there; `None` where the loop does not look.
    bell: Option<Bell>,
    /// The loop looks no more.
    is_closed: bool,
    /// Connections that it has.
    connections: usize,
}

/// What all loops of a port share.
struct Shared {
    boxes: Vec<Monitor<Mailbox>>,
    /// Which loop has a connection.
    owners: Monitor<BTreeMap<SocketId, usize>>,
    /// Tells the one who accepts that a loop has ended.
    ended: Bell,
    most_calls: usize,
}

/// Where a loop finds its connections, and at which of them there is something.
pub struct Inbox {
    shared: Arc<Shared>,
    number: usize,
}

/// The inboxes of all loops, for the one who fills them.
pub(crate) struct Mailboxes {
    shared: Arc<Shared>,
}

impl Mailboxes {
    /// Inboxes for so many loops, each with so many calls at a time.
    pub(crate) fn new(loops: usize, most_calls: usize, ended: Bell) -> Mailboxes {
        Mailboxes {
            shared: Arc::new(Shared {
                boxes: (0..loops)
                    .map(|_| Monitor::new(Mailbox::default()))
                    .collect(),
                owners: Monitor::new(BTreeMap::new()),
                ended,
                most_calls,
            }),
        }
    }

    /// All of them, for their loops.
    pub(crate) fn all(&self) -> Vec<Inbox> {
        let numbers = 0..self.shared.boxes.len();
        let inbox = |number| Inbox {
            shared: self.shared.clone(),
            number,
        };
        numbers.map(inbox).collect()
    }

    /// Gives a connection to the loop that has the fewest.
    pub(crate) fn accepted(&self, stream: Stream) {
        let boxes = self.shared.boxes.iter().enumerate();
        let least = boxes.min_by_key(|(_, it)| it.with(|it| it.connections));
        let Some((number, least)) = least else { return };
        least.with(|it| it.connections += 1);
        self.shared
            .owners
            .with(|owners| owners.insert(stream.id(), number));
        self.put(number, Mail::Accepted(stream));
    }

    /// Tells the loop of a connection that there is something; whether there is such a connection.
    pub(crate) fn is_ready(&self, id: SocketId) -> bool {
        let owner = self.shared.owners.with(|owners| owners.get(&id).copied());
        if let Some(number) = owner {
            self.put(number, Mail::Ready(id));
        }
        owner.is_some()
    }

    /// Has all loops end.
    pub(crate) fn end(&self, status: Status) {
        for number in 0..self.shared.boxes.len() {
            self.put(number, Mail::End(status));
        }
    }

    fn put(&self, number: usize, mail: Mail) {
        let Some(of_loop) = self.shared.boxes.get(number) else {
            return;
        };
        let left = of_loop.with(|it| {
            if it.is_closed {
                return Some(mail);
            }
            it.mail.push_back(mail);
            if let (1, Some(bell)) = (it.mail.len(), &it.bell) {
                bell.ring();
            }
            None
        });
        if let Some(Mail::Accepted(stream)) = left {
            drop(stream.close());
        }
    }
}

impl Inbox {
    /// How many connections of the loop may have a call at a time.
    pub(crate) fn most_calls(&self) -> usize {
        self.shared.most_calls
    }

    fn with<R>(&self, work: impl FnOnce(&mut Mailbox) -> R) -> Option<R> {
        Some(self.shared.boxes.get(self.number)?.with(work))
    }

    /// From now on the queue is told when something comes.
    pub(crate) fn open(&self, queue: &EventQueue) {
        let bell = queue.bell(TOKEN);
        self.with(|it| {
            if !it.mail.is_empty() {
                bell.ring();
            }
            it.bell = Some(bell);
        });
    }

    /// All that has come.
    fn take(&self) -> VecDeque<Mail> {
        self.with(|it| core::mem::take(&mut it.mail))
            .unwrap_or_default()
    }

    /// A connection is over.
    pub(crate) fn forget(&self, id: SocketId) {
        self.with(|it| it.connections = it.connections.saturating_sub(1));
        self.shared.owners.with(|owners| owners.remove(&id));
    }

    /// The loop looks no more: connections that it was given and has not taken end.
    pub(crate) fn close(&self) {
        let left = self.with(|it| {
            it.is_closed = true;
            core::mem::take(&mut it.mail)
        });
        for mail in left.into_iter().flatten() {
            if let Mail::Accepted(stream) = mail {
                drop(stream.close());
            }
        }
    }
}

/// A loop that ends takes the others with it, because what it has lost they have lost too.
impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
        let bell = self.with(|it| it.bell.take());
        drop(bell);
        self.shared.ended.ring();
    }
}

impl<P: Protocol> Server<'_, P> {
    /// Takes what the one who accepts has told.
    ///
    /// # Errors
    /// Nothing more comes: with what it was told.
    pub(crate) fn take_mail(&mut self) -> Result<(), Status> {
        let mail = match &self.door {
            Door::Shared(inbox) => inbox.take(),
            Door::Own(_) => return Ok(()),
        };
        for mail in mail {
            match mail {
                Mail::Accepted(stream) => self.begin(stream),
                Mail::Ready(id) => self.is_ready(id),
                Mail::End(status) => return Err(status),
            }
        }
        Ok(())
    }
}
