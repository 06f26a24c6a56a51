//! The clients of a service, and the pools of blocks that it reads and writes itself.

use super::{Plan, Process, ServiceKind};
use crate::layout::{SERVICE_POOL, client_pool};

/// A pool that is mapped in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachedPool {
    /// Its index in the plan.
    pub pool: u32,
    /// Where its blocks are in the service.
    pub address: usize,
}

impl Plan {
    /// The processes that are clients of a service, with their indexes, in the order of their first connections to it.
    pub fn client_processes(&self, service: usize) -> impl Iterator<Item = (usize, &Process)> {
        let processes = self.processes().iter().enumerate();
        processes.filter(move |(_, process)| process.vcores > 0 && process.may_use(service))
    }

    /// The pools that a service reads and writes itself: its own one, and where its kind has them those of its clients.
    pub fn reached_pools(&self, service: usize) -> impl Iterator<Item = ReachedPool> {
        let row = self.services().get(service);
        let own = row.map(|row| ReachedPool {
            pool: row.pool,
            address: SERVICE_POOL,
        });
        let kind = row.and_then(|row| ServiceKind::from_raw(row.kind));
        let all = kind.is_some_and(ServiceKind::reaches_client_blocks);
        let clients = self.client_processes(service).enumerate();
        let clients = clients.filter(move |_| all);
        let clients = clients.map(|(client, (_, process))| ReachedPool {
            pool: process.pool,
            address: client_pool(client),
        });
        own.into_iter().chain(clients)
    }
}
