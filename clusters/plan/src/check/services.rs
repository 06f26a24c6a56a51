//! Every service has a partition of its own, of a device of its cluster, or a network device, and every process can be connected to the
//! services that it uses.

use atoll_abi::plan::{
    DeviceKind, MAX_CONNECTIONS, MAX_SERVICE_CLIENTS, MAX_SERVICE_CONNECTIONS, ServiceKind,
};

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::read::service_kind;
use crate::suggest;
use crate::written::{Device, Plan, Process, Service, Text, UNNAMED};

pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    devices(plan, diagnostics);
    for process in &plan.processes {
        uses(plan, process, diagnostics);
    }
    for index in 0..plan.services.len() {
        clients(plan, index, diagnostics);
    }
    connections(plan, diagnostics);
}

/// A service runs in the cluster of its device, and a device has a service.
fn devices(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let mut users: Vec<Vec<&Service>> = vec![Vec::new(); plan.devices.len()];
    for service in &plan.services {
        let name = &service.name.value;
        let user = format!("service `{name}`");
        let cluster = super::cluster(plan, &service.cluster, &user, diagnostics);
        let Some(index) = super::device(plan, &service.device, &user, diagnostics) else {
            continue;
        };
        let owner = plan.device_owner(&service.device.value);
        if let (Some(cluster), Some(owner)) = (cluster, owner)
            && owner.value != cluster
        {
            let place = diagnostics.place(owner.at);
            diagnostics.report(
                service.device.at,
                ErrorKind::ServiceDeviceElsewhere {
                    service: name.clone(),
                    cluster: service.cluster.value.clone(),
                    device: service.device.value.clone(),
                    owner: plan.clusters[owner.value].name.value.clone(),
                    place,
                },
            );
        }
        kind(service, &plan.devices[index], &users[index], diagnostics);
        partition(service, &users[index], diagnostics);
        users[index].push(service);
    }
    if !plan.service_devices_resolved() {
        return;
    }
    for (device, users) in plan.devices.iter().zip(users) {
        // One that belongs to no cluster, or whose name is that of another device, has been reported.
        let claimed = plan.device_owner(&device.name.value).is_some()
            && plan
                .device(&device.name.value)
                .is_some_and(|index| std::ptr::eq(&plan.devices[index], device));
        if users.is_empty() && claimed {
            diagnostics.report(
                device.name.at,
                ErrorKind::DeviceUnused {
                    device: device.name.value.clone(),
                },
            );
        }
    }
}

/// The device is one that a service of its kind uses, and one of a network has no other service.
fn kind(
    service: &Service,
    device: &Device,
    others: &[&Service],
    diagnostics: &mut Diagnostics<'_>,
) {
    let (Some(kind), Some(found)) = (service.kind, device.kind) else {
        return;
    };
    if kind.device() != found {
        let place = diagnostics.place(device.name.at);
        diagnostics.report(
            service.device.at,
            ErrorKind::ServiceDeviceKind {
                service: service.name.value.clone(),
                kind: service_kind(kind),
                needed: kind.device().image(),
                device: device.name.value.clone(),
                found: found.image(),
                place,
            },
        );
    } else if let (DeviceKind::VirtioNet, Some(earlier)) = (found, others.first()) {
        let first = diagnostics.place(earlier.device.at);
        diagnostics.report(
            service.device.at,
            ErrorKind::NetworkDeviceShared {
                device: device.name.value.clone(),
                first_service: earlier.name.value.clone(),
                first,
                service: service.name.value.clone(),
            },
        );
    }
}

/// No other service of the device has the partition.
fn partition(service: &Service, others: &[&Service], diagnostics: &mut Diagnostics<'_>) {
    let partition = &service.partition;
    let mut others = others.iter();
    let same = others.find(|other| other.partition.value == partition.value);
    if let Some(earlier) = same.filter(|_| !partition.value.is_empty()) {
        let first = diagnostics.place(earlier.partition.at);
        diagnostics.report(
            partition.at,
            ErrorKind::PartitionUsedTwice {
                partition: partition.value.clone(),
                device: service.device.value.clone(),
                first_service: earlier.name.value.clone(),
                first,
                service: service.name.value.clone(),
            },
        );
    }
}

