//! How the timeline names things.

use atoll_abi::connection::{Client, Provider};
use atoll_abi::plan::Plan;
use atoll_abi::timeline::{Channel, Writer};

/// A writer: `kv`, or `digest vcore 1` where there are several; `server`; `net (sockets)`; `driver of disk0`.
pub fn writer(plan: &Plan, writer: Writer) -> String {
    match writer {
        Writer::Server(_) => "server".to_owned(),
        Writer::Service(service) => match plan.services().get(service) {
            Some(row) => format!("service {}", row.name),
            None => "service".to_owned(),
        },
        Writer::Driver(device) => match plan.devices().get(device) {
            Some(row) => format!("driver of {}", row.name),
            None => "driver".to_owned(),
        },
        Writer::Vcore { process, vcore } => match plan.processes().get(process) {
            Some(row) if row.vcores > 1 => format!("{} vcore {vcore}", row.name),
            Some(row) => row.name.to_string(),
            None => "process".to_owned(),
        },
    }
}

/// The physical core of a writer.
pub fn core(plan: &Plan, writer: Writer) -> Option<u32> {
    let within = match writer {
        Writer::Server(cluster) => plan.clusters().get(cluster)?.first_core,
        Writer::Service(service) => plan.services().get(service)?.core,
        Writer::Driver(device) => plan.devices().get(device)?.core,
        Writer::Vcore { process, vcore } => {
            u32::from(*plan.processes().get(process)?.cores.get(vcore)?)
        }
    };
    let instance = plan.instance_of(plan.timeline_cluster(writer));
    let instance = plan.instances().get(instance as usize)?;
    instance.cores().get(within as usize).copied()
}

/// Which side of a channel a writer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It makes the calls.
    Client,
    /// It answers them.
    Provider,
}

/// Who has the two sides of each channel.
pub struct Sides {
    /// By number of the connection: client, provider.
    connections: Vec<[Writer; 2]>,
    /// By cluster, and by number of the vcore in it.
    vcores: Vec<Vec<Writer>>,
    clusters: Vec<(Writer, usize)>,
}

impl Sides {
    /// Those of a plan.
    pub fn of_plan(plan: &Plan) -> Sides {
        let connections = plan.connections().map(|connection| {
            let client = match connection.client {
                Client::Vcore { process, vcore } => Writer::Vcore { process, vcore },
                Client::Service(service) => Writer::Service(service),
            };
            let provider = match connection.provider {
                Provider::Service(service) => Writer::Service(service),
                Provider::Driver(device) => Writer::Driver(device),
            };
            [client, provider]
        });
        let mut vcores = vec![Vec::new(); plan.clusters().len()];
        for (process, row) in plan.processes().iter().enumerate() {
            let own = (0..row.vcores as usize).map(|vcore| Writer::Vcore { process, vcore });
            vcores[row.cluster as usize].extend(own);
        }
        let clusters = plan.timeline_writers().map(|writer| {
            let cluster = plan.timeline_cluster(writer) as usize;
            (writer, cluster)
        });
        Sides {
            connections: connections.collect(),
            vcores,
            clusters: clusters.collect(),
        }
    }

    /// The side that a writer has of a channel that it names, and the writer at the other side; `None` where it has none.
    pub fn of(&self, own: Writer, channel: Channel) -> Option<(Role, Writer)> {
        let [client, provider] = self.both(own, channel)?;
        match own {
            _ if own == client => Some((Role::Client, provider)),
            _ if own == provider => Some((Role::Provider, client)),
            _ => None,
        }
    }

    /// Client and provider of a channel that a writer names.
    fn both(&self, own: Writer, channel: Channel) -> Option<[Writer; 2]> {
        match channel {
            Channel::Connection(number) => self.connections.get(number).copied(),
            Channel::Vcore(number) => {
                let (_, cluster) = self.clusters.iter().find(|(writer, _)| *writer == own)?;
                let vcore = self.vcores.get(*cluster)?.get(number)?;
                Some([*vcore, Writer::Server(*cluster)])
            }
        }
    }
}
