//! Who takes part: which number each actor has, and which side of which channel.

use atoll_channel::Side;

use crate::driver::Driver;
use crate::liar::Liar;
use crate::port::Port;
use crate::server::Server;
use crate::simulation::{Role, Simulation};
use crate::state::Id;
use crate::vcore::Vcore;

impl Simulation {
    /// The actor of a number, in its first incarnation.
    pub fn cast(&self, id: Id) -> Role {
        let clusters = self.scenario.clusters;
        let lies = self.scenario.lying_cluster;
        if id < clusters {
            return match lies {
                Some(liar) if liar == id => Role::Liar(Liar::server(self, id)),
                _ => Role::Server(Box::new(Server::new(self, id, false))),
            };
        }
        if id < 2 * clusters {
            return match id - clusters {
                0 if lies == Some(0) => Role::Nobody,
                0 if self.scenario.lying_driver => Role::Liar(Liar::driver(self)),
                0 => Role::Driver(Driver::new(self, false)),
                _ => Role::Nobody,
            };
        }
        let (process, vcore) = self.vcore_of(id);
        if lies == Some(self.scenario.cluster_of(process)) {
            Role::Nobody
        } else if self.scenario.process_lies(process) {
            Role::Liar(Liar::vcore(self, process, vcore))
        } else {
            Role::Vcore(Vcore::new(self, process, vcore))
        }
    }

    /// A cluster's server.
    pub fn server(&self, cluster: usize) -> Id {
        cluster
    }

    /// A cluster's block driver.
    pub fn driver(&self, cluster: usize) -> Id {
        self.scenario.clusters + cluster
    }

    /// A vcore.
    pub fn vcore(&self, process: usize, vcore: usize) -> Id {
        2 * self.scenario.clusters + process * self.scenario.vcores + vcore
    }

    fn vcore_of(&self, id: Id) -> (usize, usize) {
        let index = id - 2 * self.scenario.clusters;
        (index / self.scenario.vcores, index % self.scenario.vcores)
    }

    /// What an actor is called in the trace.
    pub fn name(&self, id: Id) -> String {
        let clusters = self.scenario.clusters;
        match id {
            _ if id < clusters => format!("server {id}"),
            _ if id < 2 * clusters => format!("driver {}", id - clusters),
            _ => {
                let (process, vcore) = self.vcore_of(id);
                format!("vcore {process}.{vcore}")
            }
        }
    }

    /// One side of a channel between clusters.
    pub fn channel_port(&self, channel: usize, side: Side, again: bool) -> Port {
        let (me, peer) = match side {
            Side::First => (0, channel + 1),
            Side::Second => (channel + 1, 0),
        };
        self.port(channel, side, me, peer, again)
    }

    /// One side of the channel between a server and its driver.
    pub fn driver_port(&self, cluster: usize, side: Side, again: bool) -> Port {
        let window = self.scenario.channels() + cluster;
        let (server, driver) = (self.server(cluster), self.driver(cluster));
        match side {
            Side::First => self.port(window, side, server, driver, again),
            Side::Second => self.port(window, side, driver, server, again),
        }
    }

    /// One side of the channel between a server and a vcore.
    pub fn vcore_port(&self, process: usize, vcore: usize, side: Side, again: bool) -> Port {
        let window = self.vcore_window(process, vcore);
        let server = self.server(self.scenario.cluster_of(process));
        let vcore = self.vcore(process, vcore);
        match side {
            Side::First => self.port(window, side, server, vcore, again),
            Side::Second => self.port(window, side, vcore, server, again),
        }
    }

    /// The window of a vcore.
    pub fn vcore_window(&self, process: usize, vcore: usize) -> usize {
        self.scenario.channels() + self.scenario.clusters + process * self.scenario.vcores + vcore
    }

    fn port(&self, window: usize, side: Side, me: Id, peer: Id, again: bool) -> Port {
        let memory = &self.windows[window];
        let end = match again {
            false => memory.attach(side),
            true => memory.attach_again(side),
        };
        Port::new(end, window, side, me, peer)
    }
}
