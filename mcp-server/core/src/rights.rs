//! Names and rights: which services there are, and which process may use which.

use alloc::boxed::Box;

use atoll_abi::name::Name;
use atoll_abi::plan::{Plan, port};
use atoll_abi::syscall::Status;

use crate::calls::Served;

/// The names of services, and the right to each. The plan seeds them.
pub(crate) struct Rights {
    /// Name and kind of each service.
    services: Box<[(Name, u32)]>,
    /// For each process of the plan, a bitmap of the services that it may use.
    processes: Box<[u32]>,
}

impl Rights {
    pub(crate) fn new(plan: &Plan) -> Rights {
        let services = plan.services().iter();
        let processes = plan.processes().iter();
        Rights {
            services: services.map(|it| (it.name, it.kind)).collect(),
            processes: processes.map(|it| it.services).collect(),
        }
    }

    /// The port of a process to a service, and the service's kind.
    ///
    /// # Errors
    /// [`Status::NotFound`] where there is no service of that name, [`Status::NotAllowed`] where the process may not use it.
    #[inline(never)]
    pub(crate) fn connect(&self, process: usize, name: Name) -> Served {
        let mut services = self.services.iter().enumerate();
        let (index, (_, kind)) = services
            .find(|(_, service)| service.0 == name)
            .ok_or(Status::NotFound)?;
        let rights = self.processes.get(process).ok_or(Status::NotAllowed)?;
        let port = port(*rights, index).ok_or(Status::NotAllowed)?;
        Ok((port as u64, u64::from(*kind)))
    }
}
