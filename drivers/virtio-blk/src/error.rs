//! Why the driver cannot go on.

use core::fmt;

use atoll_virtio::VirtioError;

/// Why the driver cannot start, or why it has stopped its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverError {
    /// What is not about blocks.
    Virtio(VirtioError),
    /// The plan has no such device, instance or core.
    NotInPlan {
        /// Index of the device.
        device: usize,
    },
    /// The device's blocks have a size that cannot be used.
    BlockSize {
        /// Bytes of a block.
        size: u32,
        /// Most bytes of a block; the least are 512, and it is a power of two.
        most: u32,
    },
}

impl DriverError {
    /// Whether a device that could not be started for this reason writes nothing; see [`VirtioError::leaves_quiet`].
    pub fn leaves_quiet(&self) -> bool {
        match self {
            DriverError::Virtio(error) => error.leaves_quiet(),
            DriverError::NotInPlan { .. } => false,
            DriverError::BlockSize { .. } => true,
        }
    }
}

impl From<VirtioError> for DriverError {
    fn from(error: VirtioError) -> DriverError {
        DriverError::Virtio(error)
    }
}

/// The reason, a semicolon, and what to do.
impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DriverError::Virtio(error) => error.fmt(f),
            DriverError::NotInPlan { device } => write!(
                f,
                "device {device} and its core are not in the plan; start the driver with the index of its device"
            ),
            DriverError::BlockSize { size, most } => write!(
                f,
                "the device has blocks of {size} bytes, but a power of two from 512 to {most} is needed; give QEMU another logical_block_size for it"
            ),
        }
    }
}

impl core::error::Error for DriverError {}
