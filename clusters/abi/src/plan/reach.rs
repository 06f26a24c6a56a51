//! The clients of a service, and the pools of blocks that it reads and writes itself, or that a driver reads.

use super::{DeviceKind, Plan, Process, ServiceKind};
use crate::layout::{SERVICE_POOL, client_pool};

/// A pool that is mapped in a service or driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachedPool {
    /// Its index in the plan.
    pub pool: u32,
    /// Where its blocks are there.
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

    /// The pool that the driver of a device reads itself, and must not write, where drivers of its kind do: that of the first service
    /// of the device.
    pub fn driver_pool(&self, device: usize) -> Option<ReachedPool> {
        let kind = DeviceKind::from_raw(self.devices().get(device)?.kind)?;
        let (_, service) = self.services_of_device(device).next()?;
        kind.reaches_service_pools().then_some(ReachedPool {
            pool: service.pool,
            address: SERVICE_POOL,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Tables, empty_rows};

    #[test]
    fn a_driver_reads_the_pool_of_the_service_of_a_network_alone() {
        let mut tables = Tables {
            devices: empty_rows(3),
            services: empty_rows(3),
            ..Tables::default()
        };
        let [disk, net] = [DeviceKind::VirtioBlk, DeviceKind::VirtioNet];
        for (device, kind) in tables.devices.iter_mut().zip([disk, net, net]) {
            device.kind = kind as u32;
        }
        for (index, (service, device)) in (0..).zip(tables.services.iter_mut().zip([0, 1, 1])) {
            service.device = device;
            service.pool = 5 + index;
        }
        let plan = tables.encode();
        let own = ReachedPool {
            pool: 6,
            address: SERVICE_POOL,
        };
        assert_eq!(plan.driver_pool(1), Some(own));
        for other in [0, 2, 3] {
            assert_eq!(plan.driver_pool(other), None);
        }
    }
}
