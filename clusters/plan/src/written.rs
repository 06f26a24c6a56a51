//! A plan as it was written, with the place of everything that a message may point to.

use std::collections::BTreeSet;
use std::path::Path;

use atoll_abi::name::Name;
use atoll_abi::plan::{ClusterKind, DeviceKind, KernelMode, Network, Restart, ServiceKind};

use crate::check;
use crate::checked::CheckedPlan;
use crate::diagnostics::{Diagnostics, PlanErrors};
use crate::layout;
use crate::options::OptionValues;
use crate::read;
use crate::source;
use crate::table::Located;

/// A plan as it was written. Values that were missing or wrong, which has been reported by then, are replaced by ones
/// that no later check objects to.
pub struct Plan {
    pub(crate) name: Name,
    pub(crate) cores: Located<u32>,
    pub(crate) memory: Located<u64>,
    pub(crate) mode: KernelMode,
    /// Whether services and drivers are built to count what they do.
    pub(crate) measured: bool,
    /// Bytes in which each component notes what it does; 0: none does.
    pub(crate) timeline: u64,
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) devices: Vec<Device>,
    pub(crate) services: Vec<Service>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) processes: Vec<Process>,
}

/// Stands for the name of something that has none, which has been reported.
pub(crate) const UNNAMED: &str = "?";

/// A name or a reference to one; a reference that could not be read is empty.
pub(crate) type Text = Located<String>;

pub(crate) struct Cluster {
    pub(crate) name: Text,
    /// `None` where they could not be read.
    pub(crate) cores: Option<Located<Vec<Located<u32>>>>,
    pub(crate) memory: Located<u64>,
    pub(crate) kind: ClusterKind,
    pub(crate) quantum_ms: Located<u32>,
    pub(crate) tick_ms: Located<u32>,
    pub(crate) devices: Vec<Text>,
    /// Whether its server masks its doorbell.
    pub(crate) masked: Located<bool>,
    pub(crate) options: Located<OptionValues>,
    /// How often its server is started again.
    pub(crate) restart: Restart,
}

pub(crate) struct Device {
    pub(crate) name: Text,
    /// `None` where it could not be read.
    pub(crate) kind: Option<DeviceKind>,
    /// `bus << 8 | device << 3 | function`; `None` where it could not be read.
    pub(crate) pci: Option<Located<u32>>,
    /// Bytes of a block of its disk, where a run makes that.
    pub(crate) block_size: u32,
    /// Whether its disk cannot be written.
    pub(crate) read_only: bool,
    /// Milliseconds that it may take for a request.
    pub(crate) timeout_ms: u32,
    /// The core of its driver; the first one of its cluster where the plan is silent.
    pub(crate) core: Option<Located<u32>>,
    /// How often its driver is started again.
    pub(crate) restart: Restart,
}

pub(crate) struct Service {
    pub(crate) name: Text,
    /// `None` where it could not be read.
    pub(crate) kind: Option<ServiceKind>,
    pub(crate) cluster: Text,
    pub(crate) device: Text,
    /// The name of its partition of the device; empty where it has none or it could not be read.
    pub(crate) partition: Text,
    /// Bytes of the partition where a run makes the disk; 0 where it is as large as what is put into it.
    pub(crate) size: u64,
    /// Where it is in its network, if it is one of sockets; all zero where it asks.
    pub(crate) network: Network,
    pub(crate) heap: Located<u64>,
    /// Its core; the first one of its cluster where the plan is silent.
    pub(crate) core: Option<Located<u32>>,
    /// How often it is started again.
    pub(crate) restart: Restart,
}

pub(crate) struct Channel {
    pub(crate) ends: [Text; 2],
    pub(crate) at: usize,
}

pub(crate) struct Process {
    pub(crate) name: Text,
    /// The program that it runs; empty where none could be read.
    pub(crate) image: Located<Name>,
    pub(crate) cluster: Text,
    pub(crate) vcores: Located<u32>,
    pub(crate) cores: Option<Located<Vec<Located<u32>>>>,
    pub(crate) blocks: u32,
    /// Whether it may watch its cluster's connections and stop its cluster's server.
    pub(crate) operator: bool,
    /// Whether it may read the plan and watch all connections of the machine.
    pub(crate) observer: bool,
    /// Services that it may use.
    pub(crate) services: Vec<Text>,
    /// Processes that it may call through an endpoint of the kernel.
    pub(crate) calls: Vec<Text>,
    /// Frames of which it is the home.
    pub(crate) frames: Located<u32>,
    /// Processes to which it may give frames.
    pub(crate) gives: Vec<Text>,
    pub(crate) heap: Located<u64>,
    /// How often it is started again when it took a fault.
    pub(crate) restart: Restart,
    /// Uthreads that it may have at a time, beside the first.
    pub(crate) uthreads: u32,
}

impl Plan {
    /// Loads, checks and lays out a plan. Messages name the file by `path` as it is given here.
    pub fn load(path: impl AsRef<Path>) -> Result<CheckedPlan, PlanErrors> {
        let path = path.as_ref();
        Self::load_as(path, &path.display().to_string())
    }

    /// As [`Plan::load`], with a name of the file for messages.
    pub fn load_as(path: impl AsRef<Path>, label: &str) -> Result<CheckedPlan, PlanErrors> {
        Self::from_text(label, &source::read(path, label)?)
    }

    /// Checks and lays out a plan from its text. `label` names it in messages, and its file stem is the plan's name where
    /// the text gives none. Whether there are the programs that its processes run is not checked.
    pub fn from_text(label: &str, text: &str) -> Result<CheckedPlan, PlanErrors> {
        Self::parse(label, text, None)
    }

