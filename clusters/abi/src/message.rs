//! The payload of one ring slot.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of one ring slot: one cache line.
pub const SLOT_SIZE: usize = 64;

/// Words of payload in one slot: the slot less its sequence number.
pub const MESSAGE_WORDS: usize = SLOT_SIZE / 8 - 1;

/// Bytes of payload in one slot.
pub const MESSAGE_SIZE: usize = MESSAGE_WORDS * 8;

/// An untyped message, as the ring carries it.
pub type Message = [u64; MESSAGE_WORDS];

/// A typed message that fills a slot's payload exactly.
///
/// Every bit pattern is a value of the type; whether the value makes sense is for its reader to check.
pub trait Payload: FromBytes + IntoBytes + Immutable + KnownLayout + Copy {
    /// Reads a message as this type.
    fn from_message(message: &Message) -> Self {
        const { assert!(size_of::<Self>() == MESSAGE_SIZE && align_of::<Self>() <= 8) };
        let mut value = Self::new_zeroed();
        value.as_mut_bytes_of().copy_from_slice(message.as_bytes());
        value
    }

    /// Writes this value as a message.
    fn to_message(&self) -> Message {
        const { assert!(size_of::<Self>() == MESSAGE_SIZE && align_of::<Self>() <= 8) };
        let mut message = [0; MESSAGE_WORDS];
        message.as_mut_bytes().copy_from_slice(self.as_bytes());
        message
    }

    /// Values of this type as messages, in place.
    fn as_messages(values: &[Self]) -> &[Message] {
        const { assert!(size_of::<Self>() == MESSAGE_SIZE && align_of::<Self>() == 8) };
        <[Message]>::ref_from_bytes(values.as_bytes()).unwrap_or_default()
    }

    /// Values of this type as messages, in place, to be written.
    fn as_messages_mut(values: &mut [Self]) -> &mut [Message] {
        const { assert!(size_of::<Self>() == MESSAGE_SIZE && align_of::<Self>() == 8) };
        <[Message]>::mut_from_bytes(values.as_mut_bytes()).unwrap_or_default()
    }

    #[doc(hidden)]
    fn as_mut_bytes_of(&mut self) -> &mut [u8] {
        self.as_mut_bytes()
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;
    use crate::syscall::Syscall;

    #[test]
    fn values_are_messages_in_place() {
        let mut calls = [Syscall::new_zeroed(); 3];
        Syscall::as_messages_mut(&mut calls)[1][0] = 7;
        assert_eq!(calls[1].tag, 7);
        let messages = Syscall::as_messages(&calls);
        assert_eq!((messages.len(), messages[1]), (3, calls[1].to_message()));
        assert!(Syscall::as_messages(&[]).is_empty());
    }
}
