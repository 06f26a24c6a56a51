//! Reads a service.

use atoll_abi::layout::LEAST_WRITING_HEAP;
use atoll_abi::name::Name;
use atoll_abi::plan::{Network, ServiceKind};
use toml::Spanned;
use toml::de::DeValue;

use super::network::network;
use super::restart::{SYSTEM, restart};
use super::{core, heap, name as checked_name, own_name, owned, required_reference};
use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::size;
use crate::table::{Located, Table, bytes, choice, text};
use crate::written::{Service, Text, UNNAMED};

/// A partition is made of whole such units, by which partitions are aligned.
const PARTITION_UNIT: u64 = 1 << 20;
/// Bytes of a partition of blocks where the plan is silent.
const DEFAULT_PARTITION: u64 = 16 << 20;

/// Bytes of a heap where the plan is silent.
const fn default_heap(kind: Option<ServiceKind>) -> u64 {
    match kind {
        None | Some(ServiceKind::Files) => LEAST_WRITING_HEAP,
        Some(ServiceKind::Sockets) => 8 << 20,
        Some(ServiceKind::Blocks) => 1 << 20,
    }
}

/// The word for a kind.
pub(crate) const fn kind_name(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Files => "files",
        ServiceKind::Blocks => "blocks",
        ServiceKind::Sockets => "sockets",
    }
}

/// Reads a `[[service]]`.
pub(super) fn service(mut table: Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Service {
    let name = own_name(&mut table, "service", diagnostics);
    table.only(
        &[
            "name",
            "kind",
            "cluster",
            "device",
            "partition",
            "size",
            "address",
            "gateway",
            "heap",
            "core",
            "restart",
        ],
        diagnostics,
    );
    let kind = table.required("kind", diagnostics).and_then(|value| {
        let kinds = [
            ServiceKind::Files,
            ServiceKind::Blocks,
            ServiceKind::Sockets,
        ];
        let kinds = kinds.map(|kind| (kind_name(kind), kind));
        choice("kind", &kinds, value, diagnostics)
    });
    let in_network = kind == Some(ServiceKind::Sockets);
    if let Some(kind) = kind {
        let (keys, which) = match kind {
            ServiceKind::Files | ServiceKind::Blocks => {
                (["address", "gateway"], "is in no network")
            }
            ServiceKind::Sockets => (["partition", "size"], "uses no disk"),
        };
        table.not_of_kind(&keys, kind_name(kind), which, diagnostics);
    }
    let cluster = required_reference(&table, "cluster", "a cluster", diagnostics);
    let device = required_reference(&table, "device", "a device", diagnostics);
    let partition = match table.optional("partition") {
        _ if in_network => Text::new(String::new(), name.at),
        None if name.value == UNNAMED => Text::new(String::new(), name.at),
        None => Text::new(name.value.clone(), name.at),
        Some(value) => partition_name(value, table.at, diagnostics),
    };
    Service {
        restart: restart(&table, SYSTEM, diagnostics),
        size: match in_network {
            true => 0,
            false => partition_size(&table, kind, diagnostics),
        },
        network: match in_network {
            true => network(&table, diagnostics),
            false => Network::default(),
        },
        heap: heap(&table, diagnostics).unwrap_or(Located::new(default_heap(kind), name.at)),
        core: core(&table, diagnostics),
        name,
        kind,
        cluster,
        device,
        partition,
    }
}

/// The name of a partition; empty where it could not be read.
fn partition_name(
    value: &Spanned<DeValue<'_>>,
    at: usize,
    diagnostics: &mut Diagnostics<'_>,
) -> Text {
    match text("partition", value, diagnostics) {
        Some(text) if checked_name("a partition", text, diagnostics) != Name::EMPTY => owned(text),
        _ => Text::new(String::new(), at),
    }
}

/// Bytes of the service's partition, where a run makes the disk; of one of files at least, and 0 where the plan is silent.
fn partition_size(
    table: &Table<'_>,
    kind: Option<ServiceKind>,
    diagnostics: &mut Diagnostics<'_>,
) -> u64 {
    let Some(value) = table.optional("size") else {
        return match kind {
            Some(ServiceKind::Blocks) => DEFAULT_PARTITION,
            _ => 0,
        };
    };
    let Some(Located { value: size, at }) = bytes("size", value, diagnostics) else {
        return 0;
    };
    if size == 0 || !size.is_multiple_of(PARTITION_UNIT) {
        diagnostics.report(
            at,
            ErrorKind::Unaligned {
                what: format!("`size` of {}", table.title),
                size: size::show(size),
                unit: size::show(PARTITION_UNIT),
            },
        );
    }
    size
}

/// Stands for services that could not be read: it has no name, and its cluster and device are empty text.
pub(super) fn unread_service(at: usize) -> Service {
    Service {
        name: Text::new(UNNAMED.to_owned(), at),
        kind: None,
        cluster: Text::new(String::new(), at),
        device: Text::new(String::new(), at),
        partition: Text::new(String::new(), at),
        size: 0,
        network: Network::default(),
        heap: Located::new(default_heap(None), at),
        core: None,
        restart: SYSTEM,
    }
}
