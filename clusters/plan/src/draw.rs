//! The plan as a drawing for people.

mod connections;

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_abi::plan::{
    Cluster, ClusterKind, DoorbellKind, KernelMode, NONE, Network, Plan, Service, ServiceKind,
};

use self::connections::{connections, groups};
use crate::checked::{CheckedPlan, driver, service_image};
use crate::layout::RESERVED_LOW;
use crate::size;

/// The whole drawing.
pub(crate) fn drawing(plan: &CheckedPlan) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(plan, &mut text);
    text
}

fn write_all(checked: &CheckedPlan, out: &mut String) -> fmt::Result {
    let plan = checked.encoded();
    let machine = plan.machine();
    let mode = if machine.mode == KernelMode::Shared as u32 {
        "one kernel for all clusters"
    } else {
        "one kernel for each cluster"
    };
    writeln!(
        out,
        "plan {}: {} cores, {} of memory, {mode}",
        machine.name,
        machine.cores,
        size::show(machine.memory)
    )?;
    cores(plan, out)?;
    clusters(checked, out)?;
    memory(checked, out)?;
    channels(plan, out)?;
    services(plan, out)?;
    connections(plan, out)?;
    processes(plan, out)?;
    devices(plan, out)
}

fn cores(plan: &Plan, out: &mut String) -> fmt::Result {
    writeln!(out, "\ncores")?;
    for core in 0..plan.machine().cores {
        let owner = plan
            .clusters()
            .iter()
            .position(|cluster| cluster.cores().contains(&core));
        let Some(owner) = owner else {
            writeln!(out, "  {core:>2}  -")?;
            continue;
        };
        let cluster = &plan.clusters()[owner];
        let mut runs: Vec<String> = Vec::new();
        if cluster.cores().first() == Some(&core) {
            runs.push("server".to_owned());
        }
        for service in plan.services() {
            let at = instance_core(plan, service.cluster, service.core);
            if at == Some(core) {
                runs.push(format!("service {}", service.name));
            }
        }
        for device in plan.devices() {
            let at = instance_core(plan, device.cluster, device.core);
            if at == Some(core) {
                runs.push(format!("driver of {}", device.name));
            }
        }
        for process in plan.processes() {
            for vcore in 0..process.vcores {
                let within = u32::from(process.cores[vcore as usize]);
                if instance_core(plan, process.cluster, within) == Some(core) {
                    runs.push(format!("{}.{vcore}", process.name));
                }
            }
        }
        writeln!(out, "  {core:>2}  {:<12} {}", cluster.name, runs.join(", "))?;
    }
    Ok(())
}

/// The machine's number of a core that is given as an index within a cluster's instance.
fn instance_core(plan: &Plan, cluster: u32, within: u32) -> Option<u32> {
    let instance = plan.clusters().get(cluster as usize)?.instance;
    let instance = plan.instances().get(instance as usize)?;
    instance.cores().get(within as usize).copied()
}

fn clusters(checked: &CheckedPlan, out: &mut String) -> fmt::Result {
    let plan = checked.encoded();
    writeln!(out, "\nclusters")?;
    for (index, cluster) in plan.clusters().iter().enumerate() {
        let instance = &plan.instances()[cluster.instance as usize];
        let kind = if cluster.kind == ClusterKind::LowLatency as u32 {
            "LL"
        } else {
            "CG"
        };
        let timer = match cluster.comparator {
            NONE if plan.uses_hpet(index as u32) => "polls the HPET".to_owned(),
            NONE => "no timer".to_owned(),
            comparator => format!("timer HPET comparator {comparator}"),
        };
        writeln!(
            out,
            "  {:<12} {kind}  cores {:?}, quantum {} ms = {} ticks of {} ms, kernel {} on serial port {:#x}, {timer}",
            cluster.name,
            cluster.cores(),
            cluster.quantum_ms,
            instance.time_slice,
            instance.timer_tick_ms,
            checked.instance_names()[cluster.instance as usize],
            instance.serial_port
        )?;
    }
    for (index, name) in checked.instance_names().iter().enumerate() {
        let comparator = plan.root_task_comparator(index as u32);
        writeln!(
            out,
            "  the root task of kernel {name} has HPET comparator {comparator}"
        )?;
    }
    Ok(())
}

fn memory(checked: &CheckedPlan, out: &mut String) -> fmt::Result {
    let plan = checked.encoded();
    let machine = plan.machine();
    let mut regions = vec![(0, RESERVED_LOW, "loader and modules".to_owned())];
    for (name, instance) in checked.instances() {
        let what = format!("instance {name}");
        regions.push((instance.memory_base, instance.memory_size, what));
    }
    for group in groups(plan) {
        let base = group.first.window;
        let bytes = (group.count * RING_WINDOW_SIZE) as u64;
        let windows = if group.count == 1 {
            "window"
        } else {
            "windows"
        };
        let what = format!("{windows} of {}", group.numbers());
        regions.push((base, bytes, what));
    }
    for (index, channel) in plan.channels().iter().enumerate() {
        if channel.wake_page != 0 {
            let what = format!("wake page of channel {index}");
            regions.push((channel.wake_page, PAGE_SIZE as u64, what));
        }
    }
    for (index, pool) in plan.pools().iter().enumerate() {
        let owner = match plan.processes().get(pool.process as usize) {
            Some(process) => format!("process {}", process.name),
            None => format!("service {}", plan.services()[pool.service as usize].name),
        };
        let what = format!("pool {index}: {} blocks of {owner}", pool.blocks);
        regions.push((pool.base, u64::from(pool.blocks) * BLOCK_SIZE as u64, what));
    }
    if checked.has_timeline() {
        let windows = plan.timeline_writers().count();
        let bytes = windows as u64 * plan.timeline_window_size();
        let what = format!("timeline: {windows} windows");
        regions.push((machine.timeline_base, bytes, what));
    }
    let end = regions
        .last()
        .map_or(0, |(base, bytes, _)| base + bytes)
        .max(machine.shared_base);
    let shared_end = machine.shared_base + machine.shared_size;
    regions.push((end, shared_end - end, "shared, unused".to_owned()));
    let rest = machine.memory - shared_end;
    regions.push((shared_end, rest, "unused and firmware".to_owned()));
    writeln!(out, "\nmemory")?;
    for (base, bytes, what) in regions.iter().filter(|(_, bytes, _)| *bytes > 0) {
        let end = base + bytes;
        let shown = size::show(*bytes);
        writeln!(out, "  {base:#010x} - {end:#010x}  {shown:>9}  {what}")?;
    }
    Ok(())
}

