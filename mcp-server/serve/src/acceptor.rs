//! One port, and several loops that serve its connections.
//!
//! The service tells a process at which of its sockets there is something, and not a vcore. So one uthread is told for all loops: it accepts,
//! gives each connection to the loop that has the fewest, and passes on what it is told to the loop that has the connection. It waits for
//! nothing else, so that no loop waits for another one. All that follows is between the loop and the service: what is received and sent
//! does not come by here.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use atoll_runtime::{
    Block, Event, EventQueue, Listener, Network, SocketId, SocketOption, Status, batch,
};

use crate::inbox::{Inbox, Mailboxes, TOKEN};
use crate::{CALLS, MOST_EARLY, SEND_BLOCKS};

/// The token of the call that waits for all sockets.
const READY: u64 = TOKEN + 1;

/// The token of calls that accept.
const ACCEPT: u64 = TOKEN + 2;

/// A socket at which connections come in, for several loops: each is a [`crate::Server::beside`] of one [`Inbox`], on a uthread of its own.
pub struct Acceptor {
    listener: Listener,
    mailboxes: Mailboxes,
    /// Connections at which there is something, and which are not accepted yet: answers to calls of two vcores come in any order.
    early: BTreeSet<SocketId>,
    queue: EventQueue,
}

impl Acceptor {
    /// Listens at a port, at which so many connections may wait to be accepted. With it come inboxes for so many loops. The process has
    /// so many blocks: the more there are for each loop, the more of its connections have a call at a time.
    ///
    /// # Errors
    /// Where that cannot be.
    pub fn new(
        network: Network,
        port: u16,
        backlog: u32,
        loops: usize,
        blocks: usize,
    ) -> Result<(Acceptor, Vec<Inbox>), Status> {
        let listener = network.listen(port, backlog).wait()?;
        // Answers are sent whole, so none has to wait for the next one.
        listener.set(SocketOption::NoDelay, 1).wait()?;
        let queue = EventQueue::new();
        // One block is in the call that waits for all.
        let most_calls = blocks.saturating_sub(1) / (loops.max(1) * SEND_BLOCKS);
        let mailboxes = Mailboxes::new(loops, most_calls.clamp(1, CALLS), queue.bell(TOKEN));
        let inboxes = mailboxes.all();
        let acceptor = Acceptor {
            listener,
            mailboxes,
            early: BTreeSet::new(),
            queue,
        };
        Ok((acceptor, inboxes))
    }

    /// Accepts until the network is lost or a loop has ended. All loops end then.
    ///
    /// # Errors
    /// How it was lost; [`Status::Cancelled`] where a loop has ended.
    pub fn run(mut self) -> Result<(), Status> {
        let ended = self.accept();
        self.mailboxes.end(ended.err().unwrap_or(Status::Cancelled));
        // Where the network is lost, its sockets are gone already.
        if ended != Err(Status::PeerLost) {
            let _ = self.listener.close().wait();
            while let Some(event) = self.queue.poll() {
                if event.token == ACCEPT
                    && let Ok(stream) = event.stream()
                {
                    drop(stream.close());
                }
            }
        }
        ended
    }

    fn accept(&mut self) -> Result<(), Status> {
        self.wait_for_ready(Block::acquire());
        while let Some(event) = self.queue.wait() {
            batch(|| {
                let mut next = Some(event);
                while let Some(event) = next {
                    self.take(event)?;
                    next = self.queue.poll();
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), Status> {
        // Where the service has begun anew before a call was made, its sockets are gone as well.
        if matches!(event.status, Status::PeerLost | Status::BadHandle) {
            return Err(Status::PeerLost);
        }
        match event.token {
            TOKEN => return Err(Status::Cancelled),
            READY => {
                let block = event.block.ok_or(event.status)?;
                for id in SocketId::all_in(&block) {
                    self.is_ready(id);
                }
                self.wait_for_ready(block);
            }
            // A connection may have ended before it was accepted.
            _ => {
                if let Ok(stream) = event.stream() {
                    self.mailboxes.accepted(stream);
                    if self.early.remove(&stream.id()) {
                        self.mailboxes.is_ready(stream.id());
                    }
                }
            }
        }
        Ok(())
    }

    fn wait_for_ready(&mut self, block: Block) {
        self.queue.add(READY, self.listener.ready(block));
    }

    /// There is something at a socket.
    fn is_ready(&mut self, id: SocketId) {
        if id == self.listener.id() {
            self.queue.add(ACCEPT, self.listener.accept());
        } else if !self.mailboxes.is_ready(id) {
            if self.early.len() >= MOST_EARLY {
                // Most of them are of connections that have ended meanwhile.
                self.early.clear();
            }
            self.early.insert(id);
        }
    }
}