    /// As [`Plan::from_text`], of a project that has these programs for processes.
    pub fn of_project(
        label: &str,
        text: &str,
        images: &[String],
    ) -> Result<CheckedPlan, PlanErrors> {
        Self::parse(label, text, Some(images))
    }

    fn parse(
        label: &str,
        text: &str,
        images: Option<&[String]>,
    ) -> Result<CheckedPlan, PlanErrors> {
        let mut diagnostics = Diagnostics::new(label, text);
        let plan = read::plan(label, text, &mut diagnostics);
        if let Some(plan) = &plan {
            check::all(plan, images, &mut diagnostics);
        }
        let laid_out = plan.filter(|_| diagnostics.is_empty()).map(|plan| {
            let laid_out = layout::lay_out(&plan);
            check::need(&plan, &laid_out, &mut diagnostics);
            laid_out
        });
        match laid_out {
            Some(laid_out) if diagnostics.is_empty() => Ok(laid_out),
            _ => Err(diagnostics.take()),
        }
    }

    /// Index of a cluster.
    pub(crate) fn cluster(&self, name: &str) -> Option<usize> {
        self.clusters
            .iter()
            .position(|cluster| cluster.name.value == name)
    }

    /// Index of a process.
    pub(crate) fn process(&self, name: &str) -> Option<usize> {
        self.processes
            .iter()
            .position(|process| process.name.value == name)
    }

    /// The number of a process among those of its cluster.
    pub(crate) fn number(&self, process: usize) -> usize {
        let cluster = &self.processes[process].cluster.value;
        let earlier = self.processes[..process].iter();
        earlier.filter(|it| it.cluster.value == *cluster).count()
    }

    /// Index of a device.
    pub(crate) fn device(&self, name: &str) -> Option<usize> {
        self.devices
            .iter()
            .position(|device| device.name.value == name)
    }

    /// Index of a service.
    pub(crate) fn service(&self, name: &str) -> Option<usize> {
        self.services
            .iter()
            .position(|service| service.name.value == name)
    }

    /// Index of the cluster that a device belongs to, with the place where that cluster claims it.
    pub(crate) fn device_owner(&self, device: &str) -> Option<Located<usize>> {
        let mut clusters = self.clusters.iter().enumerate();
        clusters.find_map(|(index, cluster)| {
            let mut claims = cluster.devices.iter();
            let claim = claims.find(|claim| claim.value == device)?;
            Some(Located::new(index, claim.at))
        })
    }

    /// Indexes of the services that a process may use, ascending, each once.
    pub(crate) fn services_of(&self, process: &Process) -> BTreeSet<usize> {
        let used = process.services.iter();
        used.filter_map(|service| self.service(&service.value))
            .collect()
    }

    /// The two clusters of a channel, where both exist.
    pub(crate) fn channel_ends(&self, channel: &Channel) -> Option<[usize; 2]> {
        Some([
            self.cluster(&channel.ends[0].value)?,
            self.cluster(&channel.ends[1].value)?,
        ])
    }

    /// Whether components of two clusters may have connections: a channel joins the two, or they are one.
    pub(crate) fn joined(&self, one: usize, other: usize) -> bool {
        let mut ends = self.channels.iter().filter_map(|it| self.channel_ends(it));
        one == other || ends.any(|ends| ends == [one, other] || ends == [other, one])
    }

    /// Whether every claim of a device was read and the device exists. Where not, that is the error, and not a device that
    /// seems to belong to no cluster.
    pub(crate) fn claims_resolved(&self) -> bool {
        let mut claims = self.clusters.iter().flat_map(|cluster| &cluster.devices);
        claims.all(|claim| self.device(&claim.value).is_some())
    }

    /// Whether the device of every service was read and exists. Where not, that is the error, and not a device that seems
    /// to have no service.
    pub(crate) fn service_devices_resolved(&self) -> bool {
        let mut services = self.services.iter();
        services.all(|service| self.device(&service.device.value).is_some())
    }

    /// Whether every end of a channel was read and exists. Where not, that is the error, and not a channel that seems to be
    /// missing.
    pub(crate) fn channels_resolved(&self) -> bool {
        let mut channels = self.channels.iter();
        channels.all(|channel| self.channel_ends(channel).is_some())
    }

    /// Index of the kernel instance that runs a cluster.
    pub(crate) fn instance_of(&self, cluster: usize) -> usize {
        match self.mode {
            KernelMode::PerCluster => cluster,
            KernelMode::Shared => 0,
        }
    }

    /// Indexes of the clusters of each kernel instance.
    pub(crate) fn instances(&self) -> Vec<Vec<usize>> {
        let clusters = 0..self.clusters.len();
        match self.mode {
            KernelMode::PerCluster => clusters.map(|cluster| vec![cluster]).collect(),
            KernelMode::Shared => vec![clusters.collect()],
        }
    }

    /// The name of an instance.
    pub(crate) fn instance_name(&self, clusters: &[usize]) -> &str {
        match (self.mode, clusters) {
            (KernelMode::PerCluster, [cluster]) => &self.clusters[*cluster].name.value,
            _ => "shared",
        }
    }
}

impl Cluster {
    /// The cores; none where they could not be read.
    pub(crate) fn cores(&self) -> &[Located<u32>] {
        self.cores.as_ref().map_or(&[], |cores| &cores.value)
    }

    /// Where the cores are listed, or else the cluster is named.
    pub(crate) fn cores_at(&self) -> usize {
        self.cores.as_ref().map_or(self.name.at, |cores| cores.at)
    }
}
