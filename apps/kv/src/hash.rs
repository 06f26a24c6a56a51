//! Where a key stands among others: a hash that nobody can foresee who does not know its seed, so that no client can choose keys which
//! fall together.

/// What a hash depends on beside the bytes. It should be random, and stays the same for as long as a store lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u64, u64);

/// The state of SipHash (Aumasson and Bernstein, 2012), with one round for each word and three at the end.
struct State(u64, u64, u64, u64);

impl State {
    fn round(&mut self) {
        self.0 = self.0.wrapping_add(self.1);
        self.1 = self.1.rotate_left(13) ^ self.0;
        self.0 = self.0.rotate_left(32);
        self.2 = self.2.wrapping_add(self.3);
        self.3 = self.3.rotate_left(16) ^ self.2;
        self.0 = self.0.wrapping_add(self.3);
        self.3 = self.3.rotate_left(21) ^ self.0;
        self.2 = self.2.wrapping_add(self.1);
        self.1 = self.1.rotate_left(17) ^ self.2;
        self.2 = self.2.rotate_left(32);
    }

    fn word(&mut self, word: u64) {
        self.3 ^= word;
        self.round();
        self.0 ^= word;
    }
}

impl Seed {
    /// One whose hashes are few, so that tests have keys of one hash.
    #[cfg(test)]
    pub(crate) const WEAK: Seed = Seed(0, 0);

    /// A seed from a number.
    pub(crate) fn new(number: u64) -> Seed {
        let mut random = crate::random::Random::new(number);
        Seed(random.next(), random.next())
    }

    /// The hash of some bytes: of 63 bits, because it is a cursor that clients may keep as a signed number, and never 0, which as a cursor
    /// is the beginning.
    pub(crate) fn hash(self, bytes: &[u8]) -> u64 {
        let mut state = State(
            self.0 ^ 0x736f_6d65_7073_6575,
            self.1 ^ 0x646f_7261_6e64_6f6d,
            self.0 ^ 0x6c79_6765_6e65_7261,
            self.1 ^ 0x7465_6462_7974_6573,
        );
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            state.word(u64::from_le_bytes(*word));
        }
        let mut last = (bytes.len() as u64) << 56;
        for (place, byte) in rest.iter().enumerate() {
            last |= u64::from(*byte) << (8 * place);
        }
        state.word(last);
        state.2 ^= 0xff;
        state.round();
        state.round();
        state.round();
        let hash = state.0 ^ state.1 ^ state.2 ^ state.3;
        #[cfg(test)]
        let hash = if self == Seed::WEAK { hash % 8 } else { hash };
        (hash >> 1).max(1)
    }
}
