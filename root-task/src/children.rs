//! Builds everything that an instance runs: drivers, servers, services and processes, and what connects them. Nothing of it
//! runs yet.

use alloc::vec::Vec;

use atoll_abi::archive;
use atoll_abi::boot::DeviceMemory;
use atoll_abi::connection::{Client, Provider};
use atoll_abi::plan::{MAX_DEVICES, Plan};
use atoll_root_task::lifecycle::Child;
use atoll_root_task::procinfo::Time;
use sel4::cap;

use crate::authority::Authority;
use crate::component::Component;
use crate::connections::{self, ConnectionParts};
use crate::driver::Driver;
use crate::pools::Pools;
use crate::process::{self, Process};
use crate::server::Server;
use crate::service::Service;
use crate::wake::{self, WakePages};

/// What every child is built from.
pub struct Context<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The instance that this is.
    pub instance: u32,
    /// The programs.
    pub archive: &'static [u8],
    /// The endpoint on which the root task receives.
    pub endpoint: cap::Endpoint,
    /// What the machine's clocks tell.
    pub time: Time,
    /// Where each device of the plan answers in memory.
    pub devices: [DeviceMemory; MAX_DEVICES],
}

impl Context<'_> {
    /// The image of a name.
    ///
    /// # Panics
    /// Where the archive does not hold it.
    pub fn image(&self, name: &str) -> &'static [u8] {
        archive::find(self.archive, name)
            .unwrap_or_else(|| panic!("the archive holds no image `{name}`"))
    }

    /// Whether this instance runs a cluster.
    pub fn runs(&self, cluster: u32) -> bool {
        self.plan.instance_of(cluster) == self.instance
    }
}

/// Everything that the instance runs.
pub struct Children {
    /// The servers of its clusters.
    pub servers: Vec<Server>,
    /// The drivers of its clusters' devices.
    pub drivers: Vec<Driver>,
    /// Its clusters' services.
    pub services: Vec<Service>,
    /// Its clusters' processes.
    pub processes: Vec<Process>,
    /// The connections of which it runs a side.
    pub connections: Vec<ConnectionParts>,
}

impl Children {
    /// Builds all.
    pub fn build(authority: &mut Authority, context: &Context<'_>) -> Children {
        let plan = context.plan;
        let mut pools = Pools::default();
        let mut children = Children {
            servers: Vec::new(),
            drivers: Vec::new(),
            services: Vec::new(),
            processes: Vec::new(),
            connections: Vec::new(),
        };
        for (cluster, parts) in plan.clusters().iter().enumerate() {
            if parts.instance != context.instance {
                continue;
            }
            let mut server = Server::build(authority, context, cluster);
            let processes = process::build_all(authority, context, &mut pools, &mut server);
            children.processes.extend(processes);
            children.servers.push(server);
        }
        for (index, device) in plan.devices().iter().enumerate() {
            // A device that no service uses has no driver: its registers are given to no component.
            let used = plan.services_of_device(index).next().is_some();
            if used && context.runs(device.cluster) {
                let driver = Driver::build(authority, context, &mut pools, index);
                children.drivers.push(driver);
            }
        }
        for (index, service) in plan.services().iter().enumerate() {
            if context.runs(service.cluster) {
                let service = Service::build(authority, context, &mut pools, index);
                children.services.push(service);
            }
        }
        let wake_pages = WakePages::map(authority, plan, &mut children.servers);
        children.connections = connections::build(authority, context, &mut children, &wake_pages);
        wake::give_requests(authority, plan, &mut children);
        connections::let_watch(authority, plan, &mut children);
        children
    }

    /// The component that makes the calls of a connection, and its notification there; `None` where another instance runs
    /// it.
    pub fn client(
        &mut self,
        client: Client,
    ) -> Option<(&mut Component<'static>, cap::Notification)> {
        match client {
            Client::Vcore { process, vcore } => {
                let mut processes = self.processes.iter_mut();
                let process = processes.find(|it| it.index == process)?;
                let notification = *process.notifications.get(vcore)?;
                Some((&mut process.component, notification))
            }
            Client::Service(service) => self.service(service),
        }
    }

    /// The component that answers the calls of a connection, and its notification; `None` where another instance runs it.
    pub fn provider(
        &mut self,
        provider: Provider,
    ) -> Option<(&mut Component<'static>, cap::Notification)> {
        match provider {
            Provider::Service(service) => self.service(service),
            Provider::Driver(device) => {
                let mut drivers = self.drivers.iter_mut();
                let driver = drivers.find(|it| it.device == device)?;
                Some((&mut driver.component, driver.notification))
            }
        }
    }

    /// The server of a cluster, where this instance runs it.
    pub fn server(&self, cluster: usize) -> Option<&Server> {
        self.servers.iter().find(|it| it.cluster == cluster)
    }

    /// A service, where this instance runs it.
    pub fn service_of(&self, index: usize) -> Option<&Service> {
        self.services.iter().find(|it| it.index == index)
    }

    /// The driver of a device, where this instance runs it.
    pub fn driver(&self, device: usize) -> Option<&Driver> {
        self.drivers.iter().find(|it| it.device == device)
    }

    /// A component, where this instance runs it.
    pub fn component(&mut self, child: Child) -> Option<&mut Component<'static>> {
        match child {
            Child::Server(index) => {
                let mut servers = self.servers.iter_mut();
                servers
                    .find(|it| it.cluster == index)
                    .map(|it| &mut it.component)
            }
            Child::Service(index) => self.service(index).map(|(component, _)| component),
            Child::Driver(index) => {
                let provider = self.provider(Provider::Driver(index));
                provider.map(|(component, _)| component)
            }
            Child::Process(index) => {
                let client = Client::Vcore {
                    process: index,
                    vcore: 0,
                };
                self.client(client).map(|(component, _)| component)
            }
        }
    }

    fn service(&mut self, index: usize) -> Option<(&mut Component<'static>, cap::Notification)> {
        let mut services = self.services.iter_mut();
        let service = services.find(|it| it.index == index)?;
        Some((&mut service.component, service.notification))
    }
}