/// A process uses services that it can be connected to, each named once.
fn uses(plan: &Plan, process: &Process, diagnostics: &mut Diagnostics<'_>) {
    let name = &process.name.value;
    let home = plan.cluster(&process.cluster.value);
    let mut seen: Vec<&Text> = Vec::new();
    // An empty name could not be read, which has been reported.
    let named = process.services.iter().filter(|it| !it.value.is_empty());
    for used in named {
        if let Some(earlier) = seen.iter().find(|earlier| earlier.value == used.value) {
            let first = diagnostics.place(earlier.at);
            diagnostics.report(
                used.at,
                ErrorKind::ServiceRepeated {
                    process: name.clone(),
                    service: used.value.clone(),
                    first,
                },
            );
            continue;
        }
        seen.push(used);
        let Some(index) = plan.service(&used.value) else {
            unknown(plan, process, used, diagnostics);
            continue;
        };
        let service = &plan.services[index];
        let clusters = home.zip(plan.cluster(&service.cluster.value));
        let apart = clusters.is_some_and(|(home, other)| !plan.joined(home, other));
        if apart && plan.channels_resolved() {
            let place = diagnostics.place(service.cluster.at);
            diagnostics.report(
                used.at,
                ErrorKind::NoServiceChannel {
                    process: name.clone(),
                    cluster: process.cluster.value.clone(),
                    service: used.value.clone(),
                    other: service.cluster.value.clone(),
                    place,
                },
            );
        }
    }
}

/// Reports a service that does not exist, unless the name of a service could not be read.
fn unknown(plan: &Plan, process: &Process, used: &Text, diagnostics: &mut Diagnostics<'_>) {
    if plan.services.iter().any(|it| it.name.value == UNNAMED) {
        return;
    }
    let known = plan.services.iter().map(|it| it.name.value.as_str());
    diagnostics.report(
        used.at,
        ErrorKind::UnknownService {
            name: used.value.clone(),
            process: process.name.value.clone(),
            hint: suggest::hint(&used.value, known),
        },
    );
}

/// No more clients of one service than it has tables for, and no more connections than it has rings for. The first process
/// that is one too many, or has one too many, is named.
fn clients(plan: &Plan, index: usize, diagnostics: &mut Diagnostics<'_>) {
    let service = &plan.services[index];
    let users: Vec<(&Process, &Text)> = plan
        .processes
        .iter()
        .filter_map(|process| {
            let mut used = process.services.iter();
            let used = used.find(|it| plan.service(&it.value) == Some(index))?;
            Some((process, used))
        })
        .collect();
    if let (Some(ServiceKind::Blocks), [(first, first_use), (second, excess), ..]) =
        (service.kind, users.as_slice())
    {
        let place = diagnostics.place(service.name.at);
        let first_place = diagnostics.place(first_use.at);
        diagnostics.report(
            excess.at,
            ErrorKind::PartitionShared {
                service: service.name.value.clone(),
                place,
                first_process: first.name.value.clone(),
                first: first_place,
                process: second.name.value.clone(),
            },
        );
    }
    if let Some((_, excess)) = users.get(MAX_SERVICE_CLIENTS) {
        diagnostics.report(
            excess.at,
            ErrorKind::TooMany {
                what: format!("clients of service `{}`", service.name.value),
                count: users.len(),
                max: MAX_SERVICE_CLIENTS,
            },
        );
    }
    let mut count = 0;
    for (process, used) in users {
        count += process.vcores.value as usize;
        if count > MAX_SERVICE_CONNECTIONS {
            let place = diagnostics.place(service.name.at);
            diagnostics.report(
                used.at,
                ErrorKind::TooManyServiceConnections {
                    process: process.name.value.clone(),
                    vcores: process.vcores.value,
                    service: service.name.value.clone(),
                    place,
                    count,
                    max: MAX_SERVICE_CONNECTIONS,
                },
            );
            return;
        }
    }
}

/// No more connections than an encoded plan holds: one from each service to its driver, one from each vcore to each service
/// of its process. The first process that has one too many is named.
fn connections(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let mut count = plan.services.len();
    for process in &plan.processes {
        let services = plan.services_of(process).len();
        count += process.vcores.value as usize * services;
        if count > MAX_CONNECTIONS
            && let Some(first) = process.services.first()
        {
            let place = diagnostics.place(process.vcores.at);
            diagnostics.report(
                first.at,
                ErrorKind::TooManyConnections {
                    process: process.name.value.clone(),
                    vcores: process.vcores.value,
                    place,
                    services,
                    count,
                    max: MAX_CONNECTIONS,
                },
            );
            return;
        }
    }
}
