//! What a process is told about itself when it starts.

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::name::Name;
use atoll_abi::plan::{MAX_SERVICES, Plan};
use atoll_abi::process::{PROCINFO_MAGIC, Port, ProcInfo};
use atoll_abi::syscall::Route;

const NO_PORT: Port = Port {
    service: Name::EMPTY,
    kind: 0,
    route: 0,
    first_connection: 0,
    padding: 0,
};

/// What the machine's clocks tell.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// Ticks of the time stamp counter in a microsecond.
    pub ticks_per_microsecond: u64,
    /// Microseconds since 1970 when that would have been 0; 0 where that is not known.
    pub epoch: u64,
}

/// The information page of a process.
pub fn procinfo(plan: &Plan, index: usize, time: Time) -> ProcInfo {
    let process = &plan.processes()[index];
    let instance = &plan.instances()[plan.instance_of(process.cluster) as usize];
    let mut cores = [0; MAX_VCORES];
    let vcores = &process.cores[..process.vcores as usize];
    for (core, local) in cores.iter_mut().zip(vcores) {
        *core = instance.cores[usize::from(*local)];
    }
    let (ports, port_count) = ports(plan, index);
    ProcInfo {
        magic: PROCINFO_MAGIC,
        version: atoll_abi::ABI_VERSION,
        generation: 1,
        process: index as u32,
        cluster: process.cluster,
        max_vcores: process.vcores,
        pool_blocks: plan.pools()[process.pool as usize].blocks,
        heap_size: process.heap_size,
        granted: 0,
        name: process.name,
        cores,
        ticks_per_microsecond: time.ticks_per_microsecond,
        epoch: time.epoch,
        ports,
        port_count,
        many_core: 0,
        watched: plan.watched_by(index),
        uthreads: process.uthreads,
        server_down: 0,
        condemned: 0,
        number: process.number,
        started: 0,
        resumes: 0,
        alarms: 0,
        first_frame: process.first_frame,
        frames: process.frames,
        observer: process.observer,
        timeline_size: plan.timeline_window_size() as u32,
        first_vcore: process.first_vcore,
        padding: 0,
    }
}

fn ports(plan: &Plan, index: usize) -> ([Port; MAX_SERVICES], u32) {
    let process = &plan.processes()[index];
    let own_instance = plan.instance_of(process.cluster);
    let mut ports = [NO_PORT; MAX_SERVICES];
    let mut count = 0;
    for (number, service) in plan.services().iter().enumerate() {
        let Some(port) = process.port(number) else {
            continue;
        };
        let route = match plan.instance_of(service.cluster) == own_instance {
            true => Route::Local,
            false => Route::Remote,
        };
        let first_connection = plan.connection(index, 0, number);
        ports[port] = Port {
            service: service.name,
            kind: service.kind,
            route: route as u32,
            first_connection: first_connection.expect("a process has a vcore 0") as u32,
            padding: 0,
        };
        count += 1;
    }
    (ports, count)
}

#[cfg(test)]
mod tests {
    use atoll_abi::connection::CONNECTION_WORDS;
    use atoll_abi::plan::{ServiceKind, Tables, empty_rows};

    use super::*;

    const TIME: Time = Time {
        ticks_per_microsecond: 2600,
        epoch: 77,
    };

    #[test]
    fn ports_are_those_of_the_services_that_the_process_may_use() {
        let mut tables = Tables {
            clusters: empty_rows(2),
            instances: empty_rows(2),
            processes: empty_rows(1),
            devices: empty_rows(3),
            pools: empty_rows(1),
            services: empty_rows(3),
            ..Tables::default()
        };
        tables.clusters[1].instance = 1;
        tables.instances[1].cores[3] = 7;
        for (service, name) in tables.services.iter_mut().zip(["a", "b", "c"]) {
            service.name = Name::new(name).unwrap();
            service.kind = ServiceKind::Files as u32;
        }
        tables.services[2].cluster = 1;
        for (index, device) in tables.devices.iter_mut().enumerate() {
            tables.services[index].device = index as u32;
            device.cluster = tables.services[index].cluster;
        }
        let process = &mut tables.processes[0];
        process.cluster = 1;
        process.vcores = 2;
        process.cores[0] = 3;
        process.services = 0b110;
        process.uthreads = 5;
        tables.pools[0].blocks = 9;
        let plan = tables.encode();

        let found = procinfo(&plan, 0, TIME);
        assert_eq!((found.ticks_per_microsecond, found.epoch), (2600, 77));
        assert_eq!((found.max_vcores, found.pool_blocks), (2, 9));
        assert_eq!(found.uthreads, 5);
        assert_eq!(found.cores[0], 7);
        assert_eq!(found.port_count, 2);
        let ports = found.ports.map(|port| {
            let route = Route::from_raw(port.route).unwrap();
            (
                port.service.as_str().to_owned(),
                route,
                port.first_connection,
            )
        });
        // The connections 0 to 2 are those of the services to their drivers.
        assert_eq!(ports[0], ("b".to_owned(), Route::Remote, 3));
        assert_eq!(ports[1], ("c".to_owned(), Route::Local, 5));
        assert_eq!(found.ports[2], NO_PORT);
        assert_eq!(found.watched, [0; CONNECTION_WORDS]);

        tables.processes[0].operator = 1;
        // Connection 2 is that of service `c`, the only one of its cluster; then there are those of the process.
        assert_eq!(procinfo(&tables.encode(), 0, TIME).watched[0], 0b111_1100);

        tables.processes[0].observer = 1;
        assert_eq!(procinfo(&tables.encode(), 0, TIME).watched[0], 0b111_1111);
    }
}
