//! Services that the process is connected to.
#![deny(unsafe_code)]

use atoll_abi::interface::{Interface, Request as _, request};
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::Status;

use crate::files::{File, open_at};
use crate::partition::Partition;
use crate::reply::{Reply, Submission};
use crate::runtime::Runtime;
use crate::target::Target;

/// A service that the process is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    port: usize,
    name: Name,
    kind: ServiceKind,
}

impl Service {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Opens a file of the service. A name that is none is [`Status::InvalidArgument`]; a service without files is
    /// [`Status::NoService`].
    pub fn open(&self, name: &str) -> Reply<File> {
        match self.kind.interface() {
            Interface::Files => open_at(Some(self.port), name),
            _ => open_at(None, name),
        }
    }

    /// Asks for the partition of the service; [`Status::NoService`] where it has none that is used as it is.
    pub fn partition(&self) -> Reply<Partition> {
        match self.kind.interface() {
            Interface::Blocks => Partition::describe(self.port),
            _ => Partition::none(),
        }
    }
}

/// Connects to a service by its name. A service that there is not, or that the process may not use, is a status that the
/// server answers with.
pub fn connect(name: &str) -> Reply<Service> {
    let submission = match Name::new(name) {
        Some(service) => Submission::new(Target::SERVER, request::Connect { service }.encode()),
        None => Submission::refused(Status::InvalidArgument),
    };
    Reply::new(submission, |answer, _| {
        let port = usize::try_from(answer.result[0]).map_err(|_| Status::Malformed)?;
        let (name, kind) = Runtime::current().port(port).ok_or(Status::Malformed)?;
        Ok(Service { port, name, kind })
    })
}
