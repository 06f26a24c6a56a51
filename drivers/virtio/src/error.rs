//! Why a device cannot be used.

use core::fmt;

use atoll_pci::{PciError, VirtioKind};

/// Why a device cannot be started, or why its driver has stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VirtioError {
    /// The PCI function is not usable.
    Pci(PciError),
    /// The function is no virtio device of the kind that is wanted.
    WrongKind {
        /// Its vendor.
        vendor: u16,
        /// Its device identifier.
        device: u16,
        /// What kind is wanted.
        wanted: &'static str,
    },
    /// The function does not say where a structure is: it is a legacy device.
    MissingStructure(VirtioKind),
    /// A structure lies outside the part of its BAR that is mapped, or is too short.
    StructureOutOfReach(VirtioKind),
    /// The function has no MSI-X table within what is mapped.
    NoMessageTable,
    /// A core cannot be addressed by a message-signalled interrupt.
    UnreachableCore {
        /// Its APIC identifier.
        apic_id: u32,
    },
    /// The device did not finish its reset.
    ResetTimeout,
    /// The device does not offer VIRTIO_F_VERSION_1.
    NotModern,
    /// The device needs a feature that its driver does not have.
    FeaturesRefused,
    /// A queue of the device is missing or too short.
    QueueUnusable {
        /// Descriptors that the device allows.
        size: u16,
        /// Descriptors that its driver needs.
        needed: u16,
    },
    /// A queue of the device is in use before it was given to the device.
    QueueInUse {
        /// Its number.
        queue: u16,
    },
    /// The device has no resources for an interrupt.
    VectorRefused,
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
    /// The supervisor of its driver wants the device to be quiet.
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

impl VirtioError {
    /// Whether a device that could not be started for this reason writes nothing: the first thing that is done with a function that
    /// is such a device is that it is no bus master any more.
    pub fn leaves_quiet(&self) -> bool {
        !matches!(
            self,
            VirtioError::Pci(_)
                | VirtioError::WrongKind { .. }
                | VirtioError::UnreachableCore { .. }
        )
    }
}

impl From<PciError> for VirtioError {
    fn from(error: PciError) -> VirtioError {
        VirtioError::Pci(error)
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for VirtioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BROKEN: &str = "the device is broken: replace it or its emulator";
        match self {
            VirtioError::Pci(error) => error.fmt(f),
            VirtioError::WrongKind {
                vendor,
                device,
                wanted,
            } => write!(
                f,
                "PCI function {vendor:04x}:{device:04x} is no virtio {wanted} device; correct its address in the plan"
            ),
            VirtioError::MissingStructure(kind) => write!(
                f,
                "the device has no {kind:?} structure; give QEMU disable-legacy=on for it"
            ),
            VirtioError::StructureOutOfReach(kind) => write!(
                f,
                "the {kind:?} structure is not within what is mapped of its BAR; the root task has to map more (DEVICE_BAR_MAPPED)"
            ),
            VirtioError::NoMessageTable => write!(
                f,
                "the device has no usable MSI-X table; give QEMU vectors=2 for it"
            ),
            VirtioError::UnreachableCore { apic_id } => write!(
                f,
                "APIC identifier {apic_id} does not fit a message-signalled interrupt; put the driver on another core"
            ),
            VirtioError::ResetTimeout => {
                write!(f, "the device did not finish its reset; {BROKEN}")
            }
            VirtioError::NotModern => write!(
                f,
                "the device does not offer VIRTIO_F_VERSION_1; give QEMU disable-legacy=on for it"
            ),
            VirtioError::FeaturesRefused => write!(
                f,
                "the device demands a feature beyond VIRTIO_F_VERSION_1; turn such features off, iommu_platform first"
            ),
            VirtioError::QueueUnusable { size, needed } => write!(
                f,
                "the device allows a queue of {size} descriptors, {needed} are needed; give QEMU a larger queue-size"
            ),
            VirtioError::QueueInUse { queue } => write!(
                f,
                "the device's queue {queue} is in use after its reset; {BROKEN}"
            ),
            VirtioError::VectorRefused => write!(
                f,
                "the device refused an interrupt; give QEMU vectors=2 for it"
            ),
            VirtioError::DeviceFailed { status } => write!(
                f,
                "the device's status is {status:#04x}: it has failed; {BROKEN}"
            ),
            VirtioError::ConfigurationUnstable => write!(
                f,
                "the device's configuration does not stop changing; {BROKEN}"
            ),
            VirtioError::DmaTooSmall { size, needed } => write!(
                f,
                "{size} bytes of DMA memory were given, {needed} are needed; give more"
            ),
            VirtioError::Quiesced => {
                write!(f, "the device was stopped for good; nothing is to be done")
            }
            VirtioError::UsedIndex {
                found,
                seen,
                in_flight,
            } => write!(
                f,
                "the device's used index is {found}, {in_flight} or fewer after {seen} can be; {BROKEN}"
            ),
            VirtioError::UsedId { id } => {
                write!(
                    f,
                    "the device returned chain {id}, which it did not have; {BROKEN}"
                )
            }
            VirtioError::UsedLength { length, most } => write!(
                f,
                "the device claims to have written {length} bytes where {most} fit; {BROKEN}"
            ),
        }
    }
}

impl core::error::Error for VirtioError {}
