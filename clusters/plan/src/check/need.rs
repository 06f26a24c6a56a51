//! What a root task makes fits its root CNode, its instance's memory and its heap.

use atoll_abi::layout::ROOT_TASK_HEAP_SIZE;

use crate::checked::CheckedPlan;
use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::need::{Amount, Need, Part};
use crate::size;
use crate::written::Plan;

/// Checks a plan that is laid out.
pub(crate) fn check(plan: &Plan, laid_out: &CheckedPlan, diagnostics: &mut Diagnostics<'_>) {
    for (index, clusters) in plan.instances().iter().enumerate() {
        let Some(cluster) = clusters.first().map(|first| &plan.clusters[*first]) else {
            continue;
        };
        let bits = laid_out.root_cnode_bits(index);
        let need = Need::of(&laid_out.encode(), index, bits);
        let instance = plan.instance_name(clusters).to_owned();
        // The service or process that needs the most of something: where it stands, and what is said of it.
        let most = |what: &dyn Fn(&Amount) -> u64, show: &dyn Fn(u64) -> String| match need
            .largest(what)
        {
            Some((part, share)) => {
                let (kind, name) = match part {
                    Part::Service(index) => ("service", &plan.services[index].name),
                    Part::Process(index) => ("process", &plan.processes[index].name),
                };
                let share = show(share);
                let text = format!("{kind} `{}` needs the most, {share}", name.value);
                (name.at, text)
            }
            None => {
                let text = "servers alone need that".to_owned();
                (cluster.name.at, text)
            }
        };
        let slots = 1 << bits;
        if need.total.slots > slots {
            let (at, most) = most(&|own| own.slots, &|share| share.to_string());
            let place = diagnostics.place(cluster.options.at);
            diagnostics.report(
                at,
                ErrorKind::TooManySlots {
                    instance: instance.clone(),
                    needed: need.total.slots,
                    slots,
                    bits,
                    place,
                    most,
                },
            );
        }
        let memory = laid_out.encode().instances()[index].memory_size;
        if need.total.bytes > memory {
            let (at, most) = most(&|own| own.bytes, &size::show_rounded);
            let place = diagnostics.place(cluster.memory.at);
            diagnostics.report(
                at,
                ErrorKind::InstanceMemoryExhausted {
                    instance: instance.clone(),
                    needed: size::show_rounded(need.total.bytes),
                    memory: size::show(memory),
                    place,
                    most,
                },
            );
        }
        let heap = ROOT_TASK_HEAP_SIZE as u64;
        if need.total.records > heap {
            let (at, most) = most(&|own| own.records, &size::show_rounded);
            diagnostics.report(
                at,
                ErrorKind::TooManyRecords {
                    instance,
                    needed: size::show_rounded(need.total.records),
                    heap: size::show(heap),
                    most,
                },
            );
        }
    }
}
