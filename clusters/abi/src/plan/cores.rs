//! Who runs on which core.

use super::{NONE, Plan};

/// Whoever runs on a core, in the order of priorities: one that is ready keeps those before it from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A vcore of a process.
    Vcore,
    /// A service.
    Service,
    /// The server of a cluster.
    Server,
    /// The driver of a device.
    Driver,
}

impl Plan {
    /// Everybody whom the plan has on a core of a kernel instance.
    pub fn ranks_on(&self, instance: u32, core: u32) -> impl Iterator<Item = Rank> + '_ {
        let here = move |cluster: u32, own: u32| {
            cluster != NONE && self.instance_of(cluster) == instance && own == core
        };
        let servers = self.clusters().iter();
        let servers = servers.filter(move |it| it.instance == instance && it.first_core == core);
        let services = self.services().iter();
        let services = services.filter(move |it| here(it.cluster, it.core));
        let devices = self.devices().iter();
        let drivers = devices.filter(move |it| here(it.cluster, it.core));
        let processes = self.processes().iter();
        let vcores = processes.flat_map(move |process| {
            let cores = process.cores.iter().take(process.vcores as usize);
            cores.filter(move |own| here(process.cluster, u32::from(**own)))
        });
        let (servers, services) = (
            servers.map(|_| Rank::Server),
            services.map(|_| Rank::Service),
        );
        let (drivers, vcores) = (drivers.map(|_| Rank::Driver), vcores.map(|_| Rank::Vcore));
        servers.chain(services).chain(drivers).chain(vcores)
    }

    /// Whether a component of a rank that polls on a core of a kernel instance keeps nobody from running: it is there the only one of
    /// its rank and of those below.
    pub fn hinders_nobody(&self, rank: Rank, instance: u32, core: u32) -> bool {
        let mut kept = self.ranks_on(instance, core).filter(|other| *other <= rank);
        kept.next() == Some(rank) && kept.next().is_none()
    }
}
