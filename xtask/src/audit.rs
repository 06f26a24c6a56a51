//! Checks what the instances hold against what the plan lets them hold.
//!
//! An instance and its children may hold the instance's own memory. Beyond that
//! - the client and the provider of a connection may hold its window;
//! - a process and a service may hold their own pool, and a file service those of the processes that are its clients;
//! - a process that operates its cluster may hold the first page of each ring of each connection that its cluster has a side
//!   of;
//! - a server may hold the wake pages of its cluster's channels and, where its cluster has processes or a channel with HPET
//!   doorbells, the registers of the HPET;
//! - a driver may hold its function's configuration page and device memory, and that of a network the own pool of its service;
//! - the root task, which announces deaths, may hold the first page of the ring on which a side of its instance sends, both
//!   first pages where that side is a process, the wake pages of channels to other instances, and the registers of the HPET,
//!   by which it also notices that a component does not start.
//!
//! No holder may hold device untyped memory, and only the root task may hold I/O ports: those of the instance's serial
//! console.

mod allowed;
mod places;

use std::ops::Range;

use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::plan::{ECAM_BASE, Instance, Plan};
use serde::Serialize;

use crate::monitor::Holdings;
use crate::names;

use places::{
    ECAM_SIZE, PLATFORM, configuration, device_memory, hpet, memory, pool, wake_page, window,
};

/// I/O ports of one serial console.
const SERIAL_PORTS: u64 = 8;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// `ok` or `violations`; `incomplete` where an instance did not tell all that it holds.
    pub verdict: &'static str,
    /// Pages that were checked.
    pub frames: u64,
    /// Ranges of pages, untyped memory and ports that were checked.
    pub ranges: usize,
    /// Who holds what they should not.
    pub violations: Vec<String>,
}

/// Checks every instance's holdings; they are in the plan's order.
pub fn check<'a>(plan: &Plan, holdings: impl Iterator<Item = &'a Holdings>) -> Audit {
    let mut audit = Audit {
        verdict: "ok",
        frames: 0,
        ranges: 0,
        violations: Vec::new(),
    };
    for (index, holdings) in holdings.enumerate() {
        let instance = InstanceAudit {
            plan,
            index,
            own: &plan.instances()[index],
            name: names::instance(plan, index),
        };
        instance.check(holdings, &mut audit);
    }
    if !audit.violations.is_empty() {
        audit.verdict = "violations";
    }
    audit
}

struct InstanceAudit<'a> {
    plan: &'a Plan,
    index: usize,
    own: &'a Instance,
    name: String,
}

impl InstanceAudit<'_> {
    fn check(&self, holdings: &Holdings, audit: &mut Audit) {
        audit.ranges += holdings.frames.len() + holdings.untyped.len() + holdings.ports.len();
        let violations = &mut audit.violations;
        for (first, end, holder) in &holdings.frames {
            if first >= end || first % PAGE_SIZE as u64 != 0 || end % PAGE_SIZE as u64 != 0 {
                violations.push(format!(
                    "{}: {first:#x}-{end:#x} of {holder} is no range of pages",
                    self.name
                ));
                continue;
            }
            audit.frames += (end - first) / PAGE_SIZE as u64;
            let Some(allowed) = self.allowed(holder) else {
                violations.push(format!(
                    "{}: {first:#x}-{end:#x} is held by {holder}, which this instance does not run",
                    self.name
                ));
                continue;
            };
            for piece in without(*first..*end, &allowed) {
                violations.push(format!(
                    "{}: {holder} holds {:#x}-{:#x}, {}",
                    self.name,
                    piece.start,
                    piece.end,
                    self.describe(&piece)
                ));
            }
        }
        for (first, end, device) in &holdings.untyped {
            let pieces = without(*first..*end, &[memory(self.own)]);
            if *device || !pieces.is_empty() {
                let kind = if *device { "device untyped" } else { "untyped" };
                violations.push(format!(
                    "{}: root-task holds {kind} {first:#x}-{end:#x}, {}",
                    self.name,
                    self.describe(pieces.first().unwrap_or(&(*first..*end)))
                ));
            }
        }
        for (first, last, holder) in &holdings.ports {
            let console = u64::from(self.own.serial_port);
            let within = console..=console + SERIAL_PORTS - 1;
            if holder != "root-task"
                || first > last
                || !within.contains(first)
                || !within.contains(last)
            {
                violations.push(format!(
                    "{}: {holder} holds I/O ports {first:#x}-{last:#x}; only root-task may hold ports, {:#x}-{:#x}",
                    self.name,
                    within.start(),
                    within.end()
                ));
            }
        }
    }

    /// What lies at a range, by its first byte.
    fn describe(&self, range: &Range<u64>) -> String {
        let plan = self.plan;
        let at = range.start;
        for (index, instance) in plan.instances().iter().enumerate() {
            if memory(instance).contains(&at) {
                return format!("memory of instance {}", names::instance(plan, index));
            }
        }
        for connection in plan.connections() {
            if window(&connection).contains(&at) {
                let [client, provider] = names::connection(plan, &connection);
                return format!("the window between {client} and {provider}");
            }
        }
        for channel in plan.channels() {
            if wake_page(channel).is_some_and(|page| page.contains(&at)) {
                return format!(
                    "the wake page between {} and {}",
                    names::cluster(plan, channel.clusters[0]),
                    names::cluster(plan, channel.clusters[1])
                );
            }
        }
        for each in plan.pools() {
            if pool(each).contains(&at) {
                let process = plan.processes().get(each.process as usize);
                let service = plan.services().get(each.service as usize);
                return match (process, service) {
                    (Some(process), _) => format!("the pool of process {}", process.name),
                    (None, Some(service)) => format!("the pool of service {}", service.name),
                    (None, None) => "a pool without owner".to_owned(),
                };
            }
        }
        for device in plan.devices() {
            if configuration(device.pci_address).contains(&at) {
                return format!("the configuration page of device {}", device.name);
            }
        }
        let text = if hpet().contains(&at) {
            "the registers of the HPET"
        } else if (ECAM_BASE..ECAM_BASE + ECAM_SIZE).contains(&at) {
            "the configuration space of PCI"
        } else if PLATFORM.contains(&at) {
            "the platform's interrupt controllers and firmware"
        } else if device_memory(plan.machine().memory).any(|device| device.contains(&at)) {
            "device memory"
        } else {
            "memory that the plan gives to no component"
        };
        text.to_owned()
    }
}

/// The pieces of a range that lie in none of the others.
fn without(range: Range<u64>, others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut pieces = vec![range];
    for other in others {
        pieces = pieces
            .into_iter()
            .flat_map(|piece| {
                [
                    piece.start..piece.end.min(other.start),
                    piece.start.max(other.end)..piece.end,
                ]
            })
            .filter(|piece| piece.start < piece.end)
            .collect();
    }
    pieces
}

#[cfg(test)]
mod tests;
