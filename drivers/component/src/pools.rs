//! The blocks that the clients of a driver may name.

use alloc::boxed::Box;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::Status;
use atoll_call::BlockTable;
use atoll_virtio::Segment;

/// A pool of which a client may name blocks.
struct Pool {
    /// Its index in the plan.
    index: u32,
    base: u64,
    /// A bit for the slot of each client that may.
    clients: u32,
    table: BlockTable,
}

/// The pools that the clients of a device's driver may name. No client can write their tables, so none can have two calls use one
/// block. A pool is named by its place here, once [`Pools::of`] has found it.
pub struct Pools(Box<[Pool]>);

impl Pools {
    /// Those of a plan's device, of which no call has a block.
    pub fn new(plan: &Plan, device: usize) -> Pools {
        let pools = plan.pools().iter().enumerate();
        let pools = pools.filter_map(|(index, pool)| {
            let services = plan.services_of_device(device).enumerate();
            let named = services.filter(|(_, (service, _))| plan.may_name(*service, index));
            let clients = named.fold(0, |clients, (slot, _)| clients | 1 << slot);
            (clients != 0).then(|| Pool {
                index: index as u32,
                base: pool.base,
                clients,
                table: BlockTable::new(pool.blocks),
            })
        });
        Pools(pools.collect())
    }

    /// Where a pool is here, by its index in the plan; `None` where no client may name it.
    pub fn find(&self, index: u32) -> Option<usize> {
        self.0.binary_search_by_key(&index, |pool| pool.index).ok()
    }

    /// Where a pool is here, of which a client names blocks. The pool is given by its index in the plan, the client by its slot.
    ///
    /// # Errors
    /// [`Status::BadBlock`] where the client may name none of it, or it has no such block.
    pub fn of(&self, index: u32, client: usize, blocks: &BlockList) -> Result<usize, Status> {
        let place = self.find(index).ok_or(Status::BadBlock)?;
        let pool = self.0.get(place).ok_or(Status::BadBlock)?;
        match pool.clients & 1 << client != 0 && pool.table.has(blocks) {
            true => Ok(place),
            false => Err(Status::BadBlock),
        }
    }

    /// Gives a call its blocks, all or none.
    ///
    /// # Errors
    /// [`Status::BadBlock`] where another call has a page of them.
    pub fn take(&mut self, place: usize, blocks: &BlockList) -> Result<(), Status> {
        let pool = self.0.get_mut(place).ok_or(Status::BadBlock)?;
        pool.table.take(blocks)
    }

    /// The call is over: the device uses its blocks no more.
    pub fn give_back(&mut self, place: usize, blocks: &BlockList) {
        if let Some(pool) = self.0.get_mut(place) {
            pool.table.give_back(blocks);
        }
    }

    /// Pages that calls have.
    pub fn taken(&self) -> usize {
        self.0.iter().map(|pool| pool.table.taken()).sum()
    }

    /// The memory of a block's first page. A pool is one piece of memory, so the others of a larger block are behind it.
    pub fn segment(&self, place: usize, block: u32) -> Option<Segment> {
        let pool = self.0.get(place)?;
        Some(Segment {
            address: pool.base + u64::from(block) * BLOCK_SIZE as u64,
            length: BLOCK_SIZE as u32,
        })
    }
}
