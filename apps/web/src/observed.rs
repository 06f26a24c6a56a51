//! What an observer sees of a node: its plan, and what the channels tell.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::layout::RING_SLOTS;
use atoll_abi::name::Name;
use atoll_abi::plan::Plan;
use atoll_abi::process::ProcInfo;

use crate::metrics::{
    Channel, ChannelRoute, Cluster, Core, Direction, Holder, HolderKind, Node, Process,
    ProcessState,
};

/// What the plan says of the node, and what its channels tell: `ring` gives it of a connection's ring, 0 that of the client, by their
/// numbers. What is known of the own process is what `own` says, as it is now.
pub fn observe(
    node: &mut Node,
    plan: &Plan,
    own: &ProcInfo,
    ring: impl Fn(usize, usize) -> Option<Direction>,
) {
    node.name = Some(text(plan.machine().name));
    node.clusters = (0..plan.clusters().len())
        .map(|index| cluster(plan, index))
        .collect();
    node.processes = (0..plan.processes().len())
        .map(|index| process(plan, index, own))
        .collect();
    node.channels = plan
        .connections()
        .map(|connection| channel(plan, &connection, &ring))
        .collect();
}

fn text(name: Name) -> String {
    name.as_str().to_string()
}

/// The core of the machine that has a number within the kernel instance of a cluster.
fn core_of(plan: &Plan, cluster: u32, core: u32) -> Option<u32> {
    let instance = plan.instances().get(plan.instance_of(cluster) as usize)?;
    instance.cores().get(core as usize).copied()
}

fn cluster(plan: &Plan, index: usize) -> Cluster {
    let row = plan.clusters().get(index);
    let cores = row.map_or(&[][..], |row| row.cores());
    Cluster {
        name: row.map(|row| text(row.name)).unwrap_or_default(),
        kernel: row.map(|row| row.instance),
        generation: None,
        cores: cores
            .iter()
            .enumerate()
            .map(|(place, &number)| Core {
                number,
                holders: holders(plan, index as u32, number, place == 0),
            })
            .collect(),
    }
}

/// Whom the plan has on a core. The server of a cluster is on its first one.
fn holders(plan: &Plan, cluster: u32, core: u32, is_first: bool) -> Vec<Holder> {
    let holder = |name: Name, kind| Holder {
        name: text(name),
        kind,
    };
    let here = |of: u32, own: u32| of == cluster && core_of(plan, of, own) == Some(core);
    let server = plan.clusters().get(cluster as usize);
    let server = server.filter(|_| is_first);
    let server = server.map(|row| holder(row.name, HolderKind::Server));
    let services = plan.services().iter();
    let services = services.filter(|it| here(it.cluster, it.core));
    let services = services.map(|it| holder(it.name, HolderKind::Service));
    let drivers = plan.devices().iter();
    let drivers = drivers.filter(|it| here(it.cluster, it.core));
    let drivers = drivers.map(|it| holder(it.name, HolderKind::Driver));
    let vcores = plan.processes().iter().flat_map(|process| {
        let cores = process.cores.iter().take(process.vcores as usize);
        let cores = (0..).zip(cores);
        let cores = cores.filter(|(_, own)| here(process.cluster, u32::from(**own)));
        cores.map(|(vcore, _)| holder(process.name, HolderKind::Vcore(vcore)))
    });
    server
        .into_iter()
        .chain(services)
        .chain(drivers)
        .chain(vcores)
        .collect()
}

fn process(plan: &Plan, index: usize, own: &ProcInfo) -> Process {
    let row = plan.processes().get(index);
    let cluster = row.map(|row| row.cluster);
    let row_of_cluster = cluster.and_then(|it| plan.clusters().get(it as usize));
    let vcores = row.map_or(0, |row| row.vcores);
    let is_own = own.process as usize == index;
    let is_granted = |vcore: u32| !is_own || own.granted & 1 << vcore != 0;
    let core = |vcore: u32| {
        let core = row?.cores.get(vcore as usize)?;
        core_of(plan, cluster?, u32::from(*core))
    };
    Process {
        name: row.map(|row| text(row.name)).unwrap_or_default(),
        cluster: row_of_cluster.map(|it| text(it.name)),
        state: match (is_own, own.many_core) {
            (false, _) => ProcessState::Unknown,
            (true, 0) => ProcessState::SingleCore,
            (true, _) => ProcessState::ManyCore,
        },
        generation: is_own.then_some(own.generation),
        vcores_granted: is_own.then(|| own.granted.count_ones()),
        vcores_max: Some(vcores),
        cores: (0..vcores)
            .filter(|it| is_granted(*it))
            .filter_map(core)
            .collect(),
    }
}

