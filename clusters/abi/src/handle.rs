//! Handles: small numbers with a generation, so that a stale one is never mistaken for a live one.

/// A handle to an open file: an index and the generation of the table entry at that index.
///
/// Zero is never a valid handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    /// Index into the issuer's table.
    pub index: u16,
    /// Generation of the entry; never zero.
    pub generation: u16,
}

impl Handle {
    /// The handle that a peer sent, or `None` where its generation is zero.
    pub fn from_raw(raw: u32) -> Option<Handle> {
        let handle = Handle {
            index: raw as u16,
            generation: (raw >> 16) as u16,
        };
        (handle.generation != 0).then_some(handle)
    }

    /// The handle as a peer receives it.
    pub fn to_raw(self) -> u32 {
        u32::from(self.generation) << 16 | u32::from(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_without_a_generation_does_not_exist() {
        assert_eq!(Handle::from_raw(7), None);
        let handle = Handle {
            index: 7,
            generation: 3,
        };
        assert_eq!(Handle::from_raw(handle.to_raw()), Some(handle));
    }
}
