//! What the driver counts.

/// Frames and their bytes, with the Ethernet header and without virtio's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, bytes: u32) {
        self.frames += 1;
        self.bytes += u64::from(bytes);
    }
}

/// Received frames that were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Shorter than an Ethernet header.
    pub short: u64,
    /// Longer than the largest frame, or in too many buffers.
    pub long: u64,
    /// The header asks for what was not negotiated, or for a checksum outside the frame.
    pub header: u64,
}

/// What the driver has done since the device was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that were received and collected.
    pub received: Traffic,
    /// Frames that the device has sent.
    pub sent: Traffic,
    /// Frames that were dropped.
    pub dropped: Dropped,
    /// Frames that callers wanted to send and that were refused, for whatever reason.
    pub refused: u64,
    /// Frames that the device had when it was stopped, and may have sent or not.
    pub lost: u64,
    /// Changes of the link that were seen.
    pub link_changes: u64,
}
