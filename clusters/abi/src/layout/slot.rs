//! Capability slots of a process, a server, a service or a driver. Zero is always empty.
//!
//! A capability space has as many slots as the plan makes its component need.

use super::MAX_VCORES;
use crate::connection::Provider;
use crate::plan::{MAX_CLUSTER_FRAMES, MAX_CLUSTER_PROCESSES, MAX_CLUSTER_VCORES, Plan, Process};

/// All of them: the endpoint of the root task, badged with [`super::badge`].
pub const ROOT_TASK: u64 = 1;
/// A server, service or driver: its own notification, on which it waits.
pub const OWN_NOTIFICATION: u64 = 2;
/// A process or service: the notification of its server, with the right to signal only, badged with
/// [`super::server_badge`].
pub const SERVER_NOTIFICATION: u64 = 3;
/// A service: the notification of the driver of its device.
pub const PEER_NOTIFICATION: u64 = 4;
/// A server or driver: the handler of its interrupt.
pub const INTERRUPT: u64 = 5;
/// A process that another one may call through the kernel: its endpoint, with the right to receive only.
pub const CALLERS: u64 = 6;
/// In a process, by vcore: the notification on which the vcore waits.
pub const VCORE_NOTIFICATIONS: u64 = 64;
/// In a process, by vcore: the endpoint to which the kernel sends the vcore's faults.
pub const FAULT_ENDPOINTS: u64 = VCORE_NOTIFICATIONS + MAX_VCORES as u64;
/// In a process, by number in its cluster: the endpoint of a process that it may call through the kernel, with the right to
/// call only.
pub const CALLEES: u64 = FAULT_ENDPOINTS + MAX_VCORES as u64;
/// In a process, by port and vcore: the notification of a service of the same instance, badged with the vcore's slot there.
const PORT_NOTIFICATIONS: u64 = CALLEES + MAX_CLUSTER_PROCESSES as u64;
/// In a server, by number of a frame of its cluster: the frame.
const FRAMES: u64 = 64;
/// In a server, by number in its cluster: the address space of a process that may hold frames.
const ADDRESS_SPACES: u64 = FRAMES + MAX_CLUSTER_FRAMES as u64;
/// In a server, by number of a vcore in its cluster: the vcore's thread, then its notification.
const SERVER_VCORES: u64 = ADDRESS_SPACES + MAX_CLUSTER_PROCESSES as u64;
/// In a server, by number of a connection that crosses kernels: the notification of the side that its cluster has.
const CROSSING_NOTIFICATIONS: u64 = SERVER_VCORES + 2 * MAX_CLUSTER_VCORES as u64;
/// In a service or driver, by slot: the notification of a client of the same instance.
const CLIENT_NOTIFICATIONS: u64 = 64;

const _: () = assert!(CALLERS < VCORE_NOTIFICATIONS && CALLERS < FRAMES);
const _: () = assert!(CALLERS < CLIENT_NOTIFICATIONS);

/// The slot of the notification of a process's service for one of its vcores.
pub const fn port_notification(port: usize, vcore: usize) -> u64 {
    PORT_NOTIFICATIONS + (port * MAX_VCORES + vcore) as u64
}

/// The slot of a frame in the server of its cluster.
pub const fn frame(number: usize) -> u64 {
    FRAMES + number as u64
}

/// The slot of the address space of a process in its server; `number` is that of the process in its cluster.
pub const fn address_space(number: u32) -> u64 {
    ADDRESS_SPACES + number as u64
}

/// The slot of a vcore's thread in its server; `number` is that of the vcore in its cluster.
pub const fn vcore_thread(number: usize) -> u64 {
    SERVER_VCORES + 2 * number as u64
}

/// The slot of a vcore's notification in its server.
pub const fn server_vcore_notification(number: usize) -> u64 {
    vcore_thread(number) + 1
}

/// The slot, in a server, of the notification of the side that its cluster has of a connection that crosses kernels.
pub const fn crossing_notification(connection: usize) -> u64 {
    CROSSING_NOTIFICATIONS + connection as u64
}

/// The slot of the notification of a client of a service or driver.
pub const fn client_notification(slot: usize) -> u64 {
    CLIENT_NOTIFICATIONS + slot as u64
}

/// Slots of the capability space of a cluster's server.
pub fn of_server(plan: &Plan, cluster: u32) -> u64 {
    let crossings = plan.crossings_of(cluster);
    match crossings.map(|connection| connection.number).max() {
        Some(last) => crossing_notification(last + 1),
        None => vcore_thread(plan.vcores_of(cluster)),
    }
}

/// Slots of the capability space of a service.
pub fn of_service(plan: &Plan, service: usize) -> u64 {
    client_notification(plan.clients_of(Provider::Service(service)).count())
}

/// Slots of the capability space of the driver of a device.
pub fn of_driver(plan: &Plan, device: usize) -> u64 {
    client_notification(plan.clients_of(Provider::Driver(device)).count())
}

/// Slots of the capability space of a process.
pub fn of_process(process: &Process) -> u64 {
    port_notification(process.services.count_ones() as usize, 0)
}

/// Bits of a capability space of so many slots.
pub const fn bits(slots: u64) -> usize {
    slots.next_power_of_two().trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MAX_SERVICES;

    #[test]
    fn no_two_capabilities_of_a_process_share_a_slot() {
        let vcores = (0..MAX_VCORES as u64).flat_map(|vcore| {
            let ports = (0..MAX_SERVICES).map(move |port| port_notification(port, vcore as usize));
            [VCORE_NOTIFICATIONS + vcore, FAULT_ENDPOINTS + vcore]
                .into_iter()
                .chain(ports)
        });
        let callees = (0..MAX_CLUSTER_PROCESSES as u64).map(|number| CALLEES + number);
        let mut slots: alloc::vec::Vec<u64> = (1..=CALLERS).chain(vcores).chain(callees).collect();
        let count = slots.len();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), count);
    }

    #[test]
    fn a_capability_space_has_a_slot_for_each() {
        assert_eq!([bits(64), bits(65), bits(256)], [6, 7, 8]);
        let last = server_vcore_notification(MAX_CLUSTER_VCORES - 1);
        assert!(last < crossing_notification(0));
        assert!(frame(MAX_CLUSTER_FRAMES - 1) < address_space(0));
        assert!(address_space(MAX_CLUSTER_PROCESSES as u32 - 1) < vcore_thread(0));
    }
}
