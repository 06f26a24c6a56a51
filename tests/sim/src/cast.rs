//! Who takes part: which number each actor has, and which side of which channel.

use atoll_abi::connection::{Client, Connection};
use atoll_abi::layout::service_badge;
use atoll_blocks::BlockService;
use atoll_channel::Side;
use atoll_files::FileService;

use crate::component::Component;
use crate::driver::Driver;
use crate::liar::Liar;
use crate::port::{PeerDoorbell, Port};
use crate::server::Server;
use crate::simulation::{Role, Simulation};
use crate::state::Id;
use crate::vcore::Vcore;

/// Actors for services, of which the second one may be absent.
const SERVICES: usize = 2;

impl Simulation {
    /// The actor of a number; `again` where it died before.
    pub fn cast(&self, id: Id, again: bool) -> Role {
        let scenario = self.scenario;
        if id < scenario.clusters {
            return match scenario.server_lies(id) {
                true => Role::Liar(Liar::server(id)),
                false => Role::Server(Box::new(Server::new(self, id, again))),
            };
        }
        if id == self.service(0) {
            return match scenario.lying_service {
                true => Role::Liar(Liar::service(self)),
                false => Role::Files(Box::new(Component::new(self, 0, again, FileService::new))),
            };
        }
        if id == self.service(1) {
            return match scenario.logs {
                true => Role::Blocks(Box::new(Component::new(self, 1, again, BlockService::new))),
                false => Role::Absent,
            };
        }
        if id == self.device() {
            return Role::Device;
        }
        if id == self.driver() {
            return match scenario.lying_driver {
                true => Role::Liar(Liar::driver(self)),
                false => Role::Driver(Box::new(Driver::new(self, again))),
            };
        }
        let (process, vcore) = self.vcore_of(id);
        if scenario.server_lies(scenario.cluster_of(process)) {
            Role::Absent
        } else if scenario.process_lies(process) {
            Role::Liar(Liar::vcore(self, process, vcore))
        } else {
            Role::Vcore(Box::new(Vcore::new(self, process, vcore)))
        }
    }

    /// How many actors there are.
    pub fn actors(&self) -> usize {
        self.first_vcore() + self.scenario.all_processes() * self.scenario.vcores
    }

    /// A cluster's server.
    pub fn server(&self, cluster: usize) -> Id {
        cluster
    }

    /// A service: the file service is the first one.
    pub fn service(&self, service: usize) -> Id {
        self.scenario.clusters + service
    }

    /// Which service an actor is; `None` where it is none.
    pub fn service_number(&self, id: Id) -> Option<usize> {
        let number = id.checked_sub(self.scenario.clusters)?;
        (number < SERVICES).then_some(number)
    }

    /// The service that a process uses.
    pub fn service_of(&self, process: usize) -> Id {
        self.service(self.scenario.service_of(process))
    }

    /// The driver of the disk.
    pub fn driver(&self) -> Id {
        self.scenario.clusters + SERVICES
    }

    /// The disk.
    pub fn device(&self) -> Id {
        self.driver() + 1
    }

    fn first_vcore(&self) -> Id {
        self.device() + 1
    }

    /// Whether an actor is a vcore.
    pub fn is_vcore(&self, id: Id) -> bool {
        id >= self.first_vcore()
    }

    /// A vcore.
    pub fn vcore(&self, process: usize, vcore: usize) -> Id {
        self.first_vcore() + process * self.scenario.vcores + vcore
    }

    /// Process and number of an actor that is a vcore.
    pub fn vcore_of(&self, id: Id) -> (usize, usize) {
        let index = id - self.first_vcore();
        (index / self.scenario.vcores, index % self.scenario.vcores)
    }

    /// Whether an actor makes calls without regard to credits.
    pub fn floods(&self, id: Id) -> bool {
        let scenario = self.scenario;
        scenario.flooding_process && self.is_vcore(id) && scenario.process_lies(self.vcore_of(id).0)
    }

    /// The cluster that an actor runs in.
    pub fn cluster_of(&self, id: Id) -> usize {
        match id {
            _ if id < self.scenario.clusters => id,
            _ if !self.is_vcore(id) => 0,
            _ => self.scenario.cluster_of(self.vcore_of(id).0),
        }
    }

