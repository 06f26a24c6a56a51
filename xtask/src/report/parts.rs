//! The parts of a report, each from what a monitor saw.

use std::collections::BTreeMap;

use atoll_abi::plan::Plan;
use serde::Deserialize;

use crate::monitor::{ChannelCounts, Monitor};
use crate::names;
use crate::report::{ChannelReport, Digest, InstanceReport, ProcessReport, ResultReport};

/// Where an instance does not describe itself as the plan does.
pub fn disagreements(plan: &Plan, monitor: &Monitor) -> Vec<String> {
    let mut found = Vec::new();
    for (index, (planned, state)) in plan.instances().iter().zip(&monitor.instances).enumerate() {
        let Some(started) = &state.started else {
            continue;
        };
        let name = names::instance(plan, index);
        let mut differs = |what: &str, says: String, planned: String| {
            found.push(format!(
                "instance {name} says {what} {says}, the plan {planned}"
            ));
        };
        if started.cores != planned.core_count as usize {
            differs(
                "cores",
                started.cores.to_string(),
                planned.core_count.to_string(),
            );
        }
        if started.smp != (planned.core_count > 1) {
            differs(
                "smp",
                started.smp.to_string(),
                (planned.core_count > 1).to_string(),
            );
        }
        if started.tick_ms != planned.timer_tick_ms {
            differs(
                "tick_ms",
                started.tick_ms.to_string(),
                planned.timer_tick_ms.to_string(),
            );
        }
        let end = planned.memory_base + planned.memory_size;
        if started.memory.0 < planned.memory_base || started.memory.1 > end {
            differs(
                "memory",
                format!("{:#x}-{:#x}", started.memory.0, started.memory.1),
                format!("{:#x}-{end:#x}", planned.memory_base),
            );
        }
    }
    found
}

/// The instances that came up.
pub fn instances(plan: &Plan, monitor: &Monitor) -> Vec<InstanceReport> {
    let states = plan.instances().iter().zip(&monitor.instances).enumerate();
    states
        .filter_map(|(index, (planned, state))| {
            let started = state.started.as_ref()?;
            Some(InstanceReport {
                name: names::instance(plan, index),
                clusters: names::clusters_of(plan, index).map(str::to_owned).collect(),
                cores: planned.cores().to_vec(),
                memory: started.memory,
                kernel: if started.smp { "smp" } else { "unicore" },
                tick_ms: started.tick_ms,
            })
        })
        .collect()
}

/// The processes that ended.
pub fn processes(plan: &Plan, monitor: &Monitor) -> Vec<ProcessReport> {
    let states = plan.processes().iter().zip(&monitor.processes).enumerate();
    states
        .filter_map(|(index, (process, ended))| {
            let ended = ended.as_ref()?;
            Some(ProcessReport {
                name: process.name.to_string(),
                cluster: names::cluster(plan, process.cluster).to_owned(),
                vcores: ended.vcores,
                status: ended.status,
                channels: channels(plan, monitor, index),
            })
        })
        .collect()
}

/// What crossed the channels of a process, by connection.
fn channels(plan: &Plan, monitor: &Monitor, process: usize) -> Vec<ChannelReport> {
    let mut own: Vec<&ChannelCounts> = monitor
        .channels
        .iter()
        .filter(|counts| counts.process == process)
        .collect();
    own.sort_by_key(|counts| counts.connection);
    own.into_iter()
        .map(|counts| ChannelReport {
            service: plan.services()[counts.service].name.to_string(),
            vcore: counts.vcore,
            sent: counts.sent,
            received: counts.received,
            doorbells: counts.doorbells,
            peer_doorbells: counts.peer_doorbells,
            poll_budget: counts.poll_budget,
        })
        .collect()
}

/// What processes said for the report.
pub fn results(monitor: &Monitor) -> Vec<ResultReport> {
    let said = monitor.results.iter();
    said.map(|(process, result)| ResultReport {
        process: process.clone(),
        result: result.clone(),
    })
    .collect()
}

/// The one digest of the run; an error where processes disagree.
pub fn digest(monitor: &Monitor) -> Result<Option<Digest>, String> {
    let digests: BTreeMap<&str, Digest> = monitor
        .results
        .iter()
        .filter_map(|(process, value)| {
            let digest = Digest::deserialize(value).ok()?;
            Some((process.as_str(), digest))
        })
        .collect();
    let mut all = digests.iter();
    let Some((first, digest)) = all.next() else {
        return Ok(None);
    };
    match all.find(|(_, other)| *other != digest) {
        Some((other, _)) => Err(format!(
            "processes {first} and {other} disagree about the digest"
        )),
        None => Ok(Some(digest.clone())),
    }
}

/// Clusters of which the server was stopped.
pub fn stopped(plan: &Plan, monitor: &Monitor<'_>) -> Vec<String> {
    let clusters = monitor.stopped.iter();
    clusters
        .map(|&cluster| names::cluster(plan, cluster as u32).to_owned())
        .collect()
}