fn channels(plan: &Plan, out: &mut String) -> fmt::Result {
    writeln!(out, "\nchannels")?;
    for (index, channel) in plan.channels().iter().enumerate() {
        let [first, second] = channel
            .clusters
            .map(|cluster| &plan.clusters()[cluster as usize]);
        write!(
            out,
            "  {index}  {} <-> {}, doorbells: ",
            first.name, second.name
        )?;
        let wakes = |cluster: &Cluster| match cluster.masked {
            0 if channel.doorbell == DoorbellKind::Hpet as u32 => {
                format!(
                    "HPET comparator {} wakes {}",
                    cluster.comparator, cluster.name
                )
            }
            0 => format!("a notification wakes {}", cluster.name),
            _ => format!("{} polls", cluster.name),
        };
        write!(out, "{}, {}", wakes(first), wakes(second))?;
        match channel.wake_page {
            0 => writeln!(out)?,
            page => writeln!(out, "; wake page at {page:#010x}")?,
        }
    }
    none_if(plan.channels().is_empty(), out)
}

fn services(plan: &Plan, out: &mut String) -> fmt::Result {
    writeln!(out, "\nservices")?;
    for service in plan.services() {
        let cluster = &plan.clusters()[service.cluster as usize];
        let device = &plan.devices()[service.device as usize];
        write!(
            out,
            "  {:<12} image {}, in {}",
            service.name,
            service_image(service),
            cluster.name
        )?;
        if let Some(core) = instance_core(plan, service.cluster, service.core) {
            write!(out, " on core {core}")?;
        }
        writeln!(
            out,
            ", device {}, pool {}, heap {}{}",
            device.name,
            service.pool,
            size::show(service.heap_size),
            network(service)
        )?;
    }
    none_if(plan.services().is_empty(), out)
}

/// Where a service is in its network, if it is one of sockets.
fn network(service: &Service) -> String {
    let Network {
        address,
        prefix,
        gateway,
        ..
    } = service.network;
    match ServiceKind::from_raw(service.kind) {
        Some(ServiceKind::Sockets) if service.network == Network::default() => {
            ", address by DHCP".to_owned()
        }
        Some(ServiceKind::Sockets) => format!(
            ", address {}/{prefix}, gateway {}",
            Ipv4Addr::from(address),
            Ipv4Addr::from(gateway)
        ),
        _ => String::new(),
    }
}

fn processes(plan: &Plan, out: &mut String) -> fmt::Result {
    writeln!(out, "\nprocesses")?;
    for process in plan.processes() {
        let cores: Vec<u32> = process.cores[..process.vcores as usize]
            .iter()
            .filter_map(|&within| instance_core(plan, process.cluster, u32::from(within)))
            .collect();
        writeln!(
            out,
            "  {:<12} image {}, in {}, {} vcores on cores {cores:?}, heap {}, {} uthreads",
            process.name,
            process.image,
            plan.clusters()[process.cluster as usize].name,
            process.vcores,
            size::show(process.heap_size),
            process.uthreads,
        )?;
        for (index, service) in plan.services().iter().enumerate() {
            if process.may_use(index) {
                writeln!(out, "  {:<12} uses {}", "", service.name)?;
            }
        }
        if process.observer != 0 {
            writeln!(out, "  {:<12} observes the machine", "")?;
        }
        if process.operator != 0 {
            writeln!(out, "  {:<12} operates its cluster", "")?;
        }
        for callee in plan.processes() {
            if plan.may_call(process, callee) {
                writeln!(out, "  {:<12} calls {} through the kernel", "", callee.name)?;
            }
        }
        if process.frames > 0 {
            writeln!(out, "  {:<12} has {} frames", "", process.frames)?;
        }
        for recipient in plan.processes() {
            if plan.may_give(process, recipient) {
                writeln!(out, "  {:<12} gives frames to {}", "", recipient.name)?;
            }
        }
    }
    none_if(plan.processes().is_empty(), out)
}

fn devices(plan: &Plan, out: &mut String) -> fmt::Result {
    writeln!(out, "\ndevices")?;
    for device in plan.devices() {
        let (bus, slot, function) = CheckedPlan::pci_address(device);
        writeln!(
            out,
            "  {:<12} {} at PCI {bus:x}:{slot:x}.{function}, of {}",
            device.name,
            driver(device),
            plan.clusters()[device.cluster as usize].name
        )?;
    }
    none_if(plan.devices().is_empty(), out)
}

fn none_if(empty: bool, out: &mut String) -> fmt::Result {
    if empty {
        writeln!(out, "  none")
    } else {
        Ok(())
    }
}
