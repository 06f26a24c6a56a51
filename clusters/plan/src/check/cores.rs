//! Every core exists, is listed once, and in the order in which its kernel numbers it.

use atoll_abi::plan::MAX_CORES;

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::table::Located;
use crate::written::{Cluster, Plan};

pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    claims(plan, diagnostics);
    components(plan, diagnostics);
    for clusters in plan.instances() {
        instance(plan, &clusters, diagnostics);
    }
    let unread = plan.clusters.iter().any(|cluster| cluster.cores.is_none());
    let boot = plan
        .clusters
        .iter()
        .flat_map(Cluster::cores)
        .any(|core| core.value == 0);
    if let (Some(first), false, false) = (plan.clusters.first(), unread, boot) {
        diagnostics.report(first.cores_at(), ErrorKind::BootCoreUnclaimed {});
    }
}

/// A core exists and belongs to one cluster.
fn claims(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let mut claimed: Vec<(Located<u32>, usize)> = Vec::new();
    for (index, cluster) in plan.clusters.iter().enumerate() {
        let name = &cluster.name.value;
        if cluster.cores.is_some() && cluster.cores().is_empty() {
            let cluster_name = name.clone();
            diagnostics.report(
                cluster.cores_at(),
                ErrorKind::EmptyCluster {
                    cluster: cluster_name,
                },
            );
        }
        for &core in cluster.cores() {
            if core.value >= plan.cores.value {
                let machine = diagnostics.place(plan.cores.at);
                diagnostics.report(
                    core.at,
                    ErrorKind::CoreBeyondMachine {
                        core: core.value,
                        cluster: name.clone(),
                        cores: plan.cores.value,
                        machine,
                    },
                );
            }
            let earlier = claimed
                .iter()
                .find(|(earlier, _)| earlier.value == core.value);
            let Some(&(earlier, owner)) = earlier else {
                claimed.push((core, index));
                continue;
            };
            let first = diagnostics.place(earlier.at);
            let kind = if owner == index {
                ErrorKind::CoreRepeated {
                    core: core.value,
                    cluster: name.clone(),
                    first,
                }
            } else {
                ErrorKind::CoreClaimedTwice {
                    core: core.value,
                    first_cluster: plan.clusters[owner].name.value.clone(),
                    first,
                    cluster: name.clone(),
                }
            };
            diagnostics.report(core.at, kind);
        }
    }
}

/// A service, and the driver of a device, is on a core of its own cluster.
fn components(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let drivers = plan.devices.iter().filter_map(|device| {
        let name = &device.name.value;
        let who = || format!("the driver of device `{name}` runs");
        Some((who(), device.core?, plan.device_owner(name)?.value))
    });
    let services = plan.services.iter().filter_map(|service| {
        let who = || format!("service `{}` runs", service.name.value);
        Some((who(), service.core?, plan.cluster(&service.cluster.value)?))
    });
    for (who, core, cluster) in drivers.chain(services) {
        let cluster = &plan.clusters[cluster];
        // Cores that could not be read have been reported.
        let Some(cores) = &cluster.cores else {
            continue;
        };
        if !cores.value.iter().any(|own| own.value == core.value) {
            let place = diagnostics.place(cores.at);
            diagnostics.report(
                core.at,
                ErrorKind::CoreNotInCluster {
                    who,
                    core: core.value,
                    cluster: cluster.name.value.clone(),
                    place,
                },
            );
        }
    }
}

/// The cores of one kernel fit an encoded plan and ascend. A core that is listed twice has been reported already.
fn instance(plan: &Plan, clusters: &[usize], diagnostics: &mut Diagnostics<'_>) {
    let cores: Vec<(&Cluster, Located<u32>)> = clusters
        .iter()
        .map(|&index| &plan.clusters[index])
        .flat_map(|cluster| cluster.cores().iter().map(move |&core| (cluster, core)))
        .collect();
    if let Some((_, excess)) = cores.get(MAX_CORES) {
        diagnostics.report(
            excess.at,
            ErrorKind::TooMany {
                what: format!("cores of instance `{}`", plan.instance_name(clusters)),
                count: cores.len(),
                max: MAX_CORES,
            },
        );
    }
    for pair in cores.windows(2) {
        let [(before_cluster, before), (cluster, core)] = pair else {
            continue;
        };
        if core.value < before.value {
            let first = diagnostics.place(before.at);
            diagnostics.report(
                core.at,
                ErrorKind::CoresNotAscending {
                    core: core.value,
                    cluster: cluster.name.value.clone(),
                    before: before.value,
                    before_cluster: before_cluster.name.value.clone(),
                    first,
                },
            );
        }
    }
}
