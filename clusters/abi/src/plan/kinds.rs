//! What the numbers of kinds in the plan's rows mean.

use crate::interface::Interface;
use crate::layout::RING_SLOTS;

/// How kernels and clusters relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum KernelMode {
    /// One kernel instance for each cluster.
    PerCluster = 0,
    /// One kernel instance for all; cores are divided by affinity alone.
    Shared = 1,
}

/// What a cluster's cores are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ClusterKind {
    /// Short quantum, events, interrupts, servers.
    LowLatency = 0,
    /// Long quantum, left alone.
    CoarseGrained = 1,
}

/// How a component of one cluster wakes one of the other cluster that has stopped polling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DoorbellKind {
    /// By its notification: both clusters are run by one instance.
    Notification = 0,
    /// Through the servers of both clusters, of which the other one is interrupted by a comparator of the HPET.
    Hpet = 1,
}

/// Kinds of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DeviceKind {
    /// A virtio block device on PCI.
    VirtioBlk = 1,
    /// A virtio network device on PCI.
    VirtioNet = 2,
}

impl DeviceKind {
    /// The kind of a number, or `None` where there is no such kind.
    pub const fn from_raw(raw: u32) -> Option<DeviceKind> {
        match raw {
            1 => Some(DeviceKind::VirtioBlk),
            2 => Some(DeviceKind::VirtioNet),
            _ => None,
        }
    }

    /// The image that drivers of this kind run.
    pub const fn image(self) -> &'static str {
        match self {
            DeviceKind::VirtioBlk => "virtio-blk",
            DeviceKind::VirtioNet => "virtio-net",
        }
    }

    /// Whether drivers of this kind read in the pools of the services that use them, beside what their devices do there.
    pub const fn reaches_service_pools(self) -> bool {
        match self {
            DeviceKind::VirtioBlk => false,
            // The header of a received frame lies before it.
            DeviceKind::VirtioNet => true,
        }
    }
}

/// Kinds of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ServiceKind {
    /// The files of a file system.
    Files = 1,
    /// A partition as it is.
    Blocks = 2,
    /// Sockets of TCP and UDP.
    Sockets = 3,
}

impl ServiceKind {
    /// The kind of a number, or `None` where there is no such kind.
    pub const fn from_raw(raw: u32) -> Option<ServiceKind> {
        match raw {
            1 => Some(ServiceKind::Files),
            2 => Some(ServiceKind::Blocks),
            3 => Some(ServiceKind::Sockets),
            _ => None,
        }
    }

    /// The interface that services of this kind answer.
    pub const fn interface(self) -> Interface {
        match self {
            ServiceKind::Files => Interface::Files,
            ServiceKind::Blocks => Interface::Blocks,
            ServiceKind::Sockets => Interface::Sockets,
        }
    }

    /// Whether they read and write the blocks of their clients themselves, and so have their clients' pools.
    pub const fn reaches_client_blocks(self) -> bool {
        match self {
            ServiceKind::Files | ServiceKind::Sockets => true,
            ServiceKind::Blocks => false,
        }
    }

    /// The image that they run.
    pub const fn image(self) -> &'static str {
        match self {
            ServiceKind::Files => "files",
            ServiceKind::Blocks => "blocks",
            ServiceKind::Sockets => "sockets",
        }
    }

    /// The kind of the devices that they use.
    pub const fn device(self) -> DeviceKind {
        match self {
            ServiceKind::Files | ServiceKind::Blocks => DeviceKind::VirtioBlk,
            ServiceKind::Sockets => DeviceKind::VirtioNet,
        }
    }

    /// Blocks of their own pools, for what they read and write themselves.
    pub const fn own_blocks(self) -> usize {
        match self {
            ServiceKind::Files | ServiceKind::Blocks => 8,
            // As many frames may be with the device as its ring has slots, and as many may be filled or read meanwhile.
            ServiceKind::Sockets => 2 * RING_SLOTS,
        }
    }
}
