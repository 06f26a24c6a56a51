//! What a client may reach: the sectors of its partition, and blocks.

use alloc::boxed::Box;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::plan::Plan;
use atoll_abi::syscall::Status;
use atoll_call::BlockTable;
use atoll_virtio::Segment;

/// A partition: consecutive sectors of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first one.
    pub first: u64,
    /// How many.
    pub sectors: u64,
}

impl Extent {
    /// The sector of the disk of one of the partition, from which so many are used; `None` where one of them lies outside.
    pub fn place(&self, sector: u64, sectors: u32) -> Option<u64> {
        let end = sector.checked_add(sectors.into())?;
        let place = self.first.checked_add(sector)?;
        (end <= self.sectors).then_some(place)
    }
}

/// A client, by its slot.
pub(super) struct Client {
    /// Its partition; `None` where the disk has none of that name.
    pub(super) extent: Option<Extent>,
    /// It is lost, and it has to be told yet that it is quiet.
    pub(super) quiet_due: bool,
}

/// A pool of which a client may name blocks.
struct Pool {
    /// Its index in the plan.
    index: u32,
    base: u64,
    /// A bit for the slot of each client that may.
    clients: u32,
    table: BlockTable,
}

/// The pools that clients may name. No client can write their tables, so none can have two calls use one block.
pub(super) struct Pools(Box<[Pool]>);

impl Pools {
    pub(super) fn new(plan: &Plan, device: usize) -> Pools {
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

    /// Where a pool is here, of which a client names blocks.
    ///
    /// # Errors
    /// [`Status::BadBlock`] where the client may name none of it, or it has no such block.
    pub(super) fn of(
        &self,
        index: u32,
        client: usize,
        blocks: &BlockList,
    ) -> Result<usize, Status> {
        let place = self.0.binary_search_by_key(&index, |pool| pool.index);
        let place = place.map_err(|_| Status::BadBlock)?;
        let pool = self.0.get(place).ok_or(Status::BadBlock)?;
        match pool.clients & 1 << client != 0 && pool.table.has(blocks) {
            true => Ok(place),
            false => Err(Status::BadBlock),
        }
    }

    pub(super) fn take(&mut self, place: usize, blocks: &BlockList) -> Result<(), Status> {
        let pool = self.0.get_mut(place).ok_or(Status::BadBlock)?;
        pool.table.take(blocks)
    }

    pub(super) fn give_back(&mut self, place: usize, blocks: &BlockList) {
        if let Some(pool) = self.0.get_mut(place) {
            pool.table.give_back(blocks);
        }
    }

    pub(super) fn taken(&self) -> usize {
        self.0.iter().map(|pool| pool.table.taken()).sum()
    }

    /// The memory of a block's first page. A pool is one piece of memory, so the others of a larger block are behind it.
    pub(super) fn segment(&self, place: usize, block: u32) -> Option<Segment> {
        let pool = self.0.get(place)?;
        Some(Segment {
            address: pool.base + u64::from(block) * BLOCK_SIZE as u64,
            length: BLOCK_SIZE as u32,
        })
    }
}
