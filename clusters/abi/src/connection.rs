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

    /// Bitmap of the connections whose telemetry a process may read: of an operator, those that its cluster has a side of; of
    /// any other process, none.
    pub fn watched_by(&self, process: usize) -> [u64; CONNECTION_WORDS] {
        let mut watched = [0; CONNECTION_WORDS];
        let Some(operator) = self.processes().get(process) else {
            return watched;
        };
        let sees = |connection: &Connection| {
            operator.operator != 0
                && (self.client_cluster(connection.client) == operator.cluster
                    || self.provider_cluster(connection.provider) == operator.cluster)
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

    /// Whether the plan has a vcore on a core of a kernel instance: while a component polls there, the vcore does not run.
    pub fn vcore_runs_on(&self, instance: u32, core: u32) -> bool {
        self.processes().iter().any(|process| {
            let mut cores = process.cores.iter().take(process.vcores as usize);
            self.instance_of(process.cluster) == instance
                && cores.any(|own| u32::from(*own) == core)
        })
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
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;
    use crate::plan::{EncodedPlan, NONE, Tables, empty_rows};

    /// Two services, each on a device of its own; process 0 uses the second one, process 1 both.
    fn tables() -> Tables {
        let mut tables = Tables {
            clusters: empty_rows(2),
            channels: empty_rows(1),
            devices: empty_rows(2),
            services: empty_rows(2),
            processes: empty_rows(2),
            ..Tables::default()
        };
        tables.machine.shared_base = 0x100_0000;
        tables.clusters[1].instance = 1;
        tables.channels[0].clusters = [1, 0];
        tables.services[1].device = 1;
        tables.processes[0].vcores = 2;
        tables.processes[0].services = 0b10;
        tables.processes[1].vcores = 1;
        tables.processes[1].services = 0b11;
        tables.processes[1].cluster = 1;
        tables
    }

    fn plan() -> EncodedPlan {
        tables().encode()
    }

    #[test]
    fn connections_are_in_order() {
        let plan = plan();
        let found: Vec<_> = plan
            .connections()
            .map(|it| (it.number, it.client, it.provider, it.slot))
            .collect();
        let vcore = |process, vcore| Client::Vcore { process, vcore };
        assert_eq!(
            found,
            [
                (0, Client::Service(0), Provider::Driver(0), 0),
                (1, Client::Service(1), Provider::Driver(1), 0),
                (2, vcore(0, 0), Provider::Service(1), 0),
                (3, vcore(0, 1), Provider::Service(1), 1),
                (4, vcore(1, 0), Provider::Service(0), 0),
                (5, vcore(1, 0), Provider::Service(1), 2),
            ]
        );
        assert_eq!(plan.connection(1, 0, 1), Some(5));
        assert_eq!(plan.connection(0, 0, 0), None);
        let windows: Vec<_> = plan.connections().map(|it| it.window).collect();
        assert_eq!(windows[5], 0x100_0000 + 5 * RING_WINDOW_SIZE as u64);
        assert_eq!(plan.processes()[1].port(1), Some(1));
        assert_eq!(plan.processes()[0].port(1), Some(0));
        assert_eq!(plan.processes()[0].port(0), None);
    }

    #[test]
    fn services_of_one_device_have_slots_of_their_own() {
        let mut tables = tables();
        tables.services.push(tables.services[1]);
        let plan = tables.encode();
        let slots = |driver| plan.clients_of(Provider::Driver(driver)).map(|it| it.slot);
        assert_eq!(slots(0).collect::<Vec<_>>(), [0]);
        assert_eq!(slots(1).collect::<Vec<_>>(), [0, 1]);
        let services = plan.services_of_device(1).map(|(index, _)| index);
        assert_eq!(services.collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_service_names_blocks_of_its_own_and_of_its_clients() {
        let mut tables = tables();
        tables.pools = empty_rows(4);
        for (index, pool) in tables.pools.iter_mut().enumerate() {
            let (process, service) = match index {
                0 | 1 => (index as u32, NONE),
                _ => (NONE, index as u32 - 2),
            };
            (pool.process, pool.service) = (process, service);
        }
        let plan = tables.encode();
        let named = |service| (0..5).map(move |pool| (service, pool));
        let may: Vec<bool> = named(0)
            .chain(named(1))
            .map(|(a, b)| plan.may_name(a, b))
            .collect();
        let expected = [
            [false, true, true, false, false],
            [true, true, false, true, false],
        ];
        assert_eq!(may, expected.concat());
    }

    #[test]
    fn only_some_connections_cross_kernels() {
        let plan = plan();
        let crossing: Vec<_> = plan
            .connections()
            .filter(|it| plan.crosses_kernels(it))
            .map(|it| it.number)
            .collect();
        assert_eq!(crossing, [4, 5]);
    }

    #[test]
    fn an_operator_watches_the_connections_of_its_cluster() {
        assert_eq!(plan().watched_by(0), [0; CONNECTION_WORDS]);
        let mut tables = tables();
        tables.processes[0].operator = 1;
        tables.processes[1].operator = 1;
        let plan = tables.encode();
        // Both services run in cluster 0, so that it has a side of every connection; cluster 1 has only its process.
        assert_eq!(plan.watched_by(0)[0], 0b11_1111);
        assert_eq!(plan.watched_by(1)[0], 0b11_0000);
        assert_eq!(plan.watched_by(2), [0; CONNECTION_WORDS]);
    }

    #[test]
    fn each_direction_of_a_channel_has_words_of_its_own() {
        let plan = plan();
        assert_eq!(plan.channel_between(1, 0), Some((0, 0)));
        assert_eq!(plan.channel_between(0, 1), Some((0, 1)));
        assert_eq!(plan.channel_between(0, 0), None);
        assert!(wake_words(1) >= WAKE_WORDS * size_of::<u64>());
    }
}
