//! Connections: the channels that a plan gives its components, each between one client and one provider.
//!
//! A client is a vcore of a process, or a service that uses another component. A provider is a service or the driver of a
//! device. Connections are numbered from 0 in the order of [`Plan::connections`], which also is the order of their windows
//! in shared memory. The client is the first side of each.

use crate::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use crate::plan::{MAX_CONNECTIONS, MAX_DEVICES, MAX_SERVICES, Plan, Service};

/// Who makes the calls of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// A vcore of a process.
    Vcore {
        /// Index of the process.
        process: usize,
        /// The vcore.
        vcore: usize,
    },
    /// A service.
    Service(usize),
}

/// Who answers the calls of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// A service.
    Service(usize),
    /// The driver of a device.
    Driver(usize),
}

/// A channel between a client and a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its number.
    pub number: usize,
    /// Who makes the calls.
    pub client: Client,
    /// Who answers them.
    pub provider: Provider,
    /// Which of the provider's clients this is, from 0 on.
    pub slot: usize,
    /// Physical address of its window.
    pub window: u64,
}

impl Plan {
    /// Every connection, by number: first one from each service to the driver of its device, then, for each process and
    /// each service that it may use, one for each vcore.
    pub fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        let to_drivers = self.services().iter().enumerate().map(|(service, own)| {
            (
                Client::Service(service),
                Provider::Driver(own.device as usize),
            )
        });
        let to_services = self
            .processes()
            .iter()
            .enumerate()
            .flat_map(|(process, own)| {
                let used = (0..self.services().len()).filter(|&service| own.may_use(service));
                used.flat_map(move |service| {
                    (0..own.vcores as usize).map(move |vcore| {
                        (Client::Vcore { process, vcore }, Provider::Service(service))
                    })
                })
            });
        let mut of_services = [0; MAX_SERVICES];
        let mut of_drivers = [0; MAX_DEVICES];
        to_drivers
            .chain(to_services)
            .enumerate()
            .map(move |(number, (client, provider))| Connection {
                number,
                client,
                provider,
                slot: {
                    let next = match provider {
                        Provider::Driver(device) => &mut of_drivers[device],
                        Provider::Service(service) => &mut of_services[service],
                    };
                    *next += 1;
                    *next - 1
                },
                window: self.machine().shared_base + (number * RING_WINDOW_SIZE) as u64,
            })
    }

    /// The connections to a provider, by slot.
    pub fn clients_of(&self, provider: Provider) -> impl Iterator<Item = Connection> + '_ {
        self.connections()
            .filter(move |connection| connection.provider == provider)
    }

    /// The number of the connection of a vcore of a process to a service.
    pub fn connection(&self, process: usize, vcore: usize, service: usize) -> Option<usize> {
        let client = Client::Vcore { process, vcore };
        let provider = Provider::Service(service);
        self.connections()
            .find(|connection| connection.client == client && connection.provider == provider)
            .map(|connection| connection.number)
    }

    /// The services that use a device, with their indexes, in the order of their slots at its driver.
    pub fn services_of_device(&self, device: usize) -> impl Iterator<Item = (usize, &Service)> {
        let services = self.services().iter().enumerate();
        services.filter(move |(_, service)| service.device as usize == device)
    }

    /// Whether a service's calls to its driver may name blocks of a pool: of its own one, and of its clients'.
    pub fn may_name(&self, service: usize, pool: usize) -> bool {
        self.pools().get(pool).is_some_and(|pool| {
            let process = self.processes().get(pool.process as usize);
            pool.service as usize == service || process.is_some_and(|it| it.may_use(service))
        })
    }

    /// The cluster of a client.
    pub fn client_cluster(&self, client: Client) -> u32 {
        match client {
            Client::Vcore { process, .. } => self.processes()[process].cluster,
            Client::Service(service) => self.services()[service].cluster,
        }
    }

    /// The cluster of a provider.
    pub fn provider_cluster(&self, provider: Provider) -> u32 {
        match provider {
            Provider::Service(service) => self.services()[service].cluster,
            Provider::Driver(device) => self.devices()[device].cluster,
        }
    }

    /// Bitmap of the connections whose telemetry a process may read: of an observer, all; of an operator, those that its cluster has a side
    /// of; of any other process, none.
    pub fn watched_by(&self, process: usize) -> [u64; CONNECTION_WORDS] {
        let mut watched = [0; CONNECTION_WORDS];
        let Some(row) = self.processes().get(process) else {
            return watched;
        };
        let sees = |connection: &Connection| {
            let is_own = self.client_cluster(connection.client) == row.cluster
                || self.provider_cluster(connection.provider) == row.cluster;
            row.observer != 0 || row.operator != 0 && is_own
        };
        for connection in self.connections().filter(sees) {
            let bits = u64::BITS as usize;
            watched[connection.number / bits] |= 1 << (connection.number % bits);
        }
        watched
    }

    /// The kernel instance that runs a cluster.
    pub fn instance_of(&self, cluster: u32) -> u32 {
        self.clusters()[cluster as usize].instance
    }

    /// Whether different kernel instances run the two sides of a connection: each wakes the other through its server.
    pub fn crosses_kernels(&self, connection: &Connection) -> bool {
        let client = self.instance_of(self.client_cluster(connection.client));
        client != self.instance_of(self.provider_cluster(connection.provider))
    }

    /// The connections that cross kernels and of which a cluster has a side.
    pub fn crossings_of(&self, cluster: u32) -> impl Iterator<Item = Connection> + '_ {
        self.connections().filter(move |connection| {
            let client = self.client_cluster(connection.client);
            let provider = self.provider_cluster(connection.provider);
            (client == cluster || provider == cluster) && self.crosses_kernels(connection)
        })
    }

    /// The channel between two clusters, with the direction from the first one to the second one: see [`wake_words`].
    pub fn channel_between(&self, from: u32, to: u32) -> Option<(usize, usize)> {
        let mut channels = self.channels().iter().enumerate();
        channels.find_map(|(number, channel)| {
            let own = channel.end_of(from)?;
            (from != to && channel.end_of(to)? != own).then_some((number, own))
        })
    }
}

/// Words that have a bit for each connection.
pub const CONNECTION_WORDS: usize = MAX_CONNECTIONS / u64::BITS as usize;

/// Words of one direction of a wake page, or of a component's wake requests: a bit for each connection, then one word with a
/// bit for each of these words.
pub const WAKE_WORDS: usize = CONNECTION_WORDS + 1;

const _: () = assert!(CONNECTION_WORDS <= u64::BITS as usize);
const _: () = assert!(MAX_CONNECTIONS.is_multiple_of(u64::BITS as usize));

/// Offset, in a channel's wake page, of the words that the server of the channel's cluster of this end writes: they share no
/// cache line with those of the other end.
pub const fn wake_words(end: usize) -> usize {
    end * (WAKE_WORDS * size_of::<u64>()).next_multiple_of(64)
}

const _: () = assert!(wake_words(2) <= PAGE_SIZE);

#[cfg(test)]
mod tests;
