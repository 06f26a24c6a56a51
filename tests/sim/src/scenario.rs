//! What a scenario has and what goes wrong in it.

mod list;

pub use list::{KILL, SCENARIOS, find};

/// A named set of actors and faults.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Clusters, each a kernel of its own; cluster 0 has the device and the file service.
    pub clusters: usize,
    /// Processes of each cluster.
    pub processes: usize,
    /// Vcores of each process.
    pub vcores: usize,
    /// Calls that each process makes, about.
    pub calls: u64,
    /// The first process of the last cluster lies.
    pub lying_process: bool,
    /// The first process of the last cluster makes calls without regard to credits.
    pub flooding_process: bool,
    /// The server of the last cluster lies to the other servers; its processes do nothing.
    pub lying_server: bool,
    /// The file service lies.
    pub lying_service: bool,
    /// The block driver lies.
    pub lying_driver: bool,
    /// The device fails now and then, and the driver may die of it.
    pub device_fails: bool,
    /// Servers die and come back: how many times.
    pub server_deaths: u64,
    /// Servers of clusters without files may stay down when they die.
    pub servers_stay_down: bool,
    /// The file service dies and comes back: how many times.
    pub service_deaths: u64,
    /// The block driver dies and comes back: how many times.
    pub driver_deaths: u64,
    /// Processes take faults: how many times.
    pub process_faults: u64,
    /// Doorbells are late, doubled, lost for a while, or come from nowhere.
    pub doorbell_chaos: bool,
    /// Actors stop for a while without reason.
    pub slow: bool,
    /// Vcores make as many calls at once as their rings hold.
    pub deep: bool,
    /// Processes follow the script.
    pub script: bool,
    /// The last process logs on a partition of its own.
    pub logs: bool,
    /// The process that logs writes blocks of its partition without a log.
    pub without_log: bool,
    /// The process that logs has a pager of its partition instead.
    pub pages: bool,
    /// The process that logs lends blocks twice instead.
    pub lends_twice: bool,
    /// Processes give frames to each other.
    pub gives_frames: bool,
    /// The last process writes files.
    pub writes_files: bool,
    /// The power is cut: how many times.
    pub power_cuts: u64,
}

impl Scenario {
    /// Channels: from cluster 0 to each other one.
    pub fn channels(&self) -> usize {
        self.clusters - 1
    }

    /// Processes in all clusters.
    pub fn all_processes(&self) -> usize {
        self.clusters * self.processes
    }

    /// The cluster of a process.
    pub fn cluster_of(&self, process: usize) -> usize {
        process / self.processes
    }

    /// Whether the server of a cluster lies.
    pub fn server_lies(&self, cluster: usize) -> bool {
        self.lying_server && cluster == self.clusters - 1
    }

    /// Services: the file service, and the blocks service where a process logs.
    pub fn services(&self) -> usize {
        1 + usize::from(self.logs)
    }

    /// The service that a process uses.
    pub fn service_of(&self, process: usize) -> usize {
        usize::from(self.process_logs(process))
    }

    /// Whether a process logs: the last one does.
    pub fn process_logs(&self, process: usize) -> bool {
        self.logs && process + 1 == self.all_processes()
    }

    /// Whether a process writes files: the last one does.
    pub fn process_writes(&self, process: usize) -> bool {
        self.writes_files && process + 1 == self.all_processes()
    }

    /// Whether something is on the disk that has to be there in the next boot.
    pub fn keeps(&self) -> bool {
        self.logs || self.writes_files
    }

    /// Whether a process is in the hands of a liar.
    pub fn process_lies(&self, process: usize) -> bool {
        let one = process == (self.clusters - 1) * self.processes;
        one && (self.lying_process || self.flooding_process || self.lends_twice)
    }

    /// Whether blocks of a process may stay in flight for good.
    pub fn blocks_may_stay_away(&self) -> bool {
        self.data_may_lie() || self.servers_stay_down
    }

    /// Whether what a process reads may be a lie.
    pub fn data_may_lie(&self) -> bool {
        self.lying_driver || self.lying_service
    }
}
