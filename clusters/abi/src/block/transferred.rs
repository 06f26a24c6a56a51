//! What a call that moves bytes is answered with.

/// What was moved, and by whom: the results of a call that moves bytes between a client's blocks and a file or a socket. See the rows of
/// [`crate::interface`] for those that have them.
///
/// The one who serves the call counts what it does, where it does it. For its client it is a claim: one that says more than its call can
/// have taken is worth no more than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Bytes that were moved.
    pub bytes: u64,
    /// Bytes that the processor of the one who serves the call copied from or to the client's blocks for it. What a device writes there or
    /// reads there is none, nor are zeroes, nor what is copied between other places.
    pub copied: u64,
}

impl Transferred {
    /// As results.
    pub fn to_raw(self) -> [u64; 2] {
        [self.bytes, self.copied]
    }

    /// What a peer sent.
    pub fn from_raw([bytes, copied]: [u64; 2]) -> Transferred {
        Transferred { bytes, copied }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_frozen() {
        let moved = Transferred {
            bytes: 0x1002,
            copied: 0x2003,
        };
        assert_eq!(moved.to_raw(), [0x1002, 0x2003]);
        assert_eq!(Transferred::from_raw([0x1002, 0x2003]), moved);
        // What a service sent that did not count.
        assert_eq!(Transferred::from_raw([7, 0]).copied, 0);
    }
}
