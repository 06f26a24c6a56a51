//! Every process has the cores that it names, and calls processes of its own cluster.

use atoll_abi::name::Name;
use atoll_abi::plan::{MAX_CLUSTER_PROCESSES, MAX_CLUSTER_VCORES};

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::suggest;
use crate::table::Located;
use crate::written::{Cluster, Plan, Process, Text, UNNAMED};

pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    for cluster in &plan.clusters {
        count(plan, cluster, diagnostics);
    }
    for process in &plan.processes {
        let user = format!("process `{}`", process.name.value);
        let cluster = super::cluster(plan, &process.cluster, &user, diagnostics);
        let Some(index) = cluster else {
            continue;
        };
        vcores(process, &plan.clusters[index], diagnostics);
        calls(plan, process, index, diagnostics);
    }
}

/// A cluster has no more processes than its server has bits for, and these no more vcores than it has rings for. The first
/// process that is too many, or has too many, is named.
fn count(plan: &Plan, cluster: &Cluster, diagnostics: &mut Diagnostics<'_>) {
    let name = &cluster.name;
    let processes = plan.processes.iter();
    let own: Vec<&Process> = processes
        .filter(|process| process.cluster.value == name.value)
        .collect();
    if let Some(excess) = own.get(MAX_CLUSTER_PROCESSES) {
        diagnostics.report(
            excess.name.at,
            ErrorKind::TooMany {
                what: format!("processes of cluster `{}`", name.value),
                count: own.len(),
                max: MAX_CLUSTER_PROCESSES,
            },
        );
    }
    let mut count = 0;
    for process in own {
        let vcores = process.vcores;
        count += vcores.value as usize;
        if count > MAX_CLUSTER_VCORES {
            let place = diagnostics.place(name.at);
            diagnostics.report(
                vcores.at,
                ErrorKind::TooManyClusterVcores {
                    process: process.name.value.clone(),
                    vcores: vcores.value,
                    cluster: name.value.clone(),
                    place,
                    count,
                    max: MAX_CLUSTER_VCORES,
                },
            );
            return;
        }
    }
}

/// A process calls others of its cluster, each named once.
fn calls(plan: &Plan, process: &Process, home: usize, diagnostics: &mut Diagnostics<'_>) {
    let name = &process.name.value;
    let mut seen: Vec<&Text> = Vec::new();
    // An empty name could not be read, which has been reported.
    for callee in process
        .calls
        .iter()
        .filter(|callee| !callee.value.is_empty())
    {
        if let Some(earlier) = seen.iter().find(|earlier| earlier.value == callee.value) {
            let first = diagnostics.place(earlier.at);
            diagnostics.report(
                callee.at,
                ErrorKind::CalleeRepeated {
                    process: name.clone(),
                    callee: callee.value.clone(),
                    first,
                },
            );
            continue;
        }
        seen.push(callee);
        if callee.value == *name {
            diagnostics.report(
                callee.at,
                ErrorKind::CallsItself {
                    process: name.clone(),
                },
            );
            continue;
        }
        let Some(index) = plan.process(&callee.value) else {
            unknown_callee(plan, process, callee, diagnostics);
            continue;
        };
        let other = &plan.processes[index].cluster;
        let elsewhere = plan.cluster(&other.value).is_some_and(|it| it != home);
        if elsewhere {
            let place = diagnostics.place(other.at);
            diagnostics.report(
                callee.at,
                ErrorKind::CalleeElsewhere {
                    process: name.clone(),
                    cluster: process.cluster.value.clone(),
                    callee: callee.value.clone(),
                    other: other.value.clone(),
                    place,
                },
            );
        }
    }
}

/// Reports a callee that does not exist, unless the name of a process could not be read.
fn unknown_callee(
    plan: &Plan,
    process: &Process,
    callee: &Text,
    diagnostics: &mut Diagnostics<'_>,
) {
    if plan.processes.iter().any(|it| it.name.value == UNNAMED) {
        return;
    }
    let known = plan.processes.iter().map(|it| it.name.value.as_str());
    diagnostics.report(
        callee.at,
        ErrorKind::UnknownCallee {
            name: callee.value.clone(),
            process: process.name.value.clone(),
            hint: suggest::hint(&callee.value, known),
        },
    );
}

fn vcores(process: &Process, cluster: &Cluster, diagnostics: &mut Diagnostics<'_>) {
    let name = &process.name.value;
    let vcores = process.vcores;
    let Some(cluster_cores) = &cluster.cores else {
        return;
    };
    let place = diagnostics.place(cluster_cores.at);
    let count = cluster_cores.value.len();
    if vcores.value as usize > count && count > 0 {
        diagnostics.report(
            vcores.at,
            ErrorKind::TooManyVcores {
                process: name.clone(),
                vcores: vcores.value,
                cluster: cluster.name.value.clone(),
                cores: count,
                place: place.clone(),
            },
        );
    }
    let Some(cores) = &process.cores else {
        return;
    };
    if cores.value.len() != vcores.value as usize {
        let vcores_place = diagnostics.place(vcores.at);
        diagnostics.report(
            cores.at,
            ErrorKind::VcoreCores {
                process: name.clone(),
                cores: cores.value.len(),
                vcores: vcores.value,
                place: vcores_place,
            },
        );
    }
    let mut seen: Vec<Located<u32>> = Vec::new();
    for &core in &cores.value {
        if let Some(earlier) = seen.iter().find(|earlier| earlier.value == core.value) {
            let first = diagnostics.place(earlier.at);
            diagnostics.report(
                core.at,
                ErrorKind::VcoreCoreRepeated {
                    process: name.clone(),
                    core: core.value,
                    first,
                },
            );
            continue;
        }
        seen.push(core);
        if !cluster
            .cores()
            .iter()
            .any(|owned| owned.value == core.value)
        {
            diagnostics.report(
                core.at,
                ErrorKind::CoreNotInCluster {
                    process: name.clone(),
                    core: core.value,
                    cluster: cluster.name.value.clone(),
                    place: place.clone(),
                },
            );
        }
    }
}

/// Every process runs a program that there is.
pub(super) fn images(plan: &Plan, known: &[String], diagnostics: &mut Diagnostics<'_>) {
    for process in &plan.processes {
        let image = process.image.value;
        // An empty one could not be read, which has been reported.
        if image == Name::EMPTY || known.iter().any(|it| it == image.as_str()) {
            continue;
        }
        diagnostics.report(
            process.image.at,
            ErrorKind::UnknownImage {
                image: image.as_str().to_owned(),
                process: process.name.value.clone(),
                hint: suggest::hint(image.as_str(), known.iter().map(String::as_str)),
            },
        );
    }
}
