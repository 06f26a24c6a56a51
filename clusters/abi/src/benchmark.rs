//! What the two sides of a benchmark agree on: the program that measures transfers through services, and the driver whose own loop
//! of the same transfers is the control.

/// Transfers that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferShape {
    /// Order of the [blocks](crate::block).
    pub order: u32,
    /// Blocks of one transfer.
    pub blocks: usize,
    /// Transfers under way at once.
    pub depth: usize,
    /// Bytes in all.
    pub bytes: u64,
}

const fn shape(order: u32, blocks: usize, depth: usize, mebibytes: u64) -> TransferShape {
    TransferShape {
        order,
        blocks,
        depth,
        bytes: mebibytes << 20,
    }
}

/// The shapes that are measured.
pub const TRANSFER_SHAPES: [TransferShape; 10] = [
    shape(0, 1, 1, 4),
    shape(0, 8, 1, 16),
    shape(0, 1, 32, 16),
    shape(0, 8, 32, 64),
    shape(4, 1, 1, 64),
    shape(4, 1, 16, 64),
    shape(6, 1, 1, 64),
    shape(6, 1, 16, 64),
    shape(9, 1, 1, 64),
    shape(9, 1, 3, 64),
];
