//! What is handed out fits what there is.

use atoll_abi::layout::{
    LEAST_SERVICE_HEAP, LEAST_WRITING_HEAP, MAIN_STACK_SIZE, UTHREAD_STACK_SIZE, least_heap,
};
use atoll_abi::plan::ServiceKind;

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::layout::{
    INSTANCE_OVERHEAD, LARGE_PAGE, MAX_MACHINE_MEMORY, MIN_INSTANCE_MEMORY, RESERVED_HIGH,
    RESERVED_LOW, shared_size,
};
use crate::read::is_whole_pages;
use crate::size;
use crate::table::Located;
use crate::written::{Plan, Process, Service, Text};

pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    whole_pages("`memory` of the machine", plan.memory, diagnostics);
    if plan.memory.value > MAX_MACHINE_MEMORY {
        diagnostics.report(
            plan.memory.at,
            ErrorKind::MachineMemoryTooLarge {
                size: size::show(plan.memory.value),
                max: size::show(MAX_MACHINE_MEMORY),
            },
        );
    }
    for cluster in &plan.clusters {
        let what = format!("`memory` of cluster `{}`", cluster.name.value);
        whole_pages(&what, cluster.memory, diagnostics);
    }
    for clusters in plan.instances() {
        instance(plan, &clusters, diagnostics);
    }
    total(plan, diagnostics);
    for service in &plan.services {
        service_heap(plan, service, diagnostics);
    }
    for process in &plan.processes {
        heap(plan, process, diagnostics);
    }
}

/// A service's heap has place for its tables and, where it writes files, for what its file system's journal holds.
fn service_heap(plan: &Plan, service: &Service, diagnostics: &mut Diagnostics<'_>) {
    let device = plan.device(&service.device.value);
    let written = device.is_some_and(|index| !plan.devices[index].read_only);
    let (least, why) = match service.kind {
        Some(ServiceKind::Files) if written => (
            LEAST_WRITING_HEAP,
            "one of files on a device that is written",
        ),
        _ => (LEAST_SERVICE_HEAP as u64, "a service"),
    };
    // One that is no whole pages has been reported.
    if service.heap.value < least && is_whole_pages(service.heap.value) {
        diagnostics.report(
            service.heap.at,
            ErrorKind::ServiceHeapTooSmall {
                service: service.name.value.clone(),
                heap: size::show(service.heap.value),
                why,
                least: size::show(least),
            },
        );
    }
}

/// A process's heap has place for its runtime, and some for its program.
fn heap(plan: &Plan, process: &Process, diagnostics: &mut Diagnostics<'_>) {
    let (vcores, blocks, uthreads) = (process.vcores.value, process.blocks, process.uthreads);
    let services = plan.services_of(process).len();
    let needed = least_heap(
        vcores.into(),
        services as u64,
        blocks.into(),
        uthreads.into(),
    );
    // One that is no whole pages has been reported.
    if process.heap.value >= needed || !is_whole_pages(process.heap.value) {
        return;
    }
    diagnostics.report(
        process.heap.at,
        ErrorKind::HeapTooSmall {
            process: process.name.value.clone(),
            heap: size::show(process.heap.value),
            needed: size::show_rounded(needed),
            vcores,
            services,
            blocks,
            uthreads,
        },
    );
}

fn whole_pages(what: &str, memory: Located<u64>, diagnostics: &mut Diagnostics<'_>) {
    if memory.value == 0 || !memory.value.is_multiple_of(LARGE_PAGE) {
        diagnostics.report(
            memory.at,
            ErrorKind::Unaligned {
                what: what.to_owned(),
                size: size::show(memory.value),
                unit: size::show(LARGE_PAGE),
            },
        );
    }
}

/// An instance has memory for its kernel, its components, and the heaps and stacks of its services and processes.
fn instance(plan: &Plan, clusters: &[usize], diagnostics: &mut Diagnostics<'_>) {
    let Some(&first) = clusters.first() else {
        return;
    };
    let memory = sum(clusters
        .iter()
        .map(|&cluster| plan.clusters[cluster].memory.value));
    let at = plan.clusters[first].memory.at;
    if memory < MIN_INSTANCE_MEMORY {
        diagnostics.report(
            at,
            ErrorKind::InstanceMemoryTooSmall {
                instance: plan.instance_name(clusters).to_owned(),
                size: size::show(memory),
                minimum: size::show(MIN_INSTANCE_MEMORY),
            },
        );
        return;
    }
    let mut taken = 0u64;
    let services = plan.services.iter().map(|it| (&it.cluster, it.heap, 0));
    let processes = plan.processes.iter().map(|it| {
        let stacks = MAIN_STACK_SIZE as u64 + u64::from(it.uthreads) * UTHREAD_STACK_SIZE as u64;
        (&it.cluster, it.heap, stacks)
    });
    let here = |cluster: &Text| {
        let cluster = plan.cluster(&cluster.value);
        cluster.is_some_and(|cluster| clusters.contains(&cluster))
    };
    for (_, heap, stacks) in services.chain(processes).filter(|it| here(it.0)) {
        taken = sum([taken, heap.value, stacks].into_iter());
        if taken > memory - INSTANCE_OVERHEAD {
            let place = diagnostics.place(at);
            diagnostics.report(
                heap.at,
                ErrorKind::HeapsTooLarge {
                    instance: plan.instance_name(clusters).to_owned(),
                    taken: size::show(taken),
                    memory: size::show(memory),
                    overhead: size::show(INSTANCE_OVERHEAD),
                    place,
                },
            );
            return;
        }
    }
}

/// The machine has all the memory that is handed out.
fn total(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let shared = shared_size(plan);
    let clusters = sum(plan.clusters.iter().map(|cluster| cluster.memory.value));
    let needed = sum([RESERVED_LOW, clusters, shared, RESERVED_HIGH].into_iter());
    if needed <= plan.memory.value {
        return;
    }
    let mut shares = vec![format!("{} for the loader", size::show(RESERVED_LOW))];
    shares.extend(plan.clusters.iter().map(|cluster| {
        format!(
            "{} for cluster `{}` ({})",
            size::show(cluster.memory.value),
            cluster.name.value,
            diagnostics.place(cluster.memory.at)
        )
    }));
    shares.push(format!("{} shared between clusters", size::show(shared)));
    shares.push(format!("{} for the firmware", size::show(RESERVED_HIGH)));
    diagnostics.report(
        plan.memory.at,
        ErrorKind::MemoryExhausted {
            machine: size::show(plan.memory.value),
            needed: size::show(needed),
            shares: shares.join(", "),
        },
    );
}

fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}
