//! The pools of blocks: a process has one, and so may the services that it uses, and a service has one, which its driver may read.

use alloc::collections::BTreeMap;

use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::plan::Plan;
use sel4::{CapRights, VmAttributes};

use crate::authority::{Authority, PageRun};
use crate::component::Component;

/// The pages of the pools that some component of this instance has, by the pools' indexes in the plan.
#[derive(Default)]
pub struct Pools(BTreeMap<u32, PageRun>);

impl Pools {
    /// Maps a pool in a component. Its pages are made for the first one that has it, and shared with the others.
    pub fn map(
        &mut self,
        authority: &mut Authority,
        plan: &Plan,
        pool: u32,
        component: &mut Component<'_>,
        address: usize,
        rights: CapRights,
    ) {
        let row = &plan.pools()[pool as usize];
        let made = self.0.get(&pool).copied();
        let run = made.unwrap_or_else(|| {
            authority.device_pages(row.base, row.blocks.into(), &component.holder)
        });
        self.0.insert(pool, run);
        for (page, address) in run.pages().zip((address..).step_by(PAGE_SIZE)) {
            let page = match made {
                Some(_) => authority.share(page, &component.holder),
                None => page,
            };
            component.map(authority, page, address, rights, VmAttributes::DEFAULT);
        }
    }
}
