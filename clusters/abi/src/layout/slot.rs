//! Capability slots of a process, a server, a service or a driver. Zero is always empty.

/// All of them: the endpoint of the root task, badged with [`super::badge`].
pub const ROOT_TASK: u64 = 1;
/// A server, service or driver: its own notification, on which it waits.
pub const OWN_NOTIFICATION: u64 = 2;
/// A process or service: the notification of its server, with the right to signal only, badged with
/// [`super::server_badge`].
pub const SERVER_NOTIFICATION: u64 = 3;
/// A service: the notification of the driver of its device. A driver: the notification of its client.
pub const PEER_NOTIFICATION: u64 = 4;
/// A server or driver: the handler of its interrupt.
pub const INTERRUPT: u64 = 5;
/// A process that another one may call through the kernel: its endpoint, with the right to receive only.
pub const CALLERS: u64 = 6;
/// In a process, by vcore: the notification on which the vcore waits.
pub const VCORE_NOTIFICATIONS: u64 = 32;
/// In a process, by vcore: the endpoint to which the kernel sends the vcore's faults.
pub const FAULT_ENDPOINTS: u64 = 64;
/// In a process, by process: the endpoint of a process that it may call through the kernel, with the right to call only.
pub const CALLEES: u64 = 96;
/// In a process, by port and vcore: the notification of a service of the same instance, badged with the vcore's slot there.
pub const PORT_NOTIFICATIONS: u64 = 128;
/// In a server, by process and vcore: the vcore's thread.
pub const VCORE_THREADS: u64 = 256;
/// In a server, by process and vcore: the vcore's notification.
pub const SERVER_VCORE_NOTIFICATIONS: u64 = 512;
/// In a service, by slot: the notification of a client of the same instance. In a server, by number of a connection that
/// crosses kernels: the notification of the side that its cluster has.
pub const CONNECTION_NOTIFICATIONS: u64 = 1024;
/// Bits of the capability space of a process, server, service or driver.
pub const CSPACE_BITS: usize = 11;

const _: () = assert!(
    PORT_NOTIFICATIONS as usize + crate::plan::MAX_SERVICES * super::MAX_VCORES
        <= VCORE_THREADS as usize
);
const _: () =
    assert!(CONNECTION_NOTIFICATIONS as usize + crate::plan::MAX_CONNECTIONS <= 1 << CSPACE_BITS);

/// The slot of the notification of a process's service for one of its vcores.
pub const fn port_notification(port: usize, vcore: usize) -> u64 {
    PORT_NOTIFICATIONS + (port * super::MAX_VCORES + vcore) as u64
}

/// The slot of a vcore's thread in its server.
pub const fn vcore_thread(process: usize, vcore: usize) -> u64 {
    VCORE_THREADS + (process * super::MAX_VCORES + vcore) as u64
}

/// The slot of a vcore's notification in its server.
pub const fn server_vcore_notification(process: usize, vcore: usize) -> u64 {
    SERVER_VCORE_NOTIFICATIONS + (process * super::MAX_VCORES + vcore) as u64
}
