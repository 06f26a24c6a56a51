//! Services that the process is connected to.
#![deny(unsafe_code)]

use atoll_abi::interface::{Interface, Request as _, request};
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::Status;

use crate::files::File;
use crate::partition::Partition;
use crate::reply::{Reply, Submission};
use crate::runtime::Runtime;
use crate::sockets::Network;
use crate::target::Target;
use crate::volume::Volume;

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

    /// The volume of the service. Where it has no files, every call ends with [`Status::NoService`].
    pub fn volume(&self) -> Volume {
        let has_files = self.kind.interface() == Interface::Files;
        Volume::of_port(has_files.then_some(self.port))
    }

    /// The network of the service. Where it has no sockets, every call ends with [`Status::NoService`].
    pub fn network(&self) -> Network {
        let has_sockets = self.kind.interface() == Interface::Sockets;
        Network::of_port(has_sockets.then_some(self.port))
    }

    /// Opens a file of the service's [volume](Service::volume).
    pub fn open(&self, path: impl AsRef<[u8]>) -> Reply<File> {
        self.volume().open(path)
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
