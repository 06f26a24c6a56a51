//! What a person calls the parts of a plan.

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::plan::{KernelMode, Plan};

/// The name of an instance: that of its cluster, or `shared`, as the plan crate names it.
pub fn instance(plan: &Plan, index: usize) -> String {
    if plan.machine().mode == KernelMode::Shared as u32 {
        return "shared".to_owned();
    }
    clusters_of(plan, index).collect()
}

/// The names of the clusters that an instance runs.
pub fn clusters_of(plan: &Plan, instance: usize) -> impl Iterator<Item = &str> {
    plan.clusters()
        .iter()
        .filter(move |cluster| cluster.instance as usize == instance)
        .map(|cluster| cluster.name.as_str())
}

/// The names of all instances.
pub fn instances(plan: &Plan) -> Vec<String> {
    (0..plan.instances().len())
        .map(|index| instance(plan, index))
        .collect()
}

/// What makes the calls of a connection, and what answers them.
pub fn connection(plan: &Plan, connection: &Connection) -> [String; 2] {
    let service = |index: usize| match plan.services().get(index) {
        Some(service) => format!("service {}", service.name),
        None => "?".to_owned(),
    };
    let client = match connection.client {
        Client::Vcore { process, vcore } => match plan.processes().get(process) {
            Some(process) => format!("vcore {vcore} of process {}", process.name),
            None => "?".to_owned(),
        },
        Client::Service(index) => service(index),
    };
    let provider = match connection.provider {
        Provider::Service(index) => service(index),
        Provider::Driver(index) => match plan.devices().get(index) {
            Some(device) => format!("the driver of {}", device.name),
            None => "?".to_owned(),
        },
    };
    [client, provider]
}

/// The name of a cluster.
pub fn cluster(plan: &Plan, index: u32) -> &str {
    plan.clusters()
        .get(index as usize)
        .map_or("?", |cluster| cluster.name.as_str())
}

#[cfg(test)]
pub mod tests {
    use atoll_abi::name::Name;
    use atoll_abi::plan::{
        Channel, Cluster, Device, DeviceKind, DoorbellKind, EncodedPlan, Instance, KernelMode,
        MAX_CORES, Machine, NONE, Pool, Process, Service, ServiceKind, Tables,
    };
    use zerocopy::FromZeros;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// Two clusters of two cores: `io` with the device `disk` and the service `files`, `compute` with the process `digest`,
    /// which uses the service with two vcores; one channel with HPET doorbells.
    ///
    /// From 0x1800_0000 on there are three windows (service to driver, then those of the vcores), a wake page, the pool of
    /// the process and that of the service.
    pub fn example() -> EncodedPlan {
        example_tables().encode()
    }

    /// The tables of [`example`], to be changed.
    pub fn example_tables() -> Tables {
        let machine = Machine {
            name: name("2x2"),
            fingerprint: 0x2a,
            memory: 512 << 20,
            shared_base: 0x1800_0000,
            shared_size: 0x10_0000,
            timeline_base: 0,
            timeline_size: 0,
            mode: KernelMode::PerCluster as u32,
            cores: 4,
        };
        let mut tables = Tables {
            machine,
            ..Tables::default()
        };
        for (index, text) in (0..).zip(["io", "compute"]) {
            let mut cores = [0; MAX_CORES];
            cores[0] = 2 * index;
            cores[1] = cores[0] + 1;
            tables.clusters.push(Cluster {
                name: name(text),
                instance: index,
                core_count: 2,
                cores,
                comparator: index,
                ..Cluster::new_zeroed()
            });
            tables.instances.push(Instance {
                memory_base: 0x100_0000 + u64::from(index) * 0x800_0000,
                memory_size: 0x800_0000,
                core_count: 2,
                timer_tick_ms: 2,
                time_slice: 5,
                serial_port: [0x3f8, 0x2f8][index as usize],
                cores,
            });
        }
        tables.channels.push(Channel {
            clusters: [0, 1],
            wake_page: 0x1800_c000,
            doorbell: DoorbellKind::Hpet as u32,
            padding: 0,
        });
        tables.processes.push(Process {
            name: name("digest"),
            image: name("digest"),
            cluster: 1,
            vcores: 2,
            pool: 0,
            services: 1,
            ..Process::new_zeroed()
        });
        tables.devices.push(Device {
            name: name("disk"),
            kind: DeviceKind::VirtioBlk as u32,
            cluster: 0,
            pci_address: 4 << 3,
            core: 0,
            block_size: 512,
            ..Device::new_zeroed()
        });
        tables.services.push(Service {
            name: name("files"),
            kind: ServiceKind::Files as u32,
            cluster: 0,
            device: 0,
            core: 0,
            pool: 1,
            heap_size: 8 << 20,
            partition: name("files"),
            ..Service::new_zeroed()
        });
        tables.pools.push(Pool {
            base: 0x1800_d000,
            blocks: 64,
            process: 0,
            service: NONE,
            cluster: 1,
        });
        tables.pools.push(Pool {
            base: 0x1804_d000,
            blocks: 4,
            process: NONE,
            service: 0,
            cluster: 0,
        });
        tables
    }

    /// The tables of [`example`] with the network device `net`, its service `sockets`, which nobody uses, and the service's pool of one
    /// block.
    pub fn network_tables() -> Tables {
        let mut tables = example_tables();
        tables.devices.push(Device {
            name: name("net"),
            kind: DeviceKind::VirtioNet as u32,
            pci_address: 5 << 3,
            block_size: 0,
            ..tables.devices[0]
        });
        tables.services.push(Service {
            name: name("sockets"),
            kind: ServiceKind::Sockets as u32,
            device: 1,
            pool: 2,
            partition: Name::EMPTY,
            ..tables.services[0]
        });
        tables.pools.push(Pool {
            base: 0x1805_1000,
            blocks: 1,
            process: NONE,
            service: 1,
            cluster: 0,
        });
        tables
    }

    #[test]
    fn an_instance_is_named_by_its_cluster() {
        assert_eq!(instances(&example()), ["io", "compute"]);
        let mut tables = example_tables();
        tables.instances.pop();
        tables.clusters[1].instance = 0;
        tables.machine.mode = KernelMode::Shared as u32;
        let plan = tables.encode();
        assert_eq!(instances(&plan), ["shared"]);
        assert_eq!(clusters_of(&plan, 0).collect::<Vec<_>>(), ["io", "compute"]);
    }
}
