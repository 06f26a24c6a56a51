//! The scenarios.

use super::Scenario;

const QUIET: Scenario = Scenario {
    name: "one-cluster",
    about: "two processes, a file service and a device in one cluster",
    clusters: 1,
    processes: 2,
    vcores: 2,
    calls: 40,
    lying_process: false,
    flooding_process: false,
    lying_server: false,
    lying_service: false,
    lying_driver: false,
    device_fails: false,
    server_deaths: 0,
    servers_stay_down: false,
    service_deaths: 0,
    driver_deaths: 0,
    process_faults: 0,
    doorbell_chaos: false,
    slow: true,
    deep: false,
    script: false,
    logs: false,
    without_log: false,
    pages: false,
    lends_twice: false,
    gives_frames: false,
    writes_files: false,
    power_cuts: 0,
};

/// Every scenario, the one of a seed by its index modulo their number.
pub const SCENARIOS: [Scenario; 32] = [
    QUIET,
    Scenario {
        name: "two-clusters",
        about: "file calls that cross two kernels",
        clusters: 2,
        ..QUIET
    },
    Scenario {
        name: "three-clusters",
        about: "two clusters that use the files of a third; a process faults",
        clusters: 3,
        process_faults: 1,
        ..QUIET
    },
    Scenario {
        name: "many-vcores",
        about: "gangs of eight vcores that yield and come back",
        clusters: 2,
        processes: 1,
        vcores: 8,
        calls: 120,
        ..QUIET
    },
    Scenario {
        name: "full-rings",
        about: "vcores with as many calls under way as there are credits, and peers that are slow to take them",
        clusters: 2,
        calls: 300,
        deep: true,
        ..QUIET
    },
    Scenario {
        name: "lone-client",
        about: "one vcore with full rings: no other doorbell wakes those who serve it",
        processes: 1,
        vcores: 1,
        calls: 400,
        deep: true,
        ..QUIET
    },
    Scenario {
        name: "flood",
        about: "a process makes calls without regard to credits, to its server and to the file service",
        clusters: 2,
        processes: 1,
        vcores: 16,
        calls: 60,
        flooding_process: true,
        ..QUIET
    },
    Scenario {
        name: "frames",
        about: "processes give frames to each other, for good and for a time, while they and their servers die",
        clusters: 2,
        processes: 3,
        calls: 60,
        gives_frames: true,
        server_deaths: 1,
        process_faults: 2,
        ..QUIET
    },
    Scenario {
        name: "lying-process",
        about: "a process writes garbage into its rings and wake requests and makes calls that make no sense",
        clusters: 2,
        lying_process: true,
        ..QUIET
    },
    Scenario {
        name: "lying-server",
        about: "the server of a client cluster writes any bits into the wake words of the file cluster",
        clusters: 3,
        processes: 1,
        lying_server: true,
        ..QUIET
    },
    Scenario {
        name: "lying-service",
        about: "the file service lies to its clients",
        clusters: 2,
        lying_service: true,
        ..QUIET
    },
    Scenario {
        name: "lying-driver",
        about: "the block driver lies to the file service",
        clusters: 2,
        processes: 1,
        lying_driver: true,
        ..QUIET
    },
    Scenario {
        name: "driver-loss",
        about: "the device fails, tears blocks, and the driver dies and comes back",
        clusters: 2,
        device_fails: true,
        driver_deaths: 2,
        ..QUIET
    },
    Scenario {
        name: "service-loss",
        about: "the file service dies at any step and comes back, its driver too",
        clusters: 2,
        calls: 60,
        service_deaths: 3,
        driver_deaths: 1,
        ..QUIET
    },
    Scenario {
        name: "server-loss",
        about: "servers die at any step and come back; processes fault",
        clusters: 3,
        processes: 1,
        calls: 60,
        server_deaths: 3,
        process_faults: 1,
        ..QUIET
    },
    Scenario {
        name: "server-down",
        about: "servers die and stay down, and their processes end without them",
        clusters: 3,
        calls: 60,
        server_deaths: 3,
        servers_stay_down: true,
        process_faults: 2,
        ..QUIET
    },
    Scenario {
        name: "gang-loss",
        about: "servers, services and processes die while the vcores of gangs of four are granted and given back",
        clusters: 2,
        processes: 1,
        vcores: 4,
        calls: 120,
        server_deaths: 4,
        service_deaths: 2,
        process_faults: 2,
        ..QUIET
    },
    Scenario {
        name: "process-loss",
        about: "processes fault at any step and some of them begin anew",
        clusters: 2,
        calls: 60,
        process_faults: 5,
        ..QUIET
    },
    Scenario {
        name: "doorbell-chaos",
        about: "doorbells are late, doubled, lost for a while, or come from nowhere; a server dies",
        clusters: 2,
        server_deaths: 1,
        doorbell_chaos: true,
        ..QUIET
    },
    Scenario {
        name: "everything",
        about: "all kinds of components die, doorbells go wrong, the device fails, and a process lies",
        clusters: 3,
        lying_process: true,
        device_fails: true,
        server_deaths: 2,
        service_deaths: 2,
        driver_deaths: 1,
        process_faults: 2,
        doorbell_chaos: true,
        ..QUIET
    },
    Scenario {
        name: "script",
        about: "the fixed calls that all three worlds run, against their expected trace",
        clusters: 2,
        processes: 1,
        vcores: 1,
        slow: false,
        script: true,
        ..QUIET
    },
    Scenario {
        name: "log",
        about: "a process logs on a partition of its own, in another cluster; its last records are looked at in a second boot",
        clusters: 2,
        processes: 1,
        logs: true,
        ..QUIET
    },
    Scenario {
        name: "power-cut",
        about: "the power is cut at any step while a process logs and another one reads files",
        logs: true,
        power_cuts: 4,
        ..QUIET
    },
    Scenario {
        name: "log-loss",
        about: "the power is cut, the device fails, and services, driver and processes die while a process logs",
        clusters: 2,
        processes: 1,
        logs: true,
        power_cuts: 2,
        device_fails: true,
        service_deaths: 2,
        driver_deaths: 1,
        process_faults: 1,
        ..QUIET
    },
    Scenario {
        name: "raw-blocks",
        about: "the power is cut at any step while a process writes, flushes and reads blocks of its partition",
        logs: true,
        without_log: true,
        power_cuts: 4,
        ..QUIET
    },
    Scenario {
        name: "raw-loss",
        about: "the power is cut, the device fails, and services and driver die while a process writes blocks",
        clusters: 2,
        processes: 1,
        logs: true,
        without_log: true,
        power_cuts: 2,
        device_fails: true,
        service_deaths: 2,
        driver_deaths: 1,
        process_faults: 1,
        ..QUIET
    },
    Scenario {
        name: "pages",
        about: "the power is cut at any step while a process has pages of its partition in memory, and flushes them",
        logs: true,
        pages: true,
        power_cuts: 4,
        ..QUIET
    },
    Scenario {
        name: "pages-loss",
        about: "the power is cut, the device fails, and services and driver die while a process has pages in memory",
        clusters: 2,
        processes: 1,
        logs: true,
        pages: true,
        power_cuts: 2,
        device_fails: true,
        service_deaths: 2,
        driver_deaths: 1,
        process_faults: 1,
        ..QUIET
    },
    Scenario {
        name: "lent-twice",
        about: "a process lends the same blocks in several calls to the blocks service",
        clusters: 2,
        processes: 1,
        logs: true,
        lends_twice: true,
        ..QUIET
    },
    Scenario {
        name: "files",
        about: "a process replaces, removes and syncs files of the volume, which another one reads",
        clusters: 2,
        processes: 1,
        calls: 20,
        writes_files: true,
        ..QUIET
    },
    Scenario {
        name: "files-cut",
        about: "the power is cut at any step while a process writes files",
        clusters: 2,
        processes: 1,
        calls: 20,
        writes_files: true,
        power_cuts: 4,
        ..QUIET
    },
    Scenario {
        name: "files-loss",
        about: "the power is cut, and services, driver and processes die while a process writes files",
        clusters: 2,
        processes: 1,
        calls: 20,
        writes_files: true,
        power_cuts: 2,
        service_deaths: 2,
        driver_deaths: 2,
        process_faults: 1,
        ..QUIET
    },
];

/// A call flow over two clusters in which an actor is killed at every step: for kill tests.
pub const KILL: Scenario = Scenario {
    name: "kill",
    about: "a short call flow over two clusters",
    clusters: 2,
    processes: 1,
    vcores: 2,
    calls: 24,
    slow: false,
    ..QUIET
};

/// The scenario of a name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}
