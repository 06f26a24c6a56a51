//! Checks what the instances hold against what the plan lets them hold.
//!
//! An instance and its children may hold the instance's own memory. Beyond that a server may hold the windows of its
//! cluster's channels, its own pool and, where its cluster has processes or a channel with HPET doorbells, the HPET's
//! registers; the root task the same windows and, for such channels, registers, to tell others of a server that is gone; a
//! process may hold its own pool and, where it operates its cluster, the first page of each ring of its cluster's channels;
//! a driver may hold its function's configuration page and device memory. Nobody may hold device untyped memory, and only
//! the root task may hold I/O ports: those of the instance's serial console.

use std::ops::Range;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::PAGE_SIZE;
use atoll_abi::plan::{Channel, DoorbellKind, ECAM_BASE, HPET_BASE, Instance, Plan, Pool};
use serde::Serialize;

use crate::monitor::Holdings;
use crate::names;

/// I/O ports of one serial console.
const SERIAL_PORTS: u64 = 8;

/// The part of the address space below 4 GiB that belongs to the platform: I/O APIC, HPET, local APICs, firmware. A
/// write to the local APICs' page forges an interrupt.
const PLATFORM: Range<u64> = 0xFEC0_0000..0x1_0000_0000;

/// Bytes of the memory-mapped PCI configuration space.
const ECAM_SIZE: u64 = 256 << 20;

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

    /// What a holder may hold; `None` where this instance has no such holder.
    fn allowed(&self, holder: &str) -> Option<Vec<Range<u64>>> {
        let plan = self.plan;
        let mut allowed = vec![memory(self.own)];
        let runs = |cluster: u32| {
            let cluster = plan.clusters().get(cluster as usize);
            cluster.is_some_and(|cluster| cluster.instance as usize == self.index)
        };
        if holder == "root-task" {
            // To tell others that a server is gone.
            for channel in plan.channels() {
                for (cluster, sends) in channel.clusters.into_iter().zip(first_pages(channel)) {
                    if runs(cluster) {
                        allowed.push(sends);
                        if channel.doorbell == DoorbellKind::Hpet as u32 {
                            allowed.push(HPET_BASE..HPET_BASE + PAGE_SIZE as u64);
                        }
                    }
                }
            }
            return Some(allowed);
        }
        let (kind, name) = holder.split_once(':')?;
        match kind {
            "server" => {
                let mut clusters = plan.clusters().iter();
                let cluster = clusters.position(|c| c.name.as_str() == name)? as u32;
                if !runs(cluster) {
                    return None;
                }
                for channel in plan.channels() {
                    if channel.end_of(cluster).is_some() {
                        allowed.push(window(channel));
                    }
                }
                if plan.uses_hpet(cluster) {
                    allowed.push(HPET_BASE..HPET_BASE + PAGE_SIZE as u64);
                }
                let own_pool = plan.clusters()[cluster as usize].server_pool as usize;
                allowed.extend(plan.pools().get(own_pool).map(pool));
            }
            "process" => {
                let mut processes = plan.processes().iter();
                let process = processes.find(|p| p.name.as_str() == name && runs(p.cluster))?;
                allowed.extend(plan.pools().get(process.pool as usize).map(pool));
                let channels = plan.channels().iter();
                let watched = channels.filter(|channel| {
                    process.operator != 0 && channel.end_of(process.cluster).is_some()
                });
                allowed.extend(watched.flat_map(first_pages));
            }
            "driver" => {
                let mut devices = plan.devices().iter();
                let device = devices.find(|d| d.name.as_str() == name && runs(d.cluster))?;
                let page = configuration(device.pci_address);
                allowed.push(page);
                allowed.extend(device_memory(plan.memory));
            }
            _ => return None,
        }
        Some(allowed)
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
        for (index, channel) in plan.channels().iter().enumerate() {
            if window(channel).contains(&at) {
                return format!(
                    "the window of channel {index} between {} and {}",
                    names::cluster(plan, channel.clusters[0]),
                    names::cluster(plan, channel.clusters[1])
                );
            }
        }
        for each in plan.pools() {
            if pool(each).contains(&at) {
                return match plan.processes().get(each.process as usize) {
                    Some(process) => format!("the pool of process {}", process.name),
                    None => format!("the pool of server {}", names::cluster(plan, each.cluster)),
                };
            }
        }
        for device in plan.devices() {
            if configuration(device.pci_address).contains(&at) {
                return format!("the configuration page of device {}", device.name);
            }
        }
        let text = if (HPET_BASE..HPET_BASE + PAGE_SIZE as u64).contains(&at) {
            "the registers of the HPET"
        } else if (ECAM_BASE..ECAM_BASE + ECAM_SIZE).contains(&at) {
            "the configuration space of PCI"
        } else if PLATFORM.contains(&at) {
            "the platform's interrupt controllers and firmware"
        } else if device_memory(plan.memory).any(|device| device.contains(&at)) {
            "device memory"
        } else {
            "memory that the plan gives to nobody"
        };
        text.to_owned()
    }
}

fn memory(instance: &Instance) -> Range<u64> {
    instance.memory_base..instance.memory_base + instance.memory_size
}

fn window(channel: &Channel) -> Range<u64> {
    channel.window..channel.window + channel.window_size
}

/// The first page of each ring of a channel.
fn first_pages(channel: &Channel) -> [Range<u64>; 2] {
    let rings = [channel.window, channel.window + channel.window_size / 2];
    rings.map(|ring| ring..ring + PAGE_SIZE as u64)
}

fn pool(pool: &Pool) -> Range<u64> {
    pool.base..pool.base + u64::from(pool.blocks) * BLOCK_SIZE as u64
}

/// The configuration page of a PCI function.
fn configuration(pci_address: u32) -> Range<u64> {
    let page = ECAM_BASE + u64::from(pci_address) * PAGE_SIZE as u64;
    page..page + PAGE_SIZE as u64
}

/// Where BARs may lie on QEMU's q35 machine: outside its memory, its configuration space and its platform devices.
fn device_memory(memory: u64) -> impl Iterator<Item = Range<u64>> {
    // With less than 2.75 GiB all memory lies low, otherwise 2 GiB do and the rest begins at 4 GiB.
    let low = if memory < ECAM_BASE { memory } else { 2 << 30 };
    let high = PLATFORM.end + (memory - low);
    [
        low..ECAM_BASE,
        ECAM_BASE + ECAM_SIZE..PLATFORM.start,
        high..u64::MAX,
    ]
    .into_iter()
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
