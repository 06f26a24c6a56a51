//! What each holder of an instance may hold: see [`crate::audit`].

use std::ops::Range;

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::timeline::Writer;

use super::InstanceAudit;
use super::places::{
    configuration, device_memory, first_pages, hpet, memory, pool, timeline, wake_page, window,
};

impl InstanceAudit<'_> {
    fn runs(&self, cluster: u32) -> bool {
        let cluster = self.plan.clusters().get(cluster as usize);
        cluster.is_some_and(|cluster| cluster.instance as usize == self.index)
    }

    /// What a holder may hold; `None` where this instance has no such holder.
    pub(super) fn allowed(&self, holder: &str) -> Option<Vec<Range<u64>>> {
        let plan = self.plan;
        let mut allowed = vec![memory(self.own)];
        if holder == "root-task" {
            allowed.extend(self.announced());
            return Some(allowed);
        }
        let (kind, name) = holder.split_once(':')?;
        match kind {
            "server" => {
                let mut clusters = plan.clusters().iter();
                let cluster = clusters.position(|c| c.name.as_str() == name)? as u32;
                if !self.runs(cluster) {
                    return None;
                }
                let channels = plan.channels().iter();
                let own = channels.filter(|channel| channel.end_of(cluster).is_some());
                allowed.extend(own.filter_map(wake_page));
                allowed.extend(timeline(plan, Writer::Server(cluster as usize)));
                if plan.uses_hpet(cluster) {
                    allowed.push(hpet());
                }
            }
            "process" => {
                let mut processes = plan.processes().iter();
                let index =
                    processes.position(|p| p.name.as_str() == name && self.runs(p.cluster))?;
                let process = &plan.processes()[index];
                for vcore in 0..process.vcores as usize {
                    let writer = Writer::Vcore {
                        process: index,
                        vcore,
                    };
                    allowed.extend(timeline(plan, writer));
                }
                allowed.extend(plan.pools().get(process.pool as usize).map(pool));
                for connection in plan.connections() {
                    if matches!(connection.client, Client::Vcore { process, .. } if process == index)
                    {
                        allowed.push(window(&connection));
                    }
                    let is_own = self.has_a_side(process.cluster, &connection);
                    if process.observer != 0 || process.operator != 0 && is_own {
                        allowed.extend(first_pages(&connection));
                    }
                }
            }
            "service" => {
                let mut services = plan.services().iter();
                let index =
                    services.position(|s| s.name.as_str() == name && self.runs(s.cluster))?;
                allowed.extend(timeline(plan, Writer::Service(index)));
                let reached = plan.reached_pools(index);
                let pools = reached.filter_map(|it| plan.pools().get(it.pool as usize));
                allowed.extend(pools.map(pool));
                let own = |it: &Connection| {
                    it.client == Client::Service(index) || it.provider == Provider::Service(index)
                };
                allowed.extend(plan.connections().filter(own).map(|it| window(&it)));
            }
            "driver" => {
                let mut devices = plan.devices().iter();
                let index =
                    devices.position(|d| d.name.as_str() == name && self.runs(d.cluster))?;
                allowed.extend(timeline(plan, Writer::Driver(index)));
                allowed.push(configuration(plan.devices()[index].pci_address));
                allowed.extend(device_memory(plan.machine().memory));
                let reached = plan.driver_pool(index);
                let read = reached.and_then(|it| plan.pools().get(it.pool as usize));
                allowed.extend(read.map(pool));
                let own = plan.clients_of(Provider::Driver(index));
                allowed.extend(own.map(|it| window(&it)));
            }
            _ => return None,
        }
        Some(allowed)
    }

    /// Whether a cluster has the client or the provider of a connection.
    fn has_a_side(&self, cluster: u32, connection: &Connection) -> bool {
        self.plan.client_cluster(connection.client) == cluster
            || self.plan.provider_cluster(connection.provider) == cluster
    }

    /// What the root task may hold to announce deaths, to notice that a component does not start, and to tell what a process's
    /// connections counted.
    fn announced(&self) -> Vec<Range<u64>> {
        let plan = self.plan;
        let mut pages = vec![hpet()];
        for connection in plan.connections() {
            let [of_client, of_provider] = first_pages(&connection);
            let client = self.runs(plan.client_cluster(connection.client));
            if client {
                pages.push(of_client);
            }
            // The one client that is no process is a service, whose driver is of the same instance.
            if client || self.runs(plan.provider_cluster(connection.provider)) {
                pages.push(of_provider);
            }
        }
        for channel in plan.channels() {
            let own = channel.clusters.into_iter().any(|it| self.runs(it));
            pages.extend(wake_page(channel).filter(|_| own));
        }
        pages
    }
}
