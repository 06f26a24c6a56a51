//! Names and rights: which services there are, and which process may use which.

use alloc::boxed::Box;

use atoll_abi::name::Name;
use atoll_abi::plan::{Plan, Service};
use atoll_abi::syscall::Status;

use crate::calls::Served;

/// The names of services, and the right to each. The plan seeds them.
pub(crate) struct Rights {
    services: Box<[Service]>,
    /// The plan's processes, of which only the rights are looked at.
    processes: Box<[atoll_abi::plan::Process]>,
}

impl Rights {
    pub(crate) fn new(plan: &Plan) -> Rights {
        Rights {
            services: plan.services().into(),
            processes: plan.processes().into(),
        }
    }

    /// The port of a process to a service, and the service's kind.
    ///
    /// # Errors
    /// [`Status::NotFound`] where there is no service of that name, [`Status::NotAllowed`] where the process may not use it.
    #[inline(never)]
    pub(crate) fn connect(&self, process: usize, name: Name) -> Served {
        let mut services = self.services.iter().enumerate();
        let (index, service) = services
            .find(|(_, service)| service.name == name)
            .ok_or(Status::NotFound)?;
        let rights = self.processes.get(process).ok_or(Status::NotAllowed)?;
        let port = rights.port(index).ok_or(Status::NotAllowed)?;
        Ok((port as u64, u64::from(service.kind)))
    }
}
