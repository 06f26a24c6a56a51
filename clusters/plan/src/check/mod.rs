//! The checks that take two parts of a plan to judge.

mod cores;
mod devices;
mod doorbells;
mod kernels;
mod memory;
mod need;
mod processes;
mod services;

use atoll_abi::plan::{MAX_CLUSTERS, MAX_DEVICES, MAX_SERVICES};

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::suggest;
use crate::written::{Plan, Text, UNNAMED};

pub(crate) use need::check as need;

/// Reports everything that is wrong. `images` are the programs that a process may run, where they are known.
pub(crate) fn all(plan: &Plan, images: Option<&[String]>, diagnostics: &mut Diagnostics<'_>) {
    counts(plan, diagnostics);
    let clusters = plan.clusters.iter().map(|cluster| &cluster.name);
    distinct("cluster", clusters, diagnostics);
    let devices = plan.devices.iter().map(|device| &device.name);
    distinct("device", devices, diagnostics);
    let services = plan.services.iter().map(|service| &service.name);
    distinct("service", services, diagnostics);
    let processes = plan.processes.iter().map(|process| &process.name);
    distinct("process", processes, diagnostics);
    cores::check(plan, diagnostics);
    kernels::check(plan, diagnostics);
    devices::check(plan, diagnostics);
    channels(plan, diagnostics);
    services::check(plan, diagnostics);
    doorbells::check(plan, diagnostics);
    processes::check(plan, diagnostics);
    memory::check(plan, diagnostics);
    if let Some(images) = images {
        processes::images(plan, images, diagnostics);
    }
}

/// No more of anything than an encoded plan holds; the first one too many is named. Channels are fewer than there may be where
/// clusters are, because no two join the same ones; processes are counted by cluster.
fn counts(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let clusters = plan.clusters.get(MAX_CLUSTERS).map(|it| it.name.at);
    let devices = plan.devices.get(MAX_DEVICES).map(|it| it.name.at);
    let services = plan.services.get(MAX_SERVICES).map(|it| it.name.at);
    for (what, excess, count, max) in [
        ("clusters", clusters, plan.clusters.len(), MAX_CLUSTERS),
        ("devices", devices, plan.devices.len(), MAX_DEVICES),
        ("services", services, plan.services.len(), MAX_SERVICES),
    ] {
        if let Some(at) = excess {
            let what = what.to_owned();
            diagnostics.report(at, ErrorKind::TooMany { what, count, max });
        }
    }
}

/// No two names are equal.
fn distinct<'p>(
    what: &str,
    names: impl Iterator<Item = &'p Text>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let mut seen: Vec<&Text> = Vec::new();
    for name in names.filter(|name| name.value != UNNAMED) {
        match seen.iter().find(|earlier| earlier.value == name.value) {
            Some(earlier) => {
                let first = diagnostics.place(earlier.at);
                diagnostics.report(
                    name.at,
                    ErrorKind::DuplicateName {
                        what: what.to_owned(),
                        name: name.value.clone(),
                        first,
                    },
                );
            }
            None => seen.push(name),
        }
    }
}

/// Index of the cluster that is named; one that does not exist is reported, unless it or the name of a
/// cluster could not be read.
fn cluster(
    plan: &Plan,
    name: &Text,
    user: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<usize> {
    let index = plan.cluster(&name.value);
    let unnamed = plan.clusters.iter().any(|it| it.name.value == UNNAMED);
    if index.is_none() && !name.value.is_empty() && !unnamed {
        let known = plan
            .clusters
            .iter()
            .map(|cluster| cluster.name.value.as_str());
        diagnostics.report(
            name.at,
            ErrorKind::UnknownCluster {
                name: name.value.clone(),
                user: user.to_owned(),
                hint: suggest::hint(&name.value, known),
            },
        );
    }
    index
}

/// Index of the device that is named; one that does not exist is reported, unless it or the name of a device could not be
/// read.
fn device(
    plan: &Plan,
    name: &Text,
    user: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<usize> {
    let index = plan.device(&name.value);
    let unnamed = plan.devices.iter().any(|it| it.name.value == UNNAMED);
    if index.is_none() && !name.value.is_empty() && !unnamed {
        let known = plan.devices.iter().map(|device| device.name.value.as_str());
        diagnostics.report(
            name.at,
            ErrorKind::UnknownDevice {
                name: name.value.clone(),
                user: user.to_owned(),
                hint: suggest::hint(&name.value, known),
            },
        );
    }
    index
}

/// A channel joins two clusters that no other channel joins.
fn channels(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let mut seen: Vec<([usize; 2], usize)> = Vec::new();
    for channel in &plan.channels {
        let [first, second] = &channel.ends;
        let ends = (
            cluster(plan, first, "this channel", diagnostics),
            cluster(plan, second, "this channel", diagnostics),
        );
        let (Some(one), Some(other)) = ends else {
            continue;
        };
        if one == other {
            diagnostics.report(
                channel.at,
                ErrorKind::ChannelToItself {
                    cluster: first.value.clone(),
                },
            );
            continue;
        }
        let pair = [one.min(other), one.max(other)];
        match seen.iter().find(|(earlier, _)| *earlier == pair) {
            Some((_, at)) => {
                let place = diagnostics.place(*at);
                diagnostics.report(
                    channel.at,
                    ErrorKind::DuplicateChannel {
                        first_cluster: first.value.clone(),
                        second_cluster: second.value.clone(),
                        first: place,
                    },
                );
            }
            None => seen.push((pair, channel.at)),
        }
    }
}
