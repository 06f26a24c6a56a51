//! Reads a cluster and its kernel options.

use atoll_abi::plan::ClusterKind;
use toml::de::DeValue;

use super::restart::{SYSTEM, restart};
use super::{cores, own_name, references};
use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::layout::MIN_INSTANCE_MEMORY;
use crate::options::{DERIVED_OPTIONS, KERNEL_OPTIONS, OptionValue, OptionValues, defaults};
use crate::suggest;
use crate::table::{Located, Table, boolean, bytes, choice, integer, wrong_type};
use crate::written::{Cluster, Text};

/// Longest timer tick and quantum, in milliseconds.
const MAX_MILLISECONDS: u32 = 1000;
const DEFAULT_TICK_MS: u32 = 2;

/// Reads a `[[cluster]]`.
pub(super) fn cluster(mut table: Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Cluster {
    let name = own_name(&mut table, "cluster", diagnostics);
    table.only(
        &[
            "name",
            "cores",
            "memory",
            "kind",
            "quantum-ms",
            "timer-tick-ms",
            "devices",
            "doorbell",
            "kernel",
            "restart",
        ],
        diagnostics,
    );
    let kinds = [
        ("LL", ClusterKind::LowLatency),
        ("CG", ClusterKind::CoarseGrained),
    ];
    let cores = table
        .required("cores", diagnostics)
        .and_then(|value| cores(value, diagnostics));
    let memory = table
        .required("memory", diagnostics)
        .and_then(|value| bytes("memory", value, diagnostics));
    let kind = table
        .required("kind", diagnostics)
        .and_then(|value| choice("kind", &kinds, value, diagnostics));
    let milliseconds = |key, value, diagnostics: &mut Diagnostics<'_>| {
        let what = format!("`{key}` of {}", table.title);
        integer(key, &what, (1, MAX_MILLISECONDS), value, diagnostics)
    };
    let tick_ms = match table.optional("timer-tick-ms") {
        Some(value) => milliseconds("timer-tick-ms", value, diagnostics),
        None => Some(Located::new(DEFAULT_TICK_MS, name.at)),
    };
    let quantum_ms = table
        .required("quantum-ms", diagnostics)
        .and_then(|value| milliseconds("quantum-ms", value, diagnostics));
    let doorbells = [("interrupt", false), ("masked", true)];
    let masked = table.optional("doorbell").and_then(|value| {
        let at = value.span().start;
        choice("doorbell", &doorbells, value, diagnostics).map(|masked| Located::new(masked, at))
    });
    // Where one of the two could not be read, they are made equal, so that they agree.
    let either = tick_ms
        .or(quantum_ms)
        .unwrap_or(Located::new(DEFAULT_TICK_MS, table.at));
    Cluster {
        cores,
        memory: memory.unwrap_or(Located::new(MIN_INSTANCE_MEMORY, table.at)),
        kind: kind.unwrap_or(ClusterKind::LowLatency),
        quantum_ms: quantum_ms.filter(|_| tick_ms.is_some()).unwrap_or(either),
        tick_ms: tick_ms.unwrap_or(either),
        devices: table.optional("devices").map_or(Vec::new(), |value| {
            // A claim of an empty name stands for claims that could not be read.
            references("devices", "a device", value, diagnostics)
                .unwrap_or_else(|| vec![Text::new(String::new(), value.span().start)])
        }),
        masked: masked.unwrap_or(Located::new(false, table.at)),
        options: options(&table, &name.value, diagnostics),
        restart: restart(&table, SYSTEM, diagnostics),
        name,
    }
}

/// The kernel options of a cluster, defaults where it sets none.
fn options(
    table: &Table<'_>,
    cluster: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Located<OptionValues> {
    let mut values = defaults();
    let Some(value) = table.optional("kernel") else {
        return Located::new(values, table.at);
    };
    let at = value.span().start;
    let DeValue::Table(entries) = value.get_ref() else {
        wrong_type("kernel", "a table of kernel options", value, diagnostics);
        return Located::new(values, at);
    };
    for (key, value) in Table::new(entries, at, "`kernel`").entries() {
        let name = key.value;
        let known = KERNEL_OPTIONS.iter().position(|option| option.name == name);
        let derived = DERIVED_OPTIONS.iter().find(|(option, _)| *option == name);
        if let Some(index) = known {
            let read = match KERNEL_OPTIONS[index].default {
                OptionValue::Flag(_) => boolean(name, value, diagnostics).map(OptionValue::Flag),
                OptionValue::Number(_) => {
                    let what = format!("`{name}` of cluster `{cluster}`");
                    let range = KERNEL_OPTIONS[index].range;
                    integer(name, &what, range, value, diagnostics)
                        .map(|number| OptionValue::Number(number.value))
                }
            };
            values[index] = read.unwrap_or(values[index]);
        } else if let Some((option, key_to_set)) = derived {
            diagnostics.report(
                key.at,
                ErrorKind::DerivedOption {
                    option: option.to_string(),
                    cluster: cluster.to_owned(),
                    key: key_to_set.to_string(),
                },
            );
        } else {
            diagnostics.report(
                key.at,
                ErrorKind::UnknownOption {
                    option: name.to_owned(),
                    cluster: cluster.to_owned(),
                    hint: suggest::hint(name, KERNEL_OPTIONS.iter().map(|option| option.name)),
                },
            );
        }
    }
    Located::new(values, at)
}
