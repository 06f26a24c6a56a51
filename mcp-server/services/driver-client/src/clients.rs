//! The clients: who they are, what the service keeps of each, and which of their blocks calls have.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use atoll_abi::plan::Plan;
use atoll_call::{BlockTable, ServiceEnd};

/// What a service keeps of a client for as long as that lives.
pub trait ClientState {
    /// Nothing, of a client in a life. `life` grows with each life of the client and of the service.
    fn new(life: u32) -> Self;

    /// The client is in its next life, which is known before the last one is told to be gone.
    fn begin(&mut self, life: u32);

    /// The client is gone: what names something of it must not become valid again.
    fn end(&mut self);
}

impl ClientState for () {
    fn new(_: u32) {}

    fn begin(&mut self, _: u32) {}

    fn end(&mut self) {}
}

/// A client: a process, in one of its lives.
pub struct Client<T> {
    /// Generation of the process, as its calls say; 0 before the first one.
    generation: u32,
    /// Its rings that are not lost.
    rings: usize,
    pool: u32,
    blocks: BlockTable,
    /// What the service keeps of it.
    pub state: T,
}

impl<T: ClientState> Client<T> {
    fn new(pool: u32, blocks: u32, rings: usize) -> Client<T> {
        Client {
            generation: 0,
            rings,
            pool,
            blocks: BlockTable::new(blocks),
            state: T::new(0),
        }
    }

    /// The pool that its blocks are in.
    pub fn pool(&self) -> u32 {
        self.pool
    }

    /// Which of its blocks calls have.
    pub fn blocks(&mut self) -> &mut BlockTable {
        &mut self.blocks
    }

    /// Whether calls of a generation are its own. Those of a later life begin it: what the life before had is gone.
    #[inline]
    fn admits(&mut self, generation: u32, channel: u32) -> bool {
        if generation > self.generation {
            self.generation = generation;
            self.state.begin(generation.wrapping_add(channel));
        }
        generation == self.generation
    }

    /// One of its rings is lost. With the last one goes what the service keeps of it: while there is another one, that may be of its
    /// next life.
    fn on_ring_lost(&mut self) {
        self.rings = self.rings.saturating_sub(1);
        if self.rings == 0 {
            self.state.end();
            // What the calls of its next life say counts, whatever those of this one said.
            self.generation = 0;
        }
    }
}

/// The clients that the plan gives a service, and their rings.
pub struct Clients<T> {
    clients: Box<[Client<T>]>,
    /// For each ring, in order, the client whose it is.
    owners: Box<[usize]>,
    /// For each ring, generation of its channel, which also grows when the service starts again; `None` where it is lost.
    channels: Box<[Option<u32>]>,
}

impl<T: ClientState> Clients<T> {
    /// Those of a service of a plan, by its index.
    pub fn new(plan: &Plan, service: usize) -> Clients<T> {
        let mut clients = vec![];
        let mut owners: Vec<usize> = vec![];
        for (index, (_, process)) in plan.client_processes(service).enumerate() {
            let pool = plan.pools().get(process.pool as usize);
            let blocks = pool.map_or(0, |it| it.blocks);
            let rings = process.vcores as usize;
            clients.push(Client::new(process.pool, blocks, rings));
            owners.extend(core::iter::repeat_n(index, rings));
        }
        Clients {
            clients: clients.into_boxed_slice(),
            channels: vec![Some(0); owners.len()].into_boxed_slice(),
            owners: owners.into_boxed_slice(),
        }
    }

    /// For each ring, in order, the index of the client whose it is.
    pub fn owners(&self) -> impl Iterator<Item = usize> + '_ {
        self.owners.iter().copied()
    }

    /// The client of an index.
    #[inline]
    pub fn get_mut(&mut self, client: usize) -> Option<&mut Client<T>> {
        self.clients.get_mut(client)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Client<T>> {
        self.clients.iter()
    }

    /// Whether a call of a generation, which came by a ring, is one of the client of an index as it lives now.
    #[inline]
    pub fn admits(&mut self, client: usize, ring: usize, generation: u32) -> bool {
        let channel = self.channels.get(ring).copied().flatten();
        let client = self.clients.get_mut(client);
        match (client, channel) {
            (Some(client), Some(channel)) => client.admits(generation, channel),
            _ => false,
        }
    }

    /// Whether calls of a ring are taken.
    #[inline]
    pub fn is_connected(&self, ring: usize) -> bool {
        self.channels.get(ring).is_some_and(Option::is_some)
    }

    /// Whether no call of the client of a ring is under way, and none has blocks of it. Calls without blocks count too: what zeroes
    /// blocks or truncates a file must not go on over what the next client writes.
    pub fn is_quiet<P>(&self, calls: &ServiceEnd<P>, ring: usize) -> bool {
        let owner = self.owners.get(ring).copied();
        let client = owner.and_then(|owner| self.clients.get(owner));
        let under_way = owner.map_or(0, |owner| calls.of_client(owner));
        under_way == 0 && client.is_none_or(|client| client.blocks.taken() == 0)
    }

    /// A ring is lost. Nothing happens where it was lost before.
    pub fn on_ring_lost(&mut self, ring: usize) {
        let channel = self.channels.get_mut(ring).and_then(Option::take);
        if channel.is_some()
            && let Some(owner) = self.owners.get(ring)
            && let Some(client) = self.clients.get_mut(*owner)
        {
            client.on_ring_lost();
        }
    }

    /// A ring that was lost is used again, in a generation of its channel.
    pub fn on_ring_connected(&mut self, ring: usize, generation: u32) {
        if let Some(channel) = self.channels.get_mut(ring) {
            *channel = Some(generation);
        }
        if let Some(owner) = self.owners.get(ring)
            && let Some(client) = self.clients.get_mut(*owner)
        {
            client.rings += 1;
        }
    }

    /// No device uses any block any more.
    pub fn take_blocks_back(&mut self) {
        for client in &mut self.clients {
            client.blocks.clear();
        }
    }

    /// Blocks of all clients that calls have.
    pub fn blocks_taken(&self) -> usize {
        self.clients
            .iter()
            .map(|client| client.blocks.taken())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::layout::{LEAST_SERVICE_HEAP, MAX_POOL_BLOCKS};
    use atoll_abi::plan::MAX_SERVICE_CLIENTS;

    use super::*;

    #[test]
    fn the_tables_of_all_clients_leave_three_quarters_of_the_least_heap() {
        let blocks = MAX_POOL_BLOCKS / u64::BITS as usize * size_of::<u64>();
        let bytes = MAX_SERVICE_CLIENTS * (size_of::<Client<()>>() + blocks);
        assert!(bytes <= LEAST_SERVICE_HEAP / 4, "{bytes}");
    }
}