    /// What an actor is called in the trace.
    pub fn name(&self, id: Id) -> String {
        match id {
            _ if id < self.scenario.clusters => format!("server {id}"),
            _ if id == self.service(0) => "service".to_owned(),
            _ if id == self.service(1) => "blocks".to_owned(),
            _ if id == self.driver() => "driver".to_owned(),
            _ if id == self.device() => "disk".to_owned(),
            _ => {
                let (process, vcore) = self.vcore_of(id);
                format!("vcore {process}.{vcore}")
            }
        }
    }

    /// The actors at the two sides of a connection.
    pub fn sides_of(&self, connection: &Connection) -> [Id; 2] {
        match connection.client {
            Client::Service(service) => [self.service(service), self.driver()],
            Client::Vcore { process, vcore } => {
                [self.vcore(process, vcore), self.service_of(process)]
            }
        }
    }

    /// The badge by which a side of a connection learns who rang.
    pub fn badge_of(&self, connection: &Connection, side: Side) -> u64 {
        match (connection.client, side) {
            (Client::Service(_), Side::First) => service_badge::DRIVER,
            (_, Side::Second) => service_badge::client(connection.slot),
            _ => 0,
        }
    }

    /// One side of a connection; its window has the connection's number.
    pub fn connection_port(&self, number: usize, side: Side, again: bool) -> Port {
        let connection = &self.connections[number];
        let [client, provider] = self.sides_of(connection);
        let (me, peer, other) = match side {
            Side::First => (client, provider, Side::Second),
            Side::Second => (provider, client, Side::First),
        };
        let doorbell = match self.plan.crosses_kernels(connection) {
            true => PeerDoorbell::Server(number),
            false => PeerDoorbell::Notification(self.badge_of(connection, other)),
        };
        self.port(number, side, [me, peer], doorbell, again)
    }

    /// The number of the connection of a vcore to the service of its process.
    pub fn connection_of(&self, process: usize, vcore: usize) -> usize {
        // The first ones are those of the services to the driver.
        self.scenario.services() + process * self.scenario.vcores + vcore
    }

    /// One side of the channel between a vcore and its server.
    pub fn server_port(&self, process: usize, vcore: usize, side: Side, again: bool) -> Port {
        let window = self.server_window(process, vcore);
        let server = self.server(self.scenario.cluster_of(process));
        let vcore = self.vcore(process, vcore);
        let sides = match side {
            Side::First => [vcore, server],
            Side::Second => [server, vcore],
        };
        self.port(window, side, sides, PeerDoorbell::Notification(0), again)
    }

    /// The window between a vcore and its server.
    pub fn server_window(&self, process: usize, vcore: usize) -> usize {
        self.connections.len() + process * self.scenario.vcores + vcore
    }

    /// The windows of a vcore: to its server, then to its service.
    pub fn windows_of(&self, process: usize, vcore: usize) -> [usize; 2] {
        [
            self.server_window(process, vcore),
            self.connection_of(process, vcore),
        ]
    }

    /// Process and number of the vcore that has the first side of a window; `None` where the service has.
    pub fn client_of(&self, window: usize) -> Option<(usize, usize)> {
        let index = match window.checked_sub(self.connections.len()) {
            Some(index) => index,
            None => window.checked_sub(self.scenario.services())?,
        };
        let vcores = self.scenario.vcores;
        Some((index / vcores, index % vcores))
    }

    /// Who answers on a window of a vcore.
    pub fn provider_of(&self, window: usize) -> Id {
        match (window < self.connections.len(), self.client_of(window)) {
            (false, Some((process, _))) => self.server(self.scenario.cluster_of(process)),
            (_, Some((process, _))) => self.service_of(process),
            (_, None) => self.driver(),
        }
    }

    /// Whether the first side of a window is a vcore of an honest process.
    pub fn is_honest_client(&self, window: usize) -> bool {
        let client = self.client_of(window);
        client.is_some_and(|(process, _)| !self.scenario.process_lies(process))
    }

    fn port(
        &self,
        window: usize,
        side: Side,
        sides: [Id; 2],
        doorbell: PeerDoorbell,
        again: bool,
    ) -> Port {
        let memory = &self.windows[window];
        let end = match again {
            false => memory.attach(side),
            true => memory.attach_again(side),
        };
        Port::new(self, end, window, side, sides, doorbell)
    }
}
