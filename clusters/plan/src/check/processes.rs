//! Every process has the cores that it names, and calls and gives frames to processes of its own cluster.

use atoll_abi::name::Name;
use atoll_abi::plan::{MAX_CLUSTER_FRAMES, MAX_CLUSTER_PROCESSES, MAX_CLUSTER_VCORES};

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
        for relation in [Relation::Calls, Relation::Gives] {
            peers(plan, process, index, relation, diagnostics);
        }
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
    frames(cluster, &own, diagnostics);
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

/// The processes of a cluster have no more frames than its server has places for. The first one that has too many is named.
fn frames(cluster: &Cluster, own: &[&Process], diagnostics: &mut Diagnostics<'_>) {
    let mut count = 0;
    for process in own {
        count += process.frames.value;
        if count as usize > MAX_CLUSTER_FRAMES {
            let place = diagnostics.place(cluster.name.at);
            diagnostics.report(
                process.frames.at,
                ErrorKind::TooManyClusterFrames {
                    process: process.name.value.clone(),
                    frames: process.frames.value,
                    cluster: cluster.name.value.clone(),
                    place,
                    count,
                    max: MAX_CLUSTER_FRAMES,
                },
            );
            return;
        }
    }
}

/// What a process has to do with another one.
#[derive(Clone, Copy)]
enum Relation {
    /// It calls it through the kernel.
    Calls,
    /// It gives it frames.
    Gives,
}

impl Relation {
    /// What a process does with the other one.
    fn does(self) -> &'static str {
        match self {
            Relation::Calls => "calls",
            Relation::Gives => "gives frames to",
        }
    }

    /// What stays within a cluster.
    fn what(self) -> &'static str {
        match self {
            Relation::Calls => "calls through the kernel",
            Relation::Gives => "frames",
        }
    }

    fn peers(self, process: &Process) -> &[Text] {
        match self {
            Relation::Calls => &process.calls,
            Relation::Gives => &process.gives,
        }
    }

    /// What is wrong with a process that names itself.
    fn itself(self, process: String) -> ErrorKind {
        match self {
            Relation::Calls => ErrorKind::CallsItself { process },
            Relation::Gives => ErrorKind::GivesItself { process },
        }
    }
}

/// A process calls others of its cluster, or gives them frames, each named once.
fn peers(
    plan: &Plan,
    process: &Process,
    home: usize,
    relation: Relation,
    diagnostics: &mut Diagnostics<'_>,
) {
    let name = &process.name.value;
    let mut seen: Vec<&Text> = Vec::new();
    let named = relation.peers(process).iter();
    // An empty name could not be read, which has been reported.
    for peer in named.filter(|peer| !peer.value.is_empty()) {
        if let Some(earlier) = seen.iter().find(|earlier| earlier.value == peer.value) {
            let first = diagnostics.place(earlier.at);
            diagnostics.report(
                peer.at,
                ErrorKind::PeerRepeated {
                    process: name.clone(),
                    does: relation.does(),
                    peer: peer.value.clone(),
                    first,
                },
            );
            continue;
        }
        seen.push(peer);
        if peer.value == *name {
            diagnostics.report(peer.at, relation.itself(name.clone()));
            continue;
        }
        let Some(index) = plan.process(&peer.value) else {
            unknown_peer(plan, process, relation, peer, diagnostics);
            continue;
        };
        let other = &plan.processes[index].cluster;
        let elsewhere = plan.cluster(&other.value).is_some_and(|it| it != home);
        if elsewhere {
            let place = diagnostics.place(other.at);
            diagnostics.report(
                peer.at,
                ErrorKind::PeerElsewhere {
                    process: name.clone(),
                    cluster: process.cluster.value.clone(),
                    does: relation.does(),
                    peer: peer.value.clone(),
                    other: other.value.clone(),
                    place,
                    what: relation.what(),
                },
            );
        }
    }
}

/// Reports a process that does not exist, unless the name of a process could not be read.
fn unknown_peer(
    plan: &Plan,
    process: &Process,
    relation: Relation,
    peer: &Text,
    diagnostics: &mut Diagnostics<'_>,
) {
    if plan.processes.iter().any(|it| it.name.value == UNNAMED) {
        return;
    }
    let known = plan.processes.iter().map(|it| it.name.value.as_str());
    diagnostics.report(
        peer.at,
        ErrorKind::UnknownPeer {
            name: peer.value.clone(),
            process: process.name.value.clone(),
            does: relation.does(),
            hint: suggest::hint(&peer.value, known),
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
                    who: format!("process `{name}` has a vcore"),
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
