//! A fuzzer's bytes as a sequence of decisions.

use atoll_abi::message::{MESSAGE_WORDS, Message};

/// Reads decisions off a fuzzer's bytes, front to back: a small change of the bytes is a small change of what happens.
///
/// Behind the end everything is zero.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// The decisions that these bytes make.
    pub fn new(bytes: &'a [u8]) -> Script<'a> {
        Script(bytes)
    }

    /// Whether all bytes are used up.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that are not used up.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte
    }

    /// A number below `limit`, which is at most 256.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// Whether something that happens once in `times` happens now.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// Eight bytes as they come.
    pub fn raw(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A word: mostly one of a few that mean something or its neighbour, else a small one, a power of two, or anything.
    pub fn word(&mut self, likely: &[u64]) -> u64 {
        let picked = |script: &mut Script| likely.get(script.below(likely.len())).copied();
        match self.below(8) {
            0..4 => picked(self).unwrap_or_default(),
            4 => {
                let near = i64::from(self.byte() as i8 / 32);
                picked(self).unwrap_or_default().wrapping_add_signed(near)
            }
            5 => self.below(70) as u64,
            6 => (1u64 << self.below(64)).wrapping_sub(u64::from(self.byte() % 2)),
            _ => self.raw(),
        }
    }

    /// The right word, and now and then another one.
    pub fn mostly(&mut self, right: u64, likely: &[u64]) -> u64 {
        if self.once_in(16) {
            self.word(likely)
        } else {
            right
        }
    }

    /// A message of raw bytes.
    pub fn message(&mut self) -> Message {
        let mut message = [0; MESSAGE_WORDS];
        message.fill_with(|| self.raw());
        message
    }

    /// A message as it is, or with one of its bytes changed.
    pub fn spoiled(&mut self, mut message: Message) -> Message {
        if self.once_in(4) {
            let bit = self.byte() as usize * 2 + self.below(2);
            let word = &mut message[bit / 64 % MESSAGE_WORDS];
            *word ^= u64::from(self.byte().max(1)) << (bit % 64 / 8 * 8);
        }
        message
    }

    /// One of some values.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).copied()
    }
}

/// Changes some bytes of something right: a word mostly, to a value that may mean something; or cuts it short.
pub fn spoil(mut bytes: Vec<u8>, script: &mut Script) -> Vec<u8> {
    for _ in 0..script.below(4) {
        let length = bytes.len() as u64;
        let likely = [
            0,
            1,
            64,
            65,
            length,
            length / 2,
            u64::MAX,
            u64::from(u32::MAX),
        ];
        let width = [1, 4, 8][script.below(3)];
        let value = script.word(&likely).to_le_bytes();
        let place = script.raw() as usize % bytes.len().max(1) / width * width;
        if let Some(place) = bytes.get_mut(place..place + width) {
            place.copy_from_slice(&value[..width]);
        }
    }
    if script.once_in(8) {
        bytes.truncate(script.raw() as usize % (bytes.len() + 1));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_the_end_everything_is_zero() {
        let mut script = Script::new(&[7, 255]);
        assert_eq!((script.below(5), script.byte()), (2, 255));
        assert!(script.is_done());
        assert_eq!(
            (script.byte(), script.raw(), script.message()),
            (0, 0, [0; 7])
        );
        assert_eq!(script.word(&[9]), 9);
        assert_eq!(script.pick::<u8>(&[]), None);
    }

    #[test]
    fn a_spoiled_message_differs_in_one_word() {
        let mut script = Script::new(&[3, 100, 1, 64]);
        let spoiled = script.spoiled([0; MESSAGE_WORDS]);
        assert_eq!(spoiled.iter().filter(|word| **word != 0).count(), 1);
    }
}
