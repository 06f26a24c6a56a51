//! How to reach an address inside an untyped object.
//!
//! A kernel hands out an untyped from its start, in objects of a power of two at multiples of their size. To make an
//! object at a given address, what lies before it must be handed out first, as smaller untypeds: the fillers.

/// The sizes, as powers of two, of the untypeds that fill `[from, to)` from its start on.
///
/// Each is aligned to its size, and none is smaller than 16 bytes; `from` and `to` must be multiples of that.
pub fn fillers(from: u64, to: u64) -> impl Iterator<Item = u32> {
    let mut at = from;
    core::iter::from_fn(move || {
        if at >= to {
            return None;
        }
        let aligned = if at == 0 { 63 } else { at.trailing_zeros() };
        let bits = aligned.min((to - at).ilog2());
        at += 1 << bits;
        Some(bits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_reach_the_address_aligned() {
        for (from, to) in [
            (0, 0x9000),
            (0xB000_0000, 0xB002_0000),
            (0x1f00_0000, 0x1f00_4000),
            (4096, 4096),
        ] {
            let mut at = from;
            for bits in fillers(from, to) {
                assert_eq!(
                    at % (1 << bits),
                    0,
                    "an untyped must be aligned to its size"
                );
                at += 1 << bits;
            }
            assert_eq!(at, to);
        }
    }

    #[test]
    fn there_are_few_of_them() {
        assert_eq!(fillers(0, 0x9000).collect::<Vec<_>>(), [15, 12]);
        assert!(fillers(0, 0xFED0_0000).count() < 64);
    }
}
