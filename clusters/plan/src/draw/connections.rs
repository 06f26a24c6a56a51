//! The connections of a plan, as text.

use std::fmt::{self, Write};

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::plan::Plan;

/// Who may call whom, and over which channel where the two run in different clusters.
pub(super) fn connections(plan: &Plan, out: &mut String) -> fmt::Result {
    writeln!(out, "\nconnections: {}", plan.connections().count())?;
    let groups = groups(plan);
    for group in &groups {
        let Connection {
            client, provider, ..
        } = group.first;
        let [here, there] = [plan.client_cluster(client), plan.provider_cluster(provider)];
        let channel = plan.channel_between(here, there);
        let wakes = match channel {
            Some((channel, _)) if plan.crosses_kernels(&group.first) => {
                format!("across kernels by channel {channel}")
            }
            Some((channel, _)) => format!("within the kernel by channel {channel}"),
            None => "within the cluster".to_owned(),
        };
        writeln!(out, "  {}, {wakes}", group.numbers())?;
    }
    super::none_if(groups.is_empty(), out)
}

/// The connections of one client with one provider, which have consecutive numbers: one for each vcore of a process.
pub(super) struct Group {
    pub(super) first: Connection,
    pub(super) count: usize,
    client: String,
    provider: String,
}

impl Group {
    /// The numbers, client and provider.
    pub(super) fn numbers(&self) -> String {
        let first = self.first.number;
        let numbers = match self.count {
            1 => format!("connection {first}"),
            count => format!("connections {first} to {}", first + count - 1),
        };
        format!("{numbers}: {} -> {}", self.client, self.provider)
    }
}

/// All connections, by number.
pub(super) fn groups(plan: &Plan) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for connection in plan.connections() {
        let client = match connection.client {
            Client::Vcore { process, .. } => format!("process {}", plan.processes()[process].name),
            Client::Service(service) => format!("service {}", plan.services()[service].name),
        };
        let provider = match connection.provider {
            Provider::Service(service) => format!("service {}", plan.services()[service].name),
            Provider::Driver(device) => format!("driver of {}", plan.devices()[device].name),
        };
        match groups.last_mut() {
            Some(last) if last.client == client && last.provider == provider => last.count += 1,
            _ => groups.push(Group {
                first: connection,
                count: 1,
                client,
                provider,
            }),
        }
    }
    groups
}
