//! Why the driver cannot go on.

use core::fmt;

use atoll_pci::{PciError, VirtioKind};

/// Why the driver cannot start, or why it has stopped its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverError {
    /// The PCI function is not usable.
    Pci(PciError),
    /// The function is no virtio block device.
    NotVirtioBlock {
        /// Its vendor.
        vendor: u16,
        /// Its device identifier.
        device: u16,
    },
    /// The function does not say where a structure is: it is a legacy device.
    MissingStructure(VirtioKind),
    /// A structure lies outside the part of its BAR that is mapped, or is too short.
    StructureOutOfReach(VirtioKind),
    /// The function has no MSI-X table within what is mapped.
    NoMessageTable,
    /// The driver's core cannot be addressed by a message-signalled interrupt.
    UnreachableCore {
        /// Its APIC identifier.
        apic_id: u32,
    },
    /// The plan has no such device, instance or core.
    NotInPlan {
        /// Index of the device.
        device: usize,
    },
    /// The device did not finish its reset.
    ResetTimeout,
    /// The device does not offer VIRTIO_F_VERSION_1.
    NotModern,
    /// The device needs a feature that the driver does not have.
    FeaturesRefused,
    /// The device's queue is missing, in use, or too short for one request.
    QueueUnusable {
        /// Descriptors that the device allows.
        size: u16,
    },
    /// The device has no resources for the queue's interrupt.
    VectorRefused,
    /// The device's blocks have a size that cannot be used.
    BlockSize {
        /// Bytes of a block.
        size: u32,
        /// Most bytes of a block; the least are 512, and it is a power of two.
        most: u32,
    },
    /// The device says that it needs a reset or has failed.
    DeviceFailed {
        /// Its status register.
        status: u8,
    },
    /// The device's configuration kept changing while it was read.
    ConfigurationUnstable,
    /// The memory for DMA is too small.
    DmaTooSmall {
        /// Bytes given.
        size: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// The driver's supervisor wants the device to be quiet.
    Quiesced,
    /// The device claims to have used more chains than it was given.
    UsedIndex {
        /// The used index that it wrote.
        found: u16,
        /// The used index up to which entries have been taken.
        seen: u16,
        /// Chains that it has.
        in_flight: u16,
    },
    /// The device returned a chain that it does not have.
    UsedId {
        /// The head that it named.
        id: u32,
    },
    /// The device claims to have written more than the chain holds.
    UsedLength {
        /// Bytes that it claims.
        length: u32,
        /// Bytes that it could write.
        most: u32,
    },
}

impl DriverError {
    /// Whether a device that could not be started for this reason writes nothing: the first thing that is done with a function that
    /// is a virtio block device is that it is no bus master any more.
    pub fn leaves_quiet(&self) -> bool {
        !matches!(
            self,
            DriverError::Pci(_)
                | DriverError::NotVirtioBlock { .. }
                | DriverError::NotInPlan { .. }
                | DriverError::UnreachableCore { .. }
        )
    }
}

impl From<PciError> for DriverError {
    fn from(error: PciError) -> DriverError {
        DriverError::Pci(error)
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BROKEN: &str = "the device is broken: replace it or its emulator";
        match self {
            DriverError::Pci(error) => error.fmt(f),
            DriverError::NotVirtioBlock { vendor, device } => write!(
                f,
                "PCI function {vendor:04x}:{device:04x} is no virtio block device; correct its address in the plan"
            ),
            DriverError::MissingStructure(kind) => write!(
                f,
                "the device has no {kind:?} structure; give QEMU disable-legacy=on for it"
            ),
            DriverError::StructureOutOfReach(kind) => write!(
                f,
                "the {kind:?} structure is not within what is mapped of its BAR; map more than {} bytes",
                crate::MAPPED_SIZE
            ),
            DriverError::NoMessageTable => write!(
                f,
                "the device has no usable MSI-X table; give QEMU vectors=2 for it"
            ),
            DriverError::UnreachableCore { apic_id } => write!(
                f,
                "APIC identifier {apic_id} does not fit a message-signalled interrupt; put the driver on another core"
            ),
            DriverError::NotInPlan { device } => write!(
                f,
                "device {device} and its core are not in the plan; start the driver with the index of its device"
            ),
            DriverError::ResetTimeout => {
                write!(f, "the device did not finish its reset; {BROKEN}")
            }
            DriverError::NotModern => write!(
                f,
                "the device does not offer VIRTIO_F_VERSION_1; give QEMU disable-legacy=on for it"
            ),
            DriverError::FeaturesRefused => write!(
                f,
                "the device demands a feature beyond VIRTIO_F_VERSION_1; turn such features off, iommu_platform first"
            ),
            DriverError::QueueUnusable { size } => write!(
                f,
                "the device allows a queue of {size} descriptors, a request needs 4; give QEMU a larger queue-size"
            ),
            DriverError::VectorRefused => write!(
                f,
                "the device refused an interrupt for its queue; give QEMU vectors=2 for it"
            ),
            DriverError::BlockSize { size, most } => write!(
                f,
                "the device has blocks of {size} bytes, but a power of two from 512 to {most} is needed; give QEMU another logical_block_size for it"
            ),
            DriverError::DeviceFailed { status } => write!(
                f,
                "the device's status is {status:#04x}: it has failed; {BROKEN}"
            ),
            DriverError::ConfigurationUnstable => write!(
                f,
                "the device's configuration does not stop changing; {BROKEN}"
            ),
            DriverError::DmaTooSmall { size, needed } => write!(
                f,
                "{size} bytes of DMA memory were given, {needed} are needed; give more"
            ),
            DriverError::Quiesced => {
                write!(f, "the device was stopped for good; nothing is to be done")
            }
            DriverError::UsedIndex {
                found,
                seen,
                in_flight,
            } => write!(
                f,
                "the device's used index is {found}, {in_flight} or fewer after {seen} can be; {BROKEN}"
            ),
            DriverError::UsedId { id } => {
                write!(
                    f,
                    "the device returned chain {id}, which it did not have; {BROKEN}"
                )
            }
            DriverError::UsedLength { length, most } => write!(
                f,
                "the device claims to have written {length} bytes where {most} fit; {BROKEN}"
            ),
        }
    }
}

impl core::error::Error for DriverError {}
