//! Every kernel instance can be configured as its clusters ask.

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::layout::MAX_INSTANCES;
use crate::options::KERNEL_OPTIONS;
use crate::written::{Cluster, Plan};

pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let instances = plan.instances();
    if let Some([first, ..]) = instances.get(MAX_INSTANCES).map(Vec::as_slice) {
        let excess = &plan.clusters[*first].name;
        diagnostics.report(
            excess.at,
            ErrorKind::TooManyInstances {
                cluster: excess.value.clone(),
                count: instances.len(),
                max: MAX_INSTANCES,
            },
        );
    }
    for cluster in &plan.clusters {
        let (quantum, tick) = (cluster.quantum_ms, cluster.tick_ms);
        if quantum.value % tick.value != 0 {
            let place = diagnostics.place(tick.at);
            diagnostics.report(
                quantum.at,
                ErrorKind::QuantumNotTicks {
                    cluster: cluster.name.value.clone(),
                    quantum: quantum.value,
                    tick: tick.value,
                    place,
                },
            );
        }
    }
    for clusters in instances {
        let [first, others @ ..] = clusters.as_slice() else {
            continue;
        };
        for other in others {
            alike(&plan.clusters[*first], &plan.clusters[*other], diagnostics);
        }
    }
}

/// Two clusters of one kernel want the same kernel.
fn alike(first: &Cluster, cluster: &Cluster, diagnostics: &mut Diagnostics<'_>) {
    let mut differ = |what: &str, wanted: (usize, String), first_wanted: (usize, String)| {
        if wanted.1 != first_wanted.1 {
            let place = diagnostics.place(first_wanted.0);
            diagnostics.report(
                wanted.0,
                ErrorKind::SharedKernelDiffers {
                    what: what.to_owned(),
                    cluster: cluster.name.value.clone(),
                    value: wanted.1,
                    first_cluster: first.name.value.clone(),
                    first_value: first_wanted.1,
                    first: place,
                },
            );
        }
    };
    let quantum = |cluster: &Cluster| (cluster.quantum_ms.at, cluster.quantum_ms.value.to_string());
    let tick = |cluster: &Cluster| (cluster.tick_ms.at, cluster.tick_ms.value.to_string());
    differ("quantum-ms", quantum(cluster), quantum(first));
    differ("timer-tick-ms", tick(cluster), tick(first));
    for (index, option) in KERNEL_OPTIONS.iter().enumerate() {
        let value = |cluster: &Cluster| {
            let options = &cluster.options;
            (options.at, options.value[index].to_string())
        };
        differ(option.name, value(cluster), value(first));
    }
}
