//! A server that masks its doorbell polls, and has its core for itself.

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::written::{Cluster, Plan, Process};

pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    for cluster in plan.clusters.iter().filter(|cluster| cluster.masked.value) {
        let doorbell = diagnostics.place(cluster.masked.at);
        for device in &cluster.devices {
            diagnostics.report(
                device.at,
                ErrorKind::MaskedWithDevice {
                    device: device.value.clone(),
                    cluster: cluster.name.value.clone(),
                    doorbell: doorbell.clone(),
                },
            );
        }
        let services = plan.services.iter();
        for service in services.filter(|it| it.cluster.value == cluster.name.value) {
            diagnostics.report(
                service.cluster.at,
                ErrorKind::MaskedWithService {
                    service: service.name.value.clone(),
                    cluster: cluster.name.value.clone(),
                    doorbell: doorbell.clone(),
                },
            );
        }
        let Some(server_core) = cluster.cores().first() else {
            continue;
        };
        let own = plan
            .processes
            .iter()
            .filter(|process| process.cluster.value == cluster.name.value);
        for process in own {
            if let Some(at) = vcore_on(process, cluster, server_core.value) {
                diagnostics.report(
                    at,
                    ErrorKind::MaskedCoreShared {
                        cluster: cluster.name.value.clone(),
                        core: server_core.value,
                        process: process.name.value.clone(),
                        doorbell: doorbell.clone(),
                    },
                );
            }
        }
    }
}

/// The place that puts a vcore of a process on a core, where one does. A process that names no cores takes the last ones.
fn vcore_on(process: &Process, cluster: &Cluster, core: u32) -> Option<usize> {
    match &process.cores {
        Some(cores) => cores
            .value
            .iter()
            .find(|named| named.value == core)
            .map(|named| named.at),
        None => {
            (process.vcores.value as usize == cluster.cores().len()).then_some(process.vcores.at)
        }
    }
}
