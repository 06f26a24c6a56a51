//! Reads a service.

use atoll_abi::plan::ServiceKind;

use super::restart::{SYSTEM, restart};
use super::{own_name, required_reference};
use crate::diagnostics::Diagnostics;
use crate::table::{Table, choice};
use crate::written::{Service, Text, UNNAMED};

/// Reads a `[[service]]`.
pub(super) fn service(mut table: Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Service {
    let name = own_name(&mut table, "service", diagnostics);
    table.only(
        &["name", "kind", "cluster", "device", "restart"],
        diagnostics,
    );
    let kind = table
        .required("kind", diagnostics)
        .and_then(|value| {
            let kinds = [("files", ServiceKind::Files)];
            choice("kind", &kinds, value, diagnostics)
        })
        .unwrap_or(ServiceKind::Files);
    let cluster = required_reference(&table, "cluster", "a cluster", diagnostics);
    let device = required_reference(&table, "device", "a device", diagnostics);
    Service {
        restart: restart(&table, SYSTEM, diagnostics),
        name,
        kind,
        cluster,
        device,
    }
}

/// Stands for services that could not be read: it has no name, and its cluster and device are empty text.
pub(super) fn unread_service(at: usize) -> Service {
    Service {
        name: Text::new(UNNAMED.to_owned(), at),
        kind: ServiceKind::Files,
        cluster: Text::new(String::new(), at),
        device: Text::new(String::new(), at),
        restart: SYSTEM,
    }
}