fn channel(
    plan: &Plan,
    connection: &Connection,
    ring: &impl Fn(usize, usize) -> Option<Direction>,
) -> Channel {
    let service = |index: usize| plan.services().get(index).map(|it| text(it.name));
    let (client, vcore) = match connection.client {
        Client::Service(index) => (service(index), None),
        Client::Vcore { process, vcore } => {
            let process = plan.processes().get(process);
            (process.map(|it| text(it.name)), Some(vcore as u32))
        }
    };
    let provider = match connection.provider {
        Provider::Service(index) => service(index),
        Provider::Driver(index) => plan.devices().get(index).map(|it| text(it.name)),
    };
    Channel {
        number: connection.number as u32,
        client: client.unwrap_or_default(),
        vcore,
        provider: provider.unwrap_or_default(),
        route: match plan.crosses_kernels(connection) {
            false => ChannelRoute::SameKernel,
            true => ChannelRoute::OtherKernel,
        },
        to_provider: ring(connection.number, 0),
        to_client: ring(connection.number, 1),
        slots: Some(RING_SLOTS as u32),
        generation: None,
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::plan::{Tables, empty_rows};
    use zerocopy::FromZeros as _;

    use super::*;

    /// A kernel instance with the cores 4 and 6, which has a device, its driver and a service; and one with core 9, in which a process is
    /// alone.
    fn tables() -> Tables {
        let name = |text| Name::new(text).unwrap();
        let mut tables = Tables {
            clusters: empty_rows(2),
            instances: empty_rows(2),
            processes: empty_rows(1),
            devices: empty_rows(1),
            pools: empty_rows(1),
            services: empty_rows(1),
            ..Tables::default()
        };
        tables.machine.name = name("test");
        tables.clusters[0].name = name("io");
        tables.clusters[0].core_count = 2;
        tables.clusters[0].cores[..2].copy_from_slice(&[4, 6]);
        tables.instances[0].core_count = 2;
        tables.instances[0].cores[..2].copy_from_slice(&[4, 6]);
        tables.clusters[1].name = name("far");
        tables.clusters[1].instance = 1;
        tables.clusters[1].core_count = 1;
        tables.clusters[1].cores[0] = 9;
        tables.instances[1].core_count = 1;
        tables.instances[1].cores[0] = 9;
        tables.devices[0].name = name("net0");
        tables.devices[0].core = 1;
        tables.services[0].name = name("net");
        tables.services[0].core = 1;
        tables.processes[0].name = name("web");
        tables.processes[0].cluster = 1;
        tables.processes[0].vcores = 1;
        tables.processes[0].services = 1;
        tables
    }

    fn observed() -> Node {
        let plan = tables().encode();
        let mut own = ProcInfo::new_zeroed();
        own.generation = 3;
        own.granted = 1;
        own.many_core = 1;
        let mut node = Node::default();
        observe(&mut node, &plan, &own, |connection, ring| {
            (connection == 1).then_some(Direction {
                messages: 10 + ring as u64,
                doorbells: 5,
            })
        });
        node
    }

    #[test]
    fn each_core_has_whom_the_plan_has_there() {
        let node = observed();
        let found: Vec<_> = node
            .clusters
            .iter()
            .flat_map(|cluster| &cluster.cores)
            .collect();
        let numbers: Vec<_> = found.iter().map(|core| core.number).collect();
        assert_eq!(numbers, [4, 6, 9]);
        let names = |core: usize| -> Vec<_> {
            let holders = found[core].holders.iter();
            holders.map(|it| (it.name.as_str(), it.kind)).collect()
        };
        assert_eq!(names(0), [("io", HolderKind::Server)]);
        let both = [("net", HolderKind::Service), ("net0", HolderKind::Driver)];
        assert_eq!(names(1), both);
        let both = [("far", HolderKind::Server), ("web", HolderKind::Vcore(0))];
        assert_eq!(names(2), both);
    }

    #[test]
    fn a_process_knows_of_itself_what_it_is_told() {
        let node = observed();
        let web = &node.processes[0];
        assert_eq!(web.cluster.as_deref(), Some("far"));
        assert_eq!(web.state, ProcessState::ManyCore);
        assert_eq!((web.generation, web.vcores_granted), (Some(3), Some(1)));
        assert_eq!(web.cores, [9]);
    }

    #[test]
    fn channels_are_named_by_their_ends_and_tell_what_they_counted() {
        let node = observed();
        let found: Vec<_> = node
            .channels
            .iter()
            .map(|it| (it.client.as_str(), it.vcore, it.provider.as_str(), it.route))
            .collect();
        let expected = [
            ("net", None, "net0", ChannelRoute::SameKernel),
            ("web", Some(0), "net", ChannelRoute::OtherKernel),
        ];
        assert_eq!(found, expected);
        assert_eq!(node.channels[0].to_provider, None);
        let counted = |messages| {
            Some(Direction {
                messages,
                doorbells: 5,
            })
        };
        assert_eq!(node.channels[1].to_provider, counted(10));
        assert_eq!(node.channels[1].to_client, counted(11));
    }
}
