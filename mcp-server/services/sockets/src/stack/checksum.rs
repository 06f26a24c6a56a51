//! The checksum of TCP and UDP (RFC 1071): sums of 16 bits, in which what is carried out at the top is added at the bottom.
//!
//! Made here and not by smoltcp, which adds two bytes at a time: where the device makes no checksums, this is a large part of what a frame
//! costs. A sum of larger words is the same one when it is folded (section 2 (A) and (B) of the RFC).

/// Bytes that are added at once.
const WORD: usize = size_of::<u64>();

/// A sum that has not been folded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// Adds bytes, of which the first one is at an even place of what is summed; an odd one at the end has a zero behind it.
    pub(super) fn add(self, bytes: &[u8]) -> Sum {
        let (words, rest) = bytes.as_chunks::<WORD>();
        let sum = words
            .iter()
            .fold(self.0, |sum, word| carried(sum, u64::from_ne_bytes(*word)));
        let mut last = [0; WORD];
        for (to, byte) in last.iter_mut().zip(rest) {
            *to = *byte;
        }
        Sum(carried(sum, u64::from_ne_bytes(last)))
    }

    /// Adds what stands for the addresses of a packet before a segment of TCP or UDP (RFC 9293, section 3.1).
    pub(super) fn add_pseudo_header(
        self,
        source: [u8; 4],
        destination: [u8; 4],
        protocol: u8,
        length: usize,
    ) -> Sum {
        let [high, low] = (length as u16).to_be_bytes();
        let sum = self.add(&source).add(&destination);
        sum.add(&[0, protocol, high, low])
    }

    /// The sum of 16 bits. Of what has a right checksum it is [`RIGHT`].
    pub(super) fn folded(self) -> u16 {
        let halves = |sum: u64, bits: u32| (sum & ((1 << bits) - 1)) + (sum >> bits);
        // Each step adds what the one before has carried.
        let sum = halves(halves(self.0, 32), 32);
        let sum = halves(halves(halves(sum, 16), 16), 16);
        u16::from_be(sum as u16)
    }
}

/// The sum of what has a right checksum.
pub(super) const RIGHT: u16 = 0xffff;

#[inline]
fn carried(sum: u64, word: u64) -> u64 {
    let (sum, carry) = sum.overflowing_add(word);
    sum + u64::from(carry)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use smoltcp::wire::{IpAddress, Ipv4Address, TcpPacket};

    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let sum = Sum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.folded(), 0xddf2);
        assert_eq!(Sum::default().add(&[]).folded(), 0);
        assert_eq!(Sum::default().add(&[0xff; 64]).folded(), RIGHT);
        assert_eq!(Sum::default().add(&[0x12]).folded(), 0x1200);
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_two_bytes_at_a_time(bytes in vec(any::<u8>(), 0..3000)) {
            let slowly = bytes.chunks(2).fold(0u32, |sum, pair| {
                let [high, low] = [pair[0], pair.get(1).copied().unwrap_or(0)];
                let sum = sum + u32::from(u16::from_be_bytes([high, low]));
                (sum & 0xffff) + (sum >> 16)
            });
            prop_assert_eq!(u32::from(Sum::default().add(&bytes).folded()), slowly);
        }

        #[test]
        fn a_segment_that_smoltcp_has_filled_is_right_and_no_other_one(
            payload in vec(any::<u8>(), 0..1461), source: [u8; 4], destination: [u8; 4], flipped: usize,
        ) {
            let mut bytes: Vec<u8> = [0; 20].into();
            bytes.extend(&payload);
            let mut segment = TcpPacket::new_unchecked(&mut bytes);
            segment.set_header_len(20);
            let [from, to] = [source, destination].map(|it| IpAddress::Ipv4(Ipv4Address::from(it)));
            segment.fill_checksum(&from, &to);
            let sum = |bytes: &[u8]| {
                let sum = Sum::default().add_pseudo_header(source, destination, 6, bytes.len());
                sum.add(bytes).folded()
            };
            prop_assert_eq!(sum(&bytes), RIGHT);
            let place = flipped % bytes.len();
            bytes[place] ^= 0x40;
            prop_assert_ne!(sum(&bytes), RIGHT);
        }
    }
}
